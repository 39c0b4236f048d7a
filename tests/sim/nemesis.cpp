#include "tests/sim/nemesis.h"

#include <numeric>
#include <utility>

namespace imi::sim {

PlanWeights weights_of(Plan plan) {
  PlanWeights w;
  switch (plan) {
    case Plan::kCalm:
    case Plan::kPester:
    case Plan::kCensor:
    case Plan::kStale:
    case Plan::kPipeline:
    case Plan::kSlowLink:
    case Plan::kClocks:
    case Plan::kRestore: w.nothing = 1; break;
    case Plan::kStorm:
      w.links = {.loss_ppm = 40'000,
                 .duplicate_ppm = 40'000,
                 .spike_ppm = 60'000,
                 .latency_min = 200,
                 .latency_max = 8'000,
                 .spike_us = 300'000};
      w.slow_disk = 2, w.slow_node = 3, w.clock_jump = 2, w.worse_links = 3, w.deaf = 1;
      w.one_way = 2, w.kill = 1, w.mend = 6;
      break;
    case Plan::kCrash:
      w.links = {.loss_ppm = 5'000,
                 .duplicate_ppm = 5'000,
                 .spike_ppm = 20'000,
                 .latency_min = 200,
                 .latency_max = 2'000,
                 .spike_us = 50'000};
      w.kill = 4, w.power_cut = 6, w.all_power_cut = 1, w.disk_fault = 3, w.slow_disk = 2;
      w.mend = 3, w.crash_ppm = 1'200;
      break;
    case Plan::kPartition:
      w.links = {.loss_ppm = 5'000,
                 .duplicate_ppm = 5'000,
                 .spike_ppm = 20'000,
                 .latency_min = 200,
                 .latency_max = 2'000,
                 .spike_us = 100'000};
      w.partition = 6, w.one_way = 4, w.deaf = 3, w.kill = 1, w.mend = 8;
      break;
    case Plan::kEquivocate:
      w.links = {.loss_ppm = 3'000,
                 .duplicate_ppm = 5'000,
                 .spike_ppm = 20'000,
                 .latency_min = 200,
                 .latency_max = 3'000,
                 .spike_us = 60'000};
      w.partition = 2, w.one_way = 2, w.kill = 1, w.mend = 4;
      break;
    case Plan::kMixed:
      w.links = {.loss_ppm = 15'000,
                 .duplicate_ppm = 15'000,
                 .spike_ppm = 30'000,
                 .latency_min = 200,
                 .latency_max = 4'000,
                 .spike_us = 150'000};
      w.kill = 3, w.power_cut = 3, w.all_power_cut = 1, w.disk_fault = 1, w.slow_disk = 1;
      w.partition = 3, w.one_way = 2, w.deaf = 1, w.slow_node = 1, w.clock_jump = 1;
      w.worse_links = 1, w.mend = 8, w.crash_ppm = 300;
      break;
  }
  return w;
}

Nemesis::Nemesis(Cluster& cluster, Plan plan, Rng rng)
    : cluster_(cluster), weights_(weights_of(plan)), rng_(rng) {}

void Nemesis::start() {
  cluster_.network_->set_faults(weights_.links);
  cluster_.crash_ppm_ = weights_.crash_ppm;
  schedule();
}

void Nemesis::schedule() {
  cluster_.queue_.schedule(kWorld, rng_.range_i64(weights_.pause_min, weights_.pause_max), [this] {
    if (!running_) return;
    act();
    schedule();
  });
}

std::uint16_t Nemesis::any() { return static_cast<std::uint16_t>(rng_.below(cluster_.size())); }

void Nemesis::crash(std::uint16_t node, bool power_cut) {
  if (!cluster_.host(node).up()) return;
  cluster_.take_down(node, power_cut);
  // Mostly back soon, sometimes long after.
  const Micros down = rng_.chance_ppm(700'000) ? rng_.range_i64(1'000, 300'000)
                                               : rng_.range_i64(300'000, 4'000'000);
  cluster_.queue_.schedule(kWorld, down, [this, node] {
    if (!cluster_.host(node).up()) cluster_.boot(node);
  });
}

void Nemesis::act() {
  const PlanWeights& w = weights_;
  const std::uint32_t all[] = {
      w.kill, w.power_cut, w.all_power_cut, w.disk_fault,  w.slow_disk, w.partition, w.one_way,
      w.deaf, w.slow_node, w.clock_jump,    w.worse_links, w.mend,      w.nothing};
  std::uint64_t draw = rng_.below(std::accumulate(std::begin(all), std::end(all), 0u));
  std::size_t choice = 0;
  while (draw >= all[choice]) draw -= all[choice++];
  const std::uint16_t node = any();
  Host& host = cluster_.host(node);
  switch (choice) {
    case 0: crash(node, false); break;
    case 1: crash(node, true); break;
    case 2:
      for (std::uint16_t i = 0; i < cluster_.size(); ++i) crash(i, true);
      ++cluster_.counters_["whole cluster lost power"];
      break;
    case 3:
      if (!host.up() || host.byzantine()) break;
      if (rng_.chance_ppm(300'000)) {
        host.inject_store(rng_.chance_ppm(500'000) ? ledger::StoreError::Reason::kIo
                                                   : ledger::StoreError::Reason::kNoSpace);
      } else {
        host.inject(rng_.chance_ppm(500'000) ? DiskFault::kIo : DiskFault::kNoSpace,
                    rng_.chance_ppm(500'000));
      }
      break;
    case 4:
      host.speed().sync_max = rng_.range_i64(5'000, 300'000);
      host.speed().execute_max = rng_.range_i64(1'000, 100'000);
      break;
    case 5: partition(); break;
    case 6: cut(node, any(), false); break;
    case 7: {  // deaf, or mute
      const bool deaf = rng_.chance_ppm(600'000);
      for (std::uint16_t i = 0; i < cluster_.size(); ++i) {
        if (i != node) cluster_.network_->set_cut(deaf ? i : node, deaf ? node : i, true);
      }
      break;
    }
    case 8:
      cluster_.network_->set_slowness(node, rng_.range_i64(1'000, 120'000));
      host.speed().loop = rng_.range_i64(2, 2'000);
      host.speed().verify_max = rng_.range_i64(100, 30'000);
      break;
    case 9: host.clock().set_offset(rng_.range_i64(-5'000, 5'000)); break;
    case 10: {
      LinkFaults worse = weights_.links;
      worse.loss_ppm = rng_.range(20'000, 300'000);
      worse.spike_ppm = rng_.range(10'000, 200'000);
      worse.spike_us = rng_.range_i64(10'000, 1'000'000);
      worse.in_order = rng_.chance_ppm(300'000);
      cluster_.network_->set_faults(worse);
      break;
    }
    case 11: mend(); break;
    default: break;
  }
}

// Two groups that do not hear each other, or hear each other in one direction only. Sometimes the
// connections break, sometimes they only go silent.
void Nemesis::partition() {
  const std::uint64_t groups = rng_.next();
  const bool both = rng_.chance_ppm(700'000);
  const bool breaks = rng_.chance_ppm(500'000);
  for (std::uint16_t a = 0; a < cluster_.size(); ++a) {
    for (std::uint16_t b = 0; b < cluster_.size(); ++b) {
      if (a == b || ((groups >> a) & 1) == ((groups >> b) & 1)) continue;
      if (both || ((groups >> a) & 1) == 0) cluster_.network_->set_cut(a, b, true);
      if (breaks && a < b) cluster_.break_if_cut(a, b, rng_.range_i64(100, 200'000));
    }
  }
  ++cluster_.counters_["partition"];
}

void Nemesis::cut(std::uint16_t from, std::uint16_t to, bool both) {
  if (from == to) return;
  cluster_.network_->set_cut(from, to, true);
  if (both) cluster_.network_->set_cut(to, from, true);
}

void Nemesis::mend() {
  const LinkFaults links = weights_.links;
  if (rng_.chance_ppm(700'000)) {
    for (std::uint16_t a = 0; a < cluster_.size(); ++a) {
      for (std::uint16_t b = 0; b < cluster_.size(); ++b) cluster_.network_->set_cut(a, b, false);
    }
    cluster_.reconnect_all();
  } else {
    for (std::uint16_t i = 0; i < cluster_.size(); ++i) {
      cluster_.network_->set_slowness(i, 0);
      cluster_.host(i).speed() = MachineSpeed{};
      cluster_.host(i).clock().set_offset(0);
    }
    cluster_.network_->set_faults(links);
  }
  cluster_.restart_halted();
}

}  // namespace imi::sim
