// The simulated network: frames between members, with latency, loss, duplication, reordering, and
// links that are cut in one direction or both.
//
// Faults are of links and nodes, set by the fault plan at any time; frames in flight when a link is
// cut are lost, and so are frames that reach a process that is down. What a process sent before it
// died still arrives, even at a later life of the receiver: the protocol promises safety under any
// delay, so the network is harsher than TCP. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/rng.h"

namespace imi::sim {

// Parts of a million, microseconds.
struct LinkFaults {
  std::uint64_t loss_ppm = 0;
  std::uint64_t duplicate_ppm = 0;
  std::uint64_t spike_ppm = 0;  // frames delayed by up to spike_us: overtaken by later ones
  Micros latency_min = 200;
  Micros latency_max = 600;
  Micros spike_us = 0;
  bool in_order = false;  // as over one TCP connection
};

struct NetworkCounters {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t cut = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t slow_answers = 0;
};

class Network {
 public:
  using Frame = std::shared_ptr<const Bytes>;
  using Deliver = std::function<void(std::uint16_t to, std::uint16_t from, const Frame& frame)>;

  Network(EventQueue& queue, Rng rng, std::uint16_t nodes, Deliver deliver);

  void set_faults(const LinkFaults& faults) { faults_ = faults; }
  [[nodiscard]] const LinkFaults& faults() const { return faults_; }
  // Cuts or restores what `from` sends to `to`.
  void set_cut(std::uint16_t from, std::uint16_t to, bool cut);
  [[nodiscard]] bool is_cut(std::uint16_t from, std::uint16_t to) const {
    return cut_[index(from, to)];
  }
  // Added to the latency of all that a node sends and receives.
  void set_slowness(std::uint16_t node, Micros extra) { slowness_[node] = extra; }
  // Added to the latency of answers that carry blocks or bodies to `node`: a link with little
  // bandwidth. Not undone by heal().
  void set_bulk_slowness(std::uint16_t node, Micros extra) { bulk_slowness_[node] = extra; }
  // Frames for which it returns true are lost. Not undone by heal().
  using Lose = std::function<bool(std::uint16_t from, std::uint16_t to, const Bytes& frame)>;
  void set_lose(Lose lose) { lose_ = std::move(lose); }
  // No cut, no loss, no slowness: plain latency.
  void heal();

  void set_up(std::uint16_t node, bool up) { up_[node] = up; }

  void send(std::uint16_t from, std::uint16_t to, Frame frame);

  [[nodiscard]] const NetworkCounters& counters() const { return counters_; }

 private:
  [[nodiscard]] std::size_t index(std::uint16_t from, std::uint16_t to) const {
    return std::size_t{from} * nodes_ + to;
  }
  void put_on_wire(std::uint16_t from, std::uint16_t to, const Frame& frame);

  EventQueue& queue_;
  Rng rng_;
  std::uint16_t nodes_;
  Deliver deliver_;
  LinkFaults faults_;
  std::vector<bool> cut_;
  std::vector<Micros> slowness_;
  std::vector<Micros> bulk_slowness_;
  Lose lose_;
  std::vector<Micros> last_arrival_;  // per link; for in_order
  std::vector<bool> up_;
  NetworkCounters counters_;
};

}  // namespace imi::sim
