// What a local network's folder says of itself: `network.json`, written by `imi network up`, read
// by every command to find the nodes.
//
//   <dir>/network.json             this
//   <dir>/genesis.imi              the genesis document
//   <dir>/validator-N/             one node: imid.toml, keys/, data/, imid.pid, imid.log
//   <dir>/agencies/NAME.key        sample agencies' and registrars' keys
//   <dir>/persons/NAME.key         keys of persons made here
//   <dir>/imports/                 import journals
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/client/client.h"

namespace imi::cli {

struct NodeEntry {
  std::string name;  // "validator-0"
  std::uint16_t rpc_port = 0;
  std::uint16_t peer_port = 0;
  bool operator==(const NodeEntry&) const = default;
};

struct Manifest {
  std::vector<NodeEntry> nodes;
  std::string imid;  // the program they were last started with
  bool operator==(const Manifest&) const = default;
  [[nodiscard]] std::vector<NodeAddress> addresses() const;
};

[[nodiscard]] std::filesystem::path manifest_path(const std::filesystem::path& dir);
// The error is a sentence. A missing file is an error here; ask exists() first.
[[nodiscard]] std::expected<Manifest, std::string> load_manifest(const std::filesystem::path& dir);
// What network.json has to hold.
[[nodiscard]] std::string manifest_text(const Manifest& m);

// Replaces `file` by `text`: written beside it, synced, renamed, the folder synced.
[[nodiscard]] std::expected<void, std::string> write_whole(const std::filesystem::path& file,
                                                           std::string_view text,
                                                           unsigned mode = 0644);
// At most `limit` bytes.
[[nodiscard]] std::expected<std::string, std::string> read_whole(const std::filesystem::path& file,
                                                                 std::size_t limit);

}  // namespace imi::cli
