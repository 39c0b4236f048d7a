// NEW-VIEW: choosing O (A3), and entering a view (OSDI'99 section 4.4; A4, A7).
#include "consensus/new_view.h"

#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

namespace {

struct Best {
  View view;
  const BlockHeader* header = nullptr;
};

std::map<Height, Best> best_certificates(const std::vector<SignedViewChange>& view_changes,
                                         Height above) {
  std::map<Height, Best> best;
  for (const SignedViewChange& v : view_changes) {
    for (const HeightCertificate& c : v.message.certificates) {
      const Height h = c.header().height;
      if (h <= above) continue;
      Best& b = best[h];
      if (b.header == nullptr || c.view() > b.view) b = {c.view(), &c.header()};
    }
  }
  if (planted(Defect::kHighestOnly) && !best.empty()) {
    // Only certificates of the overall highest view count.
    View top;
    for (const auto& [h, b] : best) top = std::max(top, b.view);
    std::erase_if(best, [top](const auto& e) { return e.second.view < top; });
  }
  return best;
}

}  // namespace

Choice choose(const GenesisId& genesis, const std::vector<SignedViewChange>& view_changes) {
  Choice choice;
  for (const SignedViewChange& v : view_changes) {
    if (v.message.stable_height() > choice.stable_height()) choice.stable = v.message.stable;
  }
  BlockId parent = choice.stable ? choice.stable->head.block : BlockId{};
  const auto best = best_certificates(view_changes, choice.stable_height());
  for (Height h = choice.stable_height().next();; h = h.next()) {
    const auto it = best.find(h);
    if (it == best.end() || it->second.header->parent != parent) break;
    IMI_INVARIANT("A3", it->second.header->height == h, h);
    choice.headers.push_back(*it->second.header);
    parent = chain::block_id(genesis, *it->second.header);
  }
  return choice;
}

bool recomputes(const GenesisId& genesis, const NewView& new_view) {
  if (planted(Defect::kNewViewNotRecomputed)) return true;
  const Choice choice = choose(genesis, new_view.view_changes);
  return std::ranges::equal(choice.headers, new_view.proposals, {}, {}, &ReProposal::header);
}

// A4. A decision of a view below `view` binds every NEW-VIEW of `view` (I8): one that names another
// block proves that more than f members lie. A decision of `view` or above binds none below it, and
// of one that is known by a checkpoint alone the view is not known: I8 makes it that of a view not
// below `view`. Such a NEW-VIEW is out of date, and not a fault.
std::optional<Replica::Contradiction> Replica::contradiction(
    View view, const std::vector<BlockHeader>& headers) const {
  std::optional<Contradiction> found;
  for (const BlockHeader& header : headers) {
    const Height h = header.height;
    const BlockId id = chain::block_id(config_.genesis, header);
    if (const auto it = decided_.find(h); it != decided_.end()) {
      if (it->second.id == id) continue;
      const auto& commit = it->second.commit;
      if (commit && commit->view < view) return Contradiction{h, true};
      found = Contradiction{h, false};
    } else if (const auto link = decided_link(h); link && link->id != id) {
      found = Contradiction{h, false};
    }
  }
  return found;
}

// ---- the new primary ----------------------------------------------------------------------------

void Replica::try_new_view() {
  if (halted_ || !changing_ || !rules_.can_sign() || !is_primary()) return;
  std::vector<SignedViewChange> chosen;
  for (const auto& [member, message] : view_changes_) {
    const auto& v = std::get<ViewChange>(message->payload);
    if (v.view != view_ || chosen.size() == quorum_.q) continue;
    chosen.push_back({member, v, message->signature});
  }
  if (chosen.size() < quorum_.q) return;
  IMI_INVARIANT("I3", rules_.state().view == view_ && rules_.state().changing, view_,
                rules_.state().view);
  IMI_INVARIANT("A7", chosen.size() == quorum_.q, view_, chosen.size());
  const Choice choice = choose(config_.genesis, chosen);
  if (const auto against = contradiction(view_, choice.headers)) {
    if (against->broken || planted(Defect::kStaleNewViewHalts)) {
      return halt(HaltReason::kConflictingDecision, against->height);
    }
    return ignore(Ignored::kStaleNewView);
  }
  SignResult result = rules_.sign_new_view(view_, std::move(chosen), choice.headers);
  if (!result) return;
  persist(std::move(result->records));
  const auto message = std::make_shared<const SignedMessage>(std::move(result->message));
  send(std::nullopt, message);
  enter_view(message);
}

// ---- the backups --------------------------------------------------------------------------------

void Replica::receive(const VerifiedMessage& m, const NewView& n) {
  if (n.view < view_) return ignore(Ignored::kViewBelow);
  if (n.view == view_ && !changing_) {
    if (new_view_ && new_view_->payload != m->payload) {
      keep_evidence(MessageKind::kNewView, m->sender, new_view_, m.share());
      return ignore(Ignored::kConflict);
    }
    return ignore(Ignored::kDuplicate);
  }
  if (!recomputes(config_.genesis, n)) return ignore(Ignored::kWrongNewView);
  std::vector<BlockHeader> headers;
  headers.reserve(n.proposals.size());
  for (const ReProposal& p : n.proposals) headers.push_back(p.header);
  if (const auto against = contradiction(n.view, headers)) {
    if (against->broken || planted(Defect::kStaleNewViewHalts)) {
      return halt(HaltReason::kConflictingDecision, against->height);
    }
    return ignore(Ignored::kStaleNewView);
  }
  for (const SignedViewChange& v : n.view_changes) {
    auto message = std::make_shared<SignedMessage>();
    message->epoch = m->epoch;
    message->sender = v.member;
    message->payload = v.message;
    message->signature = v.signature;
    if (v.member != *me_) record_view_change(v.member, std::move(message));
  }
  if (!halted_) enter_view(m.share());
}

void Replica::enter_view(const std::shared_ptr<const SignedMessage>& message) {
  const auto& n = std::get<NewView>(message->payload);
  IMI_INVARIANT("I5", n.view > view_ || (n.view == view_ && changing_), n.view, view_, changing_);
  IMI_INVARIANT("I10", n.view_changes.size() >= quorum_.q, n.view, n.view_changes.size());
  persist(rules_.note_entered(*message));
  IMI_INVARIANT("I5", rules_.state().view == n.view && !rules_.state().changing, n.view,
                rules_.state().view);
  leave_view();
  view_ = vote_view_ = n.view;
  changing_ = false;
  new_view_ = message;
  resent_.clear();
  confirmed_ = false;
  proposed_in_view_ = false;
  entered_ = tick_;
  view_base_ = decided_tip_;
  if (!view_since_) view_since_ = tick_;
  progress_base_ = tick_;
  pending_.forget_primary();
  wish_.reset();
  complaint_.reset();
  rotate_ = false;
  note_ahead();
  report_view();
  install_new_view(n);
  if (halted_) return;
  IMI_INVARIANT("A4", decided_tip_ >= view_base_, decided_tip_, view_base_);
  release_abandoned();
  if (is_primary()) propose_empty_if_due();
}

void Replica::install_new_view(const NewView& n) {
  Height stable;
  const std::optional<CheckpointCertificate>* certificate = nullptr;
  for (const SignedViewChange& v : n.view_changes) {
    if (v.message.stable_height() > stable) {
      stable = v.message.stable_height();
      certificate = &v.message.stable;
    }
  }
  if (certificate != nullptr) adopt_stable(**certificate);
  if (halted_) return;
  IMI_INVARIANT("I14", stable_height_ >= stable, stable_height_, stable);
  settled_ = n.proposals.empty() ? stable : n.proposals.back().header.height;
  for (const ReProposal& p : n.proposals) {
    if (halted_) return;
    const Height h = p.header.height;
    const BlockId id = chain::block_id(config_.genesis, p.header);
    IMI_INVARIANT("I8", !decided_.contains(h) || decided_.at(h).id == id, n.view, h, id);
    if (h <= stable_height_ || height_refusal(h)) continue;
    Slot& slot = slots_[h];
    IMI_INVARIANT("I1", !slot.proposal && !slot.accepted, n.view, h);
    install(h, slot, {p.header, id, p.signature, false, now_, tick_});
    if (!find_info(h, id)) fetch_block(h, id);
  }
}

// Blocks accepted in earlier views that this view's NEW-VIEW left out are not decided (A3): their
// submissions go back to the pool.
void Replica::release_abandoned() {
  for (const auto& [h, blocks] : abandoned_) {
    const auto decided = decided_.find(h);
    const Slot* slot = find_slot(h);
    for (const BlockInfoPtr& info : blocks) {
      const bool chosen = (decided != decided_.end() && decided->second.id == info->id) ||
                          (slot != nullptr && slot->proposal && slot->proposal->id == info->id);
      if (!chosen) release_items(*info);
    }
  }
  abandoned_.clear();
}

}  // namespace imi::consensus
