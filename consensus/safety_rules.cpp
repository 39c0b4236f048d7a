#include "consensus/safety_rules.h"

#include <algorithm>

#include "base/check.h"
#include "consensus/defects.h"

namespace imi::consensus {

using E = SafetyRefusal;

SafetyRules::SafetyRules(const Config& config, ValidatorSet set)
    : genesis_(config.genesis), window_(config.window()), set_(std::move(set)) {}

SafetyRules::SafetyRules(const Config& config, ValidatorSet set, MemberId me, crypto::SecretKey key,
                         SafetyState state)
    : SafetyRules(config, std::move(set)) {
  IMI_CHECK(set_.contains(me) && set_.member(me).key == key.public_key(),
            "the consensus key is not the one that the validator set names for this member");
  me_ = me;
  key_ = std::move(key);
  state_ = std::move(state);
  if (planted(Defect::kForgetVoteOnRestart)) state_.heights.clear();
}

SafetyRules SafetyRules::observer(const Config& config, ValidatorSet set) {
  return SafetyRules(config, std::move(set));
}

SignedMessage SafetyRules::envelope(Payload payload) const {
  SignedMessage m;
  m.epoch = set_.epoch;
  m.sender = *me_;
  m.payload = std::move(payload);
  return m;
}

void SafetyRules::keep(Signed& out, SafetyRecord record) {
  state_.apply(record);
  out.records.push_back(std::move(record));
}

std::expected<void, SafetyRefusal> SafetyRules::can_vote(View view, Height height) const {
  if (!key_) return std::unexpected(E::kObserver);
  if (state_.stopped) return std::unexpected(E::kStopped);
  if (!planted(Defect::kVoteBelowPromised)) {
    if (view < state_.view) return std::unexpected(E::kBelowPromised);
    if (view > state_.view || state_.changing) return std::unexpected(E::kNotInView);
  }
  if (height <= state_.stable_height() || height > state_.stable_height().plus(window_)) {
    return std::unexpected(E::kOutsideWindow);
  }
  return {};
}

// The one proposal of (view, height): what this member accepted before, and what the NEW-VIEW that
// opened the view settled, both bind.
SafetyRefusal SafetyRules::record_proposal(View view, const Block& block,
                                           const crypto::Signature& primary, Signed& out) {
  const Height h = block.header.height;
  if (state_.new_view) {
    const auto& opened = std::get<NewView>(state_.new_view->payload);
    if (opened.view == view && !opened.proposals.empty() &&
        h <= opened.proposals.back().header.height && !re_proposed(view, block.header)) {
      return E::kConflict;
    }
  }
  if (const auto at = state_.heights.find(h); at != state_.heights.end() && at->second.accepted) {
    const AcceptedProposal& before = *at->second.accepted;
    if (before.view > view) return E::kBelowPromised;
    if (before.view == view) {
      return before.block.header == block.header ? E::kNone : E::kConflict;  // asked again: C5
    }
  }
  keep(out, AcceptedProposal{view, block, primary});
  return E::kNone;
}

SignResult SafetyRules::sign_pre_prepare(View view, const Block& block) {
  if (auto ok = can_vote(view, block.header.height); !ok) return std::unexpected(ok.error());
  if (chain::primary(set_, view) != *me_) return std::unexpected(E::kNotPrimary);
  const BlockId id = chain::block_id(genesis_, block.header);
  const crypto::Signature signature =
      key_->sign(pre_prepare_digest(genesis_, set_.epoch, *me_, view, block.header.height, id));
  Signed out;
  if (const E e = record_proposal(view, block, signature, out); e != E::kNone) {
    return std::unexpected(e);
  }
  out.message = envelope(PrePrepare{view, block.header, block.items});
  out.message.signature = signature;
  return out;
}

SignResult SafetyRules::sign_prepare(View view, const Block& block,
                                     const crypto::Signature& primary) {
  if (auto ok = can_vote(view, block.header.height); !ok) return std::unexpected(ok.error());
  if (chain::primary(set_, view) == *me_) return std::unexpected(E::kIsPrimary);
  Signed out;
  if (const E e = record_proposal(view, block, primary, out); e != E::kNone) {
    return std::unexpected(e);
  }
  const BlockId id = chain::block_id(genesis_, block.header);
  out.message = envelope(Prepare{view, block.header.height, id});
  out.message.signature =
      key_->sign(prepare_digest(genesis_, set_.epoch, *me_, view, block.header.height, id));
  return out;
}

SignResult SafetyRules::sign_commit(View view, Height height, const BlockId& id) {
  if (auto ok = can_vote(view, height); !ok) return std::unexpected(ok.error());
  const auto found = state_.heights.find(height);
  if (found == state_.heights.end() || !found->second.accepted ||
      found->second.accepted->view != view ||
      chain::block_id(genesis_, found->second.accepted->block.header) != id) {
    return std::unexpected(E::kNotAccepted);
  }
  const SafetyState::AtHeight& at = found->second;
  if (!planted(Defect::kCommitWithoutPrepared) &&
      (!at.prepared || at.prepared->view != view ||
       at.prepared->header != at.accepted->block.header)) {
    return std::unexpected(E::kNotPrepared);
  }
  if (!planted(Defect::kNoPrefixRule) && !planted(Defect::kCommitWithoutPrepared)) {
    for (Height h = state_.stable_height().next(); h < height; h = h.next()) {
      const auto below = state_.heights.find(h);
      const bool covered = below != state_.heights.end() &&
                           (below->second.decided ||
                            (below->second.prepared && below->second.prepared->view == view));
      if (!covered) return std::unexpected(E::kPrefixNotPrepared);
    }
  }
  Signed out;
  if (at.committed && at.committed->view == view) {
    if (at.committed->id != id) return std::unexpected(E::kConflict);
  } else {
    keep(out, CommitVote{view, height, id});
  }
  out.message = envelope(Commit{view, height, id});
  out.message.signature = key_->sign(commit_digest(genesis_, set_.epoch, *me_, view, height, id));
  return out;
}

SignResult SafetyRules::sign_checkpoint(const LedgerHead& head) {
  if (!key_) return std::unexpected(E::kObserver);
  if (state_.stopped) return std::unexpected(E::kStopped);
  if (state_.stable && state_.stable->head.height == head.height && state_.stable->head != head) {
    return std::unexpected(E::kHeadMismatch);
  }
  Signed out;
  if (state_.checkpoint && head.height <= state_.checkpoint->height) {
    if (head.height < state_.checkpoint->height) return std::unexpected(E::kCheckpointBelow);
    if (head != *state_.checkpoint) return std::unexpected(E::kConflict);
  } else {
    keep(out, CheckpointVote{head});
  }
  out.message = envelope(Checkpoint{head});
  out.message.signature = key_->sign(chain::checkpoint_digest(head, *me_));
  return out;
}

SignResult SafetyRules::sign_view_change(View view) {
  if (!key_) return std::unexpected(E::kObserver);
  if (state_.stopped) return std::unexpected(E::kStopped);
  Signed out;
  if (view <= state_.view) {
    if (view == state_.view && state_.changing && state_.view_change) {
      out.message = *state_.view_change;  // once a view, re-sent byte-identical (A7)
      return out;
    }
    return std::unexpected(E::kAlreadyChanged);
  }
  ViewChange message;
  message.view = view;
  message.stable = state_.stable;
  for (const auto& [height, at] : state_.heights) {
    const bool prepared = at.prepared && at.prepared->view < view;
    const bool decided = at.decided && at.decided->commit.view < view;
    if (planted(Defect::kForgetPrepared)) continue;
    if (prepared && (!decided || at.prepared->view >= at.decided->commit.view)) {
      message.certificates.push_back({*at.prepared});
    } else if (decided) {
      message.certificates.push_back({*at.decided});
    }
  }
  out.message = envelope(message);
  out.message.signature = key_->sign(view_change_digest(genesis_, set_.epoch, *me_, message));
  keep(out, PromisedView{out.message});
  return out;
}

SignResult SafetyRules::sign_new_view(View view, std::vector<SignedViewChange> view_changes,
                                      const std::vector<BlockHeader>& headers) {
  if (!key_) return std::unexpected(E::kObserver);
  if (state_.stopped) return std::unexpected(E::kStopped);
  if (view < state_.view) return std::unexpected(E::kBelowPromised);
  if (view > state_.view) return std::unexpected(E::kNotInView);
  if (chain::primary(set_, view) != *me_) return std::unexpected(E::kNotPrimary);
  if (!state_.changing) return std::unexpected(E::kNewViewSigned);
  NewView message;
  message.view = view;
  message.view_changes = std::move(view_changes);
  for (const BlockHeader& header : headers) {
    const BlockId id = chain::block_id(genesis_, header);
    message.proposals.push_back({header, key_->sign(pre_prepare_digest(genesis_, set_.epoch, *me_,
                                                                       view, header.height, id))});
  }
  Signed out;
  const Hash256 digest = new_view_digest(genesis_, set_.epoch, *me_, message);
  out.message = envelope(std::move(message));
  out.message.signature = key_->sign(digest);
  keep(out, EnteredView{out.message});
  return out;
}

std::optional<SafetyRecord> SafetyRules::note_prepared(const PreparedCertificate& certificate) {
  const Height h = certificate.header.height;
  if (h <= state_.stable_height()) return std::nullopt;
  const auto at = state_.heights.find(h);
  if (at != state_.heights.end() && at->second.prepared &&
      at->second.prepared->view >= certificate.view) {
    return std::nullopt;
  }
  SafetyRecord record = RecordedPrepared{certificate};
  state_.apply(record);
  return record;
}

std::optional<SafetyRecord> SafetyRules::note_decided(const DecidedCertificate& decided) {
  const Height h = decided.header.height;
  if (h <= state_.stable_height()) return std::nullopt;
  const auto at = state_.heights.find(h);
  if (at != state_.heights.end() && at->second.decided) return std::nullopt;
  SafetyRecord record = RecordedDecision{decided};
  state_.apply(record);
  return record;
}

std::optional<SafetyRecord> SafetyRules::note_entered(const SignedMessage& new_view) {
  const View view = std::get<NewView>(new_view.payload).view;
  if (view < state_.view || (view == state_.view && !state_.changing)) return std::nullopt;
  SafetyRecord record = EnteredView{new_view};
  state_.apply(record);
  return record;
}

std::optional<SafetyRecord> SafetyRules::note_stable(const CheckpointCertificate& certificate) {
  if (certificate.head.height <= state_.stable_height()) return std::nullopt;
  SafetyRecord record = StableCheckpoint{certificate};
  state_.apply(record);
  return record;
}

std::optional<SafetyRecord> SafetyRules::stop(SafetyRefusal reason) {
  if (state_.stopped) return std::nullopt;
  SafetyRecord record = SigningStopped{static_cast<std::uint8_t>(reason)};
  state_.apply(record);
  return record;
}

bool SafetyRules::re_proposed(View view, const BlockHeader& header) const {
  if (!state_.new_view) return false;
  const auto& opened = std::get<NewView>(state_.new_view->payload);
  return opened.view == view &&
         std::ranges::find(opened.proposals, header, &ReProposal::header) != opened.proposals.end();
}

bool SafetyRules::is_unknown_own(const SignedMessage& message, const BlockId& id) const {
  if (!key_ || message.sender != *me_ || message.epoch != set_.epoch) return false;
  // A vote of the present view is known exactly; one of a lower view may have been replaced by a
  // later one in the state; one of a higher view was never made here.
  const auto vote_unknown = [this](View view, Height h, auto&& matches) {
    if (view != state_.view) return view > state_.view;
    if (h <= state_.stable_height()) return false;
    if (state_.changing) return true;
    const auto at = state_.heights.find(h);
    return at == state_.heights.end() || !matches(at->second);
  };
  const auto accepted = [&](View view, const BlockId& block) {
    return [this, view, &block](const SafetyState::AtHeight& at) {
      return at.accepted && at.accepted->view == view &&
             chain::block_id(genesis_, at.accepted->block.header) == block;
    };
  };
  if (const auto* p = std::get_if<PrePrepare>(&message.payload)) {
    // A NEW-VIEW carries the same signatures, for blocks that its primary may not hold yet.
    if (re_proposed(p->view, p->header)) return false;
    return vote_unknown(p->view, p->header.height, accepted(p->view, id));
  }
  if (const auto* p = std::get_if<Prepare>(&message.payload)) {
    return vote_unknown(p->view, p->height, accepted(p->view, p->id));
  }
  if (const auto* c = std::get_if<Commit>(&message.payload)) {
    return vote_unknown(c->view, c->height, [c](const SafetyState::AtHeight& at) {
      return at.committed && at.committed->view == c->view && at.committed->id == c->id;
    });
  }
  if (const auto* c = std::get_if<Checkpoint>(&message.payload)) {
    if (!state_.checkpoint || c->head.height > state_.checkpoint->height) return true;
    return c->head.height == state_.checkpoint->height && c->head != *state_.checkpoint;
  }
  if (const auto* v = std::get_if<ViewChange>(&message.payload)) {
    if (v->view != state_.view) return v->view > state_.view;
    return !state_.view_change || state_.view_change->payload != message.payload;
  }
  if (const auto* n = std::get_if<NewView>(&message.payload)) {
    if (n->view != state_.view) return n->view > state_.view;
    return !state_.new_view || state_.new_view->payload != message.payload;
  }
  return false;
}

}  // namespace imi::consensus
