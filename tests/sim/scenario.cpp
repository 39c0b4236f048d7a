#include "tests/sim/scenario.h"

#include <utility>

namespace imi::sim {

void Scenario::after(Micros min, Micros max, std::function<void()> act) {
  c_.queue().schedule(kWorld, rng_.range_i64(min, max), [this, act = std::move(act)] {
    if (running_) act();
  });
}

std::vector<std::uint16_t> Scenario::all_honest() {
  std::vector<std::uint16_t> all;
  for (std::uint16_t i = 0; i < c_.size(); ++i) {
    if (c_.counts(i)) all.push_back(i);
  }
  return all;
}

std::uint16_t Scenario::some_honest() {
  const auto all = all_honest();
  return all[rng_.below(all.size())];
}

std::unique_ptr<Scenario> make_scenario(Cluster& cluster, Plan plan, Rng rng) {
  switch (plan) {
    case Plan::kMixed:
    case Plan::kCalm:
    case Plan::kStorm:
    case Plan::kCrash:
    case Plan::kPartition:
    case Plan::kEquivocate: return nullptr;
    case Plan::kPester: return make_pester(cluster, rng);
    case Plan::kCensor: return make_censor(cluster, rng);
    case Plan::kStale: return make_stale(cluster, rng);
    case Plan::kPipeline: return make_pipeline(cluster, rng);
    case Plan::kSlowLink: return make_slow_link(cluster, rng);
    case Plan::kClocks: return make_clocks(cluster, rng);
    case Plan::kRestore:
      return Rng::stream(cluster.options().seed, "forgotten vote").chance_ppm(350'000)
                 ? make_forgotten_vote(cluster, rng)
                 : make_restore(cluster, rng);
  }
  return nullptr;
}

}  // namespace imi::sim
