// What a directed plan does: a script that leads the cluster to where one rule matters. It acts at
// times drawn from the seed and by what it sees on the wire, never by the state of the code under
// test. One scenario per run; single-threaded.
#pragma once

#include <memory>

#include "tests/sim/cluster.h"

namespace imi::sim {

class Scenario {
 public:
  Scenario(Cluster& cluster, Rng rng) : c_(cluster), rng_(rng) {}
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  virtual ~Scenario() = default;

  virtual void start() = 0;  // all machines are up
  // The faults are over: undo what heal() does not know of. What must hold on a cluster that
  // still has a fault (a slow link) is undone in after_catch_up().
  virtual void stop() { running_ = false; }
  virtual void after_catch_up() {}

 protected:
  // Runs `act` after a time drawn from [min, max], unless the faults are over by then.
  void after(Micros min, Micros max, std::function<void()> act);
  // An honest member with its safety state, or any member.
  [[nodiscard]] std::uint16_t some_honest();
  [[nodiscard]] std::vector<std::uint16_t> all_honest();

  Cluster& c_;
  Rng rng_;
  bool running_ = true;
};

// Null for plans that are not directed.
[[nodiscard]] std::unique_ptr<Scenario> make_scenario(Cluster& cluster, Plan plan, Rng rng);

// One per file, for make_scenario().
[[nodiscard]] std::unique_ptr<Scenario> make_pester(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_censor(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_stale(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_pipeline(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_slow_link(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_clocks(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_restore(Cluster& cluster, Rng rng);
[[nodiscard]] std::unique_ptr<Scenario> make_forgotten_vote(Cluster& cluster, Rng rng);

}  // namespace imi::sim
