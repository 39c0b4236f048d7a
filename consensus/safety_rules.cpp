#include "consensus/safety_rules.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/overloaded.h"
#include "consensus/defects.h"

namespace imi::consensus {

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

// The only place where the key is used.
crypto::Signature SafetyRules::sign(const Hash256& digest) const {
  IMI_INVARIANT("I19", key_ && me_ && !state_.stopped && !awaiting_, digest);
  return key_->sign(digest);
}

void SafetyRules::keep(Signed& out, SafetyRecord record) {
  std::visit(
      Overloaded{
          [this](const PromisedView& r) {
            const View promised = std::get<ViewChange>(r.view_change.payload).view;
            IMI_INVARIANT("I3", promised > state_.view, promised, state_.view);
          },
          [this](const EnteredView& r) {
            const View entered = std::get<NewView>(r.new_view.payload).view;
            IMI_INVARIANT("I3", entered == state_.view && state_.changing, entered, state_.view);
          },
          [this](const AcceptedProposal& r) {
            const Height h = r.block.header.height;
            const auto at = state_.heights.find(h);
            IMI_INVARIANT("I1",
                          at == state_.heights.end() || !at->second.accepted ||
                              at->second.accepted->view < r.view,
                          r.view, h);
            IMI_INVARIANT("I5", r.view == state_.view && !state_.changing, r.view, state_.view);
          },
          [this](const CommitVote& r) {
            const auto at = state_.heights.find(r.height);
            IMI_INVARIANT("I9", at != state_.heights.end() && at->second.accepted, r.view,
                          r.height);
            IMI_INVARIANT("I1", !at->second.committed || at->second.committed->view < r.view,
                          r.view, r.height, r.id);
            IMI_INVARIANT("I6", at->second.prepared && at->second.prepared->view == r.view, r.view,
                          r.height, r.id);
          },
          [this](const CheckpointVote& r) {
            IMI_INVARIANT("I2", !state_.checkpoint || state_.checkpoint->height < r.head.height,
                          r.head.height);
            IMI_INVARIANT("I18", r.head.epoch == set_.epoch, r.head.epoch, r.head.height);
          },
          [](const auto& /*not a vote*/) {},
      },
      record);
  state_.apply(record);
  out.records.push_back(std::move(record));
}

std::expected<void, SafetyRefusal> SafetyRules::may_sign() const {
  if (!key_) return std::unexpected(E::kObserver);
  if (state_.stopped) return std::unexpected(E::kStopped);
  if (awaiting_) return std::unexpected(E::kAwaitingPeers);
  return {};
}

std::expected<void, SafetyRefusal> SafetyRules::can_vote(View view, Height height) const {
  if (auto ok = may_sign(); !ok) return std::unexpected(ok.error());
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
  if (too_many_voted(view, block)) return E::kTooManyVoted;
  keep(out, AcceptedProposal{view, block, primary});
  return E::kNone;
}

namespace {

// Blocks kept at a height that list submissions, `without` apart.
std::size_t listing(const SafetyState::AtHeight& at, const BlockHeader* without) {
  const auto counts = [without](const Block& b) {
    return !b.items.empty() && (without == nullptr || b.header != *without);
  };
  const auto voted = static_cast<std::size_t>(std::ranges::count_if(at.voted, counts));
  return voted + (at.accepted && counts(at.accepted->block) ? 1 : 0);
}

}  // namespace

bool SafetyRules::only_empty(Height height) const {
  const auto at = state_.heights.find(height);
  return at != state_.heights.end() && listing(at->second, nullptr) > kMaxVotedBlocks;
}

bool SafetyRules::too_many_voted(View view, const Block& block) const {
  if (block.items.empty() || !only_empty(block.header.height)) return false;
  const SafetyState::AtHeight& at = state_.heights.at(block.header.height);
  const bool kept = listing(at, &block.header) < listing(at, nullptr);
  return !kept && !re_proposed(view, block.header);
}

SignResult SafetyRules::sign_pre_prepare(View view, const Block& block) {
  if (auto ok = can_vote(view, block.header.height); !ok) return std::unexpected(ok.error());
  if (chain::primary(set_, view) != *me_) return std::unexpected(E::kNotPrimary);
  const BlockId id = chain::block_id(genesis_, block.header);
  const crypto::Signature signature =
      sign(pre_prepare_digest(genesis_, set_.epoch, *me_, view, block.header.height, id));
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
      sign(prepare_digest(genesis_, set_.epoch, *me_, view, block.header.height, id));
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
  out.message.signature = sign(commit_digest(genesis_, set_.epoch, *me_, view, height, id));
  return out;
}

SignResult SafetyRules::sign_checkpoint(const LedgerHead& head) {
  if (auto ok = may_sign(); !ok) return std::unexpected(ok.error());
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
  out.message.signature = sign(chain::checkpoint_digest(head, *me_));
  return out;
}

SignResult SafetyRules::sign_view_change(View view) {
  if (auto ok = may_sign(); !ok) return std::unexpected(ok.error());
  Signed out;
  if (view <= state_.view) {
    if (view == state_.view && state_.changing && state_.view_change) {
      out.message = *state_.view_change;  // once per view, re-sent byte-identical (A7)
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
  out.message.signature = sign(view_change_digest(genesis_, set_.epoch, *me_, message));
  keep(out, PromisedView{out.message});
  return out;
}

SignResult SafetyRules::sign_new_view(View view, std::vector<SignedViewChange> view_changes,
                                      const std::vector<BlockHeader>& headers) {
  if (auto ok = may_sign(); !ok) return std::unexpected(ok.error());
  if (view < state_.view) return std::unexpected(E::kBelowPromised);
  if (view > state_.view) return std::unexpected(E::kNotInView);
  if (chain::primary(set_, view) != *me_) return std::unexpected(E::kNotPrimary);
  if (!state_.changing) return std::unexpected(E::kNewViewSigned);
  NewView message;
  message.view = view;
  message.view_changes = std::move(view_changes);
  for (const BlockHeader& header : headers) {
    const BlockId id = chain::block_id(genesis_, header);
    message.proposals.push_back(
        {header, sign(pre_prepare_digest(genesis_, set_.epoch, *me_, view, header.height, id))});
  }
  Signed out;
  const Hash256 digest = new_view_digest(genesis_, set_.epoch, *me_, message);
  out.message = envelope(std::move(message));
  out.message.signature = sign(digest);
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

std::optional<SafetyRecord> SafetyRules::note_seen(PeersSeen seen) {
  if (seen.statements.empty()) return std::nullopt;
  SafetyRecord record = std::move(seen);
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

bool SafetyRules::re_proposed(View view, const BlockId& id) const {
  if (!state_.new_view) return false;
  const auto& opened = std::get<NewView>(state_.new_view->payload);
  return opened.view == view && std::ranges::any_of(opened.proposals, [&](const ReProposal& p) {
           return chain::block_id(genesis_, p.header) == id;
         });
}

// A vote in a view above the promised one was never made here. Of each height above stable the
// state has the accepted proposal and the COMMIT of the highest view, and every block voted for.
bool SafetyRules::is_unknown_vote(const Statement& s, const BlockId& id) const {
  if (s.view > state_.view) return true;
  if (s.height <= state_.stable_height()) return false;
  const auto found = state_.heights.find(s.height);
  const SafetyState::AtHeight none;
  const SafetyState::AtHeight& at = found == state_.heights.end() ? none : found->second;
  if (s.kind == StatementOf::kCommit) {
    if (!at.committed || at.committed->view < s.view) return true;
    return at.committed->view == s.view && at.committed->id != id;
  }
  const auto is = [&](const Block& b) { return chain::block_id(genesis_, b.header) == id; };
  if (s.kind == StatementOf::kPrePrepare) {
    // A NEW-VIEW carries the same signatures, for blocks that its primary may not hold yet.
    if (re_proposed(s.view, id)) return false;
    // Of earlier NEW-VIEWs of ours the state has nothing.
    if (s.view < state_.view && !(at.accepted && at.accepted->view == s.view)) return false;
  }
  if (!at.accepted || at.accepted->view < s.view) return true;
  if (at.accepted->view == s.view) return !is(at.accepted->block);
  return !is(at.accepted->block) && std::ranges::none_of(at.voted, is);
}

bool SafetyRules::is_unknown_own(const Statement& s) const {
  if (!key_ || planted(Defect::kForgetVoteOnRestart)) return false;
  const auto content = [this](const SignedMessage& m) {
    const auto* v = std::get_if<ViewChange>(&m.payload);
    return v != nullptr ? content_digest(genesis_, *v)
                        : content_digest(genesis_, std::get<NewView>(m.payload));
  };
  if (s.kind == StatementOf::kCheckpoint) {
    const auto& last = state_.checkpoint;
    if (!last || s.height > last->height) return true;
    return s.height == last->height && std::get<LedgerHead>(s.subject) != *last;
  }
  const auto& hash = std::get<Hash256>(s.subject);
  if (s.kind == StatementOf::kViewChange || s.kind == StatementOf::kNewView) {
    if (s.view != state_.view) return s.view > state_.view;
    const auto& last = s.kind == StatementOf::kViewChange ? state_.view_change : state_.new_view;
    return !last || content(*last) != hash;
  }
  return is_unknown_vote(s, chain::retag<BlockId>(hash));
}

}  // namespace imi::consensus
