#include "base/check.h"
#include "node/net/peer_impl.h"

namespace imi::node {

std::string_view name(PeerRefusal r) {
  switch (r) {
    case PeerRefusal::kUnknownKey: return "unknown-key";
    case PeerRefusal::kWrongKey: return "wrong-key";
    case PeerRefusal::kTlsFailed: return "tls-failed";
    case PeerRefusal::kWrongChain: return "wrong-chain";
    case PeerRefusal::kWrongVersion: return "wrong-version";
    case PeerRefusal::kNotImi: return "not-imi";
    case PeerRefusal::kHandshakeLate: return "handshake-late";
    case PeerRefusal::kHalfOpenFull: return "half-open-full";
    case PeerRefusal::kObserversFull: return "observers-full";
    case PeerRefusal::kSelf: return "self";
    case PeerRefusal::kReplaced: return "replaced";
    case PeerRefusal::kBadFrame: return "bad-frame";
    case PeerRefusal::kTooLarge: return "too-large";
    case PeerRefusal::kSilent: return "silent";
    case PeerRefusal::kNotReading: return "not-reading";
    case PeerRefusal::kClosed: return "closed";
    case PeerRefusal::kUnresolved: return "unresolved";
    case PeerRefusal::kConnectionRefused: return "connection-refused";
    case PeerRefusal::kUnreachable: return "unreachable";
    case PeerRefusal::kCutOff: return "cut-off";
    case PeerRefusal::kStopping: return "stopping";
  }
  IMI_CHECK(false, "a refusal out of range");
}

std::string_view describe(PeerRefusal r) {
  switch (r) {
    case PeerRefusal::kUnknownKey:
      return "its TLS key is not the one configured for any peer here; compare the pins in both "
             "configurations";
    case PeerRefusal::kWrongKey:
      return "its TLS key is not the one pinned for this peer; check that the address is this "
             "peer's, and compare the pins";
    case PeerRefusal::kTlsFailed:
      return "no mutual TLS 1.3 with it; check that it is an IMI node, that it has this node's "
             "pin, "
             "and both clocks and versions";
    case PeerRefusal::kWrongChain: return "it is of another chain; compare the two genesis files";
    case PeerRefusal::kWrongVersion:
      return "it speaks another version of the peer protocol; upgrade the older of the two";
    case PeerRefusal::kNotImi:
      return "it does not speak the IMI peer protocol; check the address and port";
    case PeerRefusal::kHandshakeLate: return "it did not finish its handshake in time";
    case PeerRefusal::kHalfOpenFull:
      return "too many handshakes are in progress; if this persists, limit who can reach the peer "
             "port";
    case PeerRefusal::kObserversFull:
      return "the maximum number of observers is connected; raise the limit or use another node";
    case PeerRefusal::kSelf:
      return "it is this node itself; remove this node's address from its peers, or look for a "
             "second copy of its key";
    case PeerRefusal::kReplaced: return "a better connection to it took its place";
    case PeerRefusal::kBadFrame: return "it sent an invalid frame";
    case PeerRefusal::kTooLarge: return "it sent a message larger than allowed";
    case PeerRefusal::kSilent: return "nothing was heard from it; check it and the network";
    case PeerRefusal::kNotReading: return "it does not read what is sent to it";
    case PeerRefusal::kClosed: return "it or the network closed the connection";
    case PeerRefusal::kUnresolved:
      return "its host name does not resolve; check the name in peers.addresses, and DNS";
    case PeerRefusal::kConnectionRefused:
      return "nothing listens there; check that it is running and that its port is right";
    case PeerRefusal::kUnreachable:
      return "it cannot be reached; check that it is running and that its address is right";
    case PeerRefusal::kCutOff: return "it misbehaved and was cut off for a while";
    case PeerRefusal::kStopping: return "this node is stopping";
  }
  IMI_CHECK(false, "a refusal out of range");
}

// An attempt failed. Peers are dialled again and again, so the same reason is logged once per
// minute.
void PeerTransport::Impl::note_failure(Peer* p, const PeerConnection& c, PeerRefusal why) {
  const std::string detail = c.detail().empty() ? "" : " (" + c.detail() + ")";
  bool tell = true;
  if (p != nullptr) {
    {
      const std::lock_guard lock(p->mutex);
      p->stats.last_end = why;
      p->stats.last_detail =
          "at " + c.remote_text() + (c.detail().empty() ? "" : ": ") + c.detail();
    }
    const auto now = SteadyClock::now();
    tell = p->told != why || now - p->told_at >= kTellAgain;
    if (tell) {
      p->told = why;
      p->told_at = now;
    }
  }
  if (tell) {
    log(why, NetLogLevel::kWarning,
        "no connection with " + (p != nullptr ? p->info.name + " at " : std::string()) +
            c.remote_text() + ": " + std::string(describe(why)) + detail);
  }
  const bool reached = why != PeerRefusal::kUnreachable && why != PeerRefusal::kUnresolved &&
                       why != PeerRefusal::kConnectionRefused;
  if (!reached) return;
  refused_count_.fetch_add(1);
  if (callbacks_.on_refused) callbacks_.on_refused(c.remote_text(), why);
}

}  // namespace imi::node
