#include "node/real/peer_network.h"

#include "node/driver.h"

namespace imi::node {

namespace {
TrafficClass traffic(Urgency u) {
  switch (u) {
    case Urgency::kVote: return TrafficClass::kVote;
    case Urgency::kControl: return TrafficClass::kControl;
    case Urgency::kBulk: return TrafficClass::kBulk;
  }
  return TrafficClass::kBulk;
}
}  // namespace

std::expected<void, NetError> TransportNetwork::start(PeerTransportOptions options) {
  PeerCallbacks callbacks;
  callbacks.on_message = [&loop = loop_, target = target_](PeerMessage m) {
    // The credit lives until the driver has dealt with the frame: that is the back-pressure.
    auto hold = std::make_shared<Credit>(std::move(m.credit));
    auto frame = std::make_shared<const Bytes>(std::move(m.payload));
    loop.post([target, from = PeerIndex(m.from.value), frame = std::move(frame),
               hold = std::move(hold)]() mutable {
      if (target->driver != nullptr) {
        target->driver->on_message(from, std::move(frame), std::move(hold));
      }
    });
  };
  callbacks.on_connected = [&loop = loop_, target = target_](PeerId id) {
    loop.post([target, id] {
      if (target->driver != nullptr) target->driver->on_peer(PeerIndex(id.value), true);
    });
  };
  callbacks.on_disconnected = [&loop = loop_, target = target_](PeerId id, PeerRefusal) {
    loop.post([target, id] {
      if (target->driver != nullptr) target->driver->on_peer(PeerIndex(id.value), false);
    });
  };
  auto transport = PeerTransport::start(std::move(options), std::move(callbacks));
  if (!transport) return std::unexpected(std::move(transport.error()));
  transport_ = std::move(*transport);
  return {};
}

void TransportNetwork::stop() {
  if (transport_ != nullptr) transport_->stop();
}

bool TransportNetwork::send(PeerIndex to, Urgency urgency, SharedBytes frame) {
  return transport_ != nullptr &&
         transport_->send(PeerId(to.value), traffic(urgency), std::move(frame));
}

bool TransportNetwork::is_connected(PeerIndex peer) const {
  return transport_ != nullptr && transport_->is_connected(PeerId(peer.value));
}

std::uint64_t TransportNetwork::features(PeerIndex peer) const {
  return transport_ != nullptr ? transport_->features(PeerId(peer.value)) : 0;
}

void TransportNetwork::disconnect(PeerIndex peer) {
  if (transport_ != nullptr) transport_->disconnect(PeerId(peer.value));
}

std::vector<PeerRow> TransportNetwork::rows() const {
  std::vector<PeerRow> out;
  if (transport_ == nullptr) return out;
  for (const PeerStats& p : transport_->stats().peers) {
    PeerRow row{.name = p.name,
                .validator = p.validator,
                .connected = p.connected,
                .address = p.address,
                .round_trip_us = p.round_trip_us,
                .bytes_in = p.bytes_in,
                .bytes_out = p.bytes_out,
                .last_end = p.last_end ? std::string(name(*p.last_end)) : std::string(),
                .why_not = {},
                .clock_ahead_us = p.clock_ahead_us,
                .cut_off = p.cut_off};
    if (!p.connected && p.last_end) {
      row.why_not = describe(*p.last_end);
      if (!p.last_detail.empty()) row.why_not += " (" + p.last_detail + ")";
    } else if (!p.connected) {
      row.why_not = p.dials ? "not tried yet" : "it has no address here, so it has to connect";
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace imi::node
