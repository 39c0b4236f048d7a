#include "node/startup.h"

#include <set>

namespace imi::node {

namespace {
// The bodies that the blocks of a state list, each once.
std::set<chain::ContentHash> listed(const consensus::SafetyState& state) {
  std::set<chain::ContentHash> out;
  for (const auto& [height, at] : state.heights) {
    if (at.accepted) out.insert(at.accepted->block.items.begin(), at.accepted->block.items.end());
    for (const chain::Block& b : at.voted) out.insert(b.items.begin(), b.items.end());
  }
  return out;
}
}  // namespace

std::expected<SafetyStart, WalError> open_safety(FileSystem& files, const std::string& directory,
                                                 const WalHeader& header,
                                                 crypto::RandomSource& random) {
  SafetyStart out;
  auto opened = Wal::open(files, directory, header, random);
  if (!opened) {
    if (opened.error().reason != WalError::Reason::kMissing) {
      return std::unexpected(opened.error());
    }
    out.silent_because = describe(opened.error());
    return out;
  }
  out.found = std::move(opened->content);
  out.state = std::move(out.found.state);
  for (const chain::ContentHash& content : listed(out.state)) {
    const auto body = out.found.bodies.find(content);
    if (body != out.found.bodies.end()) out.bodies.push_back({content, body->second});
  }
  out.found.bodies.clear();
  if (auto ok = opened->wal->start(out.state, out.bodies); !ok) {
    return std::unexpected(ok.error());
  }
  out.wal = std::move(opened->wal);
  return out;
}

std::expected<void, WalError> init_safety(FileSystem& files, const std::string& directory,
                                          const WalHeader& header, crypto::RandomSource& random,
                                          bool ledger_has_blocks) {
  const auto have = Wal::open(files, directory, header, random);
  if (have || have.error().reason != WalError::Reason::kMissing) {
    if (!have) return std::unexpected(have.error());
    return std::unexpected(WalError{WalError::Reason::kExists, directory});
  }
  if (ledger_has_blocks) {
    return std::unexpected(WalError{
        WalError::Reason::kMissing,
        "the ledger holds blocks already, so this node has voted before and its log was lost"});
  }
  return Wal::create(files, directory, header, random);
}

}  // namespace imi::node
