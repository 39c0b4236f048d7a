#include "crypto/keystore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT
using Reason = KeystoreError::Reason;
namespace fs = std::filesystem;

namespace {
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "imi-keys-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
};
}  // namespace

TEST_CASE(
    "a key file is refused with any permission for group or others, and read at 0600 and 0400") {
  const Folder f;
  SeededRandom random(1);
  const SecretKey key = SecretKey::generate(random);
  const fs::path file = f.path / "k";
  REQUIRE(save_key(file, key, "validator", std::nullopt, random));
  for (unsigned mode = 0; mode < 0100; ++mode) {
    REQUIRE(::chmod(file.c_str(), 0600 | mode) == 0);
    const auto loaded = load_key(file);
    CHECK(loaded.has_value() == (mode == 0));
    if (!loaded) CHECK(loaded.error().reason == Reason::kTooOpen);
  }
  REQUIRE(::chmod(file.c_str(), 0400) == 0);
  CHECK(load_key(file));
}

TEST_CASE("links, folders and pipes are not key files, and an existing key is never overwritten") {
  const Folder f;
  SeededRandom random(2);
  const SecretKey key = SecretKey::generate(random);
  const fs::path file = f.path / "k";
  REQUIRE(save_key(file, key, "validator", std::nullopt, random));
  CHECK(save_key(file, SecretKey::generate(random), "validator", std::nullopt, random)
            .error()
            .reason == Reason::kExists);
  CHECK(load_key(file)->public_key() == key.public_key());
  fs::create_symlink(file, f.path / "link");
  CHECK(load_key(f.path / "link").error().reason == Reason::kIo);
  REQUIRE(::mkfifo((f.path / "pipe").c_str(), 0600) == 0);
  CHECK(load_key(f.path / "pipe").error().reason == Reason::kDamaged);
  CHECK(!load_key(f.path));
  CHECK(load_key(f.path / "none").error().reason == Reason::kNoFile);
  CHECK(describe(load_key(f.path / "none").error()).find("none") != std::string::npos);
}

TEST_CASE("a file of another user is refused (only root can make one)") {
  if (::geteuid() != 0) return;
  const Folder f;
  SeededRandom random(3);
  const fs::path file = f.path / "k";
  REQUIRE(save_key(file, SecretKey::generate(random), "person", std::nullopt, random));
  REQUIRE(::chown(file.c_str(), 12345, 12345) == 0);
  CHECK(load_key(file).error().reason == Reason::kNotOwner);
}
