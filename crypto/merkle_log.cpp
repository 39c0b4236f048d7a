#include "crypto/merkle_log.h"

#include <bit>

#include "base/check.h"

namespace imi::crypto {
namespace {

// How many entries a level has at a log size. Shifts stay below 64 bits: level is at most 7.
std::uint64_t entries_at(unsigned level, std::uint64_t size) {
  return size >> (kLogTileBits * level);
}

// Perfect subtrees out of tiles. Keeps the tiles that one proof touches.
class TileNodes final : public MerkleNodes {
 public:
  TileNodes(const LogTileSource& source, Domain domain) : source_(source), domain_(domain) {}

  std::optional<Hash256> node(unsigned height, std::uint64_t index) override {
    const unsigned level = height / kLogTileBits;
    const unsigned rest = height % kLogTileBits;
    IMI_CHECK(level < kLogTileLevels);
    const std::uint64_t first = index << rest;
    const LogTileId id{static_cast<std::uint8_t>(level), first >> kLogTileBits};
    const std::size_t offset = first % kLogTileWidth;
    const std::size_t count = std::size_t{1} << rest;
    const std::vector<Hash256>* tile = read(id);
    if (tile == nullptr || tile->size() < offset + count) {
      missing_ = id;
      return std::nullopt;
    }
    return merkle_root(domain_, std::span(*tile).subspan(offset, count));
  }

  [[nodiscard]] LogTileId missing() const { return missing_; }

 private:
  const std::vector<Hash256>* read(LogTileId id) {
    const auto found = tiles_.find(id);
    if (found != tiles_.end()) return &found->second;
    auto tile = source_.read_tile(id);
    if (!tile) return nullptr;
    return &tiles_.emplace(id, std::move(*tile)).first->second;
  }

  const LogTileSource& source_;
  Domain domain_;
  std::map<LogTileId, std::vector<Hash256>> tiles_;
  LogTileId missing_;
};

std::expected<MerklePath, LogError> with_log_error(std::expected<MerklePath, MerkleError>&& made,
                                                   const TileNodes& nodes) {
  if (made) return std::move(*made);
  if (made.error() == MerkleError::kMissingNode) {
    return std::unexpected(LogError{LogError::Reason::kTileMissing, nodes.missing()});
  }
  return std::unexpected(LogError{LogError::Reason::kBeyondSize, {}});
}

}  // namespace

std::string describe(const LogError& e) {
  const std::string tile =
      "tile " + std::to_string(e.tile.level) + "/" + std::to_string(e.tile.index);
  switch (e.reason) {
    case LogError::Reason::kBeyondSize: return "the log has no such leaf or size";
    case LogError::Reason::kTileMissing:
      return tile + " is missing or too short: the store is damaged";
    case LogError::Reason::kTileWrong: return tile + " does not fit the root: the store is damaged";
  }
  return "unknown log error";
}

std::expected<LogWriter, LogError> LogWriter::open(const LogTileSource& source,
                                                   const LogFrontier& frontier) {
  LogWriter out(frontier.domain());
  out.frontier_ = frontier;
  std::span<const Hash256> peaks = frontier.peaks().peaks;
  // A level's partial tile accounts for the peaks of its heights; the highest come first.
  for (unsigned level = kLogTileLevels; level-- > 0;) {
    const std::uint64_t entries = entries_at(level, frontier.size());
    const std::size_t count = entries % kLogTileWidth;
    if (count == 0) continue;
    const LogTileId id{static_cast<std::uint8_t>(level), entries >> kLogTileBits};
    auto tile = source.read_tile(id);
    if (!tile || tile->size() < count) {
      return std::unexpected(LogError{LogError::Reason::kTileMissing, id});
    }
    tile->resize(count);
    MerklePeaks part;
    for (const Hash256& h : *tile) part.append(frontier.domain(), h);
    if (!std::ranges::equal(part.peaks, peaks.first(part.peaks.size()))) {
      return std::unexpected(LogError{LogError::Reason::kTileWrong, id});
    }
    peaks = peaks.subspan(part.peaks.size());
    out.partial_[level] = std::move(*tile);
  }
  return out;
}

StagedAppend LogWriter::stage(std::span<const Hash256> leaf_hashes) const {
  StagedAppend out;
  out.size_before = frontier_.size();
  out.after = frontier_;
  std::array<std::vector<Hash256>, kLogTileLevels> added;
  added[0].assign(leaf_hashes.begin(), leaf_hashes.end());
  for (const Hash256& leaf : leaf_hashes) {
    out.after.append_with(leaf, [&added](unsigned height, const Hash256& h) {
      const unsigned level = height / kLogTileBits;
      if (height % kLogTileBits == 0 && level < kLogTileLevels) added[level].push_back(h);
    });
  }
  out.root = out.after.root();
  for (unsigned level = 0; level < kLogTileLevels && !added[level].empty(); ++level) {
    std::uint64_t index = entries_at(level, out.size_before) >> kLogTileBits;
    std::vector<Hash256> tile = partial_[level];
    for (const Hash256& h : added[level]) {
      tile.push_back(h);
      if (tile.size() < kLogTileWidth) continue;
      out.writes.push_back({{static_cast<std::uint8_t>(level), index++}, std::move(tile)});
      tile = {};
    }
    if (!tile.empty()) {
      out.writes.push_back({{static_cast<std::uint8_t>(level), index}, std::move(tile)});
    }
  }
  return out;
}

void LogWriter::apply(StagedAppend&& staged) {
  IMI_CHECK(staged.size_before == frontier_.size(), "the append was staged on another log");
  for (LogTileWrite& w : staged.writes) {
    if (w.hashes.size() == kLogTileWidth) {
      partial_[w.id.level].clear();
    } else {
      partial_[w.id.level] = std::move(w.hashes);
    }
  }
  frontier_ = std::move(staged.after);
}

std::expected<MerklePath, LogError> log_inclusion_proof(const LogTileSource& source,
                                                        std::uint64_t index, std::uint64_t size,
                                                        Domain node_domain) {
  TileNodes nodes(source, node_domain);
  return with_log_error(make_inclusion(node_domain, nodes, index, size), nodes);
}

std::expected<MerklePath, LogError> log_consistency_proof(const LogTileSource& source,
                                                          std::uint64_t old_size,
                                                          std::uint64_t size) {
  TileNodes nodes(source, Domain::kLogNode);
  return with_log_error(make_consistency(Domain::kLogNode, nodes, old_size, size), nodes);
}

}  // namespace imi::crypto
