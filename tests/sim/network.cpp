#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "node/wire.h"

namespace imi::sim {
namespace {

bool is_bulk_answer(const Bytes& frame) {
  const auto kind = [&](node::FrameKind k) { return frame[0] == static_cast<std::uint8_t>(k); };
  return !frame.empty() && (kind(node::FrameKind::kRuns) || kind(node::FrameKind::kBodies));
}

}  // namespace

Network::Network(EventQueue& queue, Rng rng, std::uint16_t nodes, Deliver deliver)
    : queue_(queue),
      rng_(rng),
      nodes_(nodes),
      deliver_(std::move(deliver)),
      cut_(std::size_t{nodes} * nodes, false),
      slowness_(nodes, 0),
      bulk_slowness_(nodes, 0),
      last_arrival_(std::size_t{nodes} * nodes, 0),
      up_(nodes, false) {}

void Network::set_cut(std::uint16_t from, std::uint16_t to, bool cut) {
  cut_[index(from, to)] = cut;
}

void Network::heal() {
  std::fill(cut_.begin(), cut_.end(), false);
  std::fill(slowness_.begin(), slowness_.end(), 0);
  faults_ = LinkFaults{};
}

void Network::send(std::uint16_t from, std::uint16_t to, Frame frame) {
  ++counters_.sent;
  if (is_cut(from, to)) {
    ++counters_.cut;
    return;
  }
  if (lose_ && lose_(from, to, *frame)) {
    ++counters_.lost;
    return;
  }
  if (rng_.chance_ppm(faults_.loss_ppm)) {
    ++counters_.lost;
    return;
  }
  put_on_wire(from, to, frame);
  if (rng_.chance_ppm(faults_.duplicate_ppm)) {
    ++counters_.duplicated;
    put_on_wire(from, to, frame);
  }
}

void Network::put_on_wire(std::uint16_t from, std::uint16_t to, const Frame& frame) {
  Micros delay = rng_.range_i64(faults_.latency_min, faults_.latency_max) + slowness_[from] +
                 slowness_[to] + static_cast<Micros>(frame->size() / 100);  // 100 bytes a us
  if (rng_.chance_ppm(faults_.spike_ppm)) delay += rng_.range_i64(0, faults_.spike_us);
  if (bulk_slowness_[to] != 0 && is_bulk_answer(*frame)) {
    delay += bulk_slowness_[to];
    ++counters_.slow_answers;
  }
  if (faults_.in_order) {
    Micros& last = last_arrival_[index(from, to)];
    delay = std::max(delay, last - queue_.now());
    last = queue_.now() + delay;
  }
  queue_.schedule(kWorld, delay, [this, from, to, frame] {
    if (is_cut(from, to)) {
      ++counters_.cut;
      return;
    }
    if (!up_[to]) {
      ++counters_.lost;
      return;
    }
    ++counters_.delivered;
    deliver_(to, from, frame);
  });
}

}  // namespace imi::sim
