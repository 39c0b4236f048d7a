#include "crypto/range.h"

namespace imi::crypto {
namespace {

// The root over a range's size and its bag, which an empty range does not have.
Hash256 wrap(std::uint64_t size, const Hash256& bag) {
  std::array<std::uint8_t, 40> bytes;
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(size >> (8 * i));
  std::memcpy(bytes.data() + 8, bag.data(), bag.kSize);
  return hash(Domain::kRangeRoot, ByteView(bytes).first(size == 0 ? 8 : 40));
}

std::expected<void, MerkleError> compare(const std::expected<Hash256, MerkleError>& bag,
                                         std::uint64_t size, const Hash256& root) {
  if (!bag) return std::unexpected(bag.error());
  if (wrap(size, *bag) != root) return std::unexpected(MerkleError::kWrongRoot);
  return {};
}

}  // namespace

Hash256 RangePeaks::root() const { return wrap(tree_.size, tree_.root(Domain::kRangeNode)); }

Hash256 range_root_of(std::span<const Hash256> leaf_hashes) {
  return wrap(leaf_hashes.size(), merkle_root(Domain::kRangeNode, leaf_hashes));
}

std::expected<MerklePath, MerkleError> make_page_proof(std::span<const Hash256> leaf_hashes,
                                                       std::uint64_t begin, std::uint64_t end) {
  LeafNodes nodes(Domain::kRangeNode, leaf_hashes);
  return make_page_proof(nodes, begin, end, leaf_hashes.size());
}

std::expected<MerklePath, MerkleError> make_page_proof(MerkleNodes& nodes, std::uint64_t begin,
                                                       std::uint64_t end, std::uint64_t size) {
  return make_range(Domain::kRangeNode, nodes, begin, end, size);
}

std::expected<void, MerkleError> verify_page(const Hash256& root, std::uint64_t size,
                                             std::uint64_t begin, std::span<const Hash256> page,
                                             std::span<const Hash256> proof) {
  return compare(range_root(Domain::kRangeNode, begin, page, size, proof), size, root);
}

std::expected<PrefixProof, MerkleError> make_prefix_proof(std::span<const Hash256> leaf_hashes,
                                                          std::uint64_t old_size) {
  LeafNodes nodes(Domain::kRangeNode, leaf_hashes);
  auto rest = make_extension(Domain::kRangeNode, nodes, old_size, leaf_hashes.size());
  if (!rest) return std::unexpected(rest.error());
  PrefixProof out;
  out.rest = std::move(*rest);
  for (const Hash256& leaf : leaf_hashes.first(old_size)) out.old.append(leaf);
  return out;
}

std::expected<void, MerkleError> verify_prefix(std::uint64_t old_size, const Hash256& old_root,
                                               std::uint64_t size, const Hash256& root,
                                               const PrefixProof& proof) {
  if (old_size > size) return std::unexpected(MerkleError::kIndexBeyondSize);
  if (proof.old.size() != old_size) return std::unexpected(MerkleError::kProofLength);
  if (proof.old.root() != old_root) return std::unexpected(MerkleError::kWrongRoot);
  return compare(extension_root(Domain::kRangeNode, proof.old.peaks(), size, proof.rest), size,
                 root);
}

}  // namespace imi::crypto
