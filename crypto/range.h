// Ranges: what dossiers and cells commit to. A Merkle mountain range over leaf hashes (domains
// kRangeLeaf, kRangeNode), whose root also covers the number of leaves (kRangeRoot):
//
//   root = H(kRangeRoot, le64(n))                      n = 0
//   root = H(kRangeRoot, le64(n) || bag)               otherwise
//   bag  = the peaks folded from the right: H(kRangeNode, peak_1 || H(kRangeNode, peak_2 || ...))
//
// (`bag` is the RFC 6962 root of the leaves, so crypto/merkle_shape.h does the work.) Because n is
// under the root, the range [0, n) shown in full IS everything: nothing was left out.
//
// Proofs: a page [begin, begin + k) of consecutive leaves at their positions; a prefix: "the range
// of m leaves with this root is the beginning of the range of n leaves with that root" (what was
// known earlier). Pure and re-entrant.
#pragma once

#include "crypto/merkle_shape.h"

namespace imi::crypto {

[[nodiscard]] inline Hash256 range_leaf_hash(ByteView leaf) {
  return hash(Domain::kRangeLeaf, leaf);
}

// A range's number of leaves and peaks: a dossier record carries one (ADR 0004).
// Wire form: n, then exactly popcount(n) hashes.
class RangePeaks {
 public:
  [[nodiscard]] std::uint64_t size() const { return tree_.size; }
  [[nodiscard]] const MerklePeaks& peaks() const { return tree_; }
  [[nodiscard]] Hash256 root() const;
  void append(const Hash256& leaf_hash) { tree_.append(Domain::kRangeNode, leaf_hash); }
  bool operator==(const RangePeaks&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(tree_);
  }

 private:
  MerklePeaks tree_;
};

// The root of the range that consists of exactly these leaves.
[[nodiscard]] Hash256 range_root_of(std::span<const Hash256> leaf_hashes);

// ---- pages ------------------------------------------------------------------------------------

// The proof for leaves [begin, end) of all `leaf_hashes` (or of `size` leaves behind `nodes`).
[[nodiscard]] std::expected<MerklePath, MerkleError> make_page_proof(
    std::span<const Hash256> leaf_hashes, std::uint64_t begin, std::uint64_t end);
[[nodiscard]] std::expected<MerklePath, MerkleError> make_page_proof(MerkleNodes& nodes,
                                                                     std::uint64_t begin,
                                                                     std::uint64_t end,
                                                                     std::uint64_t size);
// That the range with `root` has `size` leaves, of which `page` are those from position `begin` on.
// A page of all leaves (begin 0, page.size() == size) needs the empty proof: the range is complete.
[[nodiscard]] std::expected<void, MerkleError> verify_page(const Hash256& root, std::uint64_t size,
                                                           std::uint64_t begin,
                                                           std::span<const Hash256> page,
                                                           std::span<const Hash256> proof);

// ---- prefixes ---------------------------------------------------------------------------------

struct PrefixProof {
  RangePeaks old;  // the peaks of the shorter range
  MerklePath rest;
  bool operator==(const PrefixProof&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(old, rest);
    require(ar, rest.size() <= kMaxMerklePath);
  }
};
[[nodiscard]] std::expected<PrefixProof, MerkleError> make_prefix_proof(
    std::span<const Hash256> leaf_hashes, std::uint64_t old_size);
[[nodiscard]] std::expected<void, MerkleError> verify_prefix(std::uint64_t old_size,
                                                             const Hash256& old_root,
                                                             std::uint64_t size,
                                                             const Hash256& root,
                                                             const PrefixProof& proof);

}  // namespace imi::crypto
