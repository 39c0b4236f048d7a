// Internal to node/net.
#pragma once

#include <optional>

#include "base/bytes.h"

struct x509_st;  // OpenSSL's X509

namespace imi::node {

// SHA-256 of the certificate's SubjectPublicKeyInfo in DER.
[[nodiscard]] std::optional<Hash256> pin_of(const x509_st* certificate);

}  // namespace imi::node
