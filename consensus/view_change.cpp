// VIEW-CHANGE: leaving a view (OSDI'99 section 4.4; A6, A7, C3, C4).
#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

namespace {
// STATUS periods of silence after which a member's wish is void.
constexpr Ticks kWishPeriods = 10;
}  // namespace

void Replica::start_view_change(View target, Cause cause) {
  if (!rules_.can_sign() || target <= view_ || target.value > kMaxView) return;
  SignResult vote = rules_.sign_view_change(target);
  if (!vote) return;
  IMI_INVARIANT("I5", rules_.state().view == target && rules_.state().changing, target,
                rules_.state().view);
  persist(std::move(vote->records));
  // No failure of the primary, or most likely none: what others may have left the view for is near.
  const bool near =
      rotation_near() || ahead_for() >= config_.ticks(config_.max_view_timeout_ms) / 2;
  const bool planned = cause == Cause::kRotation || cause == Cause::kFetch ||
                       (cause == Cause::kJoin && confirmed_ && near);
  if (!planned) backoff_ = std::min(backoff_ + 1, kMaxBackoff);
  if (!planted(Defect::kVoteBelowPromised)) leave_view();
  view_ = target;
  changing_ = true;
  cause_ = cause;
  confirmed_ = false;
  view_since_.reset();
  progress_base_ = tick_;
  complaint_.reset();
  rotate_ = false;
  wish_.reset();
  ahead_since_.reset();
  view_change_sent_ = tick_;
  resent_.clear();
  const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
  IMI_INVARIANT("I3", std::get<ViewChange>(message->payload).view == view_ && wanted(*me_) <= view_,
                view_);
  view_changes_[*me_] = message;
  send(std::nullopt, message);
  report_view();
  check_view_timer();
  try_new_view();
}

// The view's proposals are over. What was accepted and not decided waits for the NEW-VIEW to be
// chosen or returned; prepared certificates and voted-for blocks stay (A4, B2).
void Replica::leave_view() {
  for (auto& [h, slot] : slots_) {
    if (slot.accepted && !decided_.contains(h)) {
      IMI_INVARIANT("I11", find_info(h, slot.proposal->id) != nullptr, h, slot.proposal->id);
      if (const BlockInfoPtr info = find_info(h, slot.proposal->id)) {
        auto& left = abandoned_[h];
        if (std::ranges::find(left, info) == left.end()) left.push_back(info);
      }
    }
    std::set<BlockId> kept;
    if (const auto it = rules_.state().heights.find(h); it != rules_.state().heights.end()) {
      const SafetyState::AtHeight& at = it->second;
      if (at.accepted) kept.insert(chain::block_id(config_.genesis, at.accepted->block.header));
      if (at.prepared) kept.insert(chain::block_id(config_.genesis, at.prepared->header));
      for (const Block& b : at.voted) kept.insert(chain::block_id(config_.genesis, b.header));
    }
    if (const auto it = decided_.find(h); it != decided_.end()) kept.insert(it->second.id);
    std::erase_if(slot.blocks, [&kept](const auto& b) { return !kept.contains(b.first); });
    IMI_INVARIANT("I14", h > stable_height_, h, stable_height_);
    slot.proposal.reset();
    slot.accepted = slot.refused = slot.noted = slot.prepared = slot.committed = false;
    slot.own_proposal.reset();
    slot.own_prepare.reset();
    slot.own_commit.reset();
  }
}

void Replica::receive(const VerifiedMessage& m, const ViewChange& v) {
  const auto it = view_changes_.find(m->sender);
  if (it != view_changes_.end()) {
    const View last = std::get<ViewChange>(it->second->payload).view;
    if (last == v.view && it->second->payload != m->payload) {
      keep_evidence(MessageKind::kViewChange, m->sender, it->second, m.share());
      return ignore(Ignored::kConflict);
    }
    if (last >= v.view) {
      return ignore(last == v.view ? Ignored::kDuplicate : Ignored::kViewBelow);
    }
  }
  record_view_change(m->sender, m.share());
  check_join();
  check_view_timer();
  try_new_view();
}

// Keeps only the newest of each member (C4) and learns its stable checkpoint.
void Replica::record_view_change(MemberId member, std::shared_ptr<const SignedMessage> message) {
  const auto& v = std::get<ViewChange>(message->payload);
  if (wanted(member) >= v.view) return;
  const std::optional<CheckpointCertificate> stable = v.stable;
  view_changes_[member] = std::move(message);
  IMI_INVARIANT("C4", view_changes_.size() <= set_.members.size(), view_changes_.size());
  if (!changing_) note_ahead();
  if (stable) adopt_stable(*stable);
}

View Replica::wanted(MemberId member) const {
  const auto it = view_changes_.find(member);
  return it == view_changes_.end() ? View(0) : std::get<ViewChange>(it->second->payload).view;
}

// C4: at least one honest member wants the (f+1)-th largest view or a higher one.
void Replica::check_join() {
  if (halted_) return;
  std::vector<View> views;
  for (const auto& [member, message] : view_changes_) {
    if (member != *me_) views.push_back(std::get<ViewChange>(message->payload).view);
  }
  if (views.size() < quorum_.weak) return;
  std::ranges::sort(views, std::greater{});
  start_view_change(views[quorum_.weak - 1], Cause::kJoin);
}

// C4: a wish, or its withdrawal, is sent at once.
void Replica::set_wish(std::optional<Cause> cause) {
  const auto wish = cause ? std::optional(Wish{view_.next(), *cause}) : std::nullopt;
  if (wish == wish_) return;
  const bool told = wish.has_value() == wish_.has_value();
  wish_ = wish;
  IMI_INVARIANT("C4", !wish_ || wish_->view > view_, view_);
  out_.wish = WishStatus{wish ? wish->view : view_, cause};
  if (!told) send_status();
}

void Replica::hear_wish(MemberId member, View view) {
  wishes_[member] = {view, tick_};
  IMI_INVARIANT("C4", wishes_.size() <= set_.members.size(), member);
}

// A wish counts while its sender repeats it; a VIEW-CHANGE is a promise and counts for good.
bool Replica::wants(MemberId member, View view) const {
  if (member == *me_) return wish_ && wish_->view >= view;
  if (wanted(member) >= view) return true;
  const auto heard = wishes_.find(member);
  return heard != wishes_.end() && heard->second.view >= view &&
         tick_ - heard->second.heard <= config_.ticks(config_.status_period_ms) * kWishPeriods;
}

// C4: with f+1 members that want to leave, one of them is honest besides this one or it is this
// one; so a member that signs is followed by all that want the same, and they pull the rest along.
void Replica::act_on_wishes() {
  if (halted_ || !wish_) return;
  std::uint32_t count = 0;
  for (std::size_t m = 0; m < set_.members.size(); ++m) {
    if (wants(MemberId(static_cast<std::uint16_t>(m)), wish_->view)) ++count;
  }
  const std::uint32_t needed = planted(Defect::kLeaveAlone) ? 1 : quorum_.weak;
  if (count >= needed) start_view_change(wish_->view, wish_->cause);
}

// Is a member known that has signed a VIEW-CHANGE for a view above this one?
void Replica::note_ahead() {
  const bool ahead = std::ranges::any_of(
      view_changes_, [this](const auto& v) { return v.first != *me_ && wanted(v.first) > view_; });
  if (!ahead) {
    ahead_since_.reset();
  } else if (!ahead_since_) {
    ahead_since_ = tick_;
  }
}

// C4: for how long this view has been in use while a member is known that can no longer vote in it.
Ticks Replica::ahead_for() const {
  return ahead_since_ ? tick_ - std::max(*ahead_since_, entered_) : 0;
}

// C3: the timer starts when q members want this view or a higher one, so that members spread over
// several views still move.
void Replica::check_view_timer() {
  if (halted_ || !changing_ || view_since_) return;
  std::uint32_t count = 0;
  for (const auto& [member, message] : view_changes_) {
    if (std::get<ViewChange>(message->payload).view >= view_) ++count;
  }
  if (count >= quorum_.q) view_since_ = tick_;
}

// C8: a planned rotation is due within the blocks in flight, so joining it is not a failure.
bool Replica::rotation_near() const {
  const std::uint64_t every = config_.rotation_heights;
  if (every == 0) return false;
  const std::uint64_t window = config_.window();
  const std::uint64_t low =
      decided_tip_.value > window ? decided_tip_.value - window : std::uint64_t{0};
  return (decided_tip_.value + window) / every > low / every;
}

}  // namespace imi::consensus
