// PeerNetwork over the TLS transport: what arrives is posted to the loop, what leaves is queued.
#pragma once

#include <memory>

#include "node/handlers/node_access.h"
#include "node/net/peer_transport.h"
#include "node/ports.h"

namespace imi::node {

class Driver;

class TransportNetwork final : public PeerNetwork {
 public:
  explicit TransportNetwork(Loop& loop) : loop_(loop) {}
  ~TransportNetwork() override { stop(); }

  // Before start(), on the loop or before it runs. Frames that come while none is attached are
  // dropped: peers send again what is still of use.
  void attach(Driver& driver) { target_->driver = &driver; }
  void detach() { target_->driver = nullptr; }  // on the loop

  // Listens and dials. `options.peers` has the validators first, by MemberId.
  [[nodiscard]] std::expected<void, NetError> start(PeerTransportOptions options);
  void stop();
  [[nodiscard]] std::uint16_t port() const { return transport_->port(); }
  [[nodiscard]] std::vector<PeerRow> rows() const;

  bool send(PeerIndex to, Urgency urgency, SharedBytes frame) override;
  [[nodiscard]] bool is_connected(PeerIndex peer) const override;
  [[nodiscard]] std::uint64_t features(PeerIndex peer) const override;
  void disconnect(PeerIndex peer) override;

 private:
  struct Target {
    Driver* driver = nullptr;  // touched on the loop alone
  };
  Loop& loop_;
  std::shared_ptr<Target> target_ = std::make_shared<Target>();
  std::unique_ptr<PeerTransport> transport_;
};

}  // namespace imi::node
