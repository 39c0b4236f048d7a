// Catch-up: what this node asks of peers.
#include "node/sync.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "node/checks.h"

namespace imi::node {

namespace {
// Requests that one peer has not answered; beyond it the oldest is forgotten.
constexpr std::size_t kMaxUnanswered = 4;
// A peer that is late time and again is passed over up to 2^this times as long as it is waited for.
constexpr std::uint32_t kMaxPassedOver = 5;
}  // namespace

struct Sync::Answer {
  std::optional<std::string> lie;
  bool stale = false;  // all of it is here
  chain::Height from;
  std::uint64_t arrived_us = 0;
  std::vector<consensus::VerifiedBlocks> runs;
  std::vector<Body> bodies;
};

Sync::Sync(Core& core, FairWork& work, std::shared_ptr<const consensus::Verifier> verifier,
           Bodies& bodies, Execution& execution)
    : core_(core),
      work_(work),
      verifier_(std::move(verifier)),
      bodies_(bodies),
      execution_(execution),
      pace_({core.limits.sync_timeout_us, core.limits.sync_timeout_max_us, core.limits.sync_bytes,
             core.limits.sync_bytes_min}),
      asked_(core.validators) {}

void Sync::want(const consensus::FetchBlocks& wanted) {
  want_us_ = core_.now_us();
  wanted_ = true;
  to_ = wanted.to;
  // What was asked for and is still on its way is not asked for again.
  if (!busy() || wanted.from > next_) next_ = wanted.from;
  request_next();
}

// Those that are passed over last; before them those whose last requests came to less: late ones
// and useless answers count alike, or one peer that answers at once, and with nothing of use, would
// be asked alone while the others are late. Among equals in turn.
std::optional<PeerIndex> Sync::choose_peer() {
  const std::uint64_t now = core_.now_us();
  std::optional<PeerIndex> best;
  std::pair<std::uint64_t, std::uint32_t> best_rank;
  for (std::uint32_t n = 0; n < core_.validators; ++n) {
    const PeerIndex peer(turn_++ % core_.validators);
    if (core_.is_self(peer) || !core_.ports.network.is_connected(peer)) continue;
    const Asked& asked = asked_[peer.value];
    const bool passed_over = asked.passed_over_until_us > now;
    const std::pair rank(passed_over ? asked.passed_over_until_us : 0,
                         asked.late_in_a_row + asked.useless_in_a_row);
    if (best && rank >= best_rank) continue;
    best = peer;
    best_rank = rank;
  }
  if (best) turn_ = best->value + 1;
  return best;
}

void Sync::request_next() {
  if (!wanted_ || request_ || next_ > to_ || !core_.running()) return;
  std::size_t ahead = execution_.backlog();
  for (const auto& run : ready_) ahead += run.blocks().size();
  if (ahead >= core_.limits.sync_backlog) return;
  const auto peer = choose_peer();
  if (!peer) return;
  const std::uint64_t blocks =
      std::max<std::uint64_t>(core_.limits.sync_blocks * pace_.size() / core_.limits.sync_bytes, 1);
  const chain::Height to(std::min(to_.value, next_.value + blocks - 1));
  const FetchRunsFrame frame{next_, to, pace_.size(), core_.follows};
  if (!core_.send(*peer, Urgency::kControl, make_frame(FrameKind::kFetchRuns, frame))) return;
  const std::uint64_t now = core_.now_us();
  auto& unanswered = asked_[peer->value].unanswered;
  unanswered.push_back({next_, now});
  if (unanswered.size() > kMaxUnanswered) unanswered.erase(unanswered.begin());
  request_ = Request{*peer, next_, now + pace_.patience_us(), false};
}

void Sync::on_runs(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  if (from.value >= core_.validators ||
      asked_[from.value].verifying >= asked_[from.value].unanswered.size()) {
    ++core_.counters.sync_unasked;
    return;
  }
  ++asked_[from.value].verifying;
  if (request_ && request_->peer == from) request_->arrived = true;
  auto answer = std::make_shared<Answer>();
  answer->arrived_us = core_.now_us();
  work_.run(
      FairWork::peer(from),
      [answer, frame, wanted = next_, limits = core_.admission, verifier = verifier_] {
        verify(*answer, *frame, wanted, limits, *verifier);
      },
      [this, from, answer, hold](bool ran) { accept(from, *answer, ran); });
}

void Sync::verify(Answer& answer, const Bytes& frame, chain::Height wanted,
                  const ledger::AdmissionLimits& limits, const consensus::Verifier& verifier) {
  auto decoded = read_frame<RunsFrame>(frame);
  if (!decoded) {
    answer.lie = "blocks that do not parse: " + describe(decoded.error());
    return;
  }
  answer.from = decoded->from;
  if (decoded->runs.empty()) return;
  const auto& last = decoded->runs.back().blocks;
  if (!last.empty() && last.back().header.height < wanted) {
    answer.stale = true;
    return;
  }
  chain::Height next = decoded->from;
  for (consensus::SyncedBlocks& run : decoded->runs) {
    auto verified = verifier.verify(std::move(run));
    if (!verified) {
      answer.lie = consensus::describe(verified.error());
      return;
    }
    if (verified->blocks().front()->header.height != next) {
      answer.lie = "blocks of other heights than the answer says";
      return;
    }
    next = verified->blocks().back()->header.height.next();
    answer.runs.push_back(std::move(*verified));
  }
  for (Bytes& bytes : decoded->bodies) {
    // The certificate vouches for the content hash; the body must only match it.
    auto body = check_certified_body(std::make_shared<const Bytes>(std::move(bytes)), limits);
    if (body) answer.bodies.push_back(std::move(*body));
  }
}

// The request that it answers, or the oldest, is answered. Returns when that was made.
std::uint64_t Sync::take_request(PeerIndex from, chain::Height height) {
  Asked& asked = asked_[from.value];
  if (asked.verifying != 0) --asked.verifying;  // not if it was disconnected meanwhile
  auto& unanswered = asked.unanswered;
  if (unanswered.empty()) return 0;
  auto it = std::find_if(unanswered.begin(), unanswered.end(),
                         [height](const Unanswered& u) { return u.from == height; });
  if (it == unanswered.end()) it = unanswered.begin();
  const std::uint64_t at = it->at_us;
  unanswered.erase(it);
  return at;
}

void Sync::accept(PeerIndex from, Answer& answer, bool ran) {
  const std::uint64_t asked_us = take_request(from, answer.from);
  const bool of_request = request_ && request_->peer == from;
  const bool in_time = of_request && ran && !answer.lie && answer.from == request_->from;
  // An older answer of this peer's, while the last is still on its way.
  const bool older =
      of_request && !in_time && ran && !answer.lie && !asked_[from.value].unanswered.empty();
  if (older) {
    request_->arrived = false;
  } else if (of_request) {
    request_.reset();
  }
  const std::uint64_t now = core_.now_us();
  if (!ran) return request_next();
  if (answer.lie) {
    asked_[from.value].passed_over_until_us = now + core_.limits.peer_penalty_us;
    core_.disconnect_misbehaving(from, *answer.lie);
    return request_next();
  }
  const bool used = use(answer);
  Asked& peer = asked_[from.value];
  if (of_request && !older && !used) {  // it does not have them: an honest answer, or none
    peer.passed_over_until_us = now + core_.limits.sync_timeout_us;
    peer.useless_in_a_row = std::min(peer.useless_in_a_row + 1, kMaxPassedOver);
  } else if (used) {
    peer.passed_over_until_us = 0;
    peer.late_in_a_row = 0;
    peer.useless_in_a_row = 0;
    if (in_time) pace_.answered(answer.arrived_us - asked_us);
  }
  advance();
}

bool Sync::use(Answer& answer) {
  const chain::Height applied = core_.ports.ledger.applied().height;
  std::set<chain::ContentHash> vouched;
  bool used = false;
  for (consensus::VerifiedBlocks& run : answer.runs) {
    // Whatever reaches beyond what is here, also if it begins before that.
    const chain::Height last = run.blocks().back()->header.height;
    if (last < next_ || run.blocks().front()->header.height > next_) continue;
    for (std::size_t i = 0; i < run.blocks().size(); ++i) {
      const auto& block = run.blocks()[i];
      if (block->header.height <= applied) continue;
      bodies_.keep(block->header.height, run.ids()[i], block);
      vouched.insert(block->items.begin(), block->items.end());
    }
    next_ = last.next();
    ready_.push_back(std::move(run));
    used = true;
  }
  // Their signatures were not checked: a quorum did, for exactly the contents that these blocks
  // list.
  for (const Body& b : answer.bodies) {
    if (!vouched.contains(b.content())) continue;
    ++core_.counters.bodies_fetched;
    bodies_.offer(b);
  }
  // Another peer may be asked for the same: what comes of it is used if it reaches further.
  if (request_ && next_ > request_->from) request_.reset();
  return used;
}

void Sync::deliver_ready() {
  while (!ready_.empty() && core_.running()) {
    const consensus::VerifiedBlocks& run = ready_.front();
    for (std::size_t i = 0; i < run.blocks().size(); ++i) {
      const chain::Height height = run.blocks()[i]->header.height;
      // Executed in the meantime (and released), or every body is held.
      if (height > core_.ports.ledger.applied().height && !bodies_.complete(height, run.ids()[i])) {
        return;
      }
    }
    const consensus::VerifiedBlocks whole = std::move(ready_.front());
    ready_.pop_front();
    core_.counters.blocks_synced += whole.blocks().size();
    core_.input(consensus::Synced{whole});
    if (const auto* certificate = std::get_if<chain::CheckpointCertificate>(&whole.proof())) {
      execution_.certify(*certificate);
    }
  }
}

void Sync::advance() {
  const std::uint64_t now = core_.now_us();
  if (request_ && !request_->arrived && now >= request_->deadline_us) {
    ++core_.counters.sync_late;
    Asked& peer = asked_[request_->peer.value];
    peer.passed_over_until_us = now + (pace_.patience_us() << peer.late_in_a_row);
    peer.late_in_a_row = std::min(peer.late_in_a_row + 1, kMaxPassedOver);
    pace_.late();
    request_.reset();
  }
  deliver_ready();
  // Consensus repeats its request while it stands.
  if (wanted_ && now - want_us_ > core_.limits.sync_timeout_us) wanted_ = false;
  request_next();
}

void Sync::disconnected(PeerIndex peer) {
  if (peer.value >= core_.validators) return;
  Asked& asked = asked_[peer.value];
  asked.unanswered.clear();
  asked.verifying = 0;
  asked.late_in_a_row = 0;
  if (!request_ || request_->peer != peer) return;
  request_.reset();
  request_next();
}

}  // namespace imi::node
