// The authenticated state map: a sparse Merkle tree over 32-byte paths, and its proofs.
//
// A path's bits, most significant first, lead from the root: 0 is left. For the set of leaves below
// a node:
//   no leaf        32 zero bytes
//   one leaf       H(kMapLeaf, path || value hash), however high the node stands
//   more leaves    H(kMapNode, left || right)
// So the root depends on the set of leaves alone: not on the order of changes, nor on how a replica
// buckets or caches (crypto/sparse_map_tree.h). Paths must be uniform (they are hashes); a node
// exists for each bit that two leaves share, and nothing bounds that but the hash.
//
// Proofs are checked by these pure functions with nothing but a root; sizes at 1 M leaves: about
// 650 bytes. Source: docs/PROTOCOL.md "Two authenticated structures".
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/hash.h"

namespace imi::crypto {

struct MapLeaf {
  Hash256 path;
  Hash256 value_hash;  // H(kMapValue, record)
  auto operator<=>(const MapLeaf&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(path, value_hash);
  }
};

[[nodiscard]] inline Hash256 map_value_hash(ByteView record) {
  return hash(Domain::kMapValue, record);
}
[[nodiscard]] inline Hash256 map_leaf_hash(const MapLeaf& leaf) {
  return hash_pair(Domain::kMapLeaf, leaf.path, leaf.value_hash);
}

inline constexpr std::size_t kMaxMapDepth = 256;

// What stands at a path. siblings.size() is the depth at which the walk from the root ended: at the
// path's own leaf, at nothing, or at another leaf that is alone there.
//
// Wire form (the only one): depth (u16 form, <= 256); ceil(depth / 8) bytes of bitmap, bit 7 of the
// first byte for siblings[0], set where the sibling is not empty, unused bits 0; the siblings that
// are not empty (none of them zeros); optional other_leaf. The deepest sibling is never empty: a
// leaf or a gap beside nothing would have moved up.
struct MapProof {
  std::vector<Hash256> siblings;      // from the root down; zeros: that side is empty
  std::optional<MapLeaf> other_leaf;  // absence only: the leaf found in place
  bool operator==(const MapProof&) const = default;
};
void save(EncodeArchive& ar, const MapProof& v);
void load(DecodeArchive& ar, MapProof& v);

enum class MapProofError : std::uint8_t {
  kTooDeep,         // more than 256 siblings
  kNotCanonical,    // an empty deepest sibling, or a presence proof with another leaf
  kOtherElsewhere,  // absence: the leaf found does not belong where the walk ended
  kOtherIsSame,     // absence: the leaf found is the path's own
  kWrongRoot,       // the hashes do not lead to the root
};
[[nodiscard]] std::string_view describe(MapProofError e);

// That the map with `root` holds exactly this value hash at `path`.
[[nodiscard]] std::expected<void, MapProofError> verify_present(const Hash256& root,
                                                                const Hash256& path,
                                                                const Hash256& value_hash,
                                                                const MapProof& proof);
// That the map with `root` holds nothing at `path`.
[[nodiscard]] std::expected<void, MapProofError> verify_absent(const Hash256& root,
                                                               const Hash256& path,
                                                               const MapProof& proof);

// Bit `depth` (0..255) of a path: where the walk turns below a node at that depth.
[[nodiscard]] inline bool map_bit(const Hash256& path, std::size_t depth) {
  return ((path.bytes[depth / 8] >> (7 - depth % 8)) & 1) != 0;
}

}  // namespace imi::crypto
