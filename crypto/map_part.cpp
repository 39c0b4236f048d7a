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
  auto part = std::make_shared<Part>();
  part->count = count_of(split->left) + count_of(split->right);
  part->split = std::move(split);
  out.part = std::move(part);
  return out;
}

void gather(const PartPtr& part, std::vector<MapLeaf>& out) {
  if (!part) return;
  if (part->split) {
    gather(part->split->left, out);
    gather(part->split->right, out);
  } else {
    out.insert(out.end(), part->leaves.begin(), part->leaves.end());
  }
}

// The flat form of what is left when a split part has become small.
HashedPart folded(HashedPart&& big) {
  if (count_of(big.part) > kSplitLeaves / 2) return std::move(big);
  if (count_of(big.part) == 0) return {};
  std::vector<MapLeaf> leaves;
  leaves.reserve(big.part->count);
  gather(big.part, leaves);
  return {flat_part(std::move(leaves)), big.node};
}

std::vector<MapLeaf> merge(std::span<const MapLeaf> old, std::span<const MapChange> changes) {
  std::vector<MapLeaf> out;
  out.reserve(old.size() + changes.size());
  std::size_t i = 0;
  for (const MapChange& c : changes) {
    while (i < old.size() && old[i].path < c.path) out.push_back(old[i++]);
    if (i < old.size() && old[i].path == c.path) ++i;
    if (c.value_hash) out.push_back({c.path, *c.value_hash});
  }
  out.insert(out.end(), old.begin() + static_cast<std::ptrdiff_t>(i), old.end());
  return out;
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

PartPtr flat_part(std::vector<MapLeaf>&& leaves) {
  auto part = std::make_shared<Part>();
  part->count = leaves.size();
  part->leaves = std::move(leaves);
  return part;
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
    return {flat_part({leaves.begin(), leaves.end()}), hash_leaves(leaves, depth)};
  }
  const std::size_t left = left_count(leaves, depth);
  return split_part(make_part(leaves.first(left), depth + 1),
                    make_part(leaves.subspan(left), depth + 1));
}

HashedPart update_part(const PartPtr& old, std::span<const MapChange> changes, std::size_t depth) {
  if (!old || !old->split) {
    auto leaves =
        merge(old ? std::span<const MapLeaf>(old->leaves) : std::span<const MapLeaf>(), changes);
    if (leaves.empty()) return {};
    if (leaves.size() > kSplitLeaves) return make_part(leaves, depth);
    const Node node = hash_leaves(leaves, depth);
    return {flat_part(std::move(leaves)), node};
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
  auto leaves =
      merge(old ? std::span<const MapLeaf>(old->leaves) : std::span<const MapLeaf>(), changes);
  return leaves.empty() ? PartPtr() : flat_part(std::move(leaves));
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
  if (!part.split) return part.leaves[0];
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
  std::span<const MapLeaf> leaves = at->leaves;
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
