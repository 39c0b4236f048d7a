// The one Merkle tree shape of the project, that of RFC 6962 (unchanged in RFC 9162 section 2.1): a
// tree over n leaf hashes splits at the largest power of two below n. It serves the event log, a
// submission's entries, an attestation's claims and, bagged, the ranges; the domains tell them
// apart (leaf and node domains differ, the number of leaves is always bound from
// outside).
//
//   root(no leaves)  = H(node, "")
//   root(one leaf)   = that leaf hash
//   root(n leaves)   = H(node, root(first k) || root(rest)), k = largest power of two < n
//
// Everything here works on leaf HASHES; the users (merkle_log.h, range.h, entries_tree.h,
// commitment.h) say how a leaf is hashed. Verifiers take all that they check as arguments, accept
// exactly one proof for a statement (no spare hashes), and do at most 2 * 64 hashes plus those of
// the leaves given. Pure and re-entrant.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/hash.h"

namespace imi::crypto {

enum class MerkleError : std::uint8_t {
  kIndexBeyondSize,  // the leaf or range named is not in a tree of that size
  kProofLength,      // more or fewer hashes than this statement needs
  kWrongRoot,        // the hashes do not lead to the root (or to the older root)
  kMissingNode,      // only when making proofs: the source has no such hash
};
[[nodiscard]] std::string_view describe(MerkleError e);

using MerklePath = std::vector<Hash256>;

// Proofs of a tree with at most 2^63 leaves have at most this many hashes.
inline constexpr std::size_t kMaxMerklePath = 128;

// Where proofs are made from: the hash of the perfect subtree of 2^height leaves that begins at
// leaf index << height. Asked only for subtrees that lie wholly inside the tree. nullopt: cannot be
// read.
class MerkleNodes {
 public:
  virtual ~MerkleNodes() = default;
  [[nodiscard]] virtual std::optional<Hash256> node(unsigned height, std::uint64_t index) = 0;
};

// All leaf hashes in memory. Computes what it is asked for; nothing is kept.
class LeafNodes final : public MerkleNodes {
 public:
  LeafNodes(Domain node_domain, std::span<const Hash256> leaves)
      : domain_(node_domain), leaves_(leaves) {}
  [[nodiscard]] std::optional<Hash256> node(unsigned height, std::uint64_t index) override;

 private:
  Domain domain_;
  std::span<const Hash256> leaves_;
};

// The perfect subtrees that a tree of `size` leaves consists of, largest (left-most) first: one for
// each bit set in size. Enough to append and to know the root; the state of a growing tree.
//
// Wire form: size, then exactly popcount(size) hashes without a count: no other number of them can
// be written down.
struct MerklePeaks {
  std::uint64_t size = 0;
  std::vector<Hash256> peaks;
  bool operator==(const MerklePeaks&) const = default;

  void append(Domain node_domain, const Hash256& leaf);
  // The same, telling `completed(height, hash)` of each inner node that the leaf completes.
  template <class F>
  void append_with(Domain node_domain, const Hash256& leaf, F completed) {
    peaks.push_back(leaf);
    unsigned height = 0;
    for (std::uint64_t s = size; (s & 1) != 0; s >>= 1) {
      const Hash256 right = peaks.back();
      peaks.pop_back();
      peaks.back() = hash_pair(node_domain, peaks.back(), right);
      completed(++height, peaks.back());
    }
    ++size;
  }
  [[nodiscard]] Hash256 root(Domain node_domain) const;
  // peaks.size() == popcount(size): always, unless someone filled the fields by hand.
  [[nodiscard]] bool is_well_formed() const;
};
void save(EncodeArchive& ar, const MerklePeaks& v);
void load(DecodeArchive& ar, MerklePeaks& v);

[[nodiscard]] Hash256 merkle_root(Domain node_domain, std::span<const Hash256> leaves);

// ---- inclusion: leaf `index` of a tree of `size` leaves (RFC 9162 2.1.3; path leaf -> root)
// --------

[[nodiscard]] std::expected<MerklePath, MerkleError> make_inclusion(Domain node_domain,
                                                                    MerkleNodes& nodes,
                                                                    std::uint64_t index,
                                                                    std::uint64_t size);
[[nodiscard]] std::expected<void, MerkleError> verify_inclusion(
    Domain node_domain, const Hash256& leaf, std::uint64_t index, std::uint64_t size,
    std::span<const Hash256> path, const Hash256& root);

// ---- consistency: the tree of `size` begins with the tree of `old_size` (RFC 9162 2.1.4)
// ---------- old_size 0 and old_size == size have the empty proof (then the roots must be those of
// the empty tree, or equal).

[[nodiscard]] std::expected<MerklePath, MerkleError> make_consistency(Domain node_domain,
                                                                      MerkleNodes& nodes,
                                                                      std::uint64_t old_size,
                                                                      std::uint64_t size);
[[nodiscard]] std::expected<void, MerkleError> verify_consistency(
    Domain node_domain, std::uint64_t old_size, const Hash256& old_root, std::uint64_t size,
    const Hash256& root, std::span<const Hash256> path);

// ---- ranges: the leaves [begin, end) of a tree of `size`, all of them, in order
// -------------------- The proof: walking from the root, one hash for each largest subtree that
// lies wholly outside the range, left to right. Ranges are never empty, except [0, 0) of the empty
// tree.

[[nodiscard]] std::expected<MerklePath, MerkleError> make_range(Domain node_domain,
                                                                MerkleNodes& nodes,
                                                                std::uint64_t begin,
                                                                std::uint64_t end,
                                                                std::uint64_t size);
// The root that leaves and proof lead to; the caller compares.
[[nodiscard]] std::expected<Hash256, MerkleError> range_root(Domain node_domain,
                                                             std::uint64_t begin,
                                                             std::span<const Hash256> leaves,
                                                             std::uint64_t size,
                                                             std::span<const Hash256> path);

// ---- extensions: as consistency, from the old tree's peaks instead of its root
// --------------------- The proof: one hash for each largest subtree at or after leaf old.size,
// left to right.

[[nodiscard]] std::expected<MerklePath, MerkleError> make_extension(Domain node_domain,
                                                                    MerkleNodes& nodes,
                                                                    std::uint64_t old_size,
                                                                    std::uint64_t size);
// The root of the larger tree; the caller compares.
[[nodiscard]] std::expected<Hash256, MerkleError> extension_root(Domain node_domain,
                                                                 const MerklePeaks& old,
                                                                 std::uint64_t size,
                                                                 std::span<const Hash256> path);

}  // namespace imi::crypto
