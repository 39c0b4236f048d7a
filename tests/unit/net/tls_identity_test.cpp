#include "node/net/tls_identity.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

using namespace imi::node;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "imi-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { fs::remove_all(path); }
};

NetError::Reason load_refusal(const fs::path& folder) {
  const auto r = load_tls_identity(folder);
  REQUIRE_FALSE(r);
  CHECK(describe(r.error()).find(folder.string()) != std::string::npos);
  return r.error().reason;
}

}  // namespace

TEST_CASE("an identity is made, saved and loaded with the same pin") {
  const Folder folder;
  const auto made = generate_tls_identity("node-0");
  REQUIRE(made);
  REQUIRE(save_tls_identity(*made, folder.path));
  const auto loaded = load_tls_identity(folder.path);
  REQUIRE(loaded);
  CHECK(loaded->pin == made->pin);
  CHECK(pin_of_certificate(made->certificate_pem) == made->pin);
  struct stat st{};
  REQUIRE(::stat((folder.path / kTlsKeyFile).c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
}

TEST_CASE("two identities of one name have different pins") {
  CHECK(generate_tls_identity("node-0")->pin != generate_tls_identity("node-0")->pin);
}

TEST_CASE("an existing key is not overwritten") {
  const Folder folder;
  const auto first = generate_tls_identity("a");
  REQUIRE(save_tls_identity(*first, folder.path));
  const auto again = save_tls_identity(*generate_tls_identity("b"), folder.path);
  REQUIRE_FALSE(again);
  CHECK(again.error().reason == NetError::Reason::kKeyExists);
  CHECK(load_tls_identity(folder.path)->pin == first->pin);
}

TEST_CASE("a key that others can read is refused") {
  const Folder folder;
  REQUIRE(save_tls_identity(*generate_tls_identity("a"), folder.path));
  for (const mode_t mode : {0640u, 0604u, 0644u, 0660u}) {
    REQUIRE(::chmod((folder.path / kTlsKeyFile).c_str(), mode) == 0);
    CHECK(load_refusal(folder.path) == NetError::Reason::kKeyReadable);
  }
  REQUIRE(::chmod((folder.path / kTlsKeyFile).c_str(), 0400) == 0);
  CHECK(load_tls_identity(folder.path));
}

TEST_CASE("missing, damaged and mismatched files are refused by name") {
  const Folder folder;
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyMissing);
  REQUIRE(save_tls_identity(*generate_tls_identity("a"), folder.path));
  fs::remove(folder.path / kTlsCertificateFile);
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyMissing);
  std::ofstream(folder.path / kTlsCertificateFile) << generate_tls_identity("b")->certificate_pem;
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyDamaged);
  std::ofstream(folder.path / kTlsCertificateFile) << "not a certificate";
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyDamaged);
  std::ofstream(folder.path / kTlsKeyFile) << "not a key";
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyDamaged);
  std::ofstream(folder.path / kTlsKeyFile) << std::string(100'000, 'x');
  CHECK(load_refusal(folder.path) == NetError::Reason::kKeyDamaged);
  CHECK_FALSE(pin_of_certificate("nonsense"));
}

TEST_CASE("a key in a folder that cannot be written is a named error and leaves nothing") {
  const auto r = save_tls_identity(*generate_tls_identity("a"), "/no/such/folder");
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kPermission);
}
