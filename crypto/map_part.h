// Internal to the state map: the contents of one bucket, hashed. Not a public header.
#pragma once

#include <memory>
#include <span>

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
  std::size_t count = 0;
  std::vector<MapLeaf> leaves;  // flat: all of them, ascending
  std::unique_ptr<const Split> split;
};

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

[[nodiscard]] HashedPart make_part(std::span<const MapLeaf> leaves, std::size_t depth);
// `changes` strictly ascending, all below this part.
[[nodiscard]] HashedPart update_part(const PartPtr& old, std::span<const MapChange> changes,
                                     std::size_t depth);

// Walks from a part that covers at least one leaf: adds the siblings to `out.proof` and sets what
// is found, `depth` being the part's.
void prove_in_part(const Part& part, const Hash256& path, std::size_t depth, ProvedValue& out);
// Ends a walk at a leaf that is alone.
void end_at_leaf(const MapLeaf& leaf, const Hash256& path, ProvedValue& out);
// The leaf of a part that has exactly one.
[[nodiscard]] const MapLeaf& only_leaf(const Part& part);

}  // namespace imi::crypto::map_detail
