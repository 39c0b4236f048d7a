// From q COMMITs to the executor: decisions, their order, and the blocks behind them (I7, I13).
#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

// ---- blocks -------------------------------------------------------------------------------------

Replica::BlockInfoPtr Replica::find_info(Height h, const BlockId& id) const {
  if (const auto it = decided_.find(h);
      it != decided_.end() && it->second.id == id && it->second.info) {
    return it->second.info;
  }
  const Slot* slot = find_slot(h);
  if (slot == nullptr) return nullptr;
  const auto it = slot->blocks.find(id);
  return it == slot->blocks.end() ? nullptr : it->second;
}

// Keeps the list of a block that a proposal or a decision named, and asks for its bodies if the
// block is wanted now.
Replica::BlockInfoPtr Replica::learn_block(Height h, std::shared_ptr<const Block> block,
                                           const BlockId& id) {
  BlockInfoPtr info = find_info(h, id);
  if (!info) {
    info = std::make_shared<BlockInfo>();
    info->block = std::move(block);
    info->id = id;
  }
  IMI_INVARIANT("I12", info->id == id && info->block->header.height == h, h, id);
  if (Slot* slot = find_slot(h)) slot->blocks[id] = info;
  const auto decided = decided_.find(h);
  if (decided != decided_.end() && decided->second.id == id && !decided->second.info) {
    decided->second.info = info;
    decided->second.header = info->block->header;
    mark_in_block(*info, true);
    ask_bodies(h, *info);
    advance_tip();
  }
  const Slot* slot = find_slot(h);
  if (slot != nullptr && slot->proposal && slot->proposal->id == id && !slot->refused) {
    ask_bodies(h, *info);
  }
  return info;
}

void Replica::ask_bodies(Height h, BlockInfo& info) {
  if (info.bodies != Bodies::kUnknown) return;
  IMI_INVARIANT("I12", info.block && info.block->header.height == h, h, info.id);
  if (info.block->items.empty()) {
    info.bodies = Bodies::kReady;
    return;
  }
  info.bodies = Bodies::kAsked;
  NeedBodies need{h, info.id, info.block, {}};
  std::set<MemberId> holders;
  if (const Slot* slot = find_slot(h)) {
    for (const auto& [member, vote] : slot->prepares) {
      if (vote.id == info.id) holders.insert(member);
    }
    for (const auto& [member, vote] : slot->commits) {
      if (vote.id == info.id) holders.insert(member);
    }
  }
  holders.insert(primary());
  if (me_) holders.erase(*me_);
  need.holders.assign(holders.begin(), holders.end());
  out_.need_bodies.push_back(std::move(need));
}

void Replica::fill_facts(BlockInfo& info, const std::vector<ItemFacts>& items) {
  info.ids.clear();
  info.ids.reserve(items.size());
  for (const ItemFacts& item : items) {
    if (info.ids.empty() || item.expiry < info.min_expiry) info.min_expiry = item.expiry;
    if (info.ids.empty() || item.expiry > info.max_expiry) info.max_expiry = item.expiry;
    info.ids.push_back(item.id);
  }
  std::ranges::sort(info.ids);
  info.repeats = std::ranges::adjacent_find(info.ids) != info.ids.end();
  IMI_INVARIANT("I12", info.ids.size() == info.block->items.size(), info.ids.size(),
                info.block->items.size());
  IMI_INVARIANT("I16", info.ids.empty() || info.min_expiry <= info.max_expiry, info.min_expiry,
                info.max_expiry);
  info.bodies = Bodies::kReady;
}

void Replica::on(const BodiesReady& i) {
  const BlockInfoPtr info = find_info(i.height, i.id);
  if (!info || info->bodies == Bodies::kReady) return ignore(Ignored::kBodiesUnwanted);
  const auto& listed = info->block->items;
  if (!std::ranges::equal(i.items, listed, {}, &ItemFacts::content)) {
    return ignore(Ignored::kFactsMismatch);
  }
  fill_facts(*info, i.items);
  info->full = i.full;
  const auto decided = decided_.find(i.height);
  if (decided != decided_.end() && decided->second.info == info) mark_in_block(*info, true);
}

void Replica::on(const BodiesInvalid& i) {
  const BlockInfoPtr info = find_info(i.height, i.id);
  if (!info || info->bodies == Bodies::kReady) return ignore(Ignored::kBodiesUnwanted);
  info->bodies = Bodies::kInvalid;
  const auto decided = decided_.find(i.height);
  if (decided != decided_.end() && decided->second.id == i.id) {
    halt(HaltReason::kInvalidDecision, i.height);
  }
}

void Replica::receive(const VerifiedMessage& m, const BlockData& b) {
  const Height h = b.block.header.height;
  const auto decided = decided_.find(h);
  const Slot* slot = find_slot(h);
  const bool wanted = (decided != decided_.end() && decided->second.id == m.block_id()) ||
                      (slot != nullptr && slot->proposal && slot->proposal->id == m.block_id());
  if (!wanted) return ignore(Ignored::kNotWanted);
  if (find_info(h, m.block_id())) return ignore(Ignored::kDuplicate);
  learn_block(h, std::make_shared<const Block>(b.block), m.block_id());
}

// ---- order --------------------------------------------------------------------------------------

std::optional<Replica::Link> Replica::decided_link(Height h) const {
  if (h == executed_.height) return Link{executed_.block, executed_.time};
  if (h == stable_height_) return stable_link_;
  if (const auto it = decided_.find(h); it != decided_.end() && it->second.header) {
    return Link{it->second.id, it->second.header->time};
  }
  return std::nullopt;
}

// What a proposal at h + 1 must build on: the decision at h, or the proposal accepted there in this
// view (A2).
std::optional<Replica::Link> Replica::link(Height h) const {
  if (auto decided = decided_link(h)) return decided;
  const Slot* slot = find_slot(h);
  if (slot == nullptr || !slot->proposal || !slot->accepted) return std::nullopt;
  return Link{slot->proposal->id, slot->proposal->header.time};
}

void Replica::decide(Height h, Decision decision) {
  if (halted_) return;
  IMI_INVARIANT(
      "I10",
      !decision.commit || (decision.commit->id == decision.id && decision.commit->height == h &&
                           decision.commit->signatures.size() >= quorum_.q),
      h, decision.id);
  IMI_INVARIANT("I7", !decision.info || decision.info->id == decision.id, h, decision.id);
  const auto existing = decided_.find(h);
  if (existing == decided_.end() && h <= executed_.height) return;
  IMI_INVARIANT("I18", !decision.commit || decision.commit->epoch == set_.epoch, h, decision.id);
  if (existing != decided_.end()) {
    if (existing->second.id != decision.id) return halt(HaltReason::kConflictingDecision, h);
    if (!existing->second.commit) existing->second.commit = std::move(decision.commit);
    if (!existing->second.header) existing->second.header = decision.header;
    if (!existing->second.info) existing->second.info = std::move(decision.info);
    advance_tip();
    return;
  }
  if (!decision.info) decision.info = find_info(h, decision.id);
  if (decision.info) decision.header = decision.info->block->header;
  const Slot* slot = find_slot(h);
  if (!decision.header && slot != nullptr && slot->proposal && slot->proposal->id == decision.id) {
    decision.header = slot->proposal->header;
  }
  const View view = decision.view;
  const BlockInfoPtr info = decision.info;
  const BlockId id = decision.id;
  IMI_INVARIANT("I13", h > executed_.height && h > emitted_, h, executed_.height, emitted_);
  decided_[h] = std::move(decision);
  release_undecided(h, id);
  on_progress(h, view);
  if (info) {
    // What was accepted here in this view is marked since then.
    if (slot == nullptr || !slot->accepted || slot->proposal->id != id) mark_in_block(*info, true);
    ask_bodies(h, *info);
  } else {
    fetch_block(h, id);
  }
  advance_tip();
}

// Blocks accepted here up to `stable` whose decision is not known here. If one is the certified
// block after all, its submissions leave the pool when it is executed.
void Replica::release_below(Height stable, const BlockId& certified) {
  const auto over = [&](Height h, const BlockId& id) {
    const auto decided = decided_.find(h);
    if (decided != decided_.end()) return decided->second.id != id;
    return h > executed_.height && !(h == stable && id == certified);
  };
  for (auto it = abandoned_.begin(); it != abandoned_.end() && it->first <= stable;) {
    for (const BlockInfoPtr& info : it->second) {
      if (over(it->first, info->id)) release_items(*info);
    }
    it = abandoned_.erase(it);
  }
  for (auto it = slots_.begin(); it != slots_.end() && it->first <= stable; ++it) {
    const auto& [h, slot] = *it;
    if (!slot.accepted || !over(h, slot.proposal->id)) continue;
    if (const BlockInfoPtr info = find_info(h, slot.proposal->id)) release_items(*info);
  }
}

// Blocks accepted here at a height that another block won.
void Replica::release_undecided(Height h, const BlockId& decided) {
  if (const auto it = abandoned_.find(h); it != abandoned_.end()) {
    for (const BlockInfoPtr& info : it->second) {
      if (info->id != decided) release_items(*info);
    }
    abandoned_.erase(it);
  }
  IMI_INVARIANT("I7", decided_.contains(h) && decided_.at(h).id == decided, h, decided);
  const Slot* slot = find_slot(h);
  if (slot != nullptr && slot->accepted && slot->proposal->id != decided) {
    if (const BlockInfoPtr info = find_info(h, slot->proposal->id)) release_items(*info);
  }
}

void Replica::advance_tip() {
  for (auto it = decided_.find(decided_tip_.next()); it != decided_.end() && it->second.header;
       it = decided_.find(decided_tip_.next())) {
    const Height h = decided_tip_.next();
    IMI_INVARIANT("I7", it->first == h && decided_link(decided_tip_), it->first, h);
    if (it->second.header->parent != decided_link(decided_tip_)->id) {
      return halt(HaltReason::kConflictingDecision, h);
    }
    IMI_INVARIANT("I13", h > emitted_ && !it->second.emitted, h, emitted_);
    decided_tip_ = h;
    out_.committed.push_back({h, it->second.view, it->second.id});
    if (config_.rotation_heights != 0 && h.value % config_.rotation_heights == 0 && !changing_ &&
        confirmed_ && it->second.view == view_ && h > settled_) {
      rotate_ = true;  // C8; a wish like any other
    }
  }
}

// C2, C3, C5: a decision restarts the progress timer, may confirm the view, and lets the back-off
// decay, at most one step per T.
void Replica::on_progress(Height h, View view) {
  IMI_INVARIANT("C3", !(confirmed_ && changing_) && last_commit_ <= tick_, view_, last_commit_);
  progress_base_ = tick_;
  last_commit_ = tick_;
  if (!changing_ && !confirmed_ && h > view_base_ && (view == view_ || h > settled_)) {
    confirmed_ = true;
    view_since_.reset();
    last_decay_ = tick_;
  } else if (confirmed_ && backoff_ > 0 &&
             tick_ - last_decay_ >= config_.ticks(config_.progress_timeout_ms)) {
    --backoff_;
    last_decay_ = tick_;
  }
}

// I13: in height order, once per height, only what is decided, and only with every body here.
void Replica::execute_decided() {
  if (planted(Defect::kExecuteOutOfOrder)) {
    for (auto& [h, d] : decided_) {
      if (d.emitted || !d.info || d.info->bodies != Bodies::kReady) continue;
      d.emitted = true;
      emitted_ = std::max(emitted_, h);
      out_.execute.push_back({d.info->block, d.id, d.commit});
    }
    return;
  }
  for (auto it = decided_.find(emitted_.next()); it != decided_.end() && emitted_ < decided_tip_;
       it = decided_.find(emitted_.next())) {
    Decision& d = it->second;
    if (!d.info) break;
    if (d.info->bodies == Bodies::kInvalid) {
      return halt(HaltReason::kInvalidDecision, it->first);
    }
    if (d.info->bodies != Bodies::kReady) break;
    IMI_INVARIANT("I13", it->first == emitted_.next() && it->first <= decided_tip_ && !d.emitted,
                  it->first, emitted_, decided_tip_);
    IMI_INVARIANT("I13", d.info->id == d.id, d.info->id, d.id);
    d.emitted = true;
    emitted_ = it->first;
    out_.execute.push_back({d.info->block, d.id, d.commit});
  }
}

void Replica::on(const Executed& i) {
  const Height h = i.head.height;
  const auto it = decided_.find(h);
  if (h != executed_.height.next() || it == decided_.end() || !it->second.emitted ||
      it->second.id != i.head.block) {
    return halt(HaltReason::kWrongExecution, h);
  }
  IMI_INVARIANT("I13", h <= emitted_ && h <= decided_tip_, h, emitted_, decided_tip_);
  IMI_INVARIANT("I13", it->second.info && it->second.info->bodies == Bodies::kReady, h,
                i.head.block);
  IMI_INVARIANT("I15", i.head.time == it->second.info->block->header.time, h, i.head.time);
  executed_ = i.head;
  forget_executed(*it->second.info, i);
  if (h > stable_height_) {
    IMI_INVARIANT("I2", !heads_.contains(h), h);
    heads_[h] = i.head;
    sign_checkpoint(i.head);
  } else if (h == stable_height_ && stable_->head != i.head &&
             !planted(Defect::kIgnoreHeadMismatch)) {
    return halt(HaltReason::kHeadMismatch, h);  // D3
  }
  if (!halted_) forget_below();
}

void Replica::forget_below() {
  const Height base = std::min(stable_height_, executed_.height);
  IMI_INVARIANT("I13", base <= decided_tip_ && executed_.height <= emitted_, base, decided_tip_,
                executed_.height, emitted_);
  decided_.erase(decided_.begin(), decided_.upper_bound(base));
  IMI_INVARIANT("I7", decided_.empty() || decided_.begin()->first > base, base);
}

}  // namespace imi::consensus
