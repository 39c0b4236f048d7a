// PBFT (Castro and Liskov, OSDI'99, TOCS 2002) for hash-chained, pipelined blocks, as a pure state
// machine: step() takes one input and returns what must be done. Same inputs, same outputs, to the
// byte. The rules are in docs/PROTOCOL.md; names such as A2 or C3 refer to it.
//
// A handler is: a pure check that names its refusal, then the change of state, then the effects.
// One file per phase: ordering.cpp (PRE-PREPARE, PREPARE, COMMIT), decisions.cpp (execution),
// checkpoint.cpp, view_change.cpp, new_view.cpp, timers.cpp, status.cpp (retransmission), sync.cpp,
// pending.cpp (C6), last_seen.cpp (B6).
//
// Threading: none; one thread at a time calls step(). Errors: none are returned; what an input
// could not do is in Effects::ignored, what must stop the node in Effects::halt.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "consensus/effects.h"
#include "consensus/pending.h"
#include "consensus/safety_rules.h"

namespace imi::consensus {

// A decided block above the stable checkpoint, as the ledger stored it.
struct RestartBlock {
  Block block;
  CommitCertificate commit;
};

// What the ledger knows when a replica starts.
struct RestartFacts {
  LedgerHead executed;  // the last executed head; genesis' head (height 0) on the first boot
  std::optional<CheckpointCertificate> stable;  // the highest it holds
  std::vector<RestartBlock> decided;            // stable + 1 .. executed, ascending (D2)
  // Another at every start, best at random: answers to an earlier start's question count for
  // nothing.
  std::uint64_t start_number = 0;
};

class Replica {
 public:
  // The driver has verified what it restores from its own disk by checksum. Inconsistent facts
  // are a broken invariant (CHECK), because a store that opened cannot be inconsistent.
  Replica(const Config& config, const ValidatorSet& set, SafetyRules rules,
          const RestartFacts& facts);

  // Effects of starting: peers asked what they last saw this member sign (B6), bodies and blocks
  // wanted. Durable votes are sent again (C5) when enough of them have answered. Call once, before
  // the first step.
  [[nodiscard]] Effects start();
  [[nodiscard]] Effects step(const Input& input);

  // How many blocks the driver may offer now, one Propose each. 0 unless this member is the primary
  // of an active view and the pipeline and window have free slots.
  [[nodiscard]] std::uint32_t proposal_slots() const;
  // The block time a proposal made now would get: what the driver filters expiries by.
  [[nodiscard]] TimeMs next_block_time(TimeMs now) const;

  [[nodiscard]] View view() const { return view_; }
  [[nodiscard]] bool changing() const { return changing_; }
  [[nodiscard]] std::uint32_t backoff() const { return backoff_; }
  // The view this member would change to if f more members wanted to (C4).
  [[nodiscard]] std::optional<View> wish() const {
    return wish_ ? std::optional(wish_->view) : std::nullopt;
  }
  [[nodiscard]] MemberId primary() const { return chain::primary(set_, view_); }
  [[nodiscard]] Height stable_height() const { return stable_height_; }
  [[nodiscard]] const std::optional<CheckpointCertificate>& stable() const { return stable_; }
  [[nodiscard]] Height executed_height() const { return executed_.height; }
  [[nodiscard]] const LedgerHead& executed() const { return executed_; }
  // The highest height up to which every block is decided here.
  [[nodiscard]] Height decided_height() const { return decided_tip_; }
  // True for a decided block that is not executed, or not certified yet.
  [[nodiscard]] bool is_decided(Height h, const BlockId& id) const {
    const auto it = decided_.find(h);
    return it != decided_.end() && it->second.id == id;
  }
  [[nodiscard]] bool halted() const { return halted_; }
  [[nodiscard]] bool is_voter() const { return rules_.can_sign(); }
  [[nodiscard]] Signing signing() const;
  [[nodiscard]] bool lagging() const { return executed_.height < stable_height_; }  // D2
  [[nodiscard]] const SafetyState& safety_state() const { return rules_.state(); }
  // Seam of E1: the set that decides a height. One set today.
  [[nodiscard]] const ValidatorSet& set_for(Height) const { return set_; }

 private:
  // ---- what is kept ---------------------------------------------------------------------------
  enum class Bodies : std::uint8_t { kUnknown, kAsked, kReady, kInvalid };

  // A block by id, with what its items' facts say. Shared between a slot and a decision.
  struct BlockInfo {
    std::shared_ptr<const Block> block;
    BlockId id;
    Bodies bodies = Bodies::kUnknown;
    std::vector<SubmissionId> ids;  // sorted; known when bodies are ready
    TimeMs min_expiry;
    TimeMs max_expiry;
    bool repeats = false;  // an id occurs twice in it
    bool full = false;
    std::map<MemberId, Ticks> sent_to;  // the last answer to a FETCH of it, by member
  };
  using BlockInfoPtr = std::shared_ptr<BlockInfo>;

  // The proposal of the current view for a height.
  struct Proposal {
    BlockHeader header;
    BlockId id;
    crypto::Signature signature;  // the primary's
    bool fresh = true;            // false: re-proposed by the NEW-VIEW
    TimeMs received;              // our clock when it came
    Ticks received_tick = 0;
  };
  // A PRE-PREPARE that came before its view or its window.
  struct Held {
    std::shared_ptr<const SignedMessage> message;
    BlockId id;
    TimeMs received;
    Ticks received_tick = 0;
  };
  struct Vote {
    View view;
    BlockId id;
    crypto::Signature signature;
  };
  struct CheckpointSeen {
    LedgerHead head;
    Hash256 digest;
    crypto::Signature signature;
  };
  struct Slot {
    // of the current view
    std::optional<Proposal> proposal;
    bool accepted = false;  // voted for
    bool refused = false;   // never to be voted for in this view
    bool noted = false;     // the reason it waits was reported
    bool prepared = false;
    bool committed = false;  // own COMMIT sent
    bool tally_prepares = false;
    std::shared_ptr<const SignedMessage> own_proposal;
    std::shared_ptr<const SignedMessage> own_prepare;
    std::shared_ptr<const SignedMessage> own_commit;
    Ticks sent = 0;
    // of any view
    std::map<MemberId, Held> held;      // one per sender, of its highest view
    std::map<MemberId, Vote> prepares;  // one per member, of its highest view
    std::map<MemberId, Vote> commits;   // one per member, of its highest view
    std::map<MemberId, CheckpointSeen> checkpoints;
    std::map<BlockId, BlockInfoPtr> blocks;
  };
  struct Decision {
    BlockId id;
    View view;
    std::optional<BlockHeader> header;  // unknown until the block or a notice comes
    std::optional<CommitCertificate> commit;
    BlockInfoPtr info;     // its block, once known
    bool emitted = false;  // handed to the executor
  };
  struct Link {
    BlockId id;
    TimeMs time;
  };
  enum class Verdict : std::uint8_t { kWait, kAccept, kRefuse };
  using Cause = ViewChangeCause;

  // ---- inputs ---------------------------------------------------------------------------------
  void on(const Tick& i);
  void on(const Receive& i);
  void on(const Propose& i);
  void on(const BodiesReady& i);
  void on(const BodiesInvalid& i);
  void on(const PendingAdded& i);
  void on(const PendingAtPrimary& i);
  void on(const PrimaryForgot& i);
  void on(const PendingRemoved& i);
  void on(const Executed& i);
  void on(const Synced& i);

  void receive(const VerifiedMessage& m, const PrePrepare& p);
  void receive(const VerifiedMessage& m, const Prepare& p);
  void receive(const VerifiedMessage& m, const Commit& c);
  void receive(const VerifiedMessage& m, const Checkpoint& c);
  void receive(const VerifiedMessage& m, const ViewChange& v);
  void receive(const VerifiedMessage& m, const NewView& n);
  void receive(const VerifiedMessage& m, const Status& s);
  void receive(const VerifiedMessage& m, const FetchBlock& f);
  void receive(const VerifiedMessage& m, const BlockData& b);
  void receive(const VerifiedMessage& m, const CommitNotice& n);
  void receive(const VerifiedMessage& m, const CheckpointNotice& n);
  void receive(const VerifiedMessage& m, const AskLastSeen& ask);
  void receive(const VerifiedMessage& m, const LastSeen& answer);

  // ---- ordering.cpp ---------------------------------------------------------------------------
  void advance();
  bool accept_proposals();
  bool prepare_and_commit();
  void install(Height h, Slot& slot, Proposal proposal);
  void install_held();
  [[nodiscard]] Verdict judge(Height h, Slot& slot, std::optional<Ignored>& why);
  [[nodiscard]] Verdict judge_facts(Height h, const Slot& slot, const BlockInfo& info,
                                    std::optional<Ignored>& why) const;
  [[nodiscard]] bool repeats_in_ancestors(Height h, const BlockInfo& info, bool& known) const;
  bool accept(Slot& slot, const BlockInfoPtr& info);
  bool make_prepared(Slot& slot);
  bool send_commit(Height h, Slot& slot);
  void count_commits(Height h, View view, const BlockId& id);
  [[nodiscard]] std::optional<Ignored> height_refusal(Height h) const;

  // ---- propose.cpp ----------------------------------------------------------------------------
  [[nodiscard]] std::uint32_t room() const;
  void propose_block(std::vector<ItemFacts> items, bool full, TimeMs time);
  void propose_empty_if_due();
  [[nodiscard]] Height proposal_tip() const;
  [[nodiscard]] std::optional<Link> proposal_link(Height h) const;
  [[nodiscard]] std::vector<ItemFacts> admit(const std::vector<ItemFacts>& items, TimeMs time);

  // ---- decisions.cpp --------------------------------------------------------------------------
  void decide(Height h, Decision decision);
  void advance_tip();
  void execute_decided();
  void on_progress(Height h, View view);
  void release_undecided(Height h, const BlockId& decided);
  void release_below(Height stable, const BlockId& certified);
  BlockInfoPtr learn_block(Height h, std::shared_ptr<const Block> block, const BlockId& id);
  [[nodiscard]] BlockInfoPtr find_info(Height h, const BlockId& id) const;
  void ask_bodies(Height h, BlockInfo& info);
  static void fill_facts(BlockInfo& info, const std::vector<ItemFacts>& items);
  [[nodiscard]] std::optional<Link> link(Height h) const;
  [[nodiscard]] std::optional<Link> decided_link(Height h) const;
  void forget_below();

  // ---- checkpoint.cpp -------------------------------------------------------------------------
  void sign_checkpoint(const LedgerHead& head);
  void record_checkpoint(MemberId member, const LedgerHead& head,
                         const crypto::Signature& signature);
  void certify(Height h, const Hash256& digest);
  void adopt_stable(const CheckpointCertificate& certificate);
  bool decide_below(const CheckpointCertificate& certificate);
  void raise_alarm(Height h);

  // ---- view_change.cpp ------------------------------------------------------------------------
  void start_view_change(View target, Cause cause);
  void record_view_change(MemberId member, std::shared_ptr<const SignedMessage> message);
  void check_join();
  void set_wish(std::optional<Cause> cause);
  void hear_wish(MemberId member, View view);
  void act_on_wishes();
  [[nodiscard]] bool wants(MemberId member, View view) const;
  void note_ahead();
  [[nodiscard]] Ticks ahead_for() const;
  void check_view_timer();
  void leave_view();
  [[nodiscard]] View wanted(MemberId member) const;
  [[nodiscard]] bool rotation_near() const;

  // ---- new_view.cpp ---------------------------------------------------------------------------
  // What a NEW-VIEW says against the decisions known here.
  struct Contradiction {
    Height height;
    bool broken = false;  // I8 does not hold; otherwise the NEW-VIEW is stale
  };
  [[nodiscard]] std::optional<Contradiction> contradiction(
      View view, const std::vector<BlockHeader>& headers) const;
  void try_new_view();
  void enter_view(const std::shared_ptr<const SignedMessage>& message);
  void install_new_view(const NewView& new_view);
  void release_abandoned();

  // ---- timers.cpp -----------------------------------------------------------------------------
  void update_progress();
  [[nodiscard]] bool progress_late() const;
  [[nodiscard]] Ticks period() const;
  [[nodiscard]] std::int64_t past_tolerance_ms() const;
  void check_timeouts();
  [[nodiscard]] std::optional<Cause> cause_to_leave();

  // ---- status.cpp -----------------------------------------------------------------------------
  void send_status();
  [[nodiscard]] Status make_status() const;
  void answer_view(MemberId to, const Status& s);
  void answer_height(MemberId to, const Status& s, Height h, const HeightStatus& theirs);
  void fetch_missing();
  void fetch_block(Height h, const BlockId& id);
  [[nodiscard]] bool my_turn(Height h) const;
  [[nodiscard]] bool resend_due(MemberId to, MessageKind kind, Ticks first_sent);

  // ---- sync.cpp -------------------------------------------------------------------------------
  void want_blocks();
  [[nodiscard]] Height first_missing() const;
  void adopt_run(const VerifiedBlocks& blocks, const CheckpointCertificate& certificate);

  // ---- pending.cpp ----------------------------------------------------------------------------
  template <class F>
  void each_under_way(F&& f) const;
  void mark_in_block(const BlockInfo& info, bool in_block);
  void release_items(const BlockInfo& info);
  void forget_executed(const BlockInfo& info, const Executed& executed);
  void complain_if_left_out(const BlockInfo& info, Ticks received);

  // ---- last_seen.cpp --------------------------------------------------------------------------
  template <class Carrier>
  void note_statements(const Carrier& carrier);
  void note(const FoundStatement& s);
  void check_own(const Statement& s);
  void save_seen();
  [[nodiscard]] std::uint32_t answers_needed() const;
  void ask_peers();
  void begin_signing();

  // ---- restart.cpp ----------------------------------------------------------------------------
  void restore(const RestartFacts& facts);
  void restore_view();
  void restore_height(Height h, const SafetyState::AtHeight& at);
  void resend_votes();

  // ---- small things ---------------------------------------------------------------------------
  void ignore(Ignored reason) { out_.ignored.push_back(reason); }
  void check_sent(const SignedMessage& m) const;
  void check_step(View view_before, Height stable_before) const;
  void halt(HaltReason reason, Height h);
  void persist(std::vector<SafetyRecord> records);
  void persist(std::optional<SafetyRecord> record);
  void send(std::optional<MemberId> to, std::shared_ptr<const SignedMessage> message);
  void persist_bodies(const BlockInfo& info);
  void send_unsigned(std::optional<MemberId> to, Payload payload);
  void report_view();
  void stop_signing(SafetyRefusal reason);
  void keep_evidence(MessageKind kind, MemberId member, std::shared_ptr<const SignedMessage> a,
                     std::shared_ptr<const SignedMessage> b);
  [[nodiscard]] std::shared_ptr<const SignedMessage> vote_message(MemberId member, MessageKind kind,
                                                                  Height h, const Vote& vote) const;
  [[nodiscard]] bool is_primary() const { return me_ && *me_ == primary(); }
  [[nodiscard]] Height window_end() const { return stable_height_.plus(config_.window()); }
  [[nodiscard]] Slot* find_slot(Height h);
  [[nodiscard]] const Slot* find_slot(Height h) const;

  Config config_;
  ValidatorSet set_;
  chain::Quorum quorum_;
  SafetyRules rules_;
  std::optional<MemberId> me_;

  View view_;
  View vote_view_;  // the last view entered, whose proposals the slots hold; view_ unless changing_
  bool changing_ = false;
  std::optional<ViewChangeCause> cause_;  // of the last VIEW-CHANGE of this member
  Height settled_;                        // the NEW-VIEW of this view settles heights up to here
  std::uint32_t backoff_ = 0;             // k
  bool confirmed_ = true;                 // a new height was decided in this view (C3)
  Height view_base_;                      // decided_tip_ when the view was entered
  bool proposed_in_view_ = false;         // this primary made a fresh block in this view
  std::map<MemberId, std::shared_ptr<const SignedMessage>> view_changes_;  // the newest of each
  std::shared_ptr<const SignedMessage> new_view_;                          // of the view entered
  std::map<Height, std::vector<BlockInfoPtr>> abandoned_;  // accepted in views left, undecided

  Height stable_height_;
  std::optional<CheckpointCertificate> stable_;
  LedgerHead executed_;
  Height decided_tip_;
  Height emitted_;                      // the highest height handed to the executor
  std::map<Height, Slot> slots_;        // (stable, stable + 2L]
  std::map<Height, Decision> decided_;  // above min(stable, executed)
  std::map<Height, LedgerHead> heads_;  // executed here, above stable
  std::map<Height, std::shared_ptr<const SignedMessage>> own_checkpoints_;  // above stable
  Height alarmed_;

  TimeMs now_;
  Ticks tick_ = 0;
  Ticks progress_base_ = 0;          // C2: nothing that waits is counted from earlier
  std::optional<Ticks> view_since_;  // C3
  Ticks entered_ = 0;
  Ticks last_commit_ = 0;
  Ticks last_decay_ = 0;
  Ticks last_status_ = 0;
  Ticks last_fetch_ = 0;
  Ticks view_change_sent_ = 0;
  std::uint64_t status_round_ = 0;
  std::uint64_t fetch_round_ = 0;
  std::map<MemberId, Ticks> answered_;  // STATUS
  // The long messages of this view that were sent again, to whom: when last, and how often.
  struct Resent {
    Ticks at = 0;
    std::uint32_t times = 0;
  };
  std::map<std::pair<MemberId, MessageKind>, Resent> resent_;

  PendingSubmissions pending_;

  // B6: the last statement of each kind by each other member, and those not yet persisted.
  std::map<std::pair<MemberId, StatementOf>, Statement> seen_;
  std::set<std::pair<MemberId, StatementOf>> unsaved_;
  Ticks unsaved_since_ = 0;
  std::uint64_t start_number_ = 0;
  Ticks last_ask_ = 0;
  std::set<MemberId> answers_;       // those that answered since the start
  std::map<MemberId, Ticks> asked_;  // which asked, and when last

  std::set<std::pair<MemberId, MessageKind>> evidence_;
  bool halted_ = false;
  bool started_ = false;

  // C4: what this member wants, and what the others' last STATUS said.
  struct Wish {
    View view;
    Cause cause;
    bool operator==(const Wish&) const = default;
  };
  struct HeardWish {
    View view;
    Ticks heard = 0;
  };
  std::optional<Wish> wish_;
  std::map<MemberId, HeardWish> wishes_;
  std::optional<Ticks> ahead_since_;       // since when a member is known that left this view
  std::optional<SubmissionId> complaint_;  // C6: what the primary left out
  bool rotate_ = false;                    // C8: a multiple of R was decided in this view
  Link stable_link_;                       // id and time of the stable block
  Effects out_;
  Persist withheld_;  // only ever used by Defect::kVoteBeforePersist
};

}  // namespace imi::consensus
