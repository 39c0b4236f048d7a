// The judge: sees every message that leaves, every record that becomes durable, every execution,
// and checks them against the invariants of docs/PROTOCOL.md by number. It shares no code with
// consensus beyond the message types and the digests; what it knows it has observed.
//
// Incremental: each call looks at what has just happened and keeps what later checks need. The
// first violation stays. Members that are Byzantine are watched (their votes count in tallies, as
// they do for the honest) and never judged.
//
// Single-threaded; one oracle per run.
#pragma once

#include <bitset>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "consensus/safety_state.h"
#include "tests/sim/trace.h"

namespace imi::sim {

using chain::BlockId;
using chain::ContentHash;
using chain::Height;
using chain::LedgerHead;
using chain::MemberId;
using chain::SubmissionId;
using chain::TimeMs;
using chain::View;

struct Violation {
  std::string invariant;  // "I7"
  std::string text;
};

struct OracleSetup {
  chain::GenesisId genesis;
  chain::ValidatorSet set;
  LedgerHead genesis_head;
  std::uint32_t window = 0;        // L
  std::int64_t max_expiry_ms = 0;  // E_max
  std::vector<bool> honest;        // by member
};

// What the oracle must know of a submission that clients made: its entries issue and revoke
// attestations, so the oracle can tell which of them a correct ledger accepts.
struct KnownSubmission {
  struct Entry {
    Hash256 attestation;
    bool revoke = false;
  };
  SubmissionId id;
  TimeMs expiry;
  std::vector<Entry> entries;
  std::shared_ptr<const Bytes> bytes;  // as the client sent it
};

class Oracle {
 public:
  explicit Oracle(const OracleSetup& setup);

  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  // For findings made elsewhere (liveness, a node that stopped without a reason).
  void report(std::string invariant, std::string text);

  // ---- messages (oracle_votes.cpp) ----------------------------------------------------------

  // `message` leaves member `from`; called at the instant of sending, lost or not.
  void on_message(MemberId from, const consensus::SignedMessage& message);

  // ---- durability (oracle_durable.cpp) --------------------------------------------------------

  // A safety record, a body, or a block in the store became durable on `node`'s disk.
  void on_durable_record(MemberId node, const consensus::SafetyRecord& record);
  void on_durable_body(MemberId node, const ContentHash& content, ByteView bytes);
  // A new file of the log begins with this state: nothing that was durable may be missing from it.
  void on_durable_state(MemberId node, const consensus::SafetyState& state);
  void on_durable_applied(MemberId node, Height height);
  // `node` forgot what it signed, or a part of it: from now on its key must sign nothing new (I19).
  void on_state_lost(MemberId node);
  // Nobody that it will ask knows what it forgot: until on_shown() it is one of the f faulty
  // members, and its votes are not judged.
  void on_state_lost_unnoticed(MemberId node);
  void on_shown(MemberId node) { facts(node).excused = false; }

  // ---- execution and certificates (oracle_ledger.cpp) -----------------------------------------

  void on_submission(const ContentHash& content, const KnownSubmission& submission);
  void on_start(MemberId node, Height applied, Height certified);  // a process opens this ledger
  void on_executed(MemberId node, const chain::Block& block, const LedgerHead& head,
                   const std::optional<consensus::CommitCertificate>& commit);
  // `now`: where its readers stand afterwards.
  void on_certified(MemberId node, const chain::CheckpointCertificate& certificate, Height now);
  // A client was told: committed there, certified.
  void on_acknowledged(MemberId node, const SubmissionId& id, Height height, std::uint32_t index);
  // What a replica says of itself, after each event of its own.
  struct Status {
    View view;
    bool changing = false;
    Height decided;
    Height executed;
    Height stable;
  };
  void on_status(MemberId node, const Status& status);

  // ---- questions -------------------------------------------------------------------------------

  [[nodiscard]] Height highest_decided() const { return highest_decided_; }
  [[nodiscard]] Height highest_certified() const { return highest_certified_; }
  // How many different statements `m` has signed so far.
  [[nodiscard]] std::uint64_t statements_of(MemberId m) const { return nodes_[m.value].statements; }
  [[nodiscard]] bool honest(MemberId m) const { return setup_.honest[m.value]; }
  struct Place {
    Height height;
    std::uint32_t index = 0;
  };
  // Where a submission took effect, by the decided blocks.
  [[nodiscard]] std::optional<Place> effect(const SubmissionId& id) const;
  [[nodiscard]] const std::map<SubmissionId, Place>& acknowledged() const { return acknowledged_; }

  struct Counters {
    std::uint64_t statements = 0;
    std::uint64_t decided = 0;
    std::uint64_t certified = 0;
    std::uint64_t new_views = 0;
    std::uint64_t new_views_with_proposals = 0;  // a view change with a prepared set
    std::uint64_t equivocations = 0;             // two ids for one (kind, view, height, member)
    std::uint64_t acknowledged = 0;
    std::uint64_t re_proposals_decided = 0;  // decided in a view above the one first proposed in
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  using Members = std::bitset<chain::kMaxValidators>;
  enum class Vote : std::uint8_t { kPrePrepare, kPrepare, kCommit };
  struct Slot {  // (view, height)
    std::map<BlockId, Members> pre_prepare;
    std::map<BlockId, Members> prepare;
    std::map<BlockId, Members> commit;
    std::optional<BlockId> prepared;
    [[nodiscard]] std::map<BlockId, Members>& of(Vote v);
  };
  struct Decision {
    BlockId id;
    View view;  // lowest view in which it was decided
    std::optional<LedgerHead> head;
    std::optional<std::uint64_t> log_size;  // by the oracle's own count
  };
  struct AcceptedNewView {
    View view;
    Height start;  // min_s
    std::map<Height, BlockId> proposals;
  };
  struct NodeFacts {
    View promised;
    View wished;  // the highest view of its wishes and VIEW-CHANGEs, true or feigned
    View last_view;
    bool lost_state = false;
    bool excused = false;  // lost, and nobody has shown it so
    std::uint64_t statements = 0;
    std::map<std::pair<Vote, std::pair<View, Height>>, BlockId> signed_votes;
    std::map<Height, Hash256> signed_heads;
    std::map<View, Hash256> signed_view_changes;
    std::map<View, Hash256> signed_new_views;
    // Durable, cumulative: what was once durable for this key.
    std::set<std::pair<std::pair<View, Height>, BlockId>> accepted;
    std::set<std::pair<std::pair<View, Height>, BlockId>> re_proposed;  // in its own NEW-VIEWs
    std::set<std::pair<std::pair<View, Height>, BlockId>> prepared;
    std::set<std::pair<std::pair<View, Height>, BlockId>> commit_votes;
    std::map<Height, BlockId> decided;
    std::set<std::pair<Height, Hash256>> checkpoints;
    std::set<std::pair<View, Hash256>> promises;
    std::set<std::pair<View, Hash256>> entered;
    std::set<ContentHash> bodies;
    Height stable;
    Height applied_durable;
    Height applied;
    Height certified;
  };

  void violate(const char* invariant, std::string text);
  [[nodiscard]] bool judged(MemberId m) const {
    return setup_.honest[m.value] && !nodes_[m.value].excused;
  }
  void remember(NodeFacts& node, const consensus::SignedMessage& m) const;
  [[nodiscard]] bool is_known(const NodeFacts& node, const consensus::SignedMessage& m) const;
  void note_durable_height(NodeFacts& node, Height height,
                           const consensus::SafetyState::AtHeight& at_height);
  [[nodiscard]] NodeFacts& facts(MemberId m) { return nodes_[m.value]; }
  [[nodiscard]] static std::string at(MemberId m, View v, Height h, const BlockId& id);

  // oracle_votes.cpp
  void see_vote(MemberId m, Vote kind, View view, Height height, const BlockId& id);
  void judge_vote(MemberId m, Vote kind, View view, Height height, const BlockId& id);
  void see_checkpoint(MemberId m, const LedgerHead& head);
  void see_certified(Height height, const Hash256& digest);
  void see_view_change(MemberId m, const consensus::ViewChange& message);
  void see_wish(MemberId m, View view);
  void check_not_alone(MemberId m, View view);
  void see_new_view(MemberId m, const consensus::SignedMessage& message);
  void see_header(const chain::BlockHeader& header, const BlockId& id);
  void see_block(const chain::BlockHeader& header, const BlockId& id,
                 const std::vector<ContentHash>& items);
  void check_prepared(View view, Height height, const BlockId& id, Slot& slot);
  void check_committed(View view, Height height, const BlockId& id, Slot& slot);
  void check_certificates(const consensus::ViewChange& message);
  void check_prepared_certificate(const consensus::PreparedCertificate& certificate);
  void check_commit_certificate(const consensus::CommitCertificate& certificate);
  void check_checkpoint_certificate(const chain::CheckpointCertificate& certificate);
  [[nodiscard]] bool distinct_quorum(const chain::Signatures& signatures, std::size_t needed) const;
  void accept_new_view(MemberId node, const consensus::NewView& message);
  void decide(View view, Height height, const BlockId& id);
  void check_chain(Height height);
  [[nodiscard]] std::map<Height, BlockId> carried_over(const consensus::NewView& message,
                                                       Height start) const;
  void check_new_view_holds(const AcceptedNewView& nv, Height height, const Decision& decision);

  // oracle_durable.cpp
  void check_nothing_forgotten(MemberId m, const consensus::SafetyState& state);
  void require_durable_vote(MemberId m, Vote kind, View view, Height height, const BlockId& id);
  void require_bodies(MemberId m, Height height, const BlockId& id);
  void require_prefix(MemberId m, View view, Height height);
  void note_durable_new_view(MemberId m, const consensus::NewView& nv);
  void check_holders(Height height, const BlockId& id);
  [[nodiscard]] bool holds_bodies(const NodeFacts& node, Height height, const BlockId& id) const;

  // oracle_ledger.cpp
  void model_blocks();
  void model_block(Height height, const std::vector<ContentHash>& items, TimeMs time);
  [[nodiscard]] std::uint64_t accepted_entries(const KnownSubmission& submission);

  OracleSetup setup_;
  std::uint32_t f_ = 0;
  std::uint32_t q_ = 0;
  std::vector<NodeFacts> nodes_;
  std::map<std::pair<View, Height>, Slot> slots_;
  std::map<BlockId, chain::BlockHeader> headers_;
  std::map<BlockId, std::vector<ContentHash>> items_;
  std::map<BlockId, View> first_view_;
  std::map<Height, Decision> decisions_;
  std::map<Height, std::map<Hash256, Members>> checkpoints_;  // by head digest
  std::map<Height, Hash256> certified_heads_;
  std::map<View, AcceptedNewView> new_views_;
  std::map<ContentHash, KnownSubmission> submissions_;
  std::map<SubmissionId, Place> effects_;
  std::map<SubmissionId, Place> acknowledged_;
  Height highest_decided_;
  Height highest_certified_;
  Height modelled_;
  std::map<Hash256, bool> attestations_;  // the model's state: issued; true = revoked
  std::uint64_t log_size_ = 0;
  Counters counters_;
  std::optional<Violation> violation_;
};

}  // namespace imi::sim
