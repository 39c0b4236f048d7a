// Internal to the state map: the contents of one bucket, hashed. Not a public header.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <span>

#include "crypto/hash_pairs.h"
#include "crypto/sparse_map_tree.h"

namespace imi::crypto::map_detail {

// Immutable. Holds at least one leaf; "no leaves" is the null pointer. Either flat (`leaves`) or,
// when there are many, split by the next bit of the path.
struct Split {
  PartPtr left;
  PartPtr right;
  Node left_node;
  Node right_node;
};
struct Part {
  std::size_t count = 0;               // leaves in all
  std::unique_ptr<const Split> split;  // null: flat
  mutable std::atomic<std::uint32_t> owners = 1;

  // Flat: all leaves, ascending; they lie behind the part, in its allocation. Split: none.
  [[nodiscard]] std::span<const MapLeaf> leaves() const {
    return {reinterpret_cast<const MapLeaf*>(this + 1), split ? 0 : count};
  }

  // A flat part with room for `count` leaves, written by fill(MapLeaf*), which returns how many it
  // wrote (at most `room`).
  template <class Fill>
  [[nodiscard]] static PartPtr make_flat(std::size_t room, Fill&& fill) {
    void* memory = ::operator new(sizeof(Part) + room * sizeof(MapLeaf));
    auto* part = new (memory) Part;
    part->count = fill(reinterpret_cast<MapLeaf*>(part + 1));
    return PartPtr(part);
  }
  [[nodiscard]] static PartPtr make_split(std::unique_ptr<const Split> split, std::size_t count);
};
static_assert(std::is_trivially_copyable_v<MapLeaf> && alignof(MapLeaf) <= alignof(Part));

inline void PartPtr::add() const {
  if (part_ != nullptr) part_->owners.fetch_add(1, std::memory_order_relaxed);
}

struct HashedPart {
  PartPtr part;
  Node node;
};

// The node over two children.
[[nodiscard]] Node combine(const Node& left, const Node& right);
// The node over sorted leaves that share their first `depth` bits.
[[nodiscard]] Node hash_leaves(std::span<const MapLeaf> leaves, std::size_t depth);
// How many of the sorted leaves (sharing `depth` bits) go left.
[[nodiscard]] std::size_t left_count(std::span<const MapLeaf> leaves, std::size_t depth);

// Of at least one and at most kSplitLeaves leaves.
[[nodiscard]] PartPtr flat_part(std::span<const MapLeaf> leaves);
[[nodiscard]] HashedPart make_part(std::span<const MapLeaf> leaves, std::size_t depth);
// `changes` strictly ascending, all below this part.
[[nodiscard]] HashedPart update_part(const PartPtr& old, std::span<const MapChange> changes,
                                     std::size_t depth);

// True if the changes leave it flat for sure: then merged_part() does, and a HashPlan hashes it.
[[nodiscard]] bool stays_flat(const PartPtr& old, std::size_t changes);
[[nodiscard]] PartPtr merged_part(const PartPtr& old, std::span<const MapChange> changes);

// Hashes the nodes over many sets of leaves together, so that hash_pairs() has work for all its
// lanes: first all leaves, then all nodes over leaves, and so on up.
class HashPlan {
 public:
  struct Ticket {
    std::uint32_t index = 0;
    Fill fill = Fill::kNone;
  };
  // The node over sorted leaves that share `depth` bits. They must stay where they are until run().
  [[nodiscard]] Ticket add(std::span<const MapLeaf> leaves, std::size_t depth);
  void run();
  // After run().
  [[nodiscard]] Node node(Ticket t) const { return {hashes_[t.index], t.fill}; }
  // Room for this many nodes, as a hint.
  void reserve(std::size_t nodes) { hashes_.reserve(nodes); }

 private:
  struct Placed {
    std::uint32_t index = 0;
    std::size_t rank = 0;
  };
  struct Inner {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    std::uint32_t out = 0;
  };
  Placed place(std::span<const MapLeaf> leaves, std::size_t depth);
  std::uint32_t new_hash();

  std::vector<Hash256> hashes_{Hash256{}};  // [0]: no leaves
  std::vector<std::pair<const MapLeaf*, std::uint32_t>> leaves_;
  std::vector<std::vector<Inner>> ranks_;  // [r]: nodes whose children are of lower rank
  std::vector<PairJob> jobs_;
};

// The node over two children, without its hash where that must be made: then the job is appended,
// pointing into the three nodes.
void combine_later(Node& out, const Node& left, const Node& right, std::vector<PairJob>& jobs);

// Walks from a part that covers at least one leaf: adds the siblings to `out.proof` and sets what
// is found, `depth` being the part's.
void prove_in_part(const Part& part, const Hash256& path, std::size_t depth, ProvedValue& out);
// Ends a walk at a leaf that is alone.
void end_at_leaf(const MapLeaf& leaf, const Hash256& path, ProvedValue& out);
// The leaf of a part that has exactly one.
[[nodiscard]] const MapLeaf& only_leaf(const Part& part);

}  // namespace imi::crypto::map_detail
