// The step itself, dispatch, and the small things that all phases use.
#include "consensus/replica.h"

#include "base/invariant.h"
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
  const View view_before = view_;
  const Height stable_before = stable_height_;
  if (!halted_) {
    std::visit([this](const auto& i) { on(i); }, input);
    if (!halted_) advance();
    if (!halted_) update_progress();
    save_seen();
    if (!halted_) check_step(view_before, stable_before);
  }
  if (planted(Defect::kVoteBeforePersist)) std::swap(out_.persist, withheld_);
  return std::exchange(out_, {});
}

// What holds between any two steps.
void Replica::check_step(View view_before, Height stable_before) const {
  IMI_INVARIANT("I5", view_ >= view_before && vote_view_ <= view_, view_, view_before, vote_view_);
  IMI_INVARIANT("I5", !me_ || rules_.state().view == view_, view_, rules_.state().view);
  IMI_INVARIANT("C3", !(confirmed_ && changing_) && !(wish_ && wish_->view <= view_), view_,
                changing_);
  IMI_INVARIANT("C6", pending_.size() <= (std::size_t{1} << 20), pending_.size());
  IMI_INVARIANT("I13", executed_.height <= emitted_ && emitted_ <= decided_tip_, executed_.height,
                emitted_, decided_tip_);
  IMI_INVARIANT("I14", stable_height_ >= stable_before, stable_height_, stable_before);
  IMI_INVARIANT("I14", slots_.empty() || slots_.begin()->first > stable_height_, stable_height_);
  IMI_INVARIANT("D1", stable_ ? stable_->head.height == stable_height_ : stable_height_.value == 0,
                stable_height_);
  IMI_INVARIANT("I2", heads_.empty() || heads_.begin()->first > stable_height_, stable_height_);
  IMI_INVARIANT(
      "I7",
      decided_.empty() || decided_.begin()->first > std::min(stable_height_, executed_.height),
      stable_height_, executed_.height);
}

void Replica::on(const Receive& i) {
  const VerifiedMessage& m = i.message;
  IMI_INVARIANT("I18", m->epoch == set_.epoch && set_.contains(m->sender), m->epoch, m->sender);
  if (!me_) {
    // D6: an observer advances on checkpoint certificates alone.
    if (const auto* notice = std::get_if<CheckpointNotice>(&m->payload)) {
      return receive(m, *notice);
    }
    return ignore(Ignored::kObserver);
  }
  note_statements(*m);
  if (m->sender == *me_) return ignore(Ignored::kDuplicate);
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
  IMI_INVARIANT("A7", me_ && to != me_, message->sender);
  if (message->sender == *me_ && is_signed(message->kind())) check_sent(*message);
  out_.send.push_back({to, std::move(message)});
}

// What leaves under our signature is in the state whose records go before it (I4), so it can be
// distinguished from what we never signed (I1-I3).
void Replica::check_sent([[maybe_unused]] const SignedMessage& m) const {
  std::optional<Statement> own;
  const auto first = [&](const FoundStatement& s) {
    if (!own) own = s.take(config_.genesis);
  };
  StatementFinder(config_.genesis, set_, first).in(m);
  IMI_INVARIANT("I4", own && !rules_.is_unknown_own(*own), own->view, own->height);
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
  if (!rules_.holds_key()) return;
  persist(rules_.stop(reason));
  out_.signing_stop = SigningStop{static_cast<std::uint8_t>(reason)};
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
