// Starting from what was durable (B1, C5): never a vote that contradicts one already sent.
#include <limits>

#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/new_view.h"
#include "consensus/replica.h"

namespace imi::consensus {

void Replica::restore(const RestartFacts& facts) {
  executed_ = facts.executed;
  decided_tip_ = emitted_ = executed_.height;
  stable_link_ = {BlockId{}, executed_.height.value == 0
                                 ? executed_.time
                                 : TimeMs(std::numeric_limits<std::int64_t>::min())};
  start_number_ = facts.start_number;
  for (const auto& [member, statements] : rules_.state().seen) {
    for (const Statement& s : statements) seen_.insert({{member, s.kind}, s});
  }
  // B6: a ledger that is newer than the safety log shows it.
  for (const RestartBlock& b : facts.decided) note_statements(b.commit);
  if (facts.stable) {
    note_statements(*facts.stable);
    persist(rules_.note_stable(*facts.stable));
  }
  if (!planted(Defect::kSignUnasked)) rules_.await_peers();
  const SafetyState& state = rules_.state();
  if (state.stable) {
    stable_ = state.stable;
    stable_height_ = stable_->head.height;
    stable_link_ = {stable_->head.block, stable_->head.time};
  }
  if (stable_height_ == executed_.height && stable_ && stable_->head != executed_) {
    halt(HaltReason::kHeadMismatch, stable_height_);
    return;
  }
  for (const RestartBlock& b : facts.decided) {
    const Height h = b.block.header.height;
    if (h <= stable_height_ || h > executed_.height) continue;
    Decision d;
    d.id = b.commit.id;
    d.view = b.commit.view;
    d.header = b.block.header;
    d.commit = b.commit;
    d.emitted = true;
    d.info = std::make_shared<BlockInfo>();
    d.info->block = std::make_shared<const Block>(b.block);
    d.info->id = d.id;
    d.info->bodies = Bodies::kReady;
    decided_[h] = std::move(d);
  }
  if (executed_.height > stable_height_) heads_[executed_.height] = executed_;
  view_ = state.view;
  changing_ = state.changing;
  confirmed_ = proposed_in_view_ = !changing_;
  IMI_INVARIANT("I2", !rules_.state().stable || stable_height_ == rules_.state().stable_height(),
                stable_height_);
  restore_view();
  for (const auto& [h, at] : state.heights) restore_height(h, at);
}

void Replica::restore_view() {
  const SafetyState& state = rules_.state();
  if (changing_) {
    if (me_ && state.view_change) {
      view_changes_[*me_] = std::make_shared<const SignedMessage>(*state.view_change);
    }
    return;
  }
  vote_view_ = view_;
  if (!state.new_view) return;
  new_view_ = std::make_shared<const SignedMessage>(*state.new_view);
  const auto& n = std::get<NewView>(new_view_->payload);
  const Choice choice = choose(config_.genesis, n.view_changes);
  settled_ = choice.stable_height().plus(n.proposals.size());
  for (const ReProposal& p : n.proposals) {
    const Height h = p.header.height;
    if (h <= stable_height_ || height_refusal(h)) continue;
    slots_[h].proposal = Proposal{
        p.header, chain::block_id(config_.genesis, p.header), p.signature, false, now_, tick_};
  }
}

void Replica::restore_height(Height h, const SafetyState::AtHeight& at) {
  if (height_refusal(h)) return;
  Slot& slot = slots_[h];
  const auto keep_block = [&](const Block& block) {
    const BlockId id = chain::block_id(config_.genesis, block.header);
    BlockInfoPtr info = find_info(h, id);
    if (!info) {
      info = std::make_shared<BlockInfo>();
      info->block = std::make_shared<const Block>(block);
      info->id = id;
    }
    slot.blocks[id] = info;
    return id;
  };
  for (const Block& block : at.voted) keep_block(block);
  if (at.accepted) {
    const BlockId id = keep_block(at.accepted->block);
    if (!changing_ && at.accepted->view == view_) {
      slot.proposal =
          Proposal{at.accepted->block.header, id, at.accepted->primary, h > settled_, now_, tick_};
      slot.accepted = true;
      slot.tally_prepares = true;
      slot.prepared = at.prepared && at.prepared->view == view_;
    }
  }
  if (at.decided && h > executed_.height) {
    Decision d;
    d.id = at.decided->commit.id;
    d.view = at.decided->commit.view;
    d.header = at.decided->header;
    d.commit = at.decided->commit;
    d.info = find_info(h, d.id);
    decided_[h] = std::move(d);
  }
}

Effects Replica::start() {
  IMI_CHECK(!started_, "start() is called once");
  started_ = true;
  if (halted_) return std::exchange(out_, {});
  for (auto& [h, slot] : slots_) {
    if (!slot.proposal) continue;
    if (const BlockInfoPtr info = find_info(h, slot.proposal->id)) {
      ask_bodies(h, *info);
    } else {
      fetch_block(h, slot.proposal->id);
    }
  }
  for (auto& [h, decision] : decided_) {
    if (decision.info) {
      ask_bodies(h, *decision.info);
    } else {
      fetch_block(h, decision.id);
    }
  }
  advance_tip();
  if (rules_.awaiting()) {
    ask_peers();
  } else {
    resend_votes();
  }
  if (me_) send_status();
  report_view();
  want_blocks();
  if (!halted_) advance();
  save_seen();
  return std::exchange(out_, {});
}

// C5. The same statements give the same bytes; nothing new is recorded.
void Replica::resend_votes() {
  if (!rules_.can_sign()) return;
  const SafetyState& state = rules_.state();
  IMI_INVARIANT("I5", state.view == view_ && state.changing == changing_, state.view, view_);
  // The crash may have come between a block's sync and its vote's: then this is a first vote.
  const bool newer = !state.checkpoint || executed_.height >= state.checkpoint->height;
  const LedgerHead last = newer ? executed_ : *state.checkpoint;
  if (last.height > stable_height_) sign_checkpoint(last);
  if (changing_) {
    view_change_sent_ = tick_;
    if (view_changes_.contains(*me_)) send(std::nullopt, view_changes_[*me_]);
    return;
  }
  if (new_view_ && is_primary()) send(std::nullopt, new_view_);
  for (auto& [h, slot] : slots_) {
    if (!slot.accepted) continue;
    const BlockInfoPtr info = find_info(h, slot.proposal->id);
    IMI_INVARIANT("I11", info != nullptr, h, slot.proposal->id);
    SignResult vote = is_primary()
                          ? rules_.sign_pre_prepare(view_, *info->block)
                          : rules_.sign_prepare(view_, *info->block, slot.proposal->signature);
    if (vote) {
      const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
      if (is_primary()) {
        slot.own_proposal = message;
        if (slot.proposal->fresh) send(std::nullopt, message);
      } else {
        slot.own_prepare = message;
        slot.prepares[*me_] = {view_, info->id, message->signature};
        send(std::nullopt, message);
      }
    }
    IMI_INVARIANT("I1", state.heights.contains(h), h);
    const auto& at = state.heights.find(h)->second;
    if (!at.committed || at.committed->view != view_) continue;
    SignResult commit = rules_.sign_commit(view_, h, at.committed->id);
    slot.committed = true;
    if (!commit) continue;
    const auto message = std::make_shared<const SignedMessage>(std::move(commit->message));
    slot.own_commit = message;
    slot.commits[*me_] = {view_, at.committed->id, message->signature};
    send(std::nullopt, message);
  }
}

}  // namespace imi::consensus
