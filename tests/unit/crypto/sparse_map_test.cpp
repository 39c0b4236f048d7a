#include "crypto/sparse_map.h"

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
Hash256 path_of(std::uint8_t first_byte) {
  Hash256 p;
  p.bytes[0] = first_byte;
  return p;
}
// Three leaves: 00.., 01.. and 1...
struct Small {
  MapLeaf a{path_of(0x00), path_of(1)};
  MapLeaf b{path_of(0x40), path_of(2)};
  MapLeaf c{path_of(0x80), path_of(3)};
  Hash256 ha = map_leaf_hash(a), hb = map_leaf_hash(b), hc = map_leaf_hash(c);
  Hash256 ab = hash_pair(Domain::kMapNode, ha, hb);
  Hash256 root = hash_pair(Domain::kMapNode, ab, hc);
};
}  // namespace

TEST_CASE("present and absent paths of a map written out by hand") {
  const Small m;
  CHECK(naive_map_root(
            {{m.a.path, m.a.value_hash}, {m.b.path, m.b.value_hash}, {m.c.path, m.c.value_hash}}) ==
        m.root);
  CHECK(verify_present(m.root, m.a.path, m.a.value_hash, {{m.hc, m.hb}, {}}));
  CHECK(verify_present(m.root, m.c.path, m.c.value_hash, {{m.ab}, {}}));
  CHECK(verify_absent(m.root, path_of(0x20), {{m.hc, m.hb}, m.a}));
  CHECK(verify_absent(m.root, path_of(0xff), {{m.ab}, m.c}));
  CHECK(verify_absent({}, path_of(0xff), {}));
}

TEST_CASE("a leaf at another place does not prove that a path is free") {
  const Small m;
  // 0x00 is present. Neither b (in the other half) nor a itself may deny it.
  CHECK(verify_absent(m.root, m.a.path, {{m.hc, m.ha}, m.b}).error() ==
        MapProofError::kOtherElsewhere);
  CHECK(verify_absent(m.root, m.a.path, {{m.hc, m.hb}, m.a}).error() ==
        MapProofError::kOtherIsSame);
  CHECK(verify_absent(m.root, m.a.path, {{m.ab}, m.c}).error() == MapProofError::kOtherElsewhere);
  CHECK(verify_absent(m.root, m.a.path, {{m.hc, m.hb}, {}}).error() == MapProofError::kWrongRoot);
}

TEST_CASE("forms that an honest map never has are refused") {
  const Small m;
  const MapProof good{{m.hc, m.hb}, {}};
  CHECK(verify_present(m.root, m.a.path, m.b.value_hash, good).error() ==
        MapProofError::kWrongRoot);
  CHECK(verify_present(m.root, m.a.path, m.a.value_hash, {good.siblings, m.b}).error() ==
        MapProofError::kNotCanonical);
  CHECK(verify_present(m.root, m.a.path, m.a.value_hash, {{m.hc, m.hb, Hash256{}}, {}}).error() ==
        MapProofError::kNotCanonical);
  const MapProof deep{std::vector<Hash256>(257, m.hc), {}};
  CHECK(verify_present(m.root, m.a.path, m.a.value_hash, deep).error() == MapProofError::kTooDeep);
  CHECK(verify_absent(m.root, m.a.path, deep).error() == MapProofError::kTooDeep);
}

TEST_CASE("a map proof has one wire form") {
  const Small m;
  MapProof proof{{m.hc, Hash256{}, Hash256{}, m.hb}, m.a};
  const Bytes bytes = encode(proof);
  CHECK(bytes.size() == 1 + 1 + 2 * 32 + 1 + 64);
  CHECK(bytes[1] == 0x90);
  CHECK(decode<MapProof>(bytes) == proof);
  CHECK(encode(MapProof{}) == Bytes{0, 0});
  Bytes bad = bytes;
  bad[1] = 0x98;  // an unused bit of the bitmap
  CHECK(decode<MapProof>(bad).error().reason == CodecError::Reason::kRuleBroken);
  bad = encode(MapProof{{m.hc, Hash256{}}, {}});  // the deepest sibling empty
  CHECK(decode<MapProof>(bad).error().reason == CodecError::Reason::kRuleBroken);
  bad = bytes;
  std::fill(bad.begin() + 2, bad.begin() + 34, std::uint8_t{0});  // zeros marked as present
  CHECK(decode<MapProof>(bad).error().reason == CodecError::Reason::kRuleBroken);
  bad = {0x81, 0x02};  // depth 257
  CHECK(decode<MapProof>(bad).error().reason == CodecError::Reason::kRuleBroken);
  proof.siblings.assign(256, m.hb);
  CHECK(decode<MapProof>(encode(proof)) == proof);
}
