// Internal to the driver: how long an answer is waited for and how much is asked for at a time,
// learnt from the answers, so that a link of any speed makes progress.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace imi::node {

class Pace {
 public:
  struct Bounds {
    std::uint64_t patience_us;  // at first, and at least
    std::uint64_t patience_max_us;
    std::size_t size;  // at first, and at most
    std::size_t size_min;
  };
  explicit Pace(const Bounds& b) : bounds_(b), patience_us_(b.patience_us), size_(b.size) {}

  [[nodiscard]] std::uint64_t patience_us() const { return patience_us_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  // Nothing came in time.
  void late() {
    patience_us_ = std::min(2 * patience_us_, bounds_.patience_max_us);
    size_ = std::max(size_ / 2, bounds_.size_min);
  }
  // An answer came in time. What is asked for next may take twice as long, or half the least
  // patience, whichever is more; and patience comes back from its height but stays well above what
  // the answer took, so that a silent peer does not cost all of it and a slow one is not given up.
  void answered(std::uint64_t after_us) {
    const std::uint64_t took = std::max<std::uint64_t>(after_us, 1);
    const std::uint64_t growth = std::max<std::uint64_t>(bounds_.patience_us / (2 * took), 2);
    size_ = size_ > bounds_.size / growth ? bounds_.size : size_ * growth;
    patience_us_ = std::max(std::min(patience_us_, 8 * took), bounds_.patience_us);
  }

 private:
  Bounds bounds_;
  std::uint64_t patience_us_;
  std::size_t size_;
};

}  // namespace imi::node
