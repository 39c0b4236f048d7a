// Latencies in a fixed 15 KiB: 64 ranges, each twice the one before, of 32 equal steps, so that a
// reported quantile is at most 3.2 % above the true one (the way of HdrHistogram). The maximum is
// exact. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace imi::cli {

class Histogram {
 public:
  void add(std::uint64_t us) {
    ++counts_[index(us)];
    ++count_;
    sum_ += us;
    max_ = std::max(max_, us);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] std::uint64_t mean() const { return count_ == 0 ? 0 : sum_ / count_; }

  // The least value that `per_mille` of the values do not exceed (rounded up to its step).
  [[nodiscard]] std::uint64_t quantile(unsigned per_mille) const {
    if (count_ == 0) return 0;
    const std::uint64_t rank = std::max<std::uint64_t>(1, (count_ * per_mille + 999) / 1000);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::min(top(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr std::uint64_t kSteps = 1U << kBits;

  static std::size_t index(std::uint64_t v) {
    if (v < kSteps) return static_cast<std::size_t>(v);
    const unsigned shift = static_cast<unsigned>(std::bit_width(v)) - 1 - kBits;
    return static_cast<std::size_t>((shift + 1) * kSteps + ((v >> shift) - kSteps));
  }
  // The largest value of a step.
  static std::uint64_t top(std::size_t i) {
    if (i < kSteps) return i;
    const auto shift = static_cast<unsigned>(i / kSteps - 1);
    return ((kSteps + i % kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, 60 * kSteps> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace imi::cli
