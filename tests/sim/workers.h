// The ports of node/ports.h in virtual time: a process' loop, clock and workers. All their events
// belong to the life of the process, so they end with it. Single-threaded.
#pragma once

#include <deque>

#include "node/ports.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/rng.h"

namespace imi::sim {

// How long things take on one machine.
struct MachineSpeed {
  Micros loop = 2;  // from post() to the task
  Micros verify_min = 20, verify_max = 80;
  Micros execute_min = 100, execute_max = 600;
  Micros sync_min = 100, sync_max = 400;
};

class SimLoop final : public node::Loop {
 public:
  SimLoop(EventQueue& queue, LifeId life, const MachineSpeed& speed)
      : queue_(queue), life_(life), speed_(speed) {}
  void post(node::Task task) override;

 private:
  EventQueue& queue_;
  LifeId life_;
  const MachineSpeed& speed_;
  Micros last_ = 0;  // tasks run in the order they were posted, also when the machine speeds up
};

class SimClock final : public node::Clock {
 public:
  SimClock(const EventQueue& queue, chain::TimeMs start) : queue_(queue), start_(start) {}
  [[nodiscard]] chain::TimeMs now() const override {
    return chain::TimeMs(start_.value + offset_ms_ + queue_.now() / 1000);
  }
  [[nodiscard]] std::uint64_t monotonic_us() const override {
    return static_cast<std::uint64_t>(queue_.now());
  }
  void set_offset(std::int64_t ms) { offset_ms_ = ms; }

 private:
  const EventQueue& queue_;
  chain::TimeMs start_;
  std::int64_t offset_ms_ = 0;
};

// Any number of pieces at once, each finished after its own time: in any order.
class ParallelWorker final : public node::Worker {
 public:
  ParallelWorker(EventQueue& queue, LifeId life, const MachineSpeed& speed, Rng rng)
      : queue_(queue), life_(life), speed_(speed), rng_(rng) {}
  void run(node::Priority priority, node::Task work, node::Task done) override;

 private:
  EventQueue& queue_;
  LifeId life_;
  const MachineSpeed& speed_;
  Rng rng_;
};

// One piece at a time, in order. A piece happens at the end of its time, in one instant; if the
// process dies meanwhile, die() lets a part of it happen.
class SerialWorker final : public node::Worker {
 public:
  SerialWorker(EventQueue& queue, LifeId life, const Micros& min, const Micros& max, Rng rng)
      : queue_(queue), life_(life), min_(min), max_(max), rng_(rng) {}
  void run(node::Priority priority, node::Task work, node::Task done) override;
  // The process is dying: runs the piece under way, whose effects the disk cuts short.
  void die();
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  struct Job {
    node::Task work;
    node::Task done;
  };
  void begin();
  void finish();

  EventQueue& queue_;
  LifeId life_;
  const Micros& min_;
  const Micros& max_;
  Rng rng_;
  std::deque<Job> jobs_;
  bool busy_ = false;
};

}  // namespace imi::sim
