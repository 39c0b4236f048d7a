// B6: memory that was lost is noticed. Members keep each other's last statements; a validator that
// starts asks for its own before it signs, and looks at every certificate for signatures of its own
// that it does not remember.
#include "base/check.h"
#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

// ---- what others sign, and what we signed -------------------------------------------------------

template <class Carrier>
void Replica::note_statements(const Carrier& carrier) {
  if (!me_) return;
  StatementFinder(config_.genesis, set_, [this](const FoundStatement& s) { note(s); }).in(carrier);
}
template void Replica::note_statements(const SignedMessage&);
template void Replica::note_statements(const CommitCertificate&);
template void Replica::note_statements(const CheckpointCertificate&);

void Replica::note(const FoundStatement& s) {
  if (s.member == *me_) {
    if (rules_.holds_key() && !planted(Defect::kOwnVotesUncompared)) {
      check_own(s.take(config_.genesis));
    }
    return;
  }
  const auto key = std::pair(s.member, s.kind);
  const auto it = seen_.find(key);
  if (it != seen_.end() && it->second.order() >= s.order()) return;
  seen_.insert_or_assign(key, s.take(config_.genesis));
  IMI_INVARIANT("B6", set_.contains(s.member), s.member);
  if (unsaved_.empty()) unsaved_since_ = tick_;
  unsaved_.insert(key);
}

void Replica::check_own(const Statement& s) {
  if (rules_.is_unknown_own(s)) stop_signing(SafetyRefusal::kOwnUnknownSignature);
}

// No sync is spent on a vote of another: what was seen goes with the next record that is synced
// anyway, so nothing that this member signs because of a vote leaves before the vote is kept. On an
// idle chain, where no record comes, the last of it is written once after a while.
void Replica::save_seen() {
  if (unsaved_.empty() || halted_) return;
  const bool idle = tick_ - unsaved_since_ >= config_.ticks(config_.progress_timeout_ms);
  if (out_.persist.empty() && !idle) return;
  PeersSeen record;
  for (const auto& key : unsaved_) record.statements.push_back({key.first, seen_.at(key)});
  unsaved_.clear();
  persist(rules_.note_seen(std::move(record)));
}

// ---- asking at the start ------------------------------------------------------------------------

// Of q - f answers at least one is from an honest member: q - 2f >= 1 (A0). And a network of n - f
// members that starts as a whole has them: q - f <= n - f - 1.
std::uint32_t Replica::answers_needed() const { return quorum_.q - quorum_.f; }

void Replica::ask_peers() {
  last_ask_ = tick_;
  for (std::size_t m = 0; m < set_.members.size(); ++m) {
    const MemberId to(static_cast<std::uint16_t>(m));
    if (to != *me_ && !answers_.contains(to)) send_unsigned(to, AskLastSeen{start_number_});
  }
}

void Replica::receive(const VerifiedMessage& m, const AskLastSeen& ask) {
  const Ticks half = config_.ticks(config_.fetch_period_ms) / 2;
  const auto [last, first] = asked_.try_emplace(m->sender, tick_);
  if (!first && tick_ - last->second < half) return ignore(Ignored::kRateLimited);
  last->second = tick_;
  LastSeen answer{ask.start, m->sender, {}};
  for (auto it = seen_.lower_bound({m->sender, StatementOf{}});
       it != seen_.end() && it->first.first == m->sender; ++it) {
    answer.statements.push_back(it->second);
  }
  send_unsigned(m->sender, std::move(answer));
}

void Replica::receive(const VerifiedMessage& m, const LastSeen& answer) {
  if (answer.member != *me_) return ignore(Ignored::kNotWanted);
  if (rules_.holds_key()) {
    for (const Statement& s : answer.statements) check_own(s);
  }
  if (!rules_.awaiting() || answer.start != start_number_) return ignore(Ignored::kNotWanted);
  answers_.insert(m->sender);
  IMI_INVARIANT("I19", answers_.size() < set_.members.size(), answers_.size());
  if (answers_.size() >= answers_needed()) begin_signing();
}

// Its memory is whole: none of the answers showed anything beyond it.
void Replica::begin_signing() {
  IMI_CHECK(answers_.size() >= answers_needed() || planted(Defect::kSignUnasked),
            "I19: a quorum less f has answered");
  rules_.begin_signing();
  IMI_INVARIANT("I19", rules_.can_sign(), answers_.size());
  // The time that passed is charged to this member, not to the primary.
  progress_base_ = tick_;
  if (view_since_) view_since_ = tick_;
  out_.signing_begins = true;
  resend_votes();
}

Signing Replica::signing() const {
  Signing s;
  s.answers = static_cast<std::uint32_t>(answers_.size());
  s.answers_needed = answers_needed();
  if (const auto& stopped = rules_.state().stopped) {
    s.state = Signing::State::kStopped;
    s.stopped = static_cast<SafetyRefusal>(*stopped);
  } else if (rules_.awaiting()) {
    s.state = Signing::State::kAwaitingPeers;
  } else if (rules_.can_sign()) {
    s.state = Signing::State::kSigns;
  }
  return s;
}

}  // namespace imi::consensus
