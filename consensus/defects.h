// Planted defects, for checking the checkers: each names one decisive line, of consensus or of the
// node that drives it, whose absence the simulator and the tests must notice. In the product
// (imi_consensus, imi_node) planted() is a constant false and compiles to nothing; only the
// libraries imi_consensus_defects and imi_node_defects, which are built from the same sources with
// IMI_PLANT_DEFECTS, can switch one on.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

namespace imi::consensus {

enum class Defect : std::uint8_t {
  kQuorumOneShort,         // certificates and decisions need q - 1
  kNewViewNotRecomputed,   // backups accept any NEW-VIEW re-proposals (A7)
  kCountSignatures,        // certificates count signatures, not distinct members (I10)
  kNoKindInDigest,         // PREPARE and COMMIT sign the same digest
  kVoteBeforePersist,      // votes leave in a step before their records are persisted (I4)
  kForgetPrepared,         // VIEW-CHANGE omits prepared certificates (A4)
  kNoPrefixRule,           // A2 is not checked
  kCommitWithoutPrepared,  // COMMIT on acceptance
  kVoteBelowPromised,      // votes below the promised view (I5)
  kForgetVoteOnRestart,    // the restored state has no accepted proposals
  kIgnoreHeadMismatch,     // D3 is not checked
  kAcceptRepeats,          // F2 is not checked
  kParentUnchecked,        // a proposal's parent is not compared
  kTimeUnchecked,          // C1 is not checked
  kHighestOnly,            // O takes only the top certificate's height, not each height (A3)
  kNestedUnverified,       // certificates inside VIEW-CHANGE are not verified (I10)
  kSignUnasked,            // votes from the start, whatever peers saw it sign before (B6)
  kExecuteOutOfOrder,      // a decision is executed as soon as it is known (I13)
  kStaleNewViewHalts,      // a stale NEW-VIEW is taken for a broken chain (A4)
  kNoLeastStep,            // a block 1 ms after its parent may be too early (C1)
  kLeaveAlone,             // a member's own wish is enough to leave a view (C4)
  kCountUndue,             // the progress timer counts what fits no block now (C2)
  kShielded,               // many submissions that fit no block hide those left out (C6)
  kOwnVotesUncompared,     // own signatures in others' messages and certificates are ignored (B6)
  kPushesUncounted,        // in node/: what a primary does not acknowledge it never got (C6)
  kCount,
};
[[nodiscard]] std::string_view name(Defect d);

#ifdef IMI_PLANT_DEFECTS
// Process-wide; set by tests before a cluster is built. Not thread-safe.
[[nodiscard]] std::set<Defect>& planted_defects();
[[nodiscard]] inline bool planted(Defect d) { return planted_defects().contains(d); }
#else
[[nodiscard]] constexpr bool planted(Defect) { return false; }
#endif

}  // namespace imi::consensus
