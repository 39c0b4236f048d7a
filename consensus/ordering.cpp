// PRE-PREPARE, PREPARE, COMMIT: the normal case (OSDI'99 section 4.2; A2, A5, B4, C1, F1, F2).
#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

std::optional<Ignored> Replica::height_refusal(Height h) const {
  if (h <= stable_height_) return Ignored::kHeightStable;
  if (h.value > stable_height_.value + 2 * std::uint64_t{config_.window()}) {
    return Ignored::kHeightBeyondWindow;
  }
  return std::nullopt;
}

// ---- receiving ----------------------------------------------------------------------------------

void Replica::receive(const VerifiedMessage& m, const PrePrepare& p) {
  const Height h = p.header.height;
  if (auto why = height_refusal(h)) return ignore(*why);
  if (p.view < view_) return ignore(Ignored::kViewBelow);
  Slot& slot = slots_[h];
  const bool current = p.view == view_ && !changing_;
  if (current && slot.proposal) {
    if (slot.proposal->id != m.block_id()) {
      auto first = std::make_shared<SignedMessage>();
      first->epoch = m->epoch;
      first->sender = m->sender;
      first->payload = PrePrepare{view_, slot.proposal->header, {}};
      first->signature = slot.proposal->signature;
      keep_evidence(MessageKind::kPrePrepare, m->sender, std::move(first), m.share());
      return ignore(Ignored::kConflict);
    }
    if (find_info(h, m.block_id())) return ignore(Ignored::kDuplicate);
    learn_block(h, std::make_shared<const Block>(Block{p.header, p.items}), m.block_id());
    return;
  }
  if (current && h <= settled_) return ignore(Ignored::kNotFresh);
  if (current && h <= window_end()) {
    install(h, slot, {p.header, m.block_id(), m->signature, true, now_, tick_});
    learn_block(h, std::make_shared<const Block>(Block{p.header, p.items}), m.block_id());
    return;
  }
  // Early: its view or its window is still to come. One per sender and height (A5).
  if (const auto it = slot.held.find(m->sender); it != slot.held.end()) {
    const View view = std::get<PrePrepare>(it->second.message->payload).view;
    if (view > p.view) return ignore(Ignored::kViewBelow);
    if (view == p.view) {
      if (it->second.id == m.block_id()) return ignore(Ignored::kDuplicate);
      keep_evidence(MessageKind::kPrePrepare, m->sender, it->second.message, m.share());
      return ignore(Ignored::kConflict);
    }
  }
  slot.held[m->sender] = {m.share(), m.block_id(), now_, tick_};
  IMI_INVARIANT("A5", slot.held.size() <= set_.members.size(), h, slot.held.size());
}

void Replica::receive(const VerifiedMessage& m, const Prepare& p) {
  if (auto why = height_refusal(p.height)) return ignore(*why);
  if (p.view < view_ && !planted(Defect::kVoteBelowPromised)) return ignore(Ignored::kViewBelow);
  Slot& slot = slots_[p.height];
  const Vote vote{p.view, p.id, m->signature};
  if (const auto it = slot.prepares.find(m->sender); it != slot.prepares.end()) {
    if (it->second.view > p.view) return ignore(Ignored::kViewBelow);
    if (it->second.view == p.view) {
      if (it->second.id == p.id) return ignore(Ignored::kDuplicate);
      keep_evidence(MessageKind::kPrepare, m->sender,
                    vote_message(m->sender, MessageKind::kPrepare, p.height, it->second),
                    m.share());
      return ignore(Ignored::kConflict);
    }
  }
  slot.prepares[m->sender] = vote;
  IMI_INVARIANT("I6", slot.prepares.size() <= set_.members.size(), p.height, slot.prepares.size());
  slot.tally_prepares = true;
}

// Of any view: decisions are made below the promised view too (A6).
void Replica::receive(const VerifiedMessage& m, const Commit& c) {
  if (auto why = height_refusal(c.height)) return ignore(*why);
  Slot& slot = slots_[c.height];
  const Vote vote{c.view, c.id, m->signature};
  if (const auto it = slot.commits.find(m->sender); it != slot.commits.end()) {
    if (it->second.view > c.view) return ignore(Ignored::kViewBelow);
    if (it->second.view == c.view) {
      if (it->second.id == c.id) return ignore(Ignored::kDuplicate);
      keep_evidence(MessageKind::kCommit, m->sender,
                    vote_message(m->sender, MessageKind::kCommit, c.height, it->second), m.share());
      return ignore(Ignored::kConflict);
    }
  }
  slot.commits[m->sender] = vote;
  IMI_INVARIANT("I10", slot.commits.size() <= set_.members.size(), c.height, slot.commits.size());
  count_commits(c.height, c.view, c.id);
}

// ---- moving on ----------------------------------------------------------------------------------

// Everything that the present knowledge allows, from the lowest height up, until nothing changes.
void Replica::advance() {
  if (rules_.can_sign() && (!changing_ || planted(Defect::kVoteBelowPromised))) {
    install_held();
    for (bool again = true; again && !halted_;) {
      again = accept_proposals();
      again = prepare_and_commit() || again;
    }
  }
  if (!halted_) execute_decided();
}

// Proposals that came before their view or their window, and are due now.
void Replica::install_held() {
  for (auto it = slots_.upper_bound(std::max(stable_height_, settled_));
       it != slots_.end() && it->first <= window_end(); ++it) {
    auto& [h, slot] = *it;
    if (slot.held.empty() || slot.proposal || changing_) continue;
    const auto held = slot.held.find(primary());
    if (held == slot.held.end()) continue;
    const std::shared_ptr<const SignedMessage> message = held->second.message;
    const auto& p = std::get<PrePrepare>(message->payload);
    if (p.view > view_) continue;
    const Held early = held->second;
    slot.held.erase(held);
    if (p.view < view_) continue;
    install(h, slot,
            {p.header, early.id, message->signature, true, early.received, early.received_tick});
    learn_block(h, std::make_shared<const Block>(Block{p.header, p.items}), early.id);
  }
}

void Replica::install(Height h, Slot& slot, Proposal proposal) {
  // C1: the lower bound is taken against the clock at receipt, so that waiting for a parent or a
  // body does not make an honest proposal late.
  const bool late = proposal.fresh && !planted(Defect::kTimeUnchecked) &&
                    proposal.header.time.value < proposal.received.value - past_tolerance_ms();
  IMI_INVARIANT("I1", !slot.proposal && !slot.accepted && !slot.prepared, h, view_);
  IMI_INVARIANT("I14", proposal.header.height == h && h > stable_height_, h, stable_height_);
  slot.proposal = std::move(proposal);
  slot.refused = late;
  slot.noted = late;
  if (late) ignore(Ignored::kTimeTooOld);
  if (const BlockInfoPtr info = find_info(h, slot.proposal->id)) ask_bodies(h, *info);
}

bool Replica::accept_proposals() {
  if (lagging()) return false;  // D2
  bool any = false;
  for (Height h = stable_height_.next(); h <= window_end(); h = h.next()) {
    Slot* slot = find_slot(h);
    if (slot == nullptr || !slot->proposal || slot->accepted || slot->refused) continue;
    std::optional<Ignored> why;
    const Verdict verdict = judge(h, *slot, why);
    if (why && !slot->noted) {
      ignore(*why);
      slot->noted = true;
    }
    if (verdict == Verdict::kRefuse) slot->refused = true;
    if (verdict == Verdict::kAccept) {
      any = accept(*slot, find_info(h, slot->proposal->id)) || any;
    }
  }
  return any;
}

// May this member vote for the height's proposal? kWait if something is still to come: the parent,
// the block's list, its bodies, its time.
Replica::Verdict Replica::judge(Height h, Slot& slot, std::optional<Ignored>& why) {
  const Proposal& p = *slot.proposal;
  const auto decided = decided_.find(h);
  if (decided != decided_.end() && decided->second.id != p.id) {
    why = Ignored::kDecidedOtherwise;
    return Verdict::kRefuse;
  }
  const std::optional<Link> below = link(h.prev());  // A2: accepted in this view, or decided
  if (!below) return Verdict::kWait;
  if (p.header.parent != below->id && !planted(Defect::kParentUnchecked)) {
    why = Ignored::kParentMismatch;  // a decision below may yet differ from what was accepted
    return Verdict::kWait;
  }
  if (!planted(Defect::kTimeUnchecked)) {
    if (p.header.time <= below->time) {
      why = Ignored::kTimeNotAfterParent;
      return Verdict::kRefuse;
    }
    // C1: too early, hold until due. The least step above the parent is never too early: where the
    // clocks were ahead and were set back, the chain goes on in steps of 1 ms until they catch up.
    std::int64_t latest = now_.value + config_.future_tolerance_ms;
    if (!planted(Defect::kNoLeastStep)) latest = std::max(latest, below->time.value + 1);
    if (p.fresh && p.header.time.value > latest) return Verdict::kWait;
  }
  const BlockInfoPtr info = find_info(h, p.id);
  if (!info || info->bodies == Bodies::kUnknown || info->bodies == Bodies::kAsked) {
    return Verdict::kWait;
  }
  if (info->bodies == Bodies::kInvalid) {
    why = Ignored::kBodiesInvalid;
    return Verdict::kRefuse;
  }
  if (decided != decided_.end()) return Verdict::kAccept;  // A4: vote for it again
  return judge_facts(h, slot, *info, why);
}

Replica::Verdict Replica::judge_facts(Height h, const Slot& slot, const BlockInfo& info,
                                      std::optional<Ignored>& why) const {
  IMI_INVARIANT("I11", info.bodies == Bodies::kReady, h, info.id);
  if (info.ids.empty()) return Verdict::kAccept;
  const TimeMs time = slot.proposal->header.time;
  if (info.min_expiry <= time) {
    why = Ignored::kItemExpired;
    return Verdict::kRefuse;
  }
  if (info.max_expiry.value > time.value + config_.max_expiry_ms) {
    why = Ignored::kItemExpiryTooFar;
    return Verdict::kRefuse;
  }
  // A re-proposal was checked by a quorum; a member that now knows fewer decisions must not refuse
  // it.
  if (!slot.proposal->fresh || planted(Defect::kAcceptRepeats)) return Verdict::kAccept;
  bool known = true;
  if (info.repeats || repeats_in_ancestors(h, info, known)) {
    why = Ignored::kItemRepeated;
    return Verdict::kRefuse;
  }
  return known ? Verdict::kAccept : Verdict::kWait;
}

// F2. Both lists are sorted: one pass over each ancestor.
bool Replica::repeats_in_ancestors(Height h, const BlockInfo& info, bool& known) const {
  for (Height x = h.prev(); x > decided_tip_; x = x.prev()) {
    const Slot* slot = find_slot(x);
    const BlockInfoPtr ancestor =
        slot != nullptr && slot->proposal ? find_info(x, slot->proposal->id) : nullptr;
    if (!ancestor || ancestor->bodies != Bodies::kReady) {
      known = false;
      continue;
    }
    auto a = info.ids.begin();
    auto b = ancestor->ids.begin();
    while (a != info.ids.end() && b != ancestor->ids.end()) {
      const auto order = *a <=> *b;
      if (order == 0) return true;
      if (order < 0) {
        ++a;
      } else {
        ++b;
      }
    }
  }
  return false;
}

bool Replica::accept(Slot& slot, const BlockInfoPtr& info) {
  const Height h = info->block->header.height;
  IMI_INVARIANT("I1", slot.proposal && slot.proposal->id == info->id && !slot.accepted, h,
                info->id);
  IMI_INVARIANT("I11", info->bodies == Bodies::kReady, h, info->id);
  IMI_INVARIANT("I14", h > stable_height_ && h <= window_end(), h, stable_height_);
  IMI_INVARIANT("I15",
                !link(h.prev()) || planted(Defect::kTimeUnchecked) ||
                    link(h.prev())->time < info->block->header.time,
                h);
  IMI_INVARIANT("I5", !changing_ && vote_view_ == view_, view_, vote_view_);
  IMI_INVARIANT("I9",
                !lagging() && link(h.prev()) && link(h.prev())->id == info->block->header.parent, h,
                info->id);
  const bool leading = chain::primary(set_, vote_view_) == *me_;
  SignResult vote = leading
                        ? rules_.sign_pre_prepare(vote_view_, *info->block)
                        : rules_.sign_prepare(vote_view_, *info->block, slot.proposal->signature);
  if (!vote) {
    slot.refused = true;
    return false;
  }
  const SafetyState::AtHeight& known = rules_.state().heights.at(h);
  IMI_INVARIANT("I1", known.accepted && known.accepted->view == vote_view_, h, vote_view_);
  IMI_INVARIANT("I11", known.accepted->block.header == info->block->header, h, info->id);
  slot.accepted = true;
  slot.tally_prepares = true;
  slot.sent = tick_;
  if (!vote->records.empty()) persist_bodies(*info);
  persist(std::move(vote->records));
  const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
  if (leading) {
    slot.own_proposal = message;
  } else {
    slot.own_prepare = message;
    slot.prepares[*me_] = {vote_view_, info->id, message->signature};
    send(std::nullopt, message);
  }
  mark_in_block(*info, true);
  if (slot.proposal->fresh) complain_if_left_out(*info, slot.proposal->received_tick);
  return true;
}

bool Replica::prepare_and_commit() {
  bool any = false;
  bool covered = true;  // A2: every height so far is prepared in this view or decided
  for (Height h = stable_height_.next(); h <= window_end() && !halted_; h = h.next()) {
    Slot* slot = find_slot(h);
    if (slot != nullptr && slot->accepted && !slot->prepared && slot->tally_prepares) {
      slot->tally_prepares = false;
      any = make_prepared(*slot) || any;
    }
    const bool prepared = slot != nullptr && slot->prepared;
    const bool early = planted(Defect::kCommitWithoutPrepared) && slot != nullptr && slot->accepted;
    if ((prepared || early) && !slot->committed && !lagging() &&
        (covered || planted(Defect::kNoPrefixRule) || early)) {
      any = send_commit(h, *slot) || any;
    }
    const auto decided = decided_.find(h);
    covered = covered && (prepared || h <= executed_.height ||
                          (decided != decided_.end() && decided->second.header));
  }
  return any;
}

// A0: the primary's PRE-PREPARE and q-1 PREPAREs of distinct others.
bool Replica::make_prepared(Slot& slot) {
  const Proposal& p = *slot.proposal;
  const MemberId leader = chain::primary(set_, vote_view_);
  PreparedCertificate certificate;
  for (const auto& [member, vote] : slot.prepares) {
    if (vote.view != vote_view_ || vote.id != p.id || member == leader) continue;
    certificate.prepares.push_back({member, vote.signature});
    if (certificate.prepares.size() + 1 == quorum_.q) break;
  }
  if (certificate.prepares.size() + 1 < quorum_.q) return false;
  certificate.view = vote_view_;
  certificate.header = p.header;
  certificate.primary = p.signature;
  const auto known = rules_.state().heights.find(p.header.height);
  IMI_INVARIANT("I6",
                known == rules_.state().heights.end() || !known->second.prepared ||
                    known->second.prepared->view != vote_view_ ||
                    known->second.prepared->header == p.header,
                vote_view_, p.header.height, p.id);
  persist(rules_.note_prepared(certificate));
  const auto kept = rules_.state().heights.find(p.header.height);
  IMI_INVARIANT("I6",
                kept != rules_.state().heights.end() && kept->second.prepared &&
                    kept->second.prepared->view >= vote_view_,
                vote_view_, p.header.height);
  slot.prepared = true;
  return true;
}

bool Replica::send_commit(Height h, Slot& slot) {
  // A prefix that rests on decisions rather than on prepared certificates stays provable (I9).
  for (Height x = stable_height_.next(); x < h; x = x.next()) {
    const Slot* below = find_slot(x);
    if (below != nullptr && below->prepared) continue;
    const auto decided = decided_.find(x);
    if (decided == decided_.end() || !decided->second.commit || !decided->second.header) continue;
    persist(rules_.note_decided({*decided->second.header, *decided->second.commit}));
  }
  IMI_INVARIANT("I9", slot.prepared && slot.proposal && vote_view_ == view_, h, vote_view_, view_);
  IMI_INVARIANT("I14", h > stable_height_ && h <= window_end(), h, stable_height_);
  slot.committed = true;
  SignResult vote = rules_.sign_commit(vote_view_, h, slot.proposal->id);
  if (!vote) return false;
  const SafetyState::AtHeight& known = rules_.state().heights.at(h);
  IMI_INVARIANT("I1",
                known.committed && known.committed->view == vote_view_ &&
                    known.committed->id == slot.proposal->id,
                h, vote_view_);
  persist(std::move(vote->records));
  const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
  slot.own_commit = message;
  slot.sent = tick_;
  slot.commits[*me_] = {vote_view_, slot.proposal->id, message->signature};
  send(std::nullopt, message);
  count_commits(h, vote_view_, slot.proposal->id);
  return true;
}

void Replica::count_commits(Height h, View view, const BlockId& id) {
  if (const auto it = decided_.find(h); it != decided_.end() && it->second.commit) return;
  const Slot* slot = find_slot(h);
  IMI_INVARIANT("I10", slot != nullptr, h, view);
  CommitCertificate certificate;
  for (const auto& [member, vote] : slot->commits) {
    if (vote.view == view && vote.id == id) {
      certificate.signatures.push_back({member, vote.signature});
    }
  }
  if (certificate.signatures.size() < quorum_.q) return;
  IMI_INVARIANT("I10", certificate.signatures.size() <= set_.members.size(), h, view);
  IMI_INVARIANT("I7", h > stable_height_, h, stable_height_);
  certificate.epoch = set_.epoch;
  certificate.view = view;
  certificate.height = h;
  certificate.id = id;
  Decision decision;
  decision.id = id;
  decision.view = view;
  decision.commit = std::move(certificate);
  decide(h, std::move(decision));
}

}  // namespace imi::consensus
