// All clocks, or all but f, are ahead by up to an hour, and later set back, one by one. The chain's
// time is then ahead of every clock; it goes on all the same (C1, I21).
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

constexpr Micros kPatience = 12 * kSecond;  // for the next height, once the clocks agree

class Clocks final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.set_client_gap(30'000, 250'000);
    const std::int64_t ahead = rng_.chance_ppm(500'000) ? rng_.range_i64(60'000, 3'600'000)
                                                        : rng_.range_i64(3'000, 60'000);
    const std::uint64_t spared = rng_.chance_ppm(300'000) ? (c_.size() - 1u) / 3u : 0;
    for (std::uint16_t i = 0; i < c_.size(); ++i) {
      if (i >= spared) c_.host(i).clock().set_offset(ahead);
    }
    after(2 * kSecond, 5 * kSecond, [this] { set_back(); });
  }

 private:
  void set_back() {
    c_.count("clocks set back");
    const bool at_once = rng_.chance_ppm(400'000);
    for (std::uint16_t i = 0; i < c_.size(); ++i) {
      after(0, at_once ? 0 : 2 * kSecond, [this, i] { c_.host(i).clock().set_offset(0); });
    }
    after(2 * kSecond, 2 * kSecond, [this] {
      before_ = c_.oracle().highest_decided();
      after(kPatience, kPatience, [this] {
        if (c_.oracle().highest_decided() > before_) return;
        c_.oracle().report("I21", "no height was decided for " +
                                      std::to_string(kPatience / kSecond) +
                                      " s after the clocks were set back");
      });
    });
  }

  Height before_;
};

}  // namespace

std::unique_ptr<Scenario> make_clocks(Cluster& cluster, Rng rng) {
  return std::make_unique<Clocks>(cluster, rng);
}

}  // namespace imi::sim
