// The state map's tree as a node keeps it: upper levels in memory, leaves in buckets.
//
// The tree is cut at `bucket_bits` (B, default 18): for each of the 2^(B+1) nodes down to the cut a
// hash and a state (17 MB at 18); below it, a bucket holds the sorted leaves whose paths begin with
// its B bits. Bucket contents live in a cache bounded by a number of leaves (64 bytes each and
// about 90 bytes of overhead per bucket) and are otherwise read from a BucketSource, i.e. the
// record rows. B and the cache are local choices: the root does not depend on them.
//
// A bucket of more than kSplitLeaves leaves (2^B hashes place a key in a chosen bucket, so somebody
// may) is kept as an immutable binary tree of parts of at most that many, with their hashes: a
// change costs the path to one part, not the bucket. Reading such a bucket from the source still
// costs all its leaves, so it pays to have it cached; that is bounded by what a bucket holds.
//
// Writing is in two steps, because memory may change only after the store's write succeeded:
//   stage(changes)  reads only; returns the new root and all that will change
//   apply(staged)   swaps it in (no hashing, no reading) and returns the undo record
// A block executed but not yet certified keeps its MapUndo; prove() takes them to prove as of the
// certified root (ADR 0006).
//
// Threads: no locks inside. stage() and apply() belong to one thread (the executor); prove(),
// root_at() and the other const functions change nothing at all, not even the cache, and may run in
// many threads at once beside stage(), but not beside apply(): callers hold a shared_mutex of their
// own, exclusively for apply() (well under a millisecond per block), shared for prove().
//
// Cost at 1 M records (bench/micro/map_bench.cpp): some 9 new upper nodes and 10 hashes of bucket
// contents per changed record, hashed four at a time (crypto/hash_pairs.h).
#pragma once

#include <span>
#include <string>
#include <utility>

#include "crypto/huge_pages.h"
#include "crypto/sparse_map.h"

namespace imi::crypto {

inline constexpr unsigned kMinBucketBits = 1;
inline constexpr unsigned kMaxBucketBits = 20;
inline constexpr std::size_t kSplitLeaves = 64;

// Where bucket contents come from when they are not cached.
class BucketSource {
 public:
  virtual ~BucketSource() = default;
  // All leaves whose path begins with the `prefix_bits` bits of `index`, ascending by path. The
  // error is a sentence of the source's own. stage() needs the newest stored state. prove() accepts
  // any state between the one proved and the newest applied: a snapshot taken at the proved one is.
  [[nodiscard]] virtual std::expected<std::vector<MapLeaf>, std::string> read_bucket(
      unsigned prefix_bits, std::uint32_t index) const = 0;
};

struct MapError {
  enum class Reason : std::uint8_t {
    kSourceFailed,  // a bucket could not be read; `detail` is the source's sentence
    kDamaged,       // a bucket read does not have the hash it had: rows were lost or changed
    kNotSorted,     // leaves or changes not strictly ascending by path
    kOutOfRange,    // rebuild: a leaf outside the range of buckets
  };
  Reason reason{};
  std::uint32_t bucket = 0;
  std::string detail;
};
[[nodiscard]] std::string describe(const MapError& e);

struct MapChange {
  Hash256 path;
  std::optional<Hash256> value_hash;  // nullopt: erase (nothing there is fine)
};

// The prefix that first..last paths of a bucket share is its index: the range to scan is
// [bucket_begin(bits, index), bucket_begin(bits, index + 1)), the latter beyond all paths for the
// last bucket (then nullopt).
[[nodiscard]] std::uint32_t bucket_of(unsigned prefix_bits, const Hash256& path);
[[nodiscard]] std::optional<Hash256> bucket_begin(unsigned prefix_bits, std::uint64_t index);

namespace map_detail {
// How many leaves a node covers: none, one (its hash is that leaf's), or more.
enum class Fill : std::uint8_t { kNone, kOne, kMany };
struct Node {
  Hash256 hash;
  Fill fill = Fill::kNone;
};
struct Part;  // immutable contents of a bucket, shared by cache, staged updates and undo records
// Owns a part together with others; the count of owners is in the part. One word, one allocation
// per part: a quarter of a million of them are kept, and each change looks at one that is in no
// cache.
class PartPtr {
 public:
  PartPtr() = default;
  explicit PartPtr(const Part* counted) : part_(counted) {}  // takes over one count
  PartPtr(const PartPtr& o) : part_(o.part_) { add(); }
  PartPtr(PartPtr&& o) noexcept : part_(std::exchange(o.part_, nullptr)) {}
  PartPtr& operator=(PartPtr o) noexcept {
    std::swap(part_, o.part_);
    return *this;
  }
  ~PartPtr() {
    if (part_ != nullptr) drop();
  }
  [[nodiscard]] const Part* get() const { return part_; }
  const Part& operator*() const { return *part_; }
  const Part* operator->() const { return part_; }
  explicit operator bool() const { return part_ != nullptr; }

 private:
  void add() const;
  void drop() const;
  const Part* part_ = nullptr;
};
struct NodeChange {
  std::uint32_t index = 0;  // heap order: root 1, children 2i and 2i + 1
  Node node;
};
struct BucketChange {
  std::uint32_t bucket = 0;
  PartPtr before;
  PartPtr after;
};
}  // namespace map_detail

// What some changes will do to the tree. May be dropped: then nothing has happened.
class StagedUpdate {
 public:
  [[nodiscard]] const Hash256& root() const { return root_; }
  [[nodiscard]] std::size_t node_count() const { return nodes_.size(); }
  [[nodiscard]] std::size_t bucket_count() const { return buckets_.size(); }

 private:
  friend class SparseMapTree;
  Hash256 root_;
  std::uint64_t version_ = 0;  // of the tree it was made from
  std::int64_t leaf_delta_ = 0;
  std::vector<map_detail::NodeChange> nodes_;      // strictly descending by index
  std::vector<map_detail::BucketChange> buckets_;  // strictly descending by bucket
};

// What the tree was before one apply(). About 45 bytes per changed node and 64 per leaf of changed
// buckets. Immutable.
class MapUndo {
 public:
  [[nodiscard]] const Hash256& root_before() const { return root_before_; }

 private:
  friend class SparseMapTree;
  Hash256 root_before_;
  std::vector<map_detail::NodeChange> nodes_;
  std::vector<map_detail::BucketChange> buckets_;  // `before` alone
};

// The answer to one path: what stands there, with the proof (verify_present or verify_absent).
struct ProvedValue {
  std::optional<Hash256> value_hash;
  MapProof proof;
};

class SparseMapTree {
 public:
  struct Options {
    unsigned bucket_bits = 18;
    std::size_t cache_leaves = 1'500'000;
  };

  explicit SparseMapTree(const Options& options);  // the empty map; options are CHECKED
  SparseMapTree() : SparseMapTree(Options{}) {}
  SparseMapTree(SparseMapTree&&) noexcept;
  SparseMapTree& operator=(SparseMapTree&&) noexcept;
  ~SparseMapTree();

  [[nodiscard]] unsigned bucket_bits() const { return options_.bucket_bits; }
  [[nodiscard]] const Hash256& root() const { return nodes_[1].hash; }
  [[nodiscard]] std::uint64_t leaf_count() const { return leaf_count_; }
  [[nodiscard]] std::size_t cached_leaves() const { return cached_leaves_; }

  // `changes` strictly ascending by path. Reads uncached buckets from `source` and checks them.
  [[nodiscard]] std::expected<StagedUpdate, MapError> stage(std::span<const MapChange> changes,
                                                            const BucketSource& source) const;
  // `staged` must come from this tree as it is now (CHECKED). The changed buckets enter the cache;
  // others leave it if it grew beyond its bound.
  MapUndo apply(StagedUpdate&& staged);

  // The root before the first of `undos` was applied; the current root if there are none.
  // `undos` everywhere: the records of consecutive apply()s up to the newest, oldest first. The
  // first is that of the block right after the state wanted.
  [[nodiscard]] const Hash256& root_at(std::span<const MapUndo* const> undos) const;
  [[nodiscard]] std::expected<ProvedValue, MapError> prove(
      const Hash256& path, const BucketSource& source,
      std::span<const MapUndo* const> undos = {}) const;
  // What stands at a path now, where that is known without reading (its bucket is cached, or
  // empty): the value hash, or that there is none. nullopt: not known here. A search of one bucket;
  // it saves execution from asking the disk for records that do not exist.
  [[nodiscard]] std::optional<std::optional<Hash256>> find_cached(const Hash256& path) const;

  // ---- rebuilding at start ----------------------------------------------------------------------
  //
  // begin_rebuild(); then for disjoint ranges of buckets that cover all of them (from several
  // threads if wanted) a RangeBuilder fed with all leaves of the range in ascending order; then
  // finish_rebuild(). The caller compares root() with the head it knows.

  class RangeBuilder {
   public:
    // Leaves of buckets [from, to) only, strictly ascending by path.
    [[nodiscard]] std::expected<void, MapError> add(const MapLeaf& leaf);
    // Must be called once, at the end.
    void finish();
    RangeBuilder(RangeBuilder&&) = default;
    RangeBuilder& operator=(RangeBuilder&&) = default;

   private:
    friend class SparseMapTree;
    RangeBuilder(SparseMapTree& tree, std::uint32_t from, std::uint32_t to);
    void flush();
    SparseMapTree* tree_;
    std::uint32_t from_;
    std::uint32_t to_;
    std::size_t cache_room_;
    std::size_t cached_ = 0;
    std::uint64_t count_ = 0;
    std::optional<Hash256> last_;
    std::vector<MapLeaf> leaves_;  // not hashed yet: whole buckets and one being filled
  };

  void begin_rebuild();
  // 0 <= from <= to <= 2^bucket_bits.
  [[nodiscard]] RangeBuilder rebuild_range(std::uint32_t from, std::uint32_t to);
  void finish_rebuild();

 private:
  struct Slot {
    map_detail::PartPtr part;
    bool referenced = false;
  };
  struct View;

  [[nodiscard]] std::uint32_t bucket_total() const { return 1u << options_.bucket_bits; }
  [[nodiscard]] std::expected<map_detail::PartPtr, MapError> load(
      std::uint32_t bucket, const BucketSource& source, const map_detail::Node& node) const;
  void stage_upper(StagedUpdate& out) const;
  void cache(std::uint32_t bucket, map_detail::PartPtr part);
  void evict();

  Options options_;
  std::vector<map_detail::Node, HugePages<map_detail::Node>> nodes_;  // heap order, [0] unused
  std::vector<Slot, HugePages<Slot>> slots_;                          // one per bucket
  std::size_t cached_leaves_ = 0;
  std::size_t hand_ = 0;  // of the clock that evicts
  std::uint64_t leaf_count_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace imi::crypto
