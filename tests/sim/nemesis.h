// The fault plan: from time to time it does something to the cluster, drawn from the seed with the
// weights of the plan.
#pragma once

#include "tests/sim/cluster.h"

namespace imi::sim {

// What a plan does. Chances are weights against each other.
struct PlanWeights {
  LinkFaults links;
  std::uint32_t kill = 0;
  std::uint32_t power_cut = 0;
  std::uint32_t all_power_cut = 0;
  std::uint32_t disk_fault = 0;
  std::uint32_t slow_disk = 0;
  std::uint32_t partition = 0;
  std::uint32_t one_way = 0;
  std::uint32_t deaf = 0;
  std::uint32_t slow_node = 0;
  std::uint32_t clock_jump = 0;
  std::uint32_t worse_links = 0;
  std::uint32_t mend = 0;       // undo one thing
  std::uint32_t nothing = 0;    // the plan has a scenario, or is calm
  std::uint64_t crash_ppm = 0;  // at the boundary of each event
  Micros pause_min = 100'000;   // between two doings
  Micros pause_max = 600'000;
};
[[nodiscard]] PlanWeights weights_of(Plan plan);

class Nemesis {
 public:
  Nemesis(Cluster& cluster, Plan plan, Rng rng);
  void start();
  void stop() { running_ = false; }
  // One machine goes down now and comes back after a while.
  void crash(std::uint16_t node, bool power_cut);

 private:
  void schedule();
  void act();
  void partition();
  void cut(std::uint16_t from, std::uint16_t to, bool both);
  void mend();
  [[nodiscard]] std::uint16_t any();

  Cluster& cluster_;
  PlanWeights weights_;
  Rng rng_;
  bool running_ = true;
};

}  // namespace imi::sim
