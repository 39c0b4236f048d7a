#include "crypto/hash_pairs.h"

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

TEST_CASE("hashing many pairs at once gives what hashing them one by one gives, in every domain") {
  Rng rng(1);
  for (std::size_t d = 0; d < kDomainCount; ++d) {
    const auto domain = static_cast<Domain>(d);
    for (std::size_t n = 0; n <= 13; ++n) {
      const auto left = rng.hashes(n);
      const auto right = rng.hashes(n);
      std::vector<Hash256> out(n);
      std::vector<PairJob> jobs;
      for (std::size_t i = 0; i < n; ++i) jobs.push_back({&left[i], &right[i], &out[i]});
      hash_pairs(domain, jobs);
      for (std::size_t i = 0; i < n; ++i) CHECK(out[i] == hash_pair(domain, left[i], right[i]));
    }
  }
}

TEST_CASE("a pair's hash may replace one of its own inputs") {
  Rng rng(2);
  auto left = rng.hashes(9);
  const auto before = left;
  const auto right = rng.hashes(9);
  std::vector<PairJob> jobs;
  for (std::size_t i = 0; i < 9; ++i) jobs.push_back({&left[i], &right[i], &left[i]});
  hash_pairs(Domain::kMapNode, jobs);
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(left[i] == hash_pair(Domain::kMapNode, before[i], right[i]));
  }
}
