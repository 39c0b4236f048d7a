#include <algorithm>

#include "crypto/map_part.h"

namespace imi::crypto {

std::optional<std::optional<Hash256>> SparseMapTree::find_cached(const Hash256& path) const {
  const std::uint32_t bucket = bucket_of(options_.bucket_bits, path);
  const std::optional<Hash256> absent;
  const map_detail::Part* part = slots_[bucket].part.get();
  if (part == nullptr) {
    if (nodes_[bucket_total() + bucket].fill == map_detail::Fill::kNone) return absent;
    return std::nullopt;
  }
  for (std::size_t depth = options_.bucket_bits; part->split; ++depth) {
    const map_detail::PartPtr& side = map_bit(path, depth) ? part->split->right : part->split->left;
    if (!side) return absent;
    part = side.get();
  }
  const auto leaves = part->leaves();
  const auto at = std::ranges::lower_bound(leaves, path, {}, &MapLeaf::path);
  if (at == leaves.end() || at->path != path) return absent;
  return std::optional(at->value_hash);
}

}  // namespace imi::crypto
