// The messages of consensus (docs/PROTOCOL.md) and their one wire form, SignedMessage.
//
// What is signed: chain::vote_digest(genesis, kind, epoch, member, fields...), where the fields are
// those named below; so a PREPARE never replays as a COMMIT, nor on another chain, epoch, or
// member. STATUS, FETCH, BLOCK, the certificate notices and the last-seen pair are unsigned: the
// transport's TLS identity names their sender and their contents certify themselves; their
// signature field is zero.
//
// Decoding is bounded by kMaxMessageBytes and by the limits in serialize(). A decoded message is
// not trusted until verify.h has made a VerifiedMessage of it.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "chain/statement.h"
#include "consensus/certificates.h"
#include "consensus/statement.h"

namespace imi::consensus {

enum class MessageKind : std::uint8_t {  // index of the payload variant; part of the format
  kPrePrepare = 0,
  kPrepare = 1,
  kCommit = 2,
  kCheckpoint = 3,
  kViewChange = 4,
  kNewView = 5,
  kStatus = 6,
  kFetchBlock = 7,
  kBlockData = 8,
  kCommitNotice = 9,
  kCheckpointNotice = 10,
  kAskLastSeen = 11,
  kLastSeen = 12,
};
inline constexpr std::size_t kMessageKinds = 13;
[[nodiscard]] std::string_view name(MessageKind kind);  // "PRE-PREPARE", ...
[[nodiscard]] bool is_signed(MessageKind kind);

// Signed: view, header.height, block_id(header). The header and the list are bound by the id.
struct PrePrepare {
  View view;
  BlockHeader header;
  std::vector<ContentHash> items;  // body_root(items) = header.body_root
  bool operator==(const PrePrepare&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, header, items);
    require(ar, items.size() <= chain::kMaxBlockItems);
  }
};

// Signed: view, height, id.
struct Prepare {
  View view;
  Height height;
  BlockId id;
  bool operator==(const Prepare&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, height, id);
  }
};

// Signed: view, height, id.
struct Commit {
  View view;
  Height height;
  BlockId id;
  bool operator==(const Commit&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, height, id);
  }
};

// Signed: the head (chain::checkpoint_digest).
struct Checkpoint {
  LedgerHead head;
  bool operator==(const Checkpoint&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(head);
  }
};

// Signed: view, and the content_digest() of all of it. `stable` is empty while only genesis (height
// 0) is stable. Certificates are in strictly ascending height within (stable, stable + L], one per
// height, views < view.
struct ViewChange {
  View view;  // the view its sender wants
  std::optional<CheckpointCertificate> stable;
  std::vector<HeightCertificate> certificates;
  bool operator==(const ViewChange&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, stable, certificates);
    require(ar, certificates.size() <= kMaxWindow);
  }
  [[nodiscard]] Height stable_height() const { return stable ? stable->head.height : Height(0); }
};

// A VIEW-CHANGE as its sender signed it, inside a NEW-VIEW.
struct SignedViewChange {
  MemberId member;
  ViewChange message;
  crypto::Signature signature;
  bool operator==(const SignedViewChange&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(member, message, signature);
  }
};

// A re-proposal: the header under the new primary's PRE-PREPARE signature. The list of content
// hashes is not repeated: a member that lacks it fetches the block by id (>= q-f honest members
// hold it, I11).
struct ReProposal {
  BlockHeader header;
  crypto::Signature signature;  // PRE-PREPARE digest (new view, height, id) by the new primary
  bool operator==(const ReProposal&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(header, signature);
  }
};

// Signed: view, and the content_digest() of all of it. Exactly q VIEW-CHANGEs for `view`, strictly
// ascending by member, and the re-proposals O that they imply (A3): recomputed by every backup
// (A7).
struct NewView {
  View view;
  std::vector<SignedViewChange> view_changes;
  std::vector<ReProposal> proposals;
  bool operator==(const NewView&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, view_changes, proposals);
    require(ar, view_changes.size() <= chain::kMaxValidators && proposals.size() <= kMaxWindow);
  }
};

// A set of members, one bit each, member m at bit m % 8 of byte m / 8. No trailing zero bytes.
struct MemberBits {
  Bytes bits;
  bool operator==(const MemberBits&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(bits);
    require(ar, bits.size() <= (chain::kMaxValidators + 7) / 8 && (bits.empty() || bits.back()));
  }
  void set(MemberId m);
  [[nodiscard]] bool test(MemberId m) const;
};

// What its sender has for one height (A8).
struct HeightStatus {
  bool proposal = false;   // a proposal of the current view
  bool committed = false;  // decided
  MemberBits prepares;     // PREPAREs of the current view it holds, its own included
  MemberBits commits;      // COMMITs of the current view it holds, its own included
  MemberBits checkpoints;
  bool operator==(const HeightStatus&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(proposal, committed, prepares, commits, checkpoints);
  }
};

// Unsigned. Peers answer with what is missing (A8).
struct Status {
  View view;
  bool changing = false;
  Height stable;
  Height executed;
  MemberBits view_changes;  // whose VIEW-CHANGE it holds for a view above, or for it while changing
  std::vector<HeightStatus> heights;  // stable + 1, stable + 2, ...
  // C4: the view that the sender would change to if f+1 members wanted to; at or below `view`:
  // none. Each STATUS replaces what the sender's last one said.
  View wish{};
  bool operator==(const Status&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(view, changing, stable, executed, view_changes, heights, wish);
    require(ar, heights.size() <= kMaxWindow);
  }
};

// Unsigned. Asks for the block with this id, which is not yet stable.
struct FetchBlock {
  Height height;
  BlockId id;
  bool operator==(const FetchBlock&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(height, id);
  }
};

// Unsigned. The answer: the id certifies it.
struct BlockData {
  Block block;
  bool operator==(const BlockData&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(block);
  }
};

// Unsigned. A decision, certified by its signatures; of any view (A6).
struct CommitNotice {
  DecidedCertificate decided;
  bool operator==(const CommitNotice&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(decided);
  }
};

// Unsigned. A stable checkpoint, certified by its signatures.
struct CheckpointNotice {
  CheckpointCertificate certificate;
  bool operator==(const CheckpointNotice&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(certificate);
  }
};

// Unsigned. B6: a validator that starts asks what its peers last saw it sign.
struct AskLastSeen {
  std::uint64_t start = 0;  // which start of the asker this is; the answer repeats it
  bool operator==(const AskLastSeen&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(start);
  }
};

// Unsigned; the statements certify themselves. The last of each kind that its sender saw `member`
// sign, strictly ascending by kind.
struct LastSeen {
  std::uint64_t start = 0;
  MemberId member;
  std::vector<Statement> statements;
  bool operator==(const LastSeen&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(start, member, statements);
    require(ar, statements.size() <= kStatementKinds);
  }
};

using Payload =
    std::variant<PrePrepare, Prepare, Commit, Checkpoint, ViewChange, NewView, Status, FetchBlock,
                 BlockData, CommitNotice, CheckpointNotice, AskLastSeen, LastSeen>;

struct SignedMessage {
  SchemaVersion<1> version;
  Epoch epoch;
  MemberId sender;  // whose signature (signed kinds) or TLS identity (unsigned kinds)
  Payload payload;
  crypto::Signature signature;  // zero for unsigned kinds
  bool operator==(const SignedMessage&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, epoch, sender, payload, signature);
  }
  [[nodiscard]] MessageKind kind() const { return static_cast<MessageKind>(payload.index()); }
};

// Bytes to message. Refuses more than kMaxMessageBytes with kLengthTooLarge.
[[nodiscard]] std::expected<SignedMessage, CodecError> decode_message(ByteView bytes);

// True for a message of a kind that this program does not know: a newer peer may send it. What
// follows the kind is not looked at.
[[nodiscard]] bool is_of_unknown_kind(ByteView bytes);

// The digests that signatures cover.
[[nodiscard]] Hash256 pre_prepare_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                         View view, Height height, const BlockId& id);
[[nodiscard]] Hash256 prepare_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                     View view, Height height, const BlockId& id);
[[nodiscard]] Hash256 commit_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                    View view, Height height, const BlockId& id);
[[nodiscard]] Hash256 view_change_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                         View view, const Hash256& content);
[[nodiscard]] Hash256 view_change_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                         const ViewChange& message);
[[nodiscard]] Hash256 new_view_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                      View view, const Hash256& content);
[[nodiscard]] Hash256 new_view_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                      const NewView& message);

}  // namespace imi::consensus
