// Many seeds over several processes. A process that dies (a CHECK, a sanitizer, a crash) or hangs
// costs its seed, which is reported like a violation, and nothing else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace imi::sim {

// The options that a bare seed stands for: sizes 4, 5 and 7 and the plans take turns.
[[nodiscard]] RunOptions options_for(std::uint64_t seed, std::uint64_t events);

// How to run it again by hand.
[[nodiscard]] std::string repro_command(const RunOptions& options);

struct Failure {
  RunOptions options;
  Violation violation;
  std::uint64_t event = 0;
  std::vector<std::string> tail;
};

struct BatchReport {
  std::uint64_t runs = 0;
  std::uint64_t events = 0;
  std::uint64_t virtual_seconds = 0;
  std::map<std::string, Counters> by_plan;
  std::map<std::uint16_t, std::uint64_t> by_replicas;
  std::vector<Failure> failures;
  double seconds = 0;
};

struct Batch {
  std::vector<RunOptions> runs;
  unsigned jobs = 2;
  unsigned seed_timeout_s = 120;
  std::size_t stop_after_failures = 5;
  std::function<void()> in_worker;  // runs in each process before its first seed
  bool progress = false;
};
[[nodiscard]] BatchReport run_batch(const Batch& batch);

void print(const Failure& failure);
// The table of counters, by plan. Returns the names of `required` that are zero over all plans.
[[nodiscard]] std::vector<std::string> print(const BatchReport& report,
                                             const std::vector<std::string>& required);

// What a batch of a thousand seeds or more must have seen.
[[nodiscard]] std::vector<std::string> required_counters();

}  // namespace imi::sim
