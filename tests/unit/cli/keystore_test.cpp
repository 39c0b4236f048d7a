#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/hex.h"
#include "crypto/keystore.h"

using namespace imi;          // NOLINT
using namespace imi::crypto;  // NOLINT
using Reason = KeystoreError::Reason;

namespace {
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("imi-keystore-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directory(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
};
std::string content(const std::filesystem::path& p) {
  std::ifstream in(p, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
}  // namespace

TEST_CASE("A key comes back as it was saved, sealed or not, and is never overwritten") {
  const Folder f;
  SeededRandom random(1);
  const SecretKey key = SecretKey::generate(random);
  for (const char* passphrase : {"", "correct horse"}) {
    const auto file = f.path / (*passphrase != 0 ? "sealed" : "plain");
    REQUIRE(save_key(file, key, "agency", passphrase, random));
    CHECK(std::filesystem::status(file).permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    const auto info = read_key_info(file);
    REQUIRE(info);
    CHECK(info->purpose == "agency");
    CHECK(info->public_key == key.public_key());
    CHECK(info->sealed == (*passphrase != 0));
    const auto back = load_key(file, passphrase);
    REQUIRE(back);
    CHECK(back->public_key() == key.public_key());
    const auto again = save_key(file, key, "agency", passphrase, random);
    REQUIRE(!again);
    CHECK(again.error().reason == Reason::kExists);
  }
}

TEST_CASE("A sealed key does not show its secret and opens with its passphrase alone") {
  const Folder f;
  SeededRandom random(2);
  const SecretKey key = SecretKey::generate(random);
  const auto file = f.path / "k";
  REQUIRE(save_key(file, key, "person", "p1", random));
  CHECK(content(file).find(to_hex(key.reveal())) == std::string::npos);
  CHECK(load_key(file).error().reason == Reason::kPassphraseNeeded);
  CHECK(load_key(file, "p2").error().reason == Reason::kWrongPassphrase);
}

TEST_CASE("A key file that others can read, a damaged and a missing one are refused by name") {
  const Folder f;
  SeededRandom random(3);
  const SecretKey key = SecretKey::generate(random);
  const auto file = f.path / "k";
  REQUIRE(save_key(file, key, "person", std::nullopt, random));
  std::filesystem::permissions(file, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  CHECK(load_key(file).error().reason == Reason::kTooOpen);
  CHECK(read_key_info(file).error().reason == Reason::kTooOpen);
  CHECK(load_key(f.path / "none").error().reason == Reason::kNoFile);
  CHECK(save_key(f.path / "x", key, "Bad Purpose", std::nullopt, random).error().reason ==
        Reason::kBadPurpose);
}

TEST_CASE("Every changed or missing byte of a key file is noticed") {
  const Folder f;
  SeededRandom random(4);
  const SecretKey key = SecretKey::generate(random);
  const auto file = f.path / "k";
  REQUIRE(save_key(file, key, "person", std::nullopt, random));
  const std::string good = content(file);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '1' ? '2' : '1';
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bad;
    const auto k = load_key(file);
    // Only the purpose may read differently: it is a label, of the same alphabet.
    CHECK((!k || content(file).find("public " + to_hex(key.public_key())) != std::string::npos));
    std::ofstream(file, std::ios::binary | std::ios::trunc) << good.substr(0, i);
    CHECK(!load_key(file));
  }
}
