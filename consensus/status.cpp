// STATUS and the re-sending of what peers lack (A8); fetching of blocks by id.
#include "base/invariant.h"
#include "consensus/replica.h"

namespace imi::consensus {

// ---- asking -------------------------------------------------------------------------------------

void Replica::send_status() {
  last_status_ = tick_;
  ++status_round_;
  send_unsigned(std::nullopt, make_status());
}

Status Replica::make_status() const {
  Status s;
  s.view = view_;
  s.changing = changing_;
  s.stable = stable_height_;
  s.executed = executed_.height;
  for (const auto& [member, message] : view_changes_) {
    const View view = std::get<ViewChange>(message->payload).view;
    if (view > view_ || (changing_ && view == view_)) s.view_changes.set(member);
  }
  if (wish_) s.wish = wish_->view;
  for (Height h = stable_height_.next(); h <= window_end(); h = h.next()) {
    HeightStatus at;
    at.committed = decided_.contains(h);
    if (const Slot* slot = find_slot(h)) {
      at.proposal = slot->proposal && find_info(h, slot->proposal->id);
      for (const auto& [member, vote] : slot->prepares) {
        if (vote.view == view_) at.prepares.set(member);
      }
      for (const auto& [member, vote] : slot->commits) {
        if (vote.view == view_) at.commits.set(member);
      }
      for (const auto& [member, seen] : slot->checkpoints) at.checkpoints.set(member);
    }
    s.heights.push_back(std::move(at));
  }
  while (!s.heights.empty() && s.heights.back() == HeightStatus{}) s.heights.pop_back();
  return s;
}

// ---- answering ----------------------------------------------------------------------------------

void Replica::receive(const VerifiedMessage& m, const Status& s) {
  hear_wish(m->sender, s.wish);
  const Ticks half = config_.ticks(config_.status_period_ms) / 2;
  const auto last = answered_.find(m->sender);
  if (last != answered_.end() && tick_ - last->second < half) {
    return ignore(Ignored::kRateLimited);
  }
  answered_[m->sender] = tick_;
  if (s.stable < stable_height_ && stable_) {
    send_unsigned(m->sender, CheckpointNotice{*stable_});
  }
  answer_view(m->sender, s);
  const Height first = std::max(s.stable, stable_height_).next();
  const Height last_height = std::min(s.stable.plus(config_.window()), window_end());
  for (Height h = first; h <= last_height; h = h.next()) {
    const std::uint64_t at = h.value - s.stable.value - 1;
    answer_height(m->sender, s, h, at < s.heights.size() ? s.heights[at] : HeightStatus{});
  }
}

// One relay besides the author per round, so that a slow member is not sent n copies.
bool Replica::my_turn(Height h) const {
  return (h.value + status_round_) % set_.members.size() == me_->value;
}

void Replica::answer_view(MemberId to, const Status& s) {
  const bool behind = s.view < view_ || (s.view == view_ && s.changing);
  if (!behind) return;
  if (!changing_) {
    // Any member relays the NEW-VIEW that opened the view (A7).
    if (new_view_ && (is_primary() || my_turn(Height(0))) &&
        resend_due(to, MessageKind::kNewView, entered_)) {
      send(to, new_view_);
    }
    return;
  }
  if (tick_ - view_change_sent_ < config_.ticks(config_.status_period_ms)) return;
  // The others' too, in turn: f+1 VIEW-CHANGEs that reached one member reach all, whichever of
  // their signers stopped meanwhile (C4).
  for (const auto& [member, message] : view_changes_) {
    const View view = std::get<ViewChange>(message->payload).view;
    if (view < view_ || member == to) continue;
    const bool lacks = !s.view_changes.test(member);
    const bool own = member == *me_;
    // Only the own one waits longer each time: a relay has its turn once in n rounds, and must not
    // miss it.
    const bool due = own ? (lacks || s.view < view_) &&
                               resend_due(to, MessageKind::kViewChange, view_change_sent_)
                         : lacks && my_turn(Height(member.value));
    if (due) send(to, message);
  }
}

// With many members these messages have megabytes, and a copy may still be on its way when the
// receiver's next STATUS comes: each further copy to it waits twice as long as the one before.
bool Replica::resend_due(MemberId to, MessageKind kind, Ticks first_sent) {
  Resent& last = resent_.try_emplace({to, kind}, Resent{first_sent, 0}).first->second;
  const Ticks most = config_.ticks(config_.max_view_timeout_ms);
  const Ticks wait = std::min(most, config_.ticks(config_.status_period_ms)
                                        << std::min(last.times, std::uint32_t{16}));
  if (tick_ - last.at < wait) return false;
  last = {tick_, last.times + 1};
  return true;
}

void Replica::answer_height(MemberId to, const Status& s, Height h, const HeightStatus& theirs) {
  IMI_INVARIANT("I14", h > stable_height_ && h <= window_end(), h, stable_height_);
  const Slot* slot = find_slot(h);
  const Ticks age = config_.ticks(config_.status_period_ms);
  if (const auto it = own_checkpoints_.find(h);
      it != own_checkpoints_.end() && !theirs.checkpoints.test(*me_)) {
    send(to, it->second);
  }
  if (theirs.committed) return;
  const auto decided = decided_.find(h);
  if (decided != decided_.end() && decided->second.commit && decided->second.header) {
    // The votes may be on their way: the certificate follows if they stay away.
    if (slot == nullptr || tick_ - slot->sent >= age) {
      send_unsigned(to, CommitNotice{{*decided->second.header, *decided->second.commit}});
    }
  }
  if (slot == nullptr || changing_ || s.view != view_ || s.changing || tick_ - slot->sent < age) {
    return;
  }
  if (!theirs.proposal && slot->proposal && slot->proposal->fresh) {
    if (slot->own_proposal) {
      send(to, slot->own_proposal);
    } else if (const BlockInfoPtr info = find_info(h, slot->proposal->id); info && my_turn(h)) {
      auto relay = std::make_shared<SignedMessage>();
      relay->epoch = set_.epoch;
      relay->sender = primary();
      relay->payload = PrePrepare{view_, info->block->header, info->block->items};
      relay->signature = slot->proposal->signature;
      send(to, std::move(relay));
    }
  }
  if (slot->own_prepare && !theirs.prepares.test(*me_)) send(to, slot->own_prepare);
  if (slot->own_commit && !theirs.commits.test(*me_)) send(to, slot->own_commit);
}

// The list is large and the request small: a member gets a block once in half a fetch period. Only
// blocks that are held have a record of it, and it goes with them.
void Replica::receive(const VerifiedMessage& m, const FetchBlock& f) {
  if (f.height <= std::min(stable_height_, executed_.height)) {
    return ignore(Ignored::kHeightStable);
  }
  if (height_refusal(f.height) == Ignored::kHeightBeyondWindow) {
    return ignore(Ignored::kHeightBeyondWindow);
  }
  const BlockInfoPtr info = find_info(f.height, f.id);
  if (!info) return ignore(Ignored::kNotWanted);
  const Ticks half = config_.ticks(config_.fetch_period_ms) / 2;
  const auto [last, first] = info->sent_to.try_emplace(m->sender, tick_);
  if (!first && tick_ - last->second < half) return ignore(Ignored::kRateLimited);
  last->second = tick_;
  send_unsigned(m->sender, BlockData{*info->block});
}

void Replica::receive(const VerifiedMessage& m, const CommitNotice& n) {
  const Height h = n.decided.header.height;
  if (auto why = height_refusal(h)) return ignore(*why);
  const auto it = decided_.find(h);
  if (it != decided_.end() && it->second.id == m.block_id() && it->second.commit) {
    return ignore(Ignored::kDuplicate);
  }
  Decision d;
  d.id = m.block_id();
  d.view = n.decided.commit.view;
  d.header = n.decided.header;
  d.commit = n.decided.commit;
  decide(h, std::move(d));
}

// ---- fetching -----------------------------------------------------------------------------------

// f+1 members per round, in turn: one of any q-f holders is asked soon.
void Replica::fetch_block(Height h, const BlockId& id) {
  if (!me_) return;
  const std::size_t n = set_.members.size();
  std::size_t asked = 0;
  for (std::size_t i = 0; i < n && asked < quorum_.weak; ++i) {
    const MemberId to(static_cast<std::uint16_t>((me_->value + 1 + fetch_round_ + i) % n));
    if (to == *me_) continue;
    send_unsigned(to, FetchBlock{h, id});
    ++asked;
  }
}

void Replica::fetch_missing() {
  fetch_round_ += quorum_.weak;
  for (const auto& [h, decision] : decided_) {
    if (!decision.info && h > stable_height_) fetch_block(h, decision.id);
  }
  for (const auto& [h, slot] : slots_) {
    if (slot.proposal && !decided_.contains(h) && !find_info(h, slot.proposal->id)) {
      fetch_block(h, slot.proposal->id);
    }
  }
  want_blocks();
}

}  // namespace imi::consensus
