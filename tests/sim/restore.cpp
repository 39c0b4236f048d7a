// One member's disk is replaced by a backup that is older than what it signed, or lost whole and
// initialised again, on an idle network or a busy one; sometimes the whole network restarts with
// it. It must sign nothing new (B6, I19), and the others must go on without it.
#include <algorithm>

#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

class Restore final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    member_ = some_honest();
    const bool idle = rng_.chance_ppm(500'000);
    c_.set_client_gap(20'000, 200'000);
    after(200'000, 3 * kSecond, [this] { backup_ = c_.host(member_).backup(); });
    if (idle)
      after(2 * kSecond, 3 * kSecond, [this] { c_.set_client_gap(60 * kSecond, 60 * kSecond); });
    after(4 * kSecond, idle ? 10 * kSecond : 6 * kSecond, [this, idle] { lose(idle); });
  }

 private:
  void lose(bool idle) {
    const bool all_stop = rng_.chance_ppm(250'000);
    c_.take_down(member_, rng_.chance_ppm(500'000));
    if (all_stop) {
      for (std::uint16_t i = 0; i < c_.size(); ++i) {
        if (c_.host(i).up()) c_.take_down(i, false);
      }
      c_.count("backup restored and all restarted");
    }
    if (rng_.chance_ppm(400'000)) {
      c_.host(member_).wipe();
      c_.count("disk lost and initialised again");
    } else if (c_.host(member_).signed_since(backup_)) {
      c_.host(member_).restore(backup_);
      c_.count(idle ? "backup restored on an idle network" : "backup restored on a busy network");
    }
    after(300'000, 2 * kSecond, [this] {
      for (std::uint16_t i = 0; i < c_.size(); ++i) {
        if (!c_.host(i).up()) c_.boot(i);
      }
      c_.set_client_gap(20'000, 200'000);
    });
  }

  std::uint16_t member_ = 0;
  Host::Backup backup_;
};

}  // namespace

std::unique_ptr<Scenario> make_restore(Cluster& cluster, Rng rng) {
  return std::make_unique<Restore>(cluster, rng);
}

}  // namespace imi::sim
