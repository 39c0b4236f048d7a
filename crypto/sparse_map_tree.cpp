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
using map_detail::PartPtr;
using Reason = MapError::Reason;

namespace {

// Rebuilding hashes the buckets of about this many leaves together.
constexpr std::size_t kRebuildTogether = 4096;

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
  struct Touched {
    BucketChange change;
    map_detail::HashPlan::Ticket ticket;
    std::optional<Node> node;  // known already: a large bucket, hashed on its own
  };
  std::vector<Touched> touched;
  touched.reserve(changes.size());
  map_detail::HashPlan plan;
  plan.reserve(changes.size() * 10);
  // From the last bucket to the first, so that all node indices come out descending.
  for (std::size_t end = changes.size(); end > 0;) {
    const std::uint32_t bucket = bucket_of(options_.bucket_bits, changes[end - 1].path);
    std::size_t begin = end - 1;
    while (begin > 0 && bucket_of(options_.bucket_bits, changes[begin - 1].path) == bucket) --begin;
    auto before = load(bucket, source, nodes_[bucket_total() + bucket]);
    if (!before) return std::unexpected(std::move(before.error()));
    const auto own = changes.subspan(begin, end - begin);
    Touched t{{bucket, std::move(*before), {}}, {}, {}};
    if (map_detail::stays_flat(t.change.before, own.size())) {
      t.change.after = map_detail::merged_part(t.change.before, own);
      if (t.change.after) t.ticket = plan.add(t.change.after->leaves(), options_.bucket_bits);
    } else {
      HashedPart after = map_detail::update_part(t.change.before, own, options_.bucket_bits);
      t.change.after = std::move(after.part);
      t.node = after.node;
    }
    touched.push_back(std::move(t));
    end = begin;
  }
  plan.run();
  StagedUpdate out;
  out.version_ = version_;
  out.nodes_.reserve(touched.size() * 12);
  out.buckets_.reserve(touched.size());
  for (Touched& t : touched) {
    const Node node = t.node ? *t.node : plan.node(t.ticket);
    const std::uint32_t index = bucket_total() + t.change.bucket;
    if (node.hash == nodes_[index].hash) continue;  // the same set of leaves
    out.leaf_delta_ += static_cast<std::int64_t>(t.change.after ? t.change.after->count : 0) -
                       static_cast<std::int64_t>(t.change.before ? t.change.before->count : 0);
    out.nodes_.push_back({index, node});
    out.buckets_.push_back(std::move(t.change));
  }
  stage_upper(out);
  out.root_ = out.nodes_.empty() ? root() : out.nodes_.back().node.hash;
  return out;
}

// Level by level: each ancestor of changed nodes is hashed once, a level's together.
void SparseMapTree::stage_upper(StagedUpdate& out) const {
  std::size_t begin = 0;
  std::size_t end = out.nodes_.size();
  std::vector<PairJob> jobs;
  for (unsigned level = options_.bucket_bits; level > 0; --level) {
    out.nodes_.reserve(end + (end - begin));  // so that the jobs' pointers hold
    jobs.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const NodeChange& child = out.nodes_[i];
      NodeChange& parent = out.nodes_.emplace_back(NodeChange{child.index / 2, {}});
      if ((child.index & 1) == 0) {
        map_detail::combine_later(parent.node, child.node, nodes_[child.index + 1], jobs);
      } else if (i + 1 < end && out.nodes_[i + 1].index == child.index - 1) {
        map_detail::combine_later(parent.node, out.nodes_[i + 1].node, child.node, jobs);
        ++i;
      } else {
        map_detail::combine_later(parent.node, nodes_[child.index - 1], child.node, jobs);
      }
    }
    hash_pairs(Domain::kMapNode, jobs);
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
    slot.part = {};
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
  IMI_CHECK(static_cast<bool>(*part));
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
    : tree_(&tree), from_(from), to_(to) {
  // Each range may fill its share of the cache.
  const std::uint64_t budget = std::min<std::uint64_t>(tree.options_.cache_leaves, UINT32_MAX);
  cache_room_ = static_cast<std::size_t>(budget * (to - from) / tree.bucket_total());
}

std::expected<void, MapError> SparseMapTree::RangeBuilder::add(const MapLeaf& leaf) {
  const std::uint32_t bucket = bucket_of(tree_->options_.bucket_bits, leaf.path);
  if (bucket < from_ || bucket >= to_) return fail(Reason::kOutOfRange, bucket);
  if (last_ && !(*last_ < leaf.path)) return fail(Reason::kNotSorted, bucket);
  if (leaves_.size() >= kRebuildTogether &&
      bucket_of(tree_->options_.bucket_bits, *last_) != bucket) {
    flush();
  }
  last_ = leaf.path;
  leaves_.push_back(leaf);
  return {};
}

// Hashes the buckets collected, and keeps their contents while the cache has room.
void SparseMapTree::RangeBuilder::flush() {
  const unsigned bits = tree_->options_.bucket_bits;
  map_detail::HashPlan plan;
  std::vector<std::pair<std::uint32_t, map_detail::HashPlan::Ticket>> tickets;
  for (std::size_t begin = 0; begin < leaves_.size();) {
    const std::uint32_t bucket = bucket_of(bits, leaves_[begin].path);
    std::size_t end = begin + 1;
    while (end < leaves_.size() && bucket_of(bits, leaves_[end].path) == bucket) ++end;
    const auto own = std::span<const MapLeaf>(leaves_).subspan(begin, end - begin);
    begin = end;
    if (cached_ + own.size() > cache_room_) {
      tickets.emplace_back(bucket, plan.add(own, bits));
      continue;
    }
    cached_ += own.size();
    PartPtr& part = tree_->slots_[bucket].part;
    if (own.size() <= kSplitLeaves) {
      part = map_detail::flat_part(own);
      tickets.emplace_back(bucket, plan.add(own, bits));
    } else {
      HashedPart made = map_detail::make_part(own, bits);
      part = std::move(made.part);
      tree_->nodes_[tree_->bucket_total() + bucket] = made.node;
    }
  }
  plan.run();
  for (const auto& [bucket, ticket] : tickets) {
    tree_->nodes_[tree_->bucket_total() + bucket] = plan.node(ticket);
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
  std::vector<PairJob> jobs;
  for (std::uint32_t first = bucket_total() / 2; first > 0; first /= 2) {
    jobs.clear();
    for (std::uint32_t index = first; index < 2 * first; ++index) {
      map_detail::combine_later(nodes_[index], nodes_[2 * index], nodes_[2 * index + 1], jobs);
    }
    hash_pairs(Domain::kMapNode, jobs);
  }
}

}  // namespace imi::crypto
