#include "crypto/sparse_map_tree.h"

#include <atomic>

#include "base/check.h"
#include "crypto/map_part.h"

namespace imi::crypto {

using map_detail::BucketChange;
using map_detail::Fill;
using map_detail::HashedPart;
using map_detail::Node;
using map_detail::NodeChange;
using map_detail::Part;
using map_detail::PartPtr;
using Reason = MapError::Reason;

namespace {

std::unexpected<MapError> fail(Reason r, std::uint32_t bucket, std::string detail = {}) {
  return std::unexpected(MapError{r, bucket, std::move(detail)});
}

bool strictly_ascending(std::span<const MapChange> changes) {
  return std::ranges::adjacent_find(changes, [](const MapChange& a, const MapChange& b) {
           return !(a.path < b.path);
         }) == changes.end();
}

// The element for `index` in a vector that descends strictly by `key`, or nullptr.
template <class Change>
const Change* find_descending(const std::vector<Change>& v, std::uint32_t index,
                              std::uint32_t Change::* key) {
  const auto at = std::ranges::lower_bound(v, index, std::ranges::greater(), key);
  return at != v.end() && (*at).*key == index ? &*at : nullptr;
}

}  // namespace

std::string describe(const MapError& e) {
  const std::string bucket = "bucket " + std::to_string(e.bucket);
  switch (e.reason) {
    case Reason::kSourceFailed: return bucket + " of the state map cannot be read: " + e.detail;
    case Reason::kDamaged:
      return bucket + " of the state map is not what it was: the store lost or changed records" +
             (e.detail.empty() ? "" : " (" + e.detail + ")");
    case Reason::kNotSorted: return "leaves or changes of the state map are not in ascending order";
    case Reason::kOutOfRange: return "a leaf lies outside the buckets being rebuilt";
  }
  return "unknown map error";
}

std::uint32_t bucket_of(unsigned prefix_bits, const Hash256& path) {
  const std::uint32_t top = static_cast<std::uint32_t>(path.bytes[0]) << 24 |
                            static_cast<std::uint32_t>(path.bytes[1]) << 16 |
                            static_cast<std::uint32_t>(path.bytes[2]) << 8 |
                            static_cast<std::uint32_t>(path.bytes[3]);
  return prefix_bits == 0 ? 0 : top >> (32 - prefix_bits);
}

std::optional<Hash256> bucket_begin(unsigned prefix_bits, std::uint64_t index) {
  if (index >> prefix_bits != 0) return std::nullopt;
  const std::uint64_t top = index << (32 - prefix_bits);
  Hash256 out;
  for (std::size_t i = 0; i < 4; ++i) {
    out.bytes[i] = static_cast<std::uint8_t>(top >> (24 - 8 * i));
  }
  return out;
}

SparseMapTree::SparseMapTree(const Options& options) : options_(options) {
  IMI_CHECK(options.bucket_bits >= kMinBucketBits && options.bucket_bits <= kMaxBucketBits);
  nodes_.resize(std::size_t{2} << options.bucket_bits);
  slots_.resize(bucket_total());
}
SparseMapTree::SparseMapTree(SparseMapTree&&) noexcept = default;
SparseMapTree& SparseMapTree::operator=(SparseMapTree&&) noexcept = default;
SparseMapTree::~SparseMapTree() = default;

// ---- reading a bucket -------------------------------------------------------------------------

// The contents of a bucket whose node is `node`, cached or read and checked against it.
std::expected<PartPtr, MapError> SparseMapTree::load(std::uint32_t bucket,
                                                     const BucketSource& source,
                                                     const Node& node) const {
  if (node.fill == Fill::kNone) return PartPtr();
  if (slots_[bucket].part) return slots_[bucket].part;
  auto leaves = source.read_bucket(options_.bucket_bits, bucket);
  if (!leaves) return fail(Reason::kSourceFailed, bucket, std::move(leaves.error()));
  for (std::size_t i = 0; i < leaves->size(); ++i) {
    const bool ascending = i == 0 || (*leaves)[i - 1].path < (*leaves)[i].path;
    if (!ascending) return fail(Reason::kNotSorted, bucket);
    if (bucket_of(options_.bucket_bits, (*leaves)[i].path) != bucket) {
      return fail(Reason::kOutOfRange, bucket);
    }
  }
  HashedPart read = map_detail::make_part(*leaves, options_.bucket_bits);
  if (read.node.hash != node.hash) {
    return fail(Reason::kDamaged, bucket, std::to_string(leaves->size()) + " records found");
  }
  return std::move(read.part);
}

// ---- staging ----------------------------------------------------------------------------------

std::expected<StagedUpdate, MapError> SparseMapTree::stage(std::span<const MapChange> changes,
                                                           const BucketSource& source) const {
  if (!strictly_ascending(changes)) return fail(Reason::kNotSorted, 0);
  StagedUpdate out;
  out.version_ = version_;
  out.nodes_.reserve(changes.size() * 12);
  out.buckets_.reserve(changes.size());
  // From the last bucket to the first, so that all node indices come out descending.
  for (std::size_t end = changes.size(); end > 0;) {
    const std::uint32_t bucket = bucket_of(options_.bucket_bits, changes[end - 1].path);
    std::size_t begin = end - 1;
    while (begin > 0 && bucket_of(options_.bucket_bits, changes[begin - 1].path) == bucket) --begin;
    const std::uint32_t index = bucket_total() + bucket;
    auto before = load(bucket, source, nodes_[index]);
    if (!before) return std::unexpected(std::move(before.error()));
    HashedPart after =
        map_detail::update_part(*before, changes.subspan(begin, end - begin), options_.bucket_bits);
    end = begin;
    if (after.node.hash == nodes_[index].hash) continue;  // the same set of leaves
    out.leaf_delta_ += static_cast<std::int64_t>(after.part ? after.part->count : 0) -
                       static_cast<std::int64_t>(*before ? (*before)->count : 0);
    out.nodes_.push_back({index, after.node});
    out.buckets_.push_back({bucket, std::move(*before), std::move(after.part)});
  }
  stage_upper(out);
  out.root_ = out.nodes_.empty() ? root() : out.nodes_.back().node.hash;
  return out;
}

// Level by level: each ancestor of changed nodes is hashed once.
void SparseMapTree::stage_upper(StagedUpdate& out) const {
  std::size_t begin = 0;
  std::size_t end = out.nodes_.size();
  for (unsigned level = options_.bucket_bits; level > 0; --level) {
    for (std::size_t i = begin; i < end; ++i) {
      const NodeChange& child = out.nodes_[i];
      const std::uint32_t index = child.index / 2;
      Node parent;
      if ((child.index & 1) == 0) {
        parent = map_detail::combine(child.node, nodes_[child.index + 1]);
      } else if (i + 1 < end && out.nodes_[i + 1].index == child.index - 1) {
        parent = map_detail::combine(out.nodes_[i + 1].node, child.node);
        ++i;
      } else {
        parent = map_detail::combine(nodes_[child.index - 1], child.node);
      }
      out.nodes_.push_back({index, parent});
    }
    begin = end;
    end = out.nodes_.size();
  }
}

// ---- applying ---------------------------------------------------------------------------------

MapUndo SparseMapTree::apply(StagedUpdate&& staged) {
  IMI_CHECK(staged.version_ == version_, "the update was staged on another state of the map");
  ++version_;
  MapUndo undo;
  undo.root_before_ = root();
  undo.leaf_count_before_ = leaf_count_;
  leaf_count_ =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(leaf_count_) + staged.leaf_delta_);
  for (NodeChange& c : staged.nodes_) std::swap(nodes_[c.index], c.node);
  for (BucketChange& c : staged.buckets_) cache(c.bucket, std::move(c.after));
  evict();
  undo.nodes_ = std::move(staged.nodes_);
  undo.buckets_ = std::move(staged.buckets_);
  return undo;
}

void SparseMapTree::cache(std::uint32_t bucket, PartPtr part) {
  Slot& slot = slots_[bucket];
  if (slot.part) cached_leaves_ -= slot.part->count;
  if (part) cached_leaves_ += part->count;
  slot.part = std::move(part);
  slot.referenced = true;
}

// A clock over the buckets: one that was changed since the hand last passed stays.
void SparseMapTree::evict() {
  while (cached_leaves_ > options_.cache_leaves) {
    Slot& slot = slots_[hand_];
    hand_ = (hand_ + 1) % slots_.size();
    if (!slot.part) continue;
    if (slot.referenced) {
      slot.referenced = false;
      continue;
    }
    cached_leaves_ -= slot.part->count;
    slot.part.reset();
  }
}

// ---- proving ----------------------------------------------------------------------------------

// The tree as it was before the first of some undo records.
struct SparseMapTree::View {
  const SparseMapTree& tree;
  std::span<const MapUndo* const> undos;

  [[nodiscard]] const Node& node(std::uint32_t index) const {
    for (const MapUndo* undo : undos) {
      const NodeChange* c = find_descending(undo->nodes_, index, &NodeChange::index);
      if (c != nullptr) return c->node;
    }
    return tree.nodes_[index];
  }

  [[nodiscard]] std::expected<PartPtr, MapError> bucket(std::uint32_t bucket,
                                                        const BucketSource& source) const {
    for (const MapUndo* undo : undos) {
      const BucketChange* c = find_descending(undo->buckets_, bucket, &BucketChange::bucket);
      if (c != nullptr) return c->before;
    }
    return tree.load(bucket, source, node(tree.bucket_total() + bucket));
  }
};

const Hash256& SparseMapTree::root_at(std::span<const MapUndo* const> undos) const {
  return undos.empty() ? root() : undos.front()->root_before();
}

std::expected<ProvedValue, MapError> SparseMapTree::prove(
    const Hash256& path, const BucketSource& source, std::span<const MapUndo* const> undos) const {
  const View view{*this, undos};
  ProvedValue out;
  std::uint32_t index = 1;
  std::size_t depth = 0;
  while (view.node(index).fill == Fill::kMany && index < bucket_total()) {
    index = 2 * index + (map_bit(path, depth) ? 1 : 0);
    ++depth;
    out.proof.siblings.push_back(view.node(index ^ 1).hash);
  }
  const Fill fill = view.node(index).fill;
  if (fill == Fill::kNone) return out;
  // One leaf: it may be in any bucket below. Many: the index is the path's bucket.
  while (index < bucket_total()) {
    index = 2 * index + (view.node(2 * index).fill == Fill::kNone ? 1 : 0);
  }
  auto part = view.bucket(index - bucket_total(), source);
  if (!part) return std::unexpected(std::move(part.error()));
  IMI_CHECK(*part != nullptr);
  if (fill == Fill::kOne) {
    map_detail::end_at_leaf(map_detail::only_leaf(**part), path, out);
  } else {
    map_detail::prove_in_part(**part, path, depth, out);
  }
  return out;
}

// ---- rebuilding -------------------------------------------------------------------------------

void SparseMapTree::begin_rebuild() {
  std::ranges::fill(nodes_, Node{});
  for (Slot& slot : slots_) slot = Slot{};
  cached_leaves_ = 0;
  leaf_count_ = 0;
  hand_ = 0;
  ++version_;
}

SparseMapTree::RangeBuilder SparseMapTree::rebuild_range(std::uint32_t from, std::uint32_t to) {
  IMI_CHECK(from <= to && to <= bucket_total());
  return {*this, from, to};
}

SparseMapTree::RangeBuilder::RangeBuilder(SparseMapTree& tree, std::uint32_t from, std::uint32_t to)
    : tree_(&tree), from_(from), to_(to), bucket_(from) {
  // Each range may fill its share of the cache.
  const std::uint64_t budget = std::min<std::uint64_t>(tree.options_.cache_leaves, UINT32_MAX);
  cache_room_ = static_cast<std::size_t>(budget * (to - from) / tree.bucket_total());
}

std::expected<void, MapError> SparseMapTree::RangeBuilder::add(const MapLeaf& leaf) {
  const std::uint32_t bucket = bucket_of(tree_->options_.bucket_bits, leaf.path);
  if (bucket < from_ || bucket >= to_) return fail(Reason::kOutOfRange, bucket);
  if (last_ && !(*last_ < leaf.path)) return fail(Reason::kNotSorted, bucket);
  if (bucket != bucket_) {
    flush();
    bucket_ = bucket;
  }
  last_ = leaf.path;
  leaves_.push_back(leaf);
  return {};
}

void SparseMapTree::RangeBuilder::flush() {
  if (leaves_.empty()) return;
  const unsigned bits = tree_->options_.bucket_bits;
  Node& node = tree_->nodes_[tree_->bucket_total() + bucket_];
  if (cached_ + leaves_.size() <= cache_room_) {
    HashedPart made = map_detail::make_part(leaves_, bits);
    node = made.node;
    tree_->slots_[bucket_].part = std::move(made.part);
    cached_ += leaves_.size();
  } else {
    node = map_detail::hash_leaves(leaves_, bits);
  }
  count_ += leaves_.size();
  leaves_.clear();
}

void SparseMapTree::RangeBuilder::finish() {
  flush();
  // Builders of other ranges may finish on other threads.
  std::atomic_ref(tree_->cached_leaves_).fetch_add(cached_);
  std::atomic_ref(tree_->leaf_count_).fetch_add(count_);
  cached_ = 0;
  count_ = 0;
}

void SparseMapTree::finish_rebuild() {
  for (std::uint32_t index = bucket_total(); index-- > 1;) {
    nodes_[index] = map_detail::combine(nodes_[2 * index], nodes_[2 * index + 1]);
  }
}

}  // namespace imi::crypto
