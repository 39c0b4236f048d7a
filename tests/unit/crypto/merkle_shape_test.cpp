#include "crypto/merkle_shape.h"

#include "crypto/entries_tree.h"
#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
constexpr Domain kNode = Domain::kTest;
}

TEST_CASE("the root is that of RFC 9162 for every size, and a growing tree agrees with it") {
  Rng rng(1);
  const auto leaves = rng.hashes(300);
  MerklePeaks tree;
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    const auto first = std::span(leaves).first(n);
    CHECK(merkle_root(kNode, first) == naive_merkle_root(kNode, first));
    CHECK(tree.root(kNode) == naive_merkle_root(kNode, first));
    CHECK(tree.is_well_formed());
    if (n < leaves.size()) tree.append(kNode, leaves[n]);
  }
}

TEST_CASE("two trees never share a root by repeating their last leaf (CVE-2012-2459)") {
  Rng rng(2);
  auto leaves = rng.hashes(3);
  const Hash256 root = merkle_root(kNode, leaves);
  leaves.push_back(leaves.back());
  CHECK(merkle_root(kNode, leaves) != root);
}

TEST_CASE("every leaf of every small tree is proved, at its own place alone") {
  Rng rng(3);
  const auto leaves = rng.hashes(40);
  for (std::size_t n = 1; n <= leaves.size(); ++n) {
    const auto first = std::span(leaves).first(n);
    const Hash256 root = naive_merkle_root(kNode, first);
    LeafNodes nodes(kNode, first);
    for (std::size_t i = 0; i < n; ++i) {
      const auto path = make_inclusion(kNode, nodes, i, n);
      REQUIRE(path);
      CHECK(verify_inclusion(kNode, leaves[i], i, n, *path, root));
      for (std::size_t other = 0; other < n; ++other) {
        if (other != i) CHECK(!verify_inclusion(kNode, leaves[i], other, n, *path, root));
      }
      auto longer = *path;
      longer.push_back(leaves[0]);
      CHECK(verify_inclusion(kNode, leaves[i], i, n, longer, root).error() ==
            MerkleError::kProofLength);
      if (!path->empty()) {
        const auto shorter = std::span(*path).first(path->size() - 1);
        CHECK(verify_inclusion(kNode, leaves[i], i, n, shorter, root).error() ==
              MerkleError::kProofLength);
      }
      CHECK(!verify_inclusion(Domain::kLogNode, leaves[i], i, n, *path, root) == (n > 1));
    }
    CHECK(make_inclusion(kNode, nodes, n, n).error() == MerkleError::kIndexBeyondSize);
  }
}

TEST_CASE("every changed bit of an inclusion proof is refused") {
  Rng rng(4);
  const auto leaves = rng.hashes(21);
  const Hash256 root = merkle_root(kNode, leaves);
  LeafNodes nodes(kNode, leaves);
  for (const std::size_t i : {std::size_t{0}, std::size_t{7}, std::size_t{20}}) {
    const auto path = make_inclusion(kNode, nodes, i, leaves.size());
    REQUIRE(path);
    int refused = 0;
    each_bit_flip(encode(*path), [&](ByteView bytes) {
      const auto changed = decode<MerklePath>(bytes);
      CHECK((!changed || !verify_inclusion(kNode, leaves[i], i, leaves.size(), *changed, root)));
      ++refused;
    });
    CHECK(refused > 256);
    each_bit_flip(to_bytes(leaves[i].view()), [&](ByteView bytes) {
      CHECK(!verify_inclusion(kNode, Hash256::from(bytes), i, leaves.size(), *path, root));
    });
  }
}

TEST_CASE("an inner node cannot pass for a leaf of a smaller tree once its size is known") {
  Rng rng(5);
  const auto leaves = rng.hashes(4);
  const Hash256 root = merkle_root(kNode, leaves);
  const Hash256 left = hash_pair(kNode, leaves[0], leaves[1]);
  const Hash256 right = hash_pair(kNode, leaves[2], leaves[3]);
  CHECK(verify_inclusion(kNode, left, 0, 2, std::span(&right, 1), root));  // of another size
  CHECK(!verify_inclusion(kNode, left, 0, 4, std::span(&right, 1), root));
}

TEST_CASE("every pair of sizes is proved consistent, and a rewritten history is not") {
  Rng rng(6);
  const auto leaves = rng.hashes(34);
  auto rewritten = leaves;
  rewritten[0] = rng.hash();
  LeafNodes nodes(kNode, leaves);
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    const Hash256 root = naive_merkle_root(kNode, std::span(leaves).first(n));
    for (std::size_t m = 0; m <= n; ++m) {
      const Hash256 old_root = naive_merkle_root(kNode, std::span(leaves).first(m));
      const auto path = make_consistency(kNode, nodes, m, n);
      REQUIRE(path);
      CHECK(verify_consistency(kNode, m, old_root, n, root, *path));
      auto longer = *path;
      longer.push_back(root);
      CHECK(!verify_consistency(kNode, m, old_root, n, root, longer));
      if (!path->empty()) {
        CHECK(!verify_consistency(kNode, m, old_root, n, root,
                                  std::span(*path).first(path->size() - 1)));
      }
      if (m == 0) continue;
      const Hash256 other = naive_merkle_root(kNode, std::span(rewritten).first(m));
      CHECK(verify_consistency(kNode, m, other, n, root, *path).error() == MerkleError::kWrongRoot);
      if (m != n) CHECK(!verify_consistency(kNode, m, old_root, n, old_root, *path));
    }
    CHECK(make_consistency(kNode, nodes, n + 1, n).error() == MerkleError::kIndexBeyondSize);
  }
}

TEST_CASE("every changed bit of a consistency proof is refused") {
  Rng rng(7);
  const auto leaves = rng.hashes(27);
  LeafNodes nodes(kNode, leaves);
  const Hash256 root = merkle_root(kNode, leaves);
  for (const std::size_t m : {std::size_t{1}, std::size_t{8}, std::size_t{13}, std::size_t{26}}) {
    const Hash256 old_root = merkle_root(kNode, std::span(leaves).first(m));
    const auto path = make_consistency(kNode, nodes, m, leaves.size());
    REQUIRE(path);
    each_bit_flip(encode(*path), [&](ByteView bytes) {
      const auto changed = decode<MerklePath>(bytes);
      CHECK((!changed || !verify_consistency(kNode, m, old_root, leaves.size(), root, *changed)));
    });
  }
}

TEST_CASE("a growing tree's wire form holds exactly the hashes that its size calls for") {
  Rng rng(8);
  MerklePeaks tree;
  for (int i = 0; i < 13; ++i) tree.append(kNode, rng.hash());
  const Bytes bytes = encode(tree);
  CHECK(bytes.size() == 1 + 3 * 32);
  CHECK(decode<MerklePeaks>(bytes) == tree);
  Bytes more = bytes;
  append(more, rng.hash().view());
  CHECK(decode<MerklePeaks>(more).error().reason == CodecError::Reason::kTrailing);
  Bytes other_size = bytes;
  other_size[0] = 15;
  CHECK(decode<MerklePeaks>(other_size).error().reason == CodecError::Reason::kTruncated);
  CHECK(encode(MerklePeaks{}) == Bytes{0});
}

TEST_CASE("one entry of a submission is shown under the entries root without the others") {
  std::vector<Hash256> leaves;
  for (std::uint8_t i = 0; i < 100; ++i) leaves.push_back(entry_leaf_hash(Bytes{i}));
  const Hash256 root = entries_root(leaves);
  const auto path = make_entry_proof(leaves, 42);
  REQUIRE(path);
  CHECK(verify_entry(root, 100, 42, entry_leaf_hash(Bytes{42}), *path));
  CHECK(!verify_entry(root, 100, 41, entry_leaf_hash(Bytes{42}), *path));
  CHECK(!verify_entry(root, 100, 42, entry_leaf_hash(Bytes{43}), *path));
  CHECK(make_entry_proof(leaves, 100).error() == MerkleError::kIndexBeyondSize);
}

TEST_CASE("statements about trees of absurd sizes are refused quickly and quietly") {
  Rng rng(9);
  const auto many = rng.hashes(200);
  const Hash256 h = rng.hash();
  for (const std::uint64_t size : {UINT64_MAX, std::uint64_t{1} << 63, std::uint64_t{1} << 40}) {
    for (std::size_t n = 0; n <= many.size(); n += 20) {
      const auto path = std::span(many).first(n);
      CHECK(!verify_inclusion(kNode, h, size - 1, size, path, h));
      CHECK(!verify_inclusion(kNode, h, size, size, path, h));
      CHECK(!verify_consistency(kNode, size - 1, h, size, h, path));
      CHECK(range_root(kNode, size - 1, many, size, path).error() == MerkleError::kIndexBeyondSize);
      CHECK(!extension_root(kNode, {size - 1, {}}, size, path));
    }
  }
}
