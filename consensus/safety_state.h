// What a validator must never forget (B1), as deltas and as their fold.
//
// The node appends the SafetyRecords of every step to its log and syncs before it sends anything
// of that step. After a restart, folding the records in order with SafetyState::apply gives the
// state back. A log may be compacted at any time into one encoded SafetyState.
//
// Law: records are folded in the order they were issued; apply never fails.
#pragma once

#include <map>
#include <optional>
#include <variant>

#include "consensus/messages.h"

namespace imi::consensus {

// VIEW-CHANGE(view) was signed: promises to vote no more below `view` (A6, I5).
struct PromisedView {
  SignedMessage view_change;
  bool operator==(const PromisedView&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view_change);
  }
};
// A NEW-VIEW was accepted or, by its primary, signed.
struct EnteredView {
  SignedMessage new_view;
  bool operator==(const EnteredView&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(new_view);
  }
};
// The one proposal of (view, height) this member votes for: its own PRE-PREPARE or its PREPARE.
struct AcceptedProposal {
  View view;
  Block block;
  crypto::Signature primary;  // PRE-PREPARE signature by primary(view)
  bool operator==(const AcceptedProposal&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, block, primary);
  }
};
// A prepared certificate of a higher view than any before for its height (A4).
struct RecordedPrepared {
  PreparedCertificate certificate;
  bool operator==(const RecordedPrepared&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(certificate);
  }
};
// A decision that has no prepared certificate of the same view here, so that a COMMIT above it
// stays provable (A2, I9).
struct RecordedDecision {
  DecidedCertificate decided;
  bool operator==(const RecordedDecision&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(decided);
  }
};
// COMMIT(view, height, id) was signed.
struct CommitVote {
  View view;
  Height height;
  BlockId id;
  bool operator==(const CommitVote&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, height, id);
  }
};
// CHECKPOINT(head) was signed.
struct CheckpointVote {
  LedgerHead head;
  bool operator==(const CheckpointVote&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(head);
  }
};
// A higher stable checkpoint: everything at or below it is forgotten.
struct StableCheckpoint {
  CheckpointCertificate certificate;
  bool operator==(const StableCheckpoint&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(certificate);
  }
};
// This key signs nothing again (B6, D3).
struct SigningStopped {
  std::uint8_t reason = 0;  // SafetyRefusal
  bool operator==(const SigningStopped&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(reason);
  }
};

// What peers were last seen to sign (B6): for them, should they lose their memory. Replaces the
// earlier statement of the same member and kind.
struct SeenStatement {
  MemberId member;
  Statement statement;
  bool operator==(const SeenStatement&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(member, statement);
  }
};
struct PeersSeen {
  std::vector<SeenStatement> statements;
  bool operator==(const PeersSeen&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(statements);
  }
};

// Distinct blocks that list submissions, voted for at one height and kept beside the accepted one;
// every further one takes a view that failed. None is dropped before its height is stable:
// SafetyRules votes for no more of them instead, unless a NEW-VIEW re-proposes one. Empty blocks
// are small and have no limit, so that a height can be decided after any number of views.
inline constexpr std::size_t kMaxVotedBlocks = 16;

using SafetyRecord =
    std::variant<PromisedView, EnteredView, AcceptedProposal, RecordedPrepared, RecordedDecision,
                 CommitVote, CheckpointVote, StableCheckpoint, SigningStopped, PeersSeen>;

struct SafetyState {
  struct Vote {
    View view;
    BlockId id;
    bool operator==(const Vote&) const = default;
    template <class A>
    void serialize(A& ar) {
      ar(view, id);
    }
  };
  struct AtHeight {
    std::optional<AcceptedProposal> accepted;     // of the highest view
    std::optional<PreparedCertificate> prepared;  // of the highest view
    std::vector<Block> voted;                     // others voted for, oldest first (B2, I11)
    std::optional<DecidedCertificate> decided;
    std::optional<Vote> committed;  // the COMMIT of the highest view
    bool operator==(const AtHeight&) const = default;
    template <class A>
    void serialize(A& ar) {
      ar(accepted, prepared, voted, decided, committed);
    }
  };

  SchemaVersion<1> version;
  Epoch epoch;
  View view;              // promised: no vote below it is ever signed again
  bool changing = false;  // true from VIEW-CHANGE(view) until NEW-VIEW(view)
  std::optional<CheckpointCertificate> stable;
  std::optional<SignedMessage> view_change;         // the last own
  std::optional<SignedMessage> new_view;            // the one that opened the last view entered
  std::optional<LedgerHead> checkpoint;             // the last CHECKPOINT signed
  std::map<Height, AtHeight> heights;               // above stable
  std::optional<std::uint8_t> stopped;              // SafetyRefusal, if this key must not sign
  std::map<MemberId, std::vector<Statement>> seen;  // of each other member, ascending by kind (B6)

  bool operator==(const SafetyState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, epoch, view, changing, stable, view_change, new_view, checkpoint, heights, stopped,
       seen);
  }
  [[nodiscard]] Height stable_height() const { return stable ? stable->head.height : Height(0); }
  void apply(const SafetyRecord& record);
};

}  // namespace imi::consensus
