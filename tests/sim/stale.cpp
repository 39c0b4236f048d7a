// Sets the trap of stale_new_view.cpp: member 1, a liar, is the primary of view 1.
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

class Stale final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.mind().traits().withhold_new_view = true;
    c_.mind().traits().vote_for_all = true;
    c_.set_client_gap(20'000, 120'000);
    after(300'000, 2'000'000, [this] { set(); });
  }
  void stop() override {
    Scenario::stop();
    c_.mind().end_trap();
  }

 private:
  void set() {
    do {
      victim_ = some_honest();
    } while (victim_ == 0);
    silence(true, false);
    c_.mind().set_trap(MemberId(victim_), View(1), [this] { silence(true, true); });
    after(7'000'000, 9'000'000, [this] {
      c_.mind().end_trap();
      silence(false, false);
    });
  }

  // The victim's links with honest members.
  void silence(bool mute, bool deaf) {
    for (const std::uint16_t i : all_honest()) {
      if (i == victim_) continue;
      c_.network().set_cut(victim_, i, mute);
      c_.network().set_cut(i, victim_, deaf);
    }
  }

  std::uint16_t victim_ = 0;
};

}  // namespace

std::unique_ptr<Scenario> make_stale(Cluster& cluster, Rng rng) {
  return std::make_unique<Stale>(cluster, rng);
}

}  // namespace imi::sim
