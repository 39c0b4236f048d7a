// How long something took, counted in fixed buckets: what a Prometheus histogram needs.
#pragma once

#include <array>
#include <cstdint>

namespace imi::node {

struct LatencyHistogram {
  // Upper bounds, inclusive.
  static constexpr std::array<std::uint64_t, 15> kBoundsUs = {
      500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,    100'000,
      250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};

  std::array<std::uint64_t, kBoundsUs.size() + 1> counts{};  // each bucket alone; the last: above
  std::uint64_t sum_us = 0;

  void add(std::uint64_t us) {
    std::size_t i = 0;
    while (i < kBoundsUs.size() && us > kBoundsUs[i]) ++i;
    ++counts[i];
    sum_us += us;
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    for (const std::uint64_t c : counts) n += c;
    return n;
  }
};

}  // namespace imi::node
