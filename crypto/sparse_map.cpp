#include "crypto/sparse_map.h"

#include "base/check.h"

namespace imi::crypto {
namespace {

// From a node at depth siblings.size() on `path` up to the root.
Hash256 climb(Hash256 h, const Hash256& path, const std::vector<Hash256>& siblings) {
  for (std::size_t depth = siblings.size(); depth-- > 0;) {
    h = map_bit(path, depth) ? hash_pair(Domain::kMapNode, siblings[depth], h)
                             : hash_pair(Domain::kMapNode, h, siblings[depth]);
  }
  return h;
}

std::expected<void, MapProofError> check_shape(const MapProof& proof) {
  if (proof.siblings.size() > kMaxMapDepth) return std::unexpected(MapProofError::kTooDeep);
  if (!proof.siblings.empty() && proof.siblings.back().is_zero()) {
    return std::unexpected(MapProofError::kNotCanonical);
  }
  return {};
}

bool share_prefix(const Hash256& a, const Hash256& b, std::size_t bits) {
  for (std::size_t depth = 0; depth < bits; ++depth) {
    if (map_bit(a, depth) != map_bit(b, depth)) return false;
  }
  return true;
}

}  // namespace

std::string_view describe(MapProofError e) {
  switch (e) {
    case MapProofError::kTooDeep: return "the map proof is deeper than a path has bits";
    case MapProofError::kNotCanonical: return "the map proof is not in its one allowed form";
    case MapProofError::kOtherElsewhere:
      return "the leaf shown in place of the missing one belongs elsewhere";
    case MapProofError::kOtherIsSame: return "the proof of absence shows the leaf it denies";
    case MapProofError::kWrongRoot: return "the map proof does not lead to the root";
  }
  return "unknown map proof error";
}

void save(EncodeArchive& ar, const MapProof& v) {
  IMI_CHECK(v.siblings.size() <= kMaxMapDepth);
  ar.varint(v.siblings.size());
  std::uint8_t bits = 0;
  for (std::size_t i = 0; i < v.siblings.size(); ++i) {
    if (!v.siblings[i].is_zero()) bits = static_cast<std::uint8_t>(bits | (0x80u >> (i % 8)));
    if (i % 8 == 7 || i + 1 == v.siblings.size()) {
      ar.byte(bits);
      bits = 0;
    }
  }
  for (const Hash256& s : v.siblings) {
    if (!s.is_zero()) ar(s);
  }
  ar(v.other_leaf);
}

void load(DecodeArchive& ar, MapProof& v) {
  const auto depth = static_cast<std::size_t>(ar.varint(UINT16_MAX));
  require(ar, depth <= kMaxMapDepth);
  const ByteView bitmap = ar.raw((depth + 7) / 8);
  require(ar, depth % 8 == 0 || (bitmap.back() & (0xffu >> (depth % 8))) == 0);
  v.siblings.assign(depth, {});
  for (std::size_t i = 0; i < depth; ++i) {
    const bool present = (bitmap[i / 8] & (0x80u >> (i % 8))) != 0;
    require(ar, present || i + 1 != depth);
    if (!present) continue;
    ar(v.siblings[i]);
    require(ar, !v.siblings[i].is_zero());
  }
  ar(v.other_leaf);
}

std::expected<void, MapProofError> verify_present(const Hash256& root, const Hash256& path,
                                                  const Hash256& value_hash,
                                                  const MapProof& proof) {
  if (auto ok = check_shape(proof); !ok) return ok;
  if (proof.other_leaf) return std::unexpected(MapProofError::kNotCanonical);
  if (climb(map_leaf_hash({path, value_hash}), path, proof.siblings) != root) {
    return std::unexpected(MapProofError::kWrongRoot);
  }
  return {};
}

std::expected<void, MapProofError> verify_absent(const Hash256& root, const Hash256& path,
                                                 const MapProof& proof) {
  if (auto ok = check_shape(proof); !ok) return ok;
  Hash256 found;  // zeros: nothing stands there
  if (proof.other_leaf) {
    if (proof.other_leaf->path == path) return std::unexpected(MapProofError::kOtherIsSame);
    if (!share_prefix(proof.other_leaf->path, path, proof.siblings.size())) {
      return std::unexpected(MapProofError::kOtherElsewhere);
    }
    found = map_leaf_hash(*proof.other_leaf);
  }
  if (climb(found, path, proof.siblings) != root) return std::unexpected(MapProofError::kWrongRoot);
  return {};
}

}  // namespace imi::crypto
