#include "crypto/range.h"

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
// The root from range.h's own words: peaks by the bits of n, folded from the right, under n.
Hash256 naive_range_root(std::span<const Hash256> leaves) {
  Hasher top(Domain::kRangeRoot);
  top.add_u64(leaves.size());
  if (leaves.empty()) return top.finish();
  std::vector<Hash256> peaks;
  std::size_t at = 0;
  for (std::size_t bit = 64; bit-- > 0;) {
    const std::size_t size = std::size_t{1} << bit;
    if ((leaves.size() & size) == 0) continue;
    peaks.push_back(naive_merkle_root(Domain::kRangeNode, leaves.subspan(at, size)));
    at += size;
  }
  Hash256 bag = peaks.back();
  for (std::size_t i = peaks.size() - 1; i-- > 0;) {
    bag = hash_pair(Domain::kRangeNode, peaks[i], bag);
  }
  return top.add(bag).finish();
}
}  // namespace

TEST_CASE("a range's root follows its definition and covers the number of leaves") {
  Rng rng(1);
  const auto leaves = rng.hashes(130);
  RangePeaks range;
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    const auto first = std::span(leaves).first(n);
    CHECK(range.root() == naive_range_root(first));
    CHECK(range_root_of(first) == naive_range_root(first));
    CHECK(range.size() == n);
    CHECK(decode<RangePeaks>(encode(range)) == range);
    if (n < leaves.size()) range.append(leaves[n]);
  }
}

TEST_CASE("every page of every small range is proved, and at no other place or size") {
  Rng rng(2);
  const auto leaves = rng.hashes(14);
  for (std::size_t n = 1; n <= leaves.size(); ++n) {
    const auto all = std::span(leaves).first(n);
    const Hash256 root = naive_range_root(all);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j <= n; ++j) {
        const auto proof = make_page_proof(all, i, j);
        REQUIRE(proof);
        const auto page = all.subspan(i, j - i);
        CHECK(verify_page(root, n, i, page, *proof));
        CHECK(!verify_page(root, n + 1, i, page, *proof));
        if (i > 0) CHECK(!verify_page(root, n, i - 1, page, *proof));
        if (j < n) CHECK(!verify_page(root, n, i + 1, page, *proof));
        if (page.size() > 1) CHECK(!verify_page(root, n, i, page.first(page.size() - 1), *proof));
        auto longer = *proof;
        longer.push_back(root);
        CHECK(verify_page(root, n, i, page, longer).error() == MerkleError::kProofLength);
      }
    }
  }
}

TEST_CASE("all leaves with no proof at all are the whole range: leaving one out cannot pass") {
  Rng rng(3);
  const auto leaves = rng.hashes(77);
  const Hash256 root = range_root_of(leaves);
  CHECK(make_page_proof(leaves, 0, 77)->empty());
  CHECK(verify_page(root, 77, 0, leaves, {}));
  for (std::size_t out = 0; out < leaves.size(); ++out) {
    auto fewer = leaves;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(out));
    CHECK(!verify_page(root, 76, 0, fewer, {}));
    CHECK(!verify_page(root, 77, 0, fewer, {}));
  }
  CHECK(verify_page(range_root_of({}), 0, 0, {}, {}));
  CHECK(!verify_page(root, 0, 0, {}, {}));
}

TEST_CASE("empty and impossible pages are refused") {
  Rng rng(4);
  const auto leaves = rng.hashes(5);
  const Hash256 root = range_root_of(leaves);
  CHECK(make_page_proof(leaves, 2, 2).error() == MerkleError::kIndexBeyondSize);
  CHECK(make_page_proof(leaves, 3, 2).error() == MerkleError::kIndexBeyondSize);
  CHECK(make_page_proof(leaves, 0, 6).error() == MerkleError::kIndexBeyondSize);
  CHECK(verify_page(root, 5, 2, {}, leaves).error() == MerkleError::kIndexBeyondSize);
  CHECK(verify_page(root, 5, 6, leaves, {}).error() == MerkleError::kIndexBeyondSize);
  CHECK(verify_page(root, 5, UINT64_MAX, leaves, {}).error() == MerkleError::kIndexBeyondSize);
}

TEST_CASE("every changed bit of a page or its proof is refused") {
  Rng rng(5);
  const auto leaves = rng.hashes(29);
  const Hash256 root = range_root_of(leaves);
  const auto proof = make_page_proof(leaves, 11, 18);
  REQUIRE(proof);
  const std::vector<Hash256> page(leaves.begin() + 11, leaves.begin() + 18);
  each_bit_flip(encode(*proof), [&](ByteView bytes) {
    const auto changed = decode<MerklePath>(bytes);
    CHECK((!changed || !verify_page(root, 29, 11, page, *changed)));
  });
  each_bit_flip(encode(page), [&](ByteView bytes) {
    const auto changed = decode<std::vector<Hash256>>(bytes);
    CHECK((!changed || !verify_page(root, 29, 11, *changed, *proof)));
  });
}

TEST_CASE("what was known earlier is proved to be the beginning of what is known now") {
  Rng rng(6);
  const auto leaves = rng.hashes(33);
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    const auto all = std::span(leaves).first(n);
    const Hash256 root = naive_range_root(all);
    for (std::size_t m = 0; m <= n; ++m) {
      const Hash256 old_root = naive_range_root(all.first(m));
      const auto proof = make_prefix_proof(all, m);
      REQUIRE(proof);
      CHECK(verify_prefix(m, old_root, n, root, *proof));
      CHECK(decode<PrefixProof>(encode(*proof)) == *proof);
      if (m > 0) CHECK(!verify_prefix(m - 1, old_root, n, root, *proof));
      CHECK(!verify_prefix(m, old_root, n + 1, root, *proof));
      auto longer = *proof;
      longer.rest.push_back(root);
      CHECK(verify_prefix(m, old_root, n, root, longer).error() == MerkleError::kProofLength);
      if (m == 0) continue;
      auto rewritten = std::vector<Hash256>(all.begin(), all.end());
      rewritten[m - 1] = rng.hash();
      CHECK(!verify_prefix(m, range_root_of(std::span(rewritten).first(m)), n, root,
                           *make_prefix_proof(rewritten, m)));
    }
    CHECK(make_prefix_proof(all, n + 1).error() == MerkleError::kIndexBeyondSize);
  }
}

TEST_CASE("every changed bit of a prefix proof is refused") {
  Rng rng(7);
  const auto leaves = rng.hashes(23);
  const Hash256 root = range_root_of(leaves);
  for (const std::size_t m : {std::size_t{1}, std::size_t{11}, std::size_t{16}, std::size_t{23}}) {
    const Hash256 old_root = range_root_of(std::span(leaves).first(m));
    each_bit_flip(encode(*make_prefix_proof(leaves, m)), [&](ByteView bytes) {
      const auto changed = decode<PrefixProof>(bytes);
      CHECK((!changed || !verify_prefix(m, old_root, 23, root, *changed)));
    });
  }
}
