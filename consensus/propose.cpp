// The primary's side: which block comes next, and what may go into it (A5, C1, C3, C7, F1, F2).
#include "base/invariant.h"
#include "consensus/replica.h"

namespace imi::consensus {

// The highest height that has a proposal in this view, or needs none.
Height Replica::proposal_tip() const {
  Height tip = std::max({decided_tip_, stable_height_, settled_});
  for (const Slot* slot = find_slot(tip.next()); slot != nullptr && slot->proposal;
       slot = find_slot(tip.next())) {
    tip = tip.next();
  }
  return tip;
}

std::optional<Replica::Link> Replica::proposal_link(Height h) const {
  if (auto decided = decided_link(h)) return decided;
  const Slot* slot = find_slot(h);
  if (slot == nullptr || !slot->proposal) return std::nullopt;
  return Link{slot->proposal->id, slot->proposal->header.time};
}

// With so many blocks voted for at a height, this member proposes empty ones alone (B2).
std::uint32_t Replica::proposal_slots() const {
  return rules_.only_empty(proposal_tip().next()) ? 0 : room();
}

std::uint32_t Replica::room() const {
  if (halted_ || changing_ || !rules_.can_sign() || !is_primary() || lagging()) return 0;
  const Height tip = proposal_tip();
  if (tip >= window_end() || !proposal_link(tip)) return 0;
  const std::uint64_t in_flight = tip.value - decided_tip_.value;
  if (in_flight >= config_.pipeline) return 0;
  // F2 needs the submission ids of every uncommitted ancestor.
  for (Height h = decided_tip_.next(); h <= tip; h = h.next()) {
    const Slot* slot = find_slot(h);
    const BlockInfoPtr info =
        slot != nullptr && slot->proposal ? find_info(h, slot->proposal->id) : nullptr;
    if (!info || info->bodies != Bodies::kReady) return 0;
  }
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(config_.pipeline - in_flight, window_end().value - tip.value));
}

TimeMs Replica::next_block_time(TimeMs now) const {
  const std::optional<Link> parent = proposal_link(proposal_tip());
  if (!parent) return now;
  return TimeMs(std::max(now.value, parent->time.value + 1));
}

// Leaves in order what may go into the block; the rest returns with its reason.
std::vector<ItemFacts> Replica::admit(const std::vector<ItemFacts>& items, TimeMs time) {
  std::vector<ItemFacts> out;
  std::set<SubmissionId> seen;
  std::vector<BlockInfoPtr> ancestors;
  // From what is executed up: a decision leaves the pool only when it is executed, and a backup may
  // not know of the decision yet and refuse the repeat.
  for (Height h = executed_.height.next(); h <= proposal_tip(); h = h.next()) {
    const auto decided = decided_.find(h);
    const Slot* slot = find_slot(h);
    if (decided != decided_.end()) {
      if (decided->second.info) ancestors.push_back(decided->second.info);
    } else if (slot != nullptr && slot->proposal) {
      if (BlockInfoPtr info = find_info(h, slot->proposal->id)) ancestors.push_back(info);
    }
  }
  const auto in_ancestor = [&ancestors](const SubmissionId& id) {
    return std::ranges::any_of(ancestors, [&id](const BlockInfoPtr& info) {
      return std::ranges::binary_search(info->ids, id);
    });
  };
  for (const ItemFacts& item : items) {
    if (item.expiry <= time) {
      out_.returned.push_back({item.content, ReturnReason::kExpired});
    } else if (item.expiry.value > time.value + config_.max_expiry_ms) {
      out_.returned.push_back({item.content, ReturnReason::kExpiryTooFar});
    } else if (out.size() >= config_.max_block_items) {
      out_.returned.push_back({item.content, ReturnReason::kTooMany});
    } else if (in_ancestor(item.id) || !seen.insert(item.id).second) {
      out_.returned.push_back({item.content, ReturnReason::kRepeated});
    } else {
      out.push_back(item);
    }
  }
  IMI_INVARIANT("F1", out.size() <= config_.max_block_items, out.size());
  return out;
}

void Replica::on(const Propose& i) {
  now_ = i.now;
  if (proposal_slots() == 0) {
    for (const ItemFacts& item : i.items) {
      out_.returned.push_back({item.content, ReturnReason::kNoSlot});
    }
    return;
  }
  const TimeMs time = next_block_time(now_);
  std::vector<ItemFacts> items = admit(i.items, time);
  if (!items.empty()) propose_block(std::move(items), i.full, time);
}

void Replica::propose_block(std::vector<ItemFacts> items, bool full, TimeMs time) {
  const Height parent = proposal_tip();
  const Height h = parent.next();
  IMI_INVARIANT("A5", h > stable_height_ && h <= window_end() && h > settled_, h, stable_height_,
                settled_);
  IMI_INVARIANT("I15", proposal_link(parent) && proposal_link(parent)->time < time, h, time);
  IMI_INVARIANT("A5", h.value - decided_tip_.value <= config_.pipeline, h, decided_tip_);
  IMI_INVARIANT("I5", !changing_ && is_primary() && vote_view_ == view_, view_, vote_view_);
  for (const ItemFacts& item : items) {
    IMI_INVARIANT("I16", time < item.expiry, h, time, item.expiry);
  }
  auto block = std::make_shared<Block>();
  block->items.reserve(items.size());
  for (const ItemFacts& item : items) block->items.push_back(item.content);
  block->header.epoch = set_.epoch;
  block->header.height = h;
  block->header.parent = proposal_link(parent)->id;
  block->header.time = time;
  block->header.body_root = chain::body_root(block->items);
  SignResult vote = rules_.sign_pre_prepare(view_, *block);
  if (!vote) {
    for (const ItemFacts& item : items) {
      out_.returned.push_back({item.content, ReturnReason::kNoSlot});
    }
    return;
  }
  const BlockId id = chain::block_id(config_.genesis, block->header);
  Slot& slot = slots_[h];
  IMI_INVARIANT("I1", !slot.proposal && !slot.accepted, h, view_);
  const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
  slot.proposal = Proposal{block->header, id, message->signature, true, now_, tick_};
  slot.accepted = true;
  slot.tally_prepares = true;
  slot.own_proposal = message;
  slot.sent = tick_;
  proposed_in_view_ = true;
  auto info = std::make_shared<BlockInfo>();
  info->block = std::move(block);
  info->id = id;
  fill_facts(*info, items);
  info->full = full;
  IMI_INVARIANT("I11", info->bodies == Bodies::kReady && !slot.blocks.contains(id), h, id);
  slot.blocks[id] = info;
  persist_bodies(*info);  // B2
  persist(std::move(vote->records));
  send(std::nullopt, message);
  mark_in_block(*info, true);
}

// C7: a heartbeat block on an idle chain. C3: an idle new primary shows at once that its view
// works, by a block of its own: re-proposals may be new to it and decided long ago at others, who
// wait for a new height. One that has submissions to propose leaves a quarter of the view's time to
// the driver's batch.
void Replica::propose_empty_if_due() {
  if (room() == 0) return;
  const bool idle = proposal_tip() <= decided_tip_;
  const bool heartbeat =
      confirmed_ && idle && tick_ - last_commit_ >= config_.ticks(config_.heartbeat_ms);
  const bool first =
      !proposed_in_view_ && (!pending_.waiting_since() || tick_ - entered_ >= period() / 4);
  if (heartbeat || first) propose_block({}, false, next_block_time(now_));
}

}  // namespace imi::consensus
