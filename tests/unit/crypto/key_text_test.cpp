#include "crypto/key_text.h"

#include "base/hex.h"
#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT
using Reason = KeystoreError::Reason;

namespace {
struct Sample {
  SeededRandom random{1};
  SecretKey key = SecretKey::generate(random);
  std::string plain = encode_key(key, "validator", std::nullopt, random)->text;
  std::string sealed = encode_key(key, "agency", "p", random, kLightKeyCost)->text;
};
void replace(std::string& text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}
}  // namespace

TEST_CASE("a key's text gives the key back, sealed or not, and says which it is") {
  Sample s;
  CHECK(s.plain.find("\ncipher none\n") != std::string::npos);
  CHECK(decode_key_info(s.plain)->sealed == false);
  CHECK(decode_key_info(s.plain)->purpose == "validator");
  CHECK(decode_key(s.plain, std::nullopt)->public_key() == s.key.public_key());
  CHECK(decode_key_info(s.sealed)->sealed);
  CHECK(s.sealed.find(to_hex(s.key.reveal())) == std::string::npos);
  CHECK(decode_key(s.sealed, "p")->public_key() == s.key.public_key());
  CHECK(decode_key(s.sealed, "q").error().reason == Reason::kWrongPassphrase);
  CHECK(decode_key(s.sealed, std::nullopt).error().reason == Reason::kPassphraseNeeded);
}

TEST_CASE("two sealings of one key share neither salt nor nonce") {
  Sample s;
  const std::string again = encode_key(s.key, "agency", "p", s.random, kLightKeyCost)->text;
  const auto line = [](const std::string& text, const std::string& name) {
    const auto at = text.find("\n" + name + " ");
    return text.substr(at, text.find('\n', at + 1) - at);
  };
  for (const char* name : {"salt", "nonce", "sealed"}) {
    CHECK(line(again, name) != line(s.sealed, name));
  }
}

TEST_CASE("every changed bit of a sealed key is noticed, the purpose and the costs too") {
  Sample s;
  int opened = 0;
  // One bit a byte keeps Argon2id's share of the test small.
  for (std::size_t i = 0; i < s.sealed.size(); ++i) {
    std::string bad = s.sealed;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 7)));
    if (decode_key(bad, "p")) ++opened;
  }
  CHECK(opened == 0);
}

TEST_CASE("costs beyond their bounds are refused before any memory is taken") {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"memory_kib 8192", "memory_kib 1048577"},
           {"memory_kib 8192", "memory_kib 8191"},
           {"memory_kib 8192", "memory_kib 99999999999999999999"},
           {"memory_kib 8192", "memory_kib 08192"},
           {"ops 1", "ops 0"},
           {"ops 1", "ops 17"}}) {
    Sample s;
    replace(s.sealed, from, to);
    CHECK(decode_key(s.sealed, "p").error().reason == Reason::kDamaged);
  }
}

TEST_CASE("other versions, other forms and text after the key are refused by name") {
  Sample s;
  std::string bad = s.plain;
  replace(bad, "imi-key 1", "imi-key 2");
  CHECK(decode_key(bad, std::nullopt).error().reason == Reason::kNewerFormat);
  CHECK(decode_key(s.plain + "\n", std::nullopt).error().reason == Reason::kDamaged);
  CHECK(decode_key("", std::nullopt).error().reason == Reason::kDamaged);
  CHECK(decode_key(std::string(100'000, 'a'), std::nullopt).error().reason == Reason::kDamaged);
  bad = s.plain;
  const auto secret = bad.find("secret ") + 7;
  const auto letter = bad.find_first_of("abcdef", secret);
  bad[letter] = static_cast<char>(bad[letter] - 'a' + 'A');
  CHECK(decode_key(bad, std::nullopt).error().reason == Reason::kDamaged);
  bad = s.plain;
  bad[secret] = bad[secret] == '1' ? '2' : '1';
  CHECK(decode_key(bad, std::nullopt).error().reason == Reason::kDamaged);  // of another public key
  CHECK(encode_key(s.key, "Validator", std::nullopt, s.random).error().reason ==
        Reason::kBadPurpose);
}
