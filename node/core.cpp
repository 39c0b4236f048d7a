#include "node/core.h"

#include <algorithm>

#include "node/driver.h"

namespace imi::node {

namespace {
DriverEvents& no_events() {
  static DriverEvents none;
  return none;
}
}  // namespace

namespace {

// What a member holds reaches the primary, and a block, before its timer runs out (C2, C6): else
// one peer that gives f+1 members one submission each makes them all want to leave.
NodeLimits within_timeout(NodeLimits limits, const consensus::Config& config) {
  limits.repush_us =
      std::min(limits.repush_us, std::uint64_t{config.progress_timeout_ms} * 1000 / 3);
  return limits;
}

}  // namespace

Core::Core(const Ports& p, DriverOptions& o)
    : ports(p),
      limits(within_timeout(o.limits, o.consensus)),
      parameters(o.parameters),
      admission(ledger::admission_limits(o.consensus.genesis, o.parameters)),
      validators(static_cast<std::uint32_t>(o.set.members.size())),
      peers(o.peers),
      me(o.me),
      follows(!o.me || !o.key),
      events(o.events != nullptr ? *o.events : no_events()),
      self_(std::make_shared<Core*>(this)) {}

void Core::halt(HaltCode code, std::string sentence) {
  if (halted_) return;
  halted_ = HaltReport{code, std::move(sentence)};
  events.log(LogLevel::kError, "halted: " + halted_->sentence);
  events.on_halt(*halted_);
}

void Core::halt(const ledger::LedgerError& e) {
  HaltCode code = HaltCode::kLedgerFailed;
  switch (e.reason) {
    case ledger::LedgerError::Reason::kStore:
      if (e.store && e.store->reason == ledger::StoreError::Reason::kNoSpace) {
        code = HaltCode::kLedgerFull;
      }
      break;
    case ledger::LedgerError::Reason::kMismatch: code = HaltCode::kHeadMismatch; break;
    case ledger::LedgerError::Reason::kDamaged:
    case ledger::LedgerError::Reason::kNotNext:
    case ledger::LedgerError::Reason::kBodyMismatch:
    case ledger::LedgerError::Reason::kNotApplied:
    case ledger::LedgerError::Reason::kBadBlock:
    case ledger::LedgerError::Reason::kNoSuchHeight: code = HaltCode::kLedgerDamaged; break;
    case ledger::LedgerError::Reason::kForeign:
    case ledger::LedgerError::Reason::kOlderFormat:
    case ledger::LedgerError::Reason::kNewerFormat:
    case ledger::LedgerError::Reason::kStopped: break;
  }
  halt(code, describe(e));
}

void Core::run(Worker& worker, Priority priority, Task work, Task done) {
  worker.run(priority, std::move(work), [self = self_, done = std::move(done)] {
    if (Core* core = *self; core != nullptr && core->running()) done();
  });
}

void Core::post(Task task) {
  ports.loop.post([self = self_, task = std::move(task)] {
    if (Core* core = *self; core != nullptr && !core->stopped_) task();
  });
}

bool Core::send(PeerIndex to, Urgency urgency, SharedBytes frame) const {
  if (is_self(to)) return false;
  return ports.network.send(to, urgency, std::move(frame));
}

void Core::send_to_validators(Urgency urgency, const SharedBytes& frame) const {
  for (std::uint32_t p = 0; p < validators; ++p) {
    if (!is_self(PeerIndex(p))) (void)ports.network.send(PeerIndex(p), urgency, frame);
  }
}

void Core::log_of_peer(std::string line) {
  constexpr std::uint32_t kLinesPerSecond = 5;
  const std::uint64_t now = now_us();
  if (now >= peer_lines_until_us_) {
    peer_lines_until_us_ = now + 1'000'000;
    peer_lines_ = 0;
  }
  if (peer_lines_++ >= kLinesPerSecond) {
    ++peer_lines_left_out_;
    return;
  }
  if (peer_lines_left_out_ != 0) {
    line += " (" + std::to_string(peer_lines_left_out_) + " such lines were left out before)";
    peer_lines_left_out_ = 0;
  }
  events.log(LogLevel::kWarning, line);
}

void Core::disconnect_misbehaving(PeerIndex peer, std::string_view why) {
  ++counters.frames_malformed;
  log_of_peer("peer " + std::to_string(peer.value) +
              " sent what no honest peer sends, disconnected: " + std::string(why));
  ports.network.disconnect(peer);
}

}  // namespace imi::node
