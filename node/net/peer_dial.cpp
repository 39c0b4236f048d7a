// When a peer is dialled, and how long one that failed or misbehaved is left alone.
#include <algorithm>

#include "node/net/peer_impl.h"

namespace imi::node {

std::chrono::milliseconds PeerTransport::Impl::jitter(std::chrono::milliseconds d) {
  if (d.count() < 2) return d;
  std::uniform_int_distribution<std::int64_t> part(d.count() / 2, d.count());
  return std::chrono::milliseconds(part(jitter_source_));
}

void PeerTransport::Impl::dial_later(Peer& p, std::chrono::milliseconds delay) {
  if (stopping_ || p.dial_address.empty() || p.live || p.dialling) return;
  if (p.info.tls_key_pin < options_.identity.pin) delay += kYieldTime;
  p.dial_timer->expires_after(delay);
  p.dial_timer->async_wait([this, &p](const NetCode& ec) {
    if (!ec && !stopping_) dial(p);
  });
}

void PeerTransport::Impl::dial(Peer& p) {
  if (p.live || p.dialling) return;
  const auto to = split_address(p.dial_address);
  if (!to) {
    log(PeerRefusal::kUnreachable, NetLogLevel::kError, describe(to.error()));
    return;
  }
  p.dialling = std::make_shared<PeerConnection>(*this, p.id.value);
  p.dialling->start_dial(*to);
}

void PeerTransport::Impl::grow_backoff(Peer& p) {
  p.backoff = std::min(p.backoff * 2, options_.limits.backoff_max);
}

// Longer each time. What was already on its way when the connection was closed is not one more.
void PeerTransport::Impl::grow_bar(Peer& p) {
  const auto now = SteadyClock::now();
  const PeerLimits& l = options_.limits;
  if (now < p.barred_until) return;
  const bool forgiven = p.bar.count() == 0 || now - p.barred_until > l.bar_forgiven;
  p.bar = forgiven ? l.bar_min : std::min(2 * p.bar, l.bar_max);
  p.barred_until = now + p.bar;
  const std::lock_guard lock(p.mutex);
  p.stats.cut_off += 1;
}

}  // namespace imi::node
