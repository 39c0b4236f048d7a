#include "crypto/map_part.h"

#include "base/check.h"

namespace imi::crypto::map_detail {
namespace {

std::size_t count_of(const PartPtr& part) { return part ? part->count : 0; }

HashedPart split_part(HashedPart&& left, HashedPart&& right) {
  HashedPart out;
  out.node = combine(left.node, right.node);
  auto split = std::make_unique<Split>();
  split->left = std::move(left.part);
  split->right = std::move(right.part);
  split->left_node = left.node;
  split->right_node = right.node;
  const std::size_t count = count_of(split->left) + count_of(split->right);
  out.part = Part::make_split(std::move(split), count);
  return out;
}

void gather(const PartPtr& part, std::vector<MapLeaf>& out) {
  if (!part) return;
  if (part->split) {
    gather(part->split->left, out);
    gather(part->split->right, out);
  } else {
    const auto leaves = part->leaves();
    out.insert(out.end(), leaves.begin(), leaves.end());
  }
}

// The flat form of what is left when a split part has become small.
HashedPart folded(HashedPart&& big) {
  if (count_of(big.part) > kSplitLeaves / 2) return std::move(big);
  if (count_of(big.part) == 0) return {};
  std::vector<MapLeaf> leaves;
  leaves.reserve(big.part->count);
  gather(big.part, leaves);
  return {flat_part(leaves), big.node};
}

std::span<const MapLeaf> leaves_of(const PartPtr& part) {
  return part ? part->leaves() : std::span<const MapLeaf>();
}

// Writes what is left of `old` after the changes; returns how many that are. `out` has room for
// merged_count().
std::size_t merge(std::span<const MapLeaf> old, std::span<const MapChange> changes, MapLeaf* out) {
  MapLeaf* const begin = out;
  std::size_t i = 0;
  for (const MapChange& c : changes) {
    while (i < old.size() && old[i].path < c.path) *out++ = old[i++];
    if (i < old.size() && old[i].path == c.path) ++i;
    if (c.value_hash) *out++ = {c.path, *c.value_hash};
  }
  out = std::copy(old.begin() + static_cast<std::ptrdiff_t>(i), old.end(), out);
  return static_cast<std::size_t>(out - begin);
}

std::size_t merged_count(std::span<const MapLeaf> old, std::span<const MapChange> changes) {
  std::size_t count = old.size();
  for (const MapChange& c : changes) {
    const auto at = std::ranges::lower_bound(old, c.path, {}, &MapLeaf::path);
    const bool present = at != old.end() && at->path == c.path;
    count += c.value_hash ? 1 : 0;
    count -= present ? 1 : 0;
  }
  return count;
}

}  // namespace

void combine_later(Node& out, const Node& left, const Node& right, std::vector<PairJob>& jobs) {
  if (right.fill == Fill::kNone && left.fill != Fill::kMany) {
    out = left;
  } else if (left.fill == Fill::kNone && right.fill != Fill::kMany) {
    out = right;
  } else {
    out.fill = Fill::kMany;
    jobs.push_back({&left.hash, &right.hash, &out.hash});
  }
}

Node combine(const Node& left, const Node& right) {
  if (right.fill == Fill::kNone && left.fill != Fill::kMany) return left;
  if (left.fill == Fill::kNone && right.fill != Fill::kMany) return right;
  return {hash_pair(Domain::kMapNode, left.hash, right.hash), Fill::kMany};
}

void PartPtr::drop() const {
  if (part_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  part_->~Part();
  ::operator delete(const_cast<Part*>(part_));
}

PartPtr Part::make_split(std::unique_ptr<const Split> split, std::size_t count) {
  auto* part = new (::operator new(sizeof(Part))) Part;
  part->count = count;
  part->split = std::move(split);
  return PartPtr(part);
}

PartPtr flat_part(std::span<const MapLeaf> leaves) {
  return Part::make_flat(leaves.size(), [leaves](MapLeaf* out) {
    return static_cast<std::size_t>(std::ranges::copy(leaves, out).out - out);
  });
}

std::size_t left_count(std::span<const MapLeaf> leaves, std::size_t depth) {
  const auto right = std::ranges::partition_point(
      leaves, [depth](const MapLeaf& l) { return !map_bit(l.path, depth); });
  return static_cast<std::size_t>(right - leaves.begin());
}

Node hash_leaves(std::span<const MapLeaf> leaves, std::size_t depth) {
  if (leaves.empty()) return {};
  if (leaves.size() == 1) return {map_leaf_hash(leaves[0]), Fill::kOne};
  IMI_CHECK(depth < kMaxMapDepth, "two leaves with one path");
  const std::size_t left = left_count(leaves, depth);
  return combine(hash_leaves(leaves.first(left), depth + 1),
                 hash_leaves(leaves.subspan(left), depth + 1));
}

HashedPart make_part(std::span<const MapLeaf> leaves, std::size_t depth) {
  if (leaves.empty()) return {};
  if (leaves.size() <= kSplitLeaves) {
    return {flat_part(leaves), hash_leaves(leaves, depth)};
  }
  const std::size_t left = left_count(leaves, depth);
  return split_part(make_part(leaves.first(left), depth + 1),
                    make_part(leaves.subspan(left), depth + 1));
}

HashedPart update_part(const PartPtr& old, std::span<const MapChange> changes, std::size_t depth) {
  if (!old || !old->split) {
    std::vector<MapLeaf> leaves(merged_count(leaves_of(old), changes));
    (void)merge(leaves_of(old), changes, leaves.data());
    return make_part(leaves, depth);
  }
  const auto middle = std::ranges::partition_point(
      changes, [depth](const MapChange& c) { return !map_bit(c.path, depth); });
  const auto left_changes = static_cast<std::size_t>(middle - changes.begin());
  const Split& s = *old->split;
  HashedPart left{s.left, s.left_node};
  HashedPart right{s.right, s.right_node};
  if (left_changes > 0) left = update_part(s.left, changes.first(left_changes), depth + 1);
  if (left_changes < changes.size()) {
    right = update_part(s.right, changes.subspan(left_changes), depth + 1);
  }
  return folded(split_part(std::move(left), std::move(right)));
}

bool stays_flat(const PartPtr& old, std::size_t changes) {
  return (!old || !old->split) && count_of(old) + changes <= kSplitLeaves;
}

PartPtr merged_part(const PartPtr& old, std::span<const MapChange> changes) {
  const std::span<const MapLeaf> leaves = leaves_of(old);
  const std::size_t count = merged_count(leaves, changes);
  if (count == 0) return {};
  return Part::make_flat(count, [&](MapLeaf* out) { return merge(leaves, changes, out); });
}

// ---- HashPlan ---------------------------------------------------------------------------------

std::uint32_t HashPlan::new_hash() {
  hashes_.emplace_back();
  return static_cast<std::uint32_t>(hashes_.size() - 1);
}

HashPlan::Placed HashPlan::place(std::span<const MapLeaf> leaves, std::size_t depth) {
  if (leaves.empty()) return {};
  if (leaves.size() == 1) {
    leaves_.emplace_back(&leaves[0], new_hash());
    return {leaves_.back().second, 0};
  }
  IMI_CHECK(depth < kMaxMapDepth, "two leaves with one path");
  const std::size_t count = left_count(leaves, depth);
  const Placed left = place(leaves.first(count), depth + 1);
  const Placed right = place(leaves.subspan(count), depth + 1);
  const std::size_t rank = std::max(left.rank, right.rank);
  if (ranks_.size() <= rank) ranks_.resize(rank + 1);
  ranks_[rank].push_back({left.index, right.index, new_hash()});
  return {ranks_[rank].back().out, rank + 1};
}

HashPlan::Ticket HashPlan::add(std::span<const MapLeaf> leaves, std::size_t depth) {
  const Fill fill = leaves.empty() ? Fill::kNone : leaves.size() == 1 ? Fill::kOne : Fill::kMany;
  return {place(leaves, depth).index, fill};
}

void HashPlan::run() {
  jobs_.clear();
  for (const auto& [leaf, out] : leaves_) {
    jobs_.push_back({&leaf->path, &leaf->value_hash, &hashes_[out]});
  }
  hash_pairs(Domain::kMapLeaf, jobs_);
  for (const auto& rank : ranks_) {
    jobs_.clear();
    for (const Inner& n : rank) {
      jobs_.push_back({&hashes_[n.left], &hashes_[n.right], &hashes_[n.out]});
    }
    hash_pairs(Domain::kMapNode, jobs_);
  }
}

const MapLeaf& only_leaf(const Part& part) {
  IMI_CHECK(part.count == 1);
  if (!part.split) return part.leaves()[0];
  return only_leaf(part.split->left ? *part.split->left : *part.split->right);
}

void end_at_leaf(const MapLeaf& leaf, const Hash256& path, ProvedValue& out) {
  if (leaf.path == path) {
    out.value_hash = leaf.value_hash;
  } else {
    out.proof.other_leaf = leaf;
  }
}

void prove_in_part(const Part& part, const Hash256& path, std::size_t depth, ProvedValue& out) {
  const Part* at = &part;
  for (; at->split; ++depth) {
    if (at->count == 1) return end_at_leaf(only_leaf(*at), path, out);
    const bool right = map_bit(path, depth);
    out.proof.siblings.push_back(right ? at->split->left_node.hash : at->split->right_node.hash);
    at = right ? at->split->right.get() : at->split->left.get();
    if (at == nullptr) return;
  }
  std::span<const MapLeaf> leaves = at->leaves();
  for (; leaves.size() > 1; ++depth) {
    const std::size_t left = left_count(leaves, depth);
    const bool right = map_bit(path, depth);
    const auto other = right ? leaves.first(left) : leaves.subspan(left);
    out.proof.siblings.push_back(hash_leaves(other, depth + 1).hash);
    leaves = right ? leaves.subspan(left) : leaves.first(left);
  }
  if (!leaves.empty()) end_at_leaf(leaves[0], path, out);
}

}  // namespace imi::crypto::map_detail
