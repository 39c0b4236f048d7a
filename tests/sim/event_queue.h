// The simulated clock and everything that will happen: a queue of events ordered by time, then by
// the order in which they were scheduled. Nothing else moves time.
//
// An event belongs to a life: one run of one simulated process. Killing the process ends its life
// and drops its events. Events of the world (network, fault plan, clients) belong to kWorld, which
// never ends. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace imi::sim {

using Micros = std::int64_t;  // virtual time since the start of the run
using LifeId = std::uint32_t;
inline constexpr LifeId kWorld = 0;
inline constexpr Micros kSecond = 1'000'000;

class EventQueue {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] Micros now() const { return now_; }
  [[nodiscard]] std::uint64_t events_run() const { return events_run_; }
  [[nodiscard]] bool empty() const { return heap_.empty(); }

  // `delay` >= 0 from now. Events of one instant run in the order they were scheduled.
  void schedule(LifeId life, Micros delay, Action action);

  [[nodiscard]] LifeId new_life();
  void end_life(LifeId life);
  [[nodiscard]] bool alive(LifeId life) const { return life == kWorld || lives_[life]; }

  // Runs the next event; false if none is left or the next is after `until`, to which time then
  // moves.
  bool run_one(Micros until);

 private:
  struct Event {
    Micros at = 0;
    std::uint64_t order = 0;
    LifeId life = kWorld;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  Micros now_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t events_run_ = 0;
  std::vector<bool> lives_{true};
  std::vector<Event> heap_;
};

}  // namespace imi::sim
