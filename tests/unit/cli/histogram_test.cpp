#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "cli/histogram.h"

using imi::cli::Histogram;

TEST_CASE("A histogram's quantiles lie at most 3.2 % above the sorted list's") {
  Histogram h;
  std::vector<std::uint64_t> values;
  std::uint64_t x = 12'345;
  for (int i = 0; i < 20'000; ++i) {
    x = x * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    const std::uint64_t v = (x >> 40) >> (x >> 60);
    values.push_back(v);
    h.add(v);
  }
  std::sort(values.begin(), values.end());
  for (const unsigned q : {1U, 100U, 500U, 900U, 990U, 999U, 1000U}) {
    const std::uint64_t exact =
        values[std::max<std::size_t>(1, (values.size() * q + 999) / 1000) - 1];
    CHECK(h.quantile(q) >= exact);
    CHECK(h.quantile(q) <= exact + exact / 31 + 1);
  }
  CHECK(h.max() == values.back());
  CHECK(h.count() == values.size());
}

TEST_CASE("An empty histogram and extreme values need no special case") {
  Histogram h;
  CHECK(h.quantile(500) == 0);
  h.add(0);
  h.add(UINT64_MAX);
  CHECK(h.quantile(1000) == UINT64_MAX);
  CHECK(h.quantile(1) == 0);
}
