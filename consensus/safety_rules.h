// The only holder of the consensus signing key. It refuses by a named reason, or returns the
// signed message together with the records that must be durable before the message leaves; it has
// then already folded them into its own state.
//
// It relies on nothing but SafetyState and what the caller hands it with proof: a Replica with a
// bug can stall through it, not contradict a past vote. It enforces I1 (one id per kind, epoch,
// view, height), I2 (one head per height), I3 (one VIEW-CHANGE, one NEW-VIEW per view), I5 (nothing
// below the promised view), I9 (a COMMIT's whole prefix is prepared or decided), I19 (no state, no
// signature).
//
// Signatures are deterministic (RFC 6979), so asking again for what was signed before gives the
// same bytes and no new records: that is how durable votes are re-sent after a restart (C5).
//
// Not thread-safe; belongs to one Replica.
#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "consensus/safety_state.h"

namespace imi::consensus {

enum class SafetyRefusal : std::uint8_t {
  kNone = 0,
  kObserver = 1,       // no key: observes only
  kStopped = 2,        // signing was stopped for good (see SafetyState::stopped)
  kBelowPromised = 3,  // view below the promised one (I5)
  kNotInView = 4,      // the view is not entered: changing, or higher than ours
  kNotPrimary = 5,
  kIsPrimary = 6,             // the primary does not PREPARE
  kConflict = 7,              // another id was signed for this kind, view, height (I1)
  kOutsideWindow = 8,         // height <= stable or > stable + L
  kNotAccepted = 9,           // COMMIT without the accepted proposal of that view and id
  kNotPrepared = 10,          // COMMIT without the prepared certificate
  kPrefixNotPrepared = 11,    // COMMIT above a height neither prepared in the view nor decided (I9)
  kAlreadyChanged = 12,       // VIEW-CHANGE for a view not above the promised one (I3)
  kNewViewSigned = 13,        // NEW-VIEW of that view exists already (I3)
  kCheckpointBelow = 14,      // CHECKPOINT at or below the last signed height (I2, D3)
  kOwnUnknownSignature = 15,  // our key signed what our state does not know (B6)
  kHeadMismatch = 16,         // our head differs from the certified one (D3)
  kTooManyVoted = 18,         // too many blocks voted for at this height are kept already (B2)
  kAwaitingPeers = 17,        // peers were asked what they last saw us sign (B6)
};
[[nodiscard]] std::string_view describe(SafetyRefusal e);

struct Signed {
  SignedMessage message;
  std::vector<SafetyRecord> records;  // to be durable before the message leaves; may be empty
};
using SignResult = std::expected<Signed, SafetyRefusal>;

class SafetyRules {
 public:
  // A validator. `state` is what its log gave back, or an empty SafetyState at the marked first
  // boot (the `init` marker is the node's business, B6). `key` belongs to `me` in `set`.
  SafetyRules(const Config& config, ValidatorSet set, MemberId me, crypto::SecretKey key,
              SafetyState state);
  // Signs nothing: an observer, or a validator whose SafetyState was lost (I19, B6).
  [[nodiscard]] static SafetyRules observer(const Config& config, ValidatorSet set);

  SafetyRules(SafetyRules&&) = default;
  SafetyRules& operator=(SafetyRules&&) = default;

  [[nodiscard]] bool can_sign() const { return holds_key() && !awaiting_; }
  // It signs, or may come to: not an observer, and not stopped for good.
  [[nodiscard]] bool holds_key() const { return key_.has_value() && !state_.stopped; }
  // B6: between these two nothing is signed. Without await_peers() it signs from the beginning.
  void await_peers() { awaiting_ = true; }
  void begin_signing() { awaiting_ = false; }
  [[nodiscard]] bool awaiting() const { return holds_key() && awaiting_; }
  [[nodiscard]] std::optional<MemberId> member() const { return me_; }
  [[nodiscard]] const SafetyState& state() const { return state_; }

  // B2: a block voted for is kept until its height is stable, whatever comes later. With more than
  // kMaxVotedBlocks that list submissions, only empty ones and re-proposals are voted for there.
  [[nodiscard]] bool only_empty(Height height) const;

  [[nodiscard]] SignResult sign_pre_prepare(View view, const Block& block);
  // `primary`: the primary's signature of the PRE-PREPARE, which the record keeps.
  [[nodiscard]] SignResult sign_prepare(View view, const Block& block,
                                        const crypto::Signature& primary);
  [[nodiscard]] SignResult sign_commit(View view, Height height, const BlockId& id);
  [[nodiscard]] SignResult sign_checkpoint(const LedgerHead& head);
  // The certificates are SafetyState's own: nothing prepared or decided can be left out (A4).
  [[nodiscard]] SignResult sign_view_change(View view);
  // `headers`: O, in height order; each gets its PRE-PREPARE signature.
  [[nodiscard]] SignResult sign_new_view(View view, std::vector<SignedViewChange> view_changes,
                                         const std::vector<BlockHeader>& headers);

  // Facts that need no signature of ours but must not be forgotten. Each returns the record to
  // persist, or nothing if the state holds it already. Without a key they do the same: an observer
  // simply has no log to persist them to.
  [[nodiscard]] std::optional<SafetyRecord> note_prepared(const PreparedCertificate& certificate);
  [[nodiscard]] std::optional<SafetyRecord> note_decided(const DecidedCertificate& decided);
  [[nodiscard]] std::optional<SafetyRecord> note_entered(const SignedMessage& new_view);
  [[nodiscard]] std::optional<SafetyRecord> note_stable(const CheckpointCertificate& certificate);
  // Statements of others, of which they may have to be reminded (B6).
  [[nodiscard]] std::optional<SafetyRecord> note_seen(PeersSeen seen);
  // Stops this key for good.
  [[nodiscard]] std::optional<SafetyRecord> stop(SafetyRefusal reason);

  // B6: true if our state does not know `s`, which bears our own valid signature: the key lives
  // elsewhere too, or the state is older than the key's last vote. Never true of what this state
  // signed and has forgotten: at or below stable (D5), or replaced by a later view's.
  [[nodiscard]] bool is_unknown_own(const Statement& s) const;

 private:
  using E = SafetyRefusal;
  SafetyRules(const Config& config, ValidatorSet set);
  [[nodiscard]] std::expected<void, SafetyRefusal> may_sign() const;
  [[nodiscard]] bool is_unknown_vote(const Statement& s, const BlockId& id) const;
  [[nodiscard]] std::expected<void, SafetyRefusal> can_vote(View view, Height height) const;
  [[nodiscard]] SafetyRefusal record_proposal(View view, const Block& block,
                                              const crypto::Signature& primary, Signed& out);
  // True if the NEW-VIEW that opened `view` holds this proposal, signature and all.
  [[nodiscard]] bool re_proposed(View view, const BlockHeader& header) const;
  [[nodiscard]] bool re_proposed(View view, const BlockId& id) const;
  [[nodiscard]] bool too_many_voted(View view, const Block& block) const;
  [[nodiscard]] crypto::Signature sign(const Hash256& digest) const;
  void keep(Signed& out, SafetyRecord record);
  [[nodiscard]] SignedMessage envelope(Payload payload) const;

  GenesisId genesis_;
  std::uint32_t window_;
  ValidatorSet set_;
  std::optional<MemberId> me_;
  std::optional<crypto::SecretKey> key_;
  SafetyState state_;
  bool awaiting_ = false;
};

}  // namespace imi::consensus
