// The sentences of this module's enums, in one place.
#include "consensus/effects.h"
#include "consensus/replica.h"
#include "consensus/safety_rules.h"
#include "consensus/verify.h"

namespace imi::consensus {

std::string_view describe(MessageError e) {
  using E = MessageError;
  switch (e) {
    case E::kWrongEpoch: return "the message belongs to another epoch";
    case E::kUnknownSender: return "the sender is not a member of the validator set";
    case E::kSenderNotPeer: return "the peer is not the member that the message names";
    case E::kSignatureNotZero: return "a kind that is not signed carries a signature";
    case E::kBadSignature: return "the signature is not valid for the sender and the contents";
    case E::kViewTooLarge: return "the view is out of range";
    case E::kHeightTooLarge: return "the height is out of range";
    case E::kNotPrimary: return "the sender is not the primary of that view";
    case E::kFromPrimary: return "the primary does not send PREPARE";
    case E::kWrongBodyRoot: return "the list of content hashes does not match the header";
    case E::kTooManyItems: return "the block lists more submissions than this chain allows";
    case E::kWrongGenesis: return "the head belongs to another chain: check the genesis file";
    case E::kWrongSet: return "the head names another validator set";
    case E::kBadCheckpointCertificate: return "the checkpoint certificate is not valid";
    case E::kBadPreparedCertificate: return "a prepared certificate is not valid";
    case E::kBadCommitCertificate: return "a commit certificate is not valid";
    case E::kCertificateView: return "a certificate is not older than the view it changes to";
    case E::kCertificateWindow: return "a certificate is outside the window above stable";
    case E::kCertificateOrder: return "certificates are not in strictly ascending height";
    case E::kViewChangeCount: return "the NEW-VIEW does not carry exactly a quorum of VIEW-CHANGEs";
    case E::kViewChangeOrder: return "the VIEW-CHANGEs are not sorted by distinct member";
    case E::kViewChangeView: return "a VIEW-CHANGE is for another view than the NEW-VIEW";
    case E::kProposalHeights: return "the re-proposals are not of consecutive heights";
    case E::kEmptyRun: return "the answer carries no blocks";
    case E::kBadStatement: return "a statement in a LAST-SEEN is malformed or out of order";
    case E::kBrokenRun: return "the blocks are not a chain that ends in the certificate";
  }
  return "unknown message error";
}

std::string_view describe(SafetyRefusal e) {
  using E = SafetyRefusal;
  switch (e) {
    case E::kNone: return "nothing is refused";
    case E::kObserver: return "this node has no signing key and only observes";
    case E::kStopped: return "signing was stopped for good on this node";
    case E::kBelowPromised: return "the view is below the promised one";
    case E::kNotInView: return "the view has not been entered";
    case E::kNotPrimary: return "this member is not the primary of that view";
    case E::kIsPrimary: return "the primary does not send PREPARE";
    case E::kConflict: return "another block was signed for this view and height";
    case E::kOutsideWindow: return "the height is outside the window above stable";
    case E::kNotAccepted: return "the proposal was not accepted in that view";
    case E::kNotPrepared: return "there is no prepared certificate for that view and block";
    case E::kPrefixNotPrepared: return "a height below is neither prepared in the view nor decided";
    case E::kAlreadyChanged: return "a VIEW-CHANGE for that view or a higher one was signed";
    case E::kNewViewSigned: return "a NEW-VIEW for that view was signed";
    case E::kCheckpointBelow: return "a CHECKPOINT at that height or above was signed";
    case E::kOwnUnknownSignature:
      return "this key signed what this node does not remember: it is in use elsewhere, or the "
             "safety log is older than the key's last vote";
    case E::kTooManyVoted:
      return "too many blocks were voted for at this height: only empty ones still can be";
    case E::kAwaitingPeers:
      return "too few peers have answered yet what they last saw this validator sign";
    case E::kHeadMismatch: return "the executed head differs from the certified one";
  }
  return "unknown refusal";
}

std::string describe(const Signing& s) {
  switch (s.state) {
    case Signing::State::kSigns: return "signing";
    case Signing::State::kAwaitingPeers:
      return "asking peers what they last saw this validator sign: " + std::to_string(s.answers) +
             " of " + std::to_string(s.answers_needed) + " answered";
    case Signing::State::kStopped: return std::string(describe(s.stopped));
    case Signing::State::kObserves: return std::string(describe(SafetyRefusal::kObserver));
  }
  return "unknown";
}

std::string_view describe(ViewChangeCause c) {
  switch (c) {
    case ViewChangeCause::kTimeout: return "no progress in time";
    case ViewChangeCause::kJoin: return "others have left the view";
    case ViewChangeCause::kRotation: return "planned rotation";
    case ViewChangeCause::kFetch: return "a member left the view alone and cannot return";
    case ViewChangeCause::kComplaint: return "the primary left out a submission that it has";
  }
  return "unknown";
}

std::string_view describe(ReturnReason r) {
  switch (r) {
    case ReturnReason::kNoSlot: return "this node may not propose a block now";
    case ReturnReason::kRepeated: return "the submission is in a block that is not decided yet";
    case ReturnReason::kExpired: return "the submission expired";
    case ReturnReason::kExpiryTooFar: return "the expiry is too far in the future";
    case ReturnReason::kTooMany: return "the block is full";
    case ReturnReason::kNotChosen: return "the block that held it was left out by a view change";
  }
  return "unknown reason";
}

std::string_view describe(HaltReason r) {
  switch (r) {
    case HaltReason::kHeadMismatch:
      return "the head executed here is not the one that the validators certified: keep the data, "
             "compare with another node, restore from it";
    case HaltReason::kConflictingDecision:
      return "two different blocks are proved to be decided at one height: more than f validators "
             "are "
             "faulty, or this store is damaged";
    case HaltReason::kWrongExecution:
      return "the ledger answered for another block than the one it was given";
    case HaltReason::kInvalidDecision:
      return "a decided block holds a submission that this node finds invalid: the nodes run "
             "different versions";
  }
  return "unknown reason";
}

std::string_view describe(Ignored r) {
  switch (r) {
    case Ignored::kObserver: return "observer";
    case Ignored::kEpoch: return "epoch";
    case Ignored::kHeightStable: return "height-stable";
    case Ignored::kHeightBeyondWindow: return "height-beyond-window";
    case Ignored::kViewBelow: return "view-below";
    case Ignored::kDuplicate: return "duplicate";
    case Ignored::kConflict: return "conflict";
    case Ignored::kNotFresh: return "not-fresh";
    case Ignored::kParentMismatch: return "parent-mismatch";
    case Ignored::kTimeNotAfterParent: return "time-not-after-parent";
    case Ignored::kTimeTooOld: return "time-too-old";
    case Ignored::kItemExpired: return "item-expired";
    case Ignored::kItemExpiryTooFar: return "item-expiry-too-far";
    case Ignored::kItemRepeated: return "item-repeated";
    case Ignored::kFactsMismatch: return "facts-mismatch";
    case Ignored::kBodiesInvalid: return "bodies-invalid";
    case Ignored::kBodiesUnwanted: return "bodies-unwanted";
    case Ignored::kWrongNewView: return "wrong-new-view";
    case Ignored::kSyncGap: return "sync-gap";
    case Ignored::kSyncNotCertified: return "sync-not-certified";
    case Ignored::kNotWanted: return "not-wanted";
    case Ignored::kRateLimited: return "rate-limited";
    case Ignored::kDecidedOtherwise: return "decided-otherwise";
    case Ignored::kLagging: return "lagging";
    case Ignored::kStaleNewView: return "stale-new-view";
    case Ignored::kCount: break;
  }
  return "unknown";
}

}  // namespace imi::consensus
