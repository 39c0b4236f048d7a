// A node's transport identity: a P-256 key and a self-signed certificate that exists only to carry
// it. Peers know each other by the PIN of the key (SHA-256 of the DER SubjectPublicKeyInfo, as RFC
// 7469 section 2.4 forms it); names, dates and issuers in certificates mean nothing here.
//
// The key file is made with mode 0600 and refused if group or others can read it.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "node/net/net_error.h"

namespace imi::node {

struct TlsIdentity {
  std::string key_pem;  // PKCS#8, unencrypted
  std::string certificate_pem;
  Hash256 pin;  // of the certificate's key

  TlsIdentity() = default;
  TlsIdentity(TlsIdentity&&) = default;
  TlsIdentity& operator=(TlsIdentity&&) = default;
  TlsIdentity(const TlsIdentity&) = default;
  TlsIdentity& operator=(const TlsIdentity&) = default;
  ~TlsIdentity();  // zeroes the key's text
};

// The file names inside a node's key folder.
inline constexpr const char* kTlsKeyFile = "tls.key";
inline constexpr const char* kTlsCertificateFile = "tls.crt";

// A fresh key and certificate; nothing is written. `common_name` is for people (<= 64 bytes).
[[nodiscard]] std::expected<TlsIdentity, NetError> generate_tls_identity(
    const std::string& common_name);

// Writes both files into `folder` (which exists): the key with mode 0600 and synced; an existing
// key is never overwritten (kKeyExists).
[[nodiscard]] std::expected<void, NetError> save_tls_identity(const TlsIdentity& identity,
                                                              const std::filesystem::path& folder);

// Reads both files and checks that they belong together and that no one else can read the key.
[[nodiscard]] std::expected<TlsIdentity, NetError> load_tls_identity(
    const std::filesystem::path& folder);

// The pin of a certificate in PEM.
[[nodiscard]] std::expected<Hash256, NetError> pin_of_certificate(std::string_view pem);

}  // namespace imi::node
