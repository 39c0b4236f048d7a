// One member falls behind and catches up over a link on which an answer with blocks or bodies takes
// seconds. It gets there in the end, and no peer takes a late answer for a lie (D2, I24).
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

class SlowLink final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.set_client_gap(60'000, 300'000);
    member_ = some_honest();
    c_.network().set_bulk_slowness(member_, rng_.range_i64(2'500'000, 7'000'000));
    fall_behind();
  }
  void after_catch_up() override { c_.network().set_bulk_slowness(member_, 0); }

 private:
  void fall_behind() {
    after(500'000, 1'500'000, [this] {
      if (!c_.host(member_).up()) return;
      c_.take_down(member_, false);
      after(3'000'000, 6'000'000, [this] {
        if (!c_.host(member_).up()) c_.boot(member_);
        after(12'000'000, 16'000'000, [this] { fall_behind(); });
      });
    });
  }

  std::uint16_t member_ = 0;
};

}  // namespace

std::unique_ptr<Scenario> make_slow_link(Cluster& cluster, Rng rng) {
  return std::make_unique<SlowLink>(cluster, rng);
}

}  // namespace imi::sim
