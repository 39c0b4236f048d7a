// The tree over a submission's entries: its root stands in the signed header, so that one entry can
// be shown under the agency's signature without the other 4,095.
//
// RFC 6962 shape (crypto/merkle_shape.h), domains kEntry and kEntryNode. The number of entries
// stands in the signed header too, and the verifier takes it. Pure and re-entrant.
#pragma once

#include "crypto/merkle_shape.h"

namespace imi::crypto {

[[nodiscard]] inline Hash256 entry_leaf_hash(ByteView encoded_entry) {
  return hash(Domain::kEntry, encoded_entry);
}
[[nodiscard]] inline Hash256 entries_root(std::span<const Hash256> leaf_hashes) {
  return merkle_root(Domain::kEntryNode, leaf_hashes);
}
[[nodiscard]] inline std::expected<MerklePath, MerkleError> make_entry_proof(
    std::span<const Hash256> leaf_hashes, std::uint64_t index) {
  LeafNodes nodes(Domain::kEntryNode, leaf_hashes);
  return make_inclusion(Domain::kEntryNode, nodes, index, leaf_hashes.size());
}
[[nodiscard]] inline std::expected<void, MerkleError> verify_entry(const Hash256& root,
                                                                   std::uint64_t count,
                                                                   std::uint64_t index,
                                                                   const Hash256& leaf_hash,
                                                                   std::span<const Hash256> path) {
  return verify_inclusion(Domain::kEntryNode, leaf_hash, index, count, path, root);
}

}  // namespace imi::crypto
