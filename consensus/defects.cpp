#include "consensus/defects.h"

namespace imi::consensus {

std::string_view name(Defect d) {
  switch (d) {
    case Defect::kQuorumOneShort: return "quorum-one-short";
    case Defect::kNewViewNotRecomputed: return "new-view-not-recomputed";
    case Defect::kCountSignatures: return "count-signatures";
    case Defect::kNoKindInDigest: return "no-kind-in-digest";
    case Defect::kVoteBeforePersist: return "vote-before-persist";
    case Defect::kForgetPrepared: return "forget-prepared";
    case Defect::kNoPrefixRule: return "no-prefix-rule";
    case Defect::kCommitWithoutPrepared: return "commit-without-prepared";
    case Defect::kVoteBelowPromised: return "vote-below-promised";
    case Defect::kForgetVoteOnRestart: return "forget-vote-on-restart";
    case Defect::kIgnoreHeadMismatch: return "ignore-head-mismatch";
    case Defect::kAcceptRepeats: return "accept-repeats";
    case Defect::kParentUnchecked: return "parent-unchecked";
    case Defect::kTimeUnchecked: return "time-unchecked";
    case Defect::kHighestOnly: return "highest-only";
    case Defect::kNestedUnverified: return "nested-unverified";
    case Defect::kSignUnasked: return "sign-unasked";
    case Defect::kExecuteOutOfOrder: return "execute-out-of-order";
    case Defect::kStaleNewViewHalts: return "stale-new-view-halts";
    case Defect::kNoLeastStep: return "no-least-step";
    case Defect::kLeaveAlone: return "leave-alone";
    case Defect::kCountUndue: return "count-undue";
    case Defect::kShielded: return "shielded";
    case Defect::kOwnVotesUncompared: return "own-votes-uncompared";
    case Defect::kPushesUncounted: return "pushes-uncounted";
    case Defect::kCount: break;
  }
  return "unknown";
}

#ifdef IMI_PLANT_DEFECTS
std::set<Defect>& planted_defects() {
  static std::set<Defect> defects;
  return defects;
}
#endif

}  // namespace imi::consensus
