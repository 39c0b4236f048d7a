// The step itself, dispatch, and the small things that all phases use.
#include "consensus/replica.h"

#include "base/check.h"
#include "consensus/defects.h"

namespace imi::consensus {

Replica::Replica(const Config& config, const ValidatorSet& set, SafetyRules rules,
                 const RestartFacts& facts)
    : config_(config),
      set_(set),
      quorum_(set.quorum()),
      rules_(std::move(rules)),
      me_(rules_.member()),
      pending_(config) {
  IMI_CHECK(config_.valid(), "validate the configuration first");
  IMI_CHECK(set_.validate().has_value(), "validate the validator set first");
  if (planted(Defect::kQuorumOneShort)) --quorum_.q;
  restore(facts);
}

Effects Replica::step(const Input& input) {
  IMI_CHECK(started_, "start() comes before the first step");
  out_ = {};
  if (!halted_) {
    std::visit([this](const auto& i) { on(i); }, input);
    if (!halted_) advance();
    if (!halted_) update_progress();
  }
  if (planted(Defect::kVoteBeforePersist)) std::swap(out_.persist, withheld_);
  return std::exchange(out_, {});
}

void Replica::on(const Receive& i) {
  const VerifiedMessage& m = i.message;
  if (!me_) {
    // D6: an observer advances on checkpoint certificates alone.
    if (const auto* notice = std::get_if<CheckpointNotice>(&m->payload)) {
      return receive(m, *notice);
    }
    return ignore(Ignored::kObserver);
  }
  if (m->sender == *me_) {
    if (is_signed(m->kind()) && rules_.is_unknown_own(*m, m.block_id())) {
      return stop_signing(SafetyRefusal::kOwnUnknownSignature);
    }
    return ignore(Ignored::kDuplicate);
  }
  std::visit([this, &m](const auto& payload) { receive(m, payload); }, m->payload);
}

// Nothing leaves and nothing runs after the reason to stop was found; what this step made durable
// may stay so.
void Replica::halt(HaltReason reason, Height h) {
  if (halted_) return;
  halted_ = true;
  out_.send.clear();
  out_.execute.clear();
  out_.halt = Halt{reason, h};
}

void Replica::persist(std::vector<SafetyRecord> records) {
  if (!me_) return;
  for (SafetyRecord& r : records) out_.persist.records.push_back(std::move(r));
}

void Replica::persist(std::optional<SafetyRecord> record) {
  if (me_ && record) out_.persist.records.push_back(std::move(*record));
}

void Replica::persist_bodies(const BlockInfo& info) {
  out_.persist.blocks.push_back({info.id, info.block});
}

void Replica::send(std::optional<MemberId> to, std::shared_ptr<const SignedMessage> message) {
  out_.send.push_back({to, std::move(message)});
}

void Replica::send_unsigned(std::optional<MemberId> to, Payload payload) {
  if (!me_) return;
  auto m = std::make_shared<SignedMessage>();
  m->epoch = set_.epoch;
  m->sender = *me_;
  m->payload = std::move(payload);
  send(to, std::move(m));
}

void Replica::report_view() {
  out_.view = ViewStatus{set_.epoch, view_,    changing_,
                         primary(),  backoff_, changing_ ? cause_ : std::nullopt};
}

void Replica::stop_signing(SafetyRefusal reason) {
  if (!rules_.can_sign()) return;
  persist(rules_.stop(reason));
  out_.signing_stop = SigningStop{static_cast<std::uint8_t>(reason)};
}

// B6 through certificates: our valid signature stands in one, and our state does not know it.
void Replica::check_own_signature(const Signatures& signatures, bool known) {
  if (!me_ || known || !rules_.can_sign()) return;
  const bool ours = std::ranges::any_of(
      signatures, [this](const MemberSignature& s) { return s.member == *me_; });
  if (ours) stop_signing(SafetyRefusal::kOwnUnknownSignature);
}

void Replica::keep_evidence(MessageKind kind, MemberId member,
                            std::shared_ptr<const SignedMessage> a,
                            std::shared_ptr<const SignedMessage> b) {
  if (!evidence_.insert({member, kind}).second) return;
  const auto strip = [](std::shared_ptr<const SignedMessage> m) {
    if (m->kind() != MessageKind::kPrePrepare) return m;
    auto copy = std::make_shared<SignedMessage>();
    const auto& p = std::get<PrePrepare>(m->payload);
    copy->epoch = m->epoch;
    copy->sender = m->sender;
    copy->payload = PrePrepare{p.view, p.header, {}};
    copy->signature = m->signature;
    return std::shared_ptr<const SignedMessage>(std::move(copy));
  };
  out_.evidence.push_back({kind, member, strip(std::move(a)), strip(std::move(b))});
}

std::shared_ptr<const SignedMessage> Replica::vote_message(MemberId member, MessageKind kind,
                                                           Height h, const Vote& vote) const {
  auto m = std::make_shared<SignedMessage>();
  m->epoch = set_.epoch;
  m->sender = member;
  if (kind == MessageKind::kPrepare) {
    m->payload = Prepare{vote.view, h, vote.id};
  } else {
    m->payload = Commit{vote.view, h, vote.id};
  }
  m->signature = vote.signature;
  return m;
}

Replica::Slot* Replica::find_slot(Height h) {
  const auto it = slots_.find(h);
  return it == slots_.end() ? nullptr : &it->second;
}

const Replica::Slot* Replica::find_slot(Height h) const {
  const auto it = slots_.find(h);
  return it == slots_.end() ? nullptr : &it->second;
}

}  // namespace imi::consensus
