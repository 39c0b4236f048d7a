// Published vectors against the signature suite. The suite signs 32-byte digests; the vectors are
// over messages with SHA-256, which is made here.
#include <doctest/doctest.h>
#include <sodium.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/hex.h"
#include "crypto/known_keys.h"
#include "crypto/suite.h"

using namespace imi;          // NOLINT
using namespace imi::crypto;  // NOLINT
namespace json = boost::json;

namespace {

json::value load(const std::string& name) {
  const char* root = std::getenv("IMI_SOURCE_DIR");
  const std::string path = std::string(root == nullptr ? "." : root) + "/tests/vectors/" + name;
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, "cannot read " << path);
  return json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

std::string text(const json::value& object, const char* key) {
  return std::string(object.at(key).as_string());
}
Bytes hex(const json::value& object, const char* key) { return *from_hex(text(object, key)); }

// A point in uncompressed form (04 || x || y) in the suite's compressed form.
PublicKey compressed(ByteView point) {
  REQUIRE(point.size() == 65);
  REQUIRE(point[0] == 4);
  PublicKey key;
  key.bytes[0] = (point[64] & 1) != 0 ? 3 : 2;
  std::copy(point.begin() + 1, point.begin() + 33, key.bytes.begin() + 1);
  return key;
}

Hash256 sha256(ByteView message) {
  Hash256 out;
  crypto_hash_sha256(out.data(), message.data(), message.size());
  return out;
}

// One strict DER INTEGER, not negative, of at most 32 bytes, taken off the front.
bool take_integer(ByteView& in, std::uint8_t* out) {
  if (in.size() < 3 || in[0] != 2 || in[1] == 0 || in[1] > 33 || in.size() < 2u + in[1])
    return false;
  ByteView value = in.subspan(2, in[1]);
  in = in.subspan(2u + value.size());
  if ((value[0] & 0x80) != 0) return false;
  if (value[0] == 0 && value.size() > 1) {
    if ((value[1] & 0x80) == 0) return false;
    value = value.subspan(1);
  }
  if (value.size() > 32) return false;
  std::copy(value.begin(), value.end(), out + (32 - value.size()));
  return true;
}

// Strict DER SEQUENCE of two INTEGERs, or nothing.
std::optional<Signature> from_der(ByteView in) {
  if (in.size() < 2 || in[0] != 0x30 || in[1] >= 0x80 || in.size() != 2u + in[1])
    return std::nullopt;
  in = in.subspan(2);
  Signature out;
  if (!take_integer(in, out.data()) || !take_integer(in, out.data() + 32)) return std::nullopt;
  return in.empty() ? std::optional(out) : std::nullopt;
}

bool is_low_s(const Signature& s) {
  const auto half = *from_hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
  return std::memcmp(s.data() + 32, half.data(), 32) <= 0;
}

bool suite_verifies(const PublicKey& key, const Hash256& digest, const Signature& signature) {
  const bool answer = verify(key, digest, signature);
  const auto parsed = VerifyKey::parse(key);
  REQUIRE(parsed);
  CHECK(parsed->verify(digest, signature) == answer);
  // With tables, and beside others of the key's (four make a batch).
  static KnownKeys known(KnownKeys::Options{1, SIZE_MAX, SIZE_MAX, 4});
  const std::vector<SignedDigest> batch(4, SignedDigest{key, digest, signature});
  CHECK(known.verify(batch) == std::vector<bool>(4, answer));
  CHECK(known.verify(batch) == std::vector<bool>(4, answer));
  return answer;
}

// Bitcoin's and multibase's base58.
std::string base58(Bytes in) {
  constexpr std::string_view kAlphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::string out;
  while (std::ranges::any_of(in, [](std::uint8_t b) { return b != 0; })) {
    unsigned rest = 0;
    for (auto& b : in) {
      const unsigned v = rest * 256 + b;
      b = static_cast<std::uint8_t>(v / 58);
      rest = v % 58;
    }
    out.insert(out.begin(), kAlphabet[rest]);
  }
  return out;
}

}  // namespace

TEST_CASE("Wycheproof, DER with the low-S rule: each signature is accepted or refused as it says") {
  const auto file = load("wycheproof_ecdsa_secp256k1_sha256_bitcoin.json");
  int accepted = 0;
  int refused = 0;
  int not_der = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    const PublicKey key = compressed(hex(group.at("publicKey"), "uncompressed"));
    CHECK(is_valid(key));
    for (const auto& test : group.at("tests").as_array()) {
      const bool valid = text(test, "result") == "valid";
      const auto signature = from_der(hex(test, "sig"));
      INFO("tcId " << test.at("tcId").as_int64() << ": " << text(test, "comment"));
      if (!signature) {
        CHECK(!valid);
        ++not_der;
        continue;
      }
      CHECK(suite_verifies(key, sha256(hex(test, "msg")), *signature) == valid);
      ++(valid ? accepted : refused);
    }
  }
  CHECK(accepted + refused + not_der == file.at("numberOfTests").as_int64());
  CHECK(accepted > 100);
  CHECK(refused > 20);
  CHECK(not_der > 100);
}

TEST_CASE(
    "Wycheproof, 64-byte form: sizes are refused by type, high S by the suite, the rest agrees") {
  const auto file = load("wycheproof_ecdsa_secp256k1_sha256_p1363.json");
  int accepted = 0;
  int high_s = 0;
  int refused = 0;
  int wrong_size = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    const PublicKey key = compressed(hex(group.at("publicKey"), "uncompressed"));
    for (const auto& test : group.at("tests").as_array()) {
      const bool valid = text(test, "result") == "valid";
      const std::string signature_hex = text(test, "sig");
      INFO("tcId " << test.at("tcId").as_int64() << ": " << text(test, "comment"));
      const auto signature = fixed_from_hex<Signature>(signature_hex);
      if (!signature) {
        CHECK(signature.error() == TextError::kWrongSize);
        CHECK(!valid);
        ++wrong_size;
        continue;
      }
      const bool low = is_low_s(*signature);
      CHECK(suite_verifies(key, sha256(hex(test, "msg")), *signature) == (valid && low));
      ++(!valid ? refused : low ? accepted : high_s);
    }
  }
  CHECK(accepted + high_s + refused + wrong_size == file.at("numberOfTests").as_int64());
  CHECK(accepted > 50);
  CHECK(high_s > 0);
  CHECK(refused > 50);
  CHECK(wrong_size > 0);
}

TEST_CASE("a signature of ours with s replaced by the group order minus s is refused") {
  SeededRandom random(1);
  const SecretKey key = SecretKey::generate(random);
  const Hash256 digest = random.fixed<Hash256>();
  Signature signature = key.sign(digest);
  REQUIRE(verify(key.public_key(), digest, signature));
  CHECK(is_low_s(signature));
  const auto order = *from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    int d = order[i] - signature.bytes[32 + i] - borrow;
    borrow = d < 0 ? 1 : 0;
    signature.bytes[32 + i] = static_cast<std::uint8_t>(d + 256 * borrow);
  }
  CHECK(!verify(key.public_key(), digest, signature));
}

TEST_CASE("did:key vectors: the secret leads to the public key that the DID spells") {
  const auto file = load("did_key_secp256k1.json");
  int from_seed = 0;
  int from_jwk = 0;
  for (const auto& [did, vector] : file.as_object()) {
    const auto& pair = vector.at("verificationKeyPair");
    Bytes secret;
    if (const auto* seed = vector.as_object().if_contains("seed")) {
      secret = *from_hex(std::string_view(seed->as_string()));
      ++from_seed;
    } else if (const auto* jwk = pair.as_object().if_contains("privateKeyJwk")) {
      secret = *from_base64url(text(*jwk, "d"));
      ++from_jwk;
    } else {
      continue;
    }
    const auto key = SecretKey::from_bytes(secret);
    REQUIRE(key);
    Bytes multicodec{0xe7, 0x01};
    append(multicodec, key->public_key().view());
    CHECK("did:key:z" + base58(multicodec) == std::string(did));
  }
  CHECK(from_seed >= 5);
  CHECK(from_jwk >= 1);
}
