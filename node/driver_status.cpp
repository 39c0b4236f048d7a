// What the driver says of itself.
#include "consensus/messages.h"
#include "node/driver_impl.h"
#include "node/wire.h"

namespace imi::node {

std::string_view name(HaltCode c) {
  switch (c) {
    case HaltCode::kSafetyLogFailed: return "safety-log-failed";
    case HaltCode::kSafetyLogFull: return "safety-log-full";
    case HaltCode::kLedgerFailed: return "ledger-failed";
    case HaltCode::kLedgerFull: return "ledger-full";
    case HaltCode::kLedgerDamaged: return "ledger-damaged";
    case HaltCode::kHeadMismatch: return "head-mismatch";
    case HaltCode::kConsensus: return "consensus-broken";
  }
  return "unknown";
}

bool reads_may_go_on(HaltCode c) {
  return c == HaltCode::kSafetyLogFull || c == HaltCode::kLedgerFull;
}

std::string_view name(NodeRole r) {
  switch (r) {
    case NodeRole::kValidator: return "validator";
    case NodeRole::kObserver: return "observer";
    case NodeRole::kSilentValidator: return "silent-validator";
  }
  return "unknown";
}

// Also after a restart: the safety log keeps why signing was stopped (B6).
std::string Driver::Impl::why_silent() const {
  if (const auto& stopped = replica.safety_state().stopped) {
    return std::string(consensus::describe(static_cast<consensus::SafetyRefusal>(*stopped)));
  }
  if (replica.signing().state == consensus::Signing::State::kAwaitingPeers) {
    return consensus::describe(replica.signing());
  }
  return silent_because.empty() ? "its key is not in use on this node" : silent_because;
}

NodeStatus Driver::Impl::status() const {
  NodeStatus s;
  s.role = !core.me             ? NodeRole::kObserver
           : replica.is_voter() ? NodeRole::kValidator
                                : NodeRole::kSilentValidator;
  if (s.role == NodeRole::kSilentValidator) s.silent_because = why_silent();
  s.epoch = replica.set_for(replica.executed_height()).epoch;
  s.view = replica.view();
  s.changing = replica.changing();
  s.primary = replica.primary();
  s.backoff = replica.backoff();
  s.decided = replica.decided_height();
  s.executed = replica.executed();
  s.certified = waiters.certified_height();
  s.lagging = replica.lagging();
  for (std::uint32_t p = 0; p < core.validators; ++p) {
    if (!core.is_self(PeerIndex(p)) && core.ports.network.is_connected(PeerIndex(p))) {
      ++s.peers_connected;
    }
  }
  const bool asking = replica.signing().state == consensus::Signing::State::kAwaitingPeers;
  s.awaiting_peers = asking && s.role == NodeRole::kSilentValidator;
  const bool votes = s.role == NodeRole::kValidator || asking;
  s.peers_needed = votes ? quorum.q - 1 : 1;
  s.pool_items = pool.items();
  s.pool_bytes = pool.bytes();
  s.pool_queued = pool.queued();
  s.verifying = intake.verifying();
  s.waiting_clients = waiters.waiting();
  s.missing_bodies = bodies.missing();
  s.log_groups_queued = outbox.queued();
  s.executing = execution.backlog();
  s.halted = core.halted();
  if (s.halted) {
    s.why_not = s.halted->sentence;
  } else if (s.peers_connected < s.peers_needed) {
    s.why_not = "connected to " + std::to_string(s.peers_connected) + " other validators, needs " +
                std::to_string(s.peers_needed);
  } else if (s.lagging || sync.busy()) {
    s.why_not = "catching up: at height " + std::to_string(s.executed.height.value) +
                ", the network is at " + std::to_string(replica.stable_height().value) +
                " or above";
  } else if (asking) {
    s.why_not = consensus::describe(replica.signing());
  } else if (votes && s.changing) {
    s.why_not = "changing to view " + std::to_string(s.view.value) + " (primary: member " +
                std::to_string(s.primary.value) + ")";
  }
  s.ready = s.why_not.empty();
  return s;
}

void Driver::Impl::send_notices() {
  const std::uint64_t now = core.now_us();
  std::erase_if(followers, [now](const auto& f) { return f.second < now; });
  for (const auto& [peer, until] : followers) send_notice(PeerIndex(peer));
}

void Driver::Impl::ask_to_follow(PeerIndex peer) const {
  (void)core.send(
      peer, Urgency::kControl,
      std::make_shared<const Bytes>(Bytes{static_cast<std::uint8_t>(FrameKind::kFollow)}));
}

// A node that does not vote advances only on checkpoint certificates (D6).
void Driver::Impl::send_notice(PeerIndex to) const {
  if (!newest || !core.me) return;
  consensus::SignedMessage m;
  m.epoch = newest->head.epoch;
  m.sender = *core.me;
  m.payload = consensus::CheckpointNotice{*newest};
  (void)core.send(to, Urgency::kVote, make_frame(FrameKind::kConsensus, m));
}

}  // namespace imi::node
