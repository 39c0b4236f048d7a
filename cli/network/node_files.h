// The files of a local network: keys, TLS identities, genesis, node configurations. Each is made
// once; what is there is checked against the rest.
#pragma once

#include <filesystem>
#include <string>

#include "cli/network/manifest.h"
#include "cli/session.h"

namespace imi::cli {

// Makes what is missing of keys and genesis. Throws Failure where what is there does not fit
// together (a genesis that names other keys, a lost key).
void make_network_files(Session& session, const std::filesystem::path& dir, const Manifest& m,
                        const std::string& chain_name);

// The text of a new node's imid.toml.
[[nodiscard]] std::string node_config(const std::filesystem::path& dir, const Manifest& m,
                                      const NodeEntry& node);

// An imid.toml that is there, with the ports of the manifest and nothing else changed; a new one
// where it does not say where to listen.
[[nodiscard]] std::string with_ports(const std::string& text, const std::filesystem::path& dir,
                                     const Manifest& m, const NodeEntry& node);

}  // namespace imi::cli
