// TLS identities of nodes: made by the node program itself, which alone speaks TLS.
#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.h"

namespace imi::cli {

// Makes <keys>/tls.key and tls.crt if they are not there; returns the pin of the certificate's key.
// Throws Failure.
[[nodiscard]] Hash256 ensure_tls_identity(const std::string& imid,
                                          const std::filesystem::path& keys,
                                          const std::string& name);

// Marks the first boot of a node (begins its safety log); does nothing where that was done before.
void ensure_initialised(const std::string& imid, const std::filesystem::path& config);

}  // namespace imi::cli
