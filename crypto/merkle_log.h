// Append-only Merkle trees (crypto/merkle_shape.h): the event log (domains kLogLeaf and kLogNode)
// and the history of heads (kHeadsLeaf and kHeadsNode). A log's node domain is given where it is
// made; it is not stored.
//
// Hashes are stored in tiles, as transparency logs do (c2sp.org/tlog-tiles): tile (level, index)
// holds up to 256 hashes; entry j of it is the root of the perfect subtree of 256^level leaves that
// begins at leaf (index * 256 + j) * 256^level. Only complete subtrees have an entry, so entries
// never change once written and a tile only grows: whoever reads the log at an older size ignores
// what is beyond. Only the right-most tile of a level is partial.
//
// Cost per block: the leaves' hashes, and one rewritten tile per level that grew (level 0 always;
// level k once in 256^k leaves), of at most 8 KiB each. A proof reads at most 3 tiles per level.
//
// Source: RFC 6962 and RFC 9162 section 2.1.
#pragma once

#include <map>
#include <string>

#include "crypto/merkle_shape.h"

namespace imi::crypto {

inline constexpr unsigned kLogTileBits = 8;
inline constexpr std::size_t kLogTileWidth = std::size_t{1} << kLogTileBits;
inline constexpr unsigned kLogTileLevels = 8;  // 2^64 leaves

[[nodiscard]] inline Hash256 log_leaf_hash(ByteView leaf) { return hash(Domain::kLogLeaf, leaf); }

// The log's size and right edge: all that is needed to append and to know the root.
class LogFrontier {
 public:
  LogFrontier() = default;
  explicit LogFrontier(Domain node_domain) : domain_(node_domain) {}

  [[nodiscard]] Domain domain() const { return domain_; }
  [[nodiscard]] std::uint64_t size() const { return tree_.size; }
  [[nodiscard]] const MerklePeaks& peaks() const { return tree_; }
  [[nodiscard]] Hash256 root() const { return tree_.root(domain_); }
  void append(const Hash256& leaf_hash) { tree_.append(domain_, leaf_hash); }
  // The same, telling `completed(height, hash)` of each inner node that the leaf completes.
  template <class F>
  void append_with(const Hash256& leaf_hash, F completed) {
    tree_.append_with(domain_, leaf_hash, completed);
  }
  bool operator==(const LogFrontier&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(tree_);
  }

 private:
  Domain domain_ = Domain::kLogNode;
  MerklePeaks tree_;
};

struct LogTileId {
  std::uint8_t level = 0;
  std::uint64_t index = 0;
  auto operator<=>(const LogTileId&) const = default;
};

// Where tiles are read from. Not required to be thread-safe; proofs call it from the caller's
// thread.
class LogTileSource {
 public:
  virtual ~LogTileSource() = default;
  // All hashes of the tile as stored (1..256), or nullopt if there is none or it cannot be read.
  [[nodiscard]] virtual std::optional<std::vector<Hash256>> read_tile(LogTileId id) const = 0;
};

struct LogError {
  enum class Reason : std::uint8_t {
    kBeyondSize,   // the leaf or size asked for is not in the log
    kTileMissing,  // a tile is missing, cannot be read, or is shorter than the log's size says
    kTileWrong,    // the stored tiles do not lead to the frontier: the store is damaged
  };
  Reason reason{};
  LogTileId tile;  // which, for the tile reasons
  bool operator==(const LogError&) const = default;
};
[[nodiscard]] std::string describe(const LogError& e);

// A tile to be written: replaces what stands at its id.
struct LogTileWrite {
  LogTileId id;
  std::vector<Hash256> hashes;  // 1..256
  bool operator==(const LogTileWrite&) const = default;
};

// What appending some leaves will do. Made by LogWriter::stage, used up by LogWriter::apply.
struct StagedAppend {
  LogFrontier after;
  Hash256 root;                      // of `after`
  std::vector<LogTileWrite> writes;  // ascending ids; the last of a level may be partial
  std::uint64_t size_before = 0;
};

// Appends to a log. Holds the partial tile of each level (at most 8 * 8 KiB). One thread.
class LogWriter {
 public:
  LogWriter() = default;  // of an empty log
  explicit LogWriter(Domain node_domain) : frontier_(node_domain) {}
  // Reads the partial tiles and checks that they lead to the frontier's peaks.
  [[nodiscard]] static std::expected<LogWriter, LogError> open(const LogTileSource& source,
                                                               const LogFrontier& frontier);

  [[nodiscard]] const LogFrontier& frontier() const { return frontier_; }

  // Reads only. No leaves: no writes.
  [[nodiscard]] StagedAppend stage(std::span<const Hash256> leaf_hashes) const;
  // To be called once the writes are stored. `staged` must come from this writer as it is now.
  void apply(StagedAppend&& staged);

 private:
  LogFrontier frontier_;
  std::array<std::vector<Hash256>, kLogTileLevels> partial_;
};

// ---- proofs -----------------------------------------------------------------------------------

// That the leaf at `index` is in the log of `size` leaves. `size` may be any size up to the stored
// one.
[[nodiscard]] std::expected<MerklePath, LogError> log_inclusion_proof(
    const LogTileSource& source, std::uint64_t index, std::uint64_t size,
    Domain node_domain = Domain::kLogNode);
// That the log of `size` leaves begins with the log of `old_size` leaves.
[[nodiscard]] std::expected<MerklePath, LogError> log_consistency_proof(const LogTileSource& source,
                                                                        std::uint64_t old_size,
                                                                        std::uint64_t size);

[[nodiscard]] inline std::expected<void, MerkleError> verify_log_inclusion(
    const Hash256& leaf_hash, std::uint64_t index, std::uint64_t size,
    std::span<const Hash256> path, const Hash256& root) {
  return verify_inclusion(Domain::kLogNode, leaf_hash, index, size, path, root);
}
[[nodiscard]] inline std::expected<void, MerkleError> verify_log_consistency(
    std::uint64_t old_size, const Hash256& old_root, std::uint64_t size, const Hash256& root,
    std::span<const Hash256> path) {
  return verify_consistency(Domain::kLogNode, old_size, old_root, size, root, path);
}

}  // namespace imi::crypto
