// Everything a Replica wants done after one step, in the order of the fields. The driver's law
// (I4): DURABLE, THEN SENT, THEN EXECUTED.
//
//   1. `persist` is appended to the safety log and synced (one group sync may cover several steps);
//   2. then, and not before, `send` leaves; sends of a later step never leave before the persist of
//      an earlier one;
//   3. then `execute` is handed to the executor;
//   4. then the rest: fetches and notices.
//
// The next step may run while the sync of the last is under way; nothing needs to be reported back.
// A failed persist stops the node.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/input.h"
#include "consensus/safety_rules.h"

namespace imi::consensus {

struct VotedBlock {
  BlockId id;
  std::shared_ptr<const Block> block;
};

struct Persist {
  std::vector<SafetyRecord> records;  // in this order
  // The blocks voted for in this step, own proposals among them. The same sync must cover their
  // bodies (B2); they are to be kept and served until the block's height is stable (and executed
  // here, if it is decided), whatever becomes of them elsewhere.
  std::vector<VotedBlock> blocks;
  [[nodiscard]] bool empty() const { return records.empty() && blocks.empty(); }
};

struct Send {
  std::optional<MemberId> to;  // nothing: all other validators
  std::shared_ptr<const SignedMessage> message;
  [[nodiscard]] Bytes bytes() const { return encode(*message); }
};

// Execute and store, in this order (I13). `commit` is absent only for blocks under a checkpoint
// certificate (catch-up).
struct Execute {
  std::shared_ptr<const Block> block;
  BlockId id;
  std::optional<CommitCertificate> commit;
};

// Make sure that all bodies are held and statelessly valid; answer BodiesReady or BodiesInvalid,
// also if they are held already. Repeated requests for one id do not occur unless a restart or a
// new proposal asks again.
struct NeedBodies {
  Height height;
  BlockId id;
  std::shared_ptr<const Block> block;
  // Members that showed they hold the block; ask these first.
  std::vector<MemberId> holders;
};

// Behind: get blocks with certificates from peers and feed them as Synced. Repeated every
// fetch_period while it holds.
struct FetchBlocks {
  Height from;
  Height to;  // the highest known certified height
};

enum class ReturnReason : std::uint8_t {
  kNoSlot,        // this member may not propose now
  kRepeated,      // repeated in the batch or in an uncommitted ancestor (F2)
  kExpired,       // expiry <= block time (F1)
  kExpiryTooFar,  // expiry > block time + E_max (F1)
  kTooMany,       // beyond max_block_items
  kNotChosen,     // in a block that a view change or a decision left out: not committed
};
[[nodiscard]] std::string_view describe(ReturnReason r);

// Items that are in no block now: back to the pool (or, if F1 fails for good, out of it).
struct Returned {
  ContentHash item;
  ReturnReason reason{};
};

// A block became decided here. Not yet executed, not yet certified.
struct Committed {
  Height height;
  View view;  // of the decision; 0 if decided by a checkpoint certificate
  BlockId id;
};

// Two statements of which an honest member signs at most one (D5). At most one pair per (member,
// kind, epoch). PRE-PREPAREs come without their lists: the signature does not cover them directly.
struct Evidence {
  MessageKind kind{};
  MemberId member;
  std::shared_ptr<const SignedMessage> first;
  std::shared_ptr<const SignedMessage> second;
};

// Why a member wants to leave a view, or leaves it.
enum class ViewChangeCause : std::uint8_t {
  kTimeout,    // C2, C3: no NEW-VIEW, or no progress, in time
  kJoin,       // C4: f+1 others have left it
  kRotation,   // C8: planned
  kComplaint,  // C6: the primary left out a submission that it has
  kFetch,      // C4: a member that left the view alone cannot come back to it
};
[[nodiscard]] std::string_view describe(ViewChangeCause c);

// The view, or whether it is being changed, is different from before.
struct ViewStatus {
  Epoch epoch;
  View view;
  bool changing = false;
  MemberId primary;
  std::uint32_t backoff = 0;             // k
  std::optional<ViewChangeCause> cause;  // while it is being changed by this member
};

// This member wants another view now, or no longer (C4). It goes on voting meanwhile.
struct WishStatus {
  View view;                             // wanted; while there is no cause: the present one
  std::optional<ViewChangeCause> cause;  // nothing: the wish is withdrawn
};

// At least f+1 members sign another head than ours at this height (D3): an operator should look.
struct Alarm {
  Height height;
  std::uint32_t differing = 0;
};

enum class HaltReason : std::uint8_t {
  kHeadMismatch,         // D3: our executed head is not the certified one
  kConflictingDecision,  // I7, I8: another id than the decided one is decided or certified, or a
                         // view above its own re-proposes another: more than f members are faulty,
                         // or our store is damaged
  kWrongExecution,       // the executor answered for another height or block
  kInvalidDecision,      // a decided block has a body that we find invalid
};
[[nodiscard]] std::string_view describe(HaltReason r);

// Stop signing and serving, keep the data, exit by this name. step() does nothing from then on.
struct Halt {
  HaltReason reason{};
  Height height;
};

// B6: whether this replica signs, and if not, why.
struct Signing {
  enum class State : std::uint8_t {
    kSigns,
    kAwaitingPeers,  // it has asked peers what they last saw it sign
    kStopped,        // for good
    kObserves,       // no key, or its memory was lost
  };
  State state = State::kObserves;
  SafetyRefusal stopped = SafetyRefusal::kNone;  // why, if it stopped
  std::uint32_t answers = 0;                     // peers that have answered since the start
  std::uint32_t answers_needed = 0;
};
[[nodiscard]] std::string describe(const Signing& s);

// Signing stopped for good although the node continues as an observer (B6).
struct SigningStop {
  std::uint8_t reason = 0;  // SafetyRefusal
};

// Why a message or input changed nothing: for metrics, tests and the curious. Not an error of this
// replica.
enum class Ignored : std::uint8_t {
  kObserver,  // votes mean nothing to an observer
  kEpoch,
  kHeightStable,        // at or below stable: settled
  kHeightBeyondWindow,  // above stable + 2L (A5)
  kViewBelow,           // of a view left behind
  kDuplicate,
  kConflict,            // contradicts an earlier vote of its sender: evidence kept
  kNotFresh,            // a new proposal for a height that the NEW-VIEW settles
  kParentMismatch,      // A2
  kTimeNotAfterParent,  // C1
  kTimeTooOld,          // C1: block time < clock - P * 1.1^k
  kItemExpired,         // F1
  kItemExpiryTooFar,    // F1
  kItemRepeated,        // F2
  kFactsMismatch,       // BodiesReady does not describe the block's list
  kBodiesInvalid,       // B4
  kBodiesUnwanted,      // an answer about a block that is no longer asked for
  kWrongNewView,        // A7: the recomputed O differs
  kSyncGap,             // Synced does not continue what is decided
  kSyncNotCertified,    // D6: an observer needs checkpoint certificates
  kNotWanted,           // a block or certificate that is not needed
  kRateLimited,         // STATUS or FETCH again too soon
  kDecidedOtherwise,    // a proposal for a height at which another id is decided
  kLagging,             // D2: executed < stable, so no PREPARE or COMMIT
  kStaleNewView,        // A4: a NEW-VIEW older than what is decided here
  kCount,
};
inline constexpr std::size_t kIgnoredReasons = static_cast<std::size_t>(Ignored::kCount);
[[nodiscard]] std::string_view describe(Ignored r);

struct Effects {
  Persist persist;
  std::vector<Send> send;
  std::vector<Execute> execute;
  std::optional<CheckpointCertificate> stable;  // a new stable checkpoint
  std::vector<NeedBodies> need_bodies;
  std::optional<FetchBlocks> fetch_blocks;
  std::vector<Returned> returned;
  std::vector<Committed> committed;
  std::vector<Evidence> evidence;
  std::optional<ViewStatus> view;
  std::optional<WishStatus> wish;
  std::optional<Alarm> alarm;
  std::optional<SigningStop> signing_stop;
  bool signing_begins = false;  // B6: enough peers answered after the start
  std::optional<Halt> halt;
  std::vector<Ignored> ignored;
};

}  // namespace imi::consensus
