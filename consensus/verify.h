// The door: content from a peer becomes a VerifiedMessage or VerifiedBlocks here or not at all,
// and Replica::step accepts nothing else. Every signature of every certificate, also those nested
// in VIEW-CHANGE and NEW-VIEW, is checked (I10).
//
// Threading: a Verifier is immutable after construction and may be shared by any number of
// threads, as long as the SignatureCache given to it is: BoundedSignatureCache is not; the node
// wraps it in a lock. A cache only ever holds signatures that were found valid.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/messages.h"

namespace imi::consensus {

// Everything a signature check depends on. The digest already covers genesis, kind, epoch, member
// and fields, so equal keys mean the same check.
struct SignatureKey {
  Hash256 digest;
  crypto::PublicKey key;
  crypto::Signature signature;
  auto operator<=>(const SignatureKey&) const = default;
};

class SignatureCache {
 public:
  virtual ~SignatureCache() = default;
  [[nodiscard]] virtual bool contains(const SignatureKey& key) = 0;
  virtual void insert(const SignatureKey& key) = 0;
};

// Two generations of at most `capacity` each: when the young one is full it becomes the old one.
// Not thread-safe.
class BoundedSignatureCache final : public SignatureCache {
 public:
  explicit BoundedSignatureCache(std::size_t capacity = 32'768) : capacity_(capacity) {}
  [[nodiscard]] bool contains(const SignatureKey& key) override;
  void insert(const SignatureKey& key) override;
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  std::size_t capacity_;
  std::set<SignatureKey> young_;
  std::set<SignatureKey> old_;
};

enum class MessageError : std::uint8_t {
  kWrongEpoch,        // not of this validator set's epoch
  kUnknownSender,     // no such member
  kSenderNotPeer,     // unsigned, and the TLS identity is not the named sender
  kSignatureNotZero,  // an unsigned kind with a signature
  kBadSignature,      // the message's own signature
  kViewTooLarge,      // beyond kMaxView
  kHeightTooLarge,    // zero or beyond kMaxHeight
  kNotPrimary,        // PRE-PREPARE or NEW-VIEW not by primary(view)
  kFromPrimary,       // PREPARE by primary(view) (A0)
  kWrongBodyRoot,     // the list does not match the header
  kTooManyItems,      // more than the chain's max_block_items
  kWrongGenesis,      // a head of another chain
  kWrongSet,          // a head that names another validator set
  kBadCheckpointCertificate,
  kBadPreparedCertificate,
  kBadCommitCertificate,
  kCertificateView,    // a certificate's view >= the VIEW-CHANGE's
  kCertificateWindow,  // a certificate outside (stable, stable + L]
  kCertificateOrder,   // heights not strictly ascending
  kViewChangeCount,    // a NEW-VIEW without exactly q VIEW-CHANGEs
  kViewChangeOrder,    // members not strictly ascending
  kViewChangeView,     // a VIEW-CHANGE for another view than the NEW-VIEW's
  kProposalHeights,    // re-proposals not of consecutive heights
  kEmptyRun,           // no synced blocks
  kBadStatement,       // LAST-SEEN: malformed, out of order, or by no member
  kBrokenRun,          // synced blocks: not a chain of parents that ends in the certificate
};
[[nodiscard]] std::string_view describe(MessageError e);

// A message whose signatures and certificates all hold. Cheap to copy.
class VerifiedMessage {
 public:
  [[nodiscard]] const SignedMessage& operator*() const { return *message_; }
  [[nodiscard]] const SignedMessage* operator->() const { return message_.get(); }
  [[nodiscard]] std::shared_ptr<const SignedMessage> share() const { return message_; }
  // The id of the block of a PRE-PREPARE, BLOCK or COMMIT notice; zero for other kinds.
  [[nodiscard]] const BlockId& block_id() const { return block_id_; }

 private:
  friend class Verifier;
  VerifiedMessage(std::shared_ptr<const SignedMessage> message, const BlockId& block_id)
      : message_(std::move(message)), block_id_(block_id) {}
  std::shared_ptr<const SignedMessage> message_;
  BlockId block_id_;
};

// Catch-up (D2): a run of consecutive blocks that ends in a certificate. One block with its commit
// certificate, or any number of blocks whose last is the checkpoint certificate's block.
struct SyncedBlocks {
  std::vector<Block> blocks;
  std::variant<CommitCertificate, CheckpointCertificate> proof;
  bool operator==(const SyncedBlocks&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(blocks, proof);
  }
};

class VerifiedBlocks {
 public:
  [[nodiscard]] const std::vector<std::shared_ptr<const Block>>& blocks() const { return blocks_; }
  [[nodiscard]] const std::vector<BlockId>& ids() const { return ids_; }
  [[nodiscard]] const std::variant<CommitCertificate, CheckpointCertificate>& proof() const {
    return proof_;
  }

 private:
  friend class Verifier;
  VerifiedBlocks() = default;
  std::vector<std::shared_ptr<const Block>> blocks_;
  std::vector<BlockId> ids_;
  std::variant<CommitCertificate, CheckpointCertificate> proof_;
};

class Verifier {
 public:
  // `cache` outlives the Verifier. Keys of `set` are parsed once; the set has been validated.
  Verifier(const Config& config, const ValidatorSet& set, SignatureCache& cache);

  // `peer`: the validator whose TLS identity delivered the message, if it is one. Signed kinds may
  // be relayed by anyone; unsigned kinds must come from their sender.
  [[nodiscard]] std::expected<VerifiedMessage, MessageError> verify(
      SignedMessage message, std::optional<MemberId> peer) const;
  [[nodiscard]] std::expected<VerifiedBlocks, MessageError> verify(SyncedBlocks synced) const;

  // Certificates alone, for stores and tools.
  [[nodiscard]] bool holds(const CommitCertificate& certificate) const;
  [[nodiscard]] bool holds(const PreparedCertificate& certificate) const;
  [[nodiscard]] bool holds(const CheckpointCertificate& certificate) const;

 private:
  using E = MessageError;
  using Result = std::expected<void, MessageError>;
  [[nodiscard]] bool signature_holds(MemberId member, const Hash256& digest,
                                     const crypto::Signature& signature) const;
  [[nodiscard]] Result check(const SignedMessage& m, const PrePrepare& p, BlockId& id) const;
  [[nodiscard]] Result check_vote(const SignedMessage& m, View view, Height height,
                                  const Hash256& digest) const;
  [[nodiscard]] Result check(const SignedMessage& m, const Checkpoint& c) const;
  [[nodiscard]] Result check_view_change(MemberId member, const ViewChange& v,
                                         const crypto::Signature& signature) const;
  [[nodiscard]] Result check(const SignedMessage& m, const NewView& n) const;
  [[nodiscard]] Result check_unsigned(const SignedMessage& m, std::optional<MemberId> peer,
                                      BlockId& id) const;
  [[nodiscard]] Result check(const LastSeen& l) const;
  [[nodiscard]] Result check_payload(const SignedMessage& m, BlockId& id) const;
  [[nodiscard]] Result check_header(const BlockHeader& header) const;
  [[nodiscard]] Result check_certificate(const HeightCertificate& c) const;
  [[nodiscard]] bool decided_holds(const DecidedCertificate& decided, BlockId& id) const;

  GenesisId genesis_;
  ValidatorSet set_;
  chain::Quorum quorum_;
  Hash256 set_digest_;
  std::uint32_t window_;
  std::uint32_t max_block_items_;
  std::vector<crypto::VerifyKey> keys_;
  SignatureCache& cache_;
};

}  // namespace imi::consensus
