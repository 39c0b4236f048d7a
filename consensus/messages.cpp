#include "consensus/messages.h"

#include "consensus/defects.h"

namespace imi::consensus {

using chain::StatementKind;
using chain::vote_digest;

std::string_view name(MessageKind kind) {
  switch (kind) {
    case MessageKind::kPrePrepare: return "PRE-PREPARE";
    case MessageKind::kPrepare: return "PREPARE";
    case MessageKind::kCommit: return "COMMIT";
    case MessageKind::kCheckpoint: return "CHECKPOINT";
    case MessageKind::kViewChange: return "VIEW-CHANGE";
    case MessageKind::kNewView: return "NEW-VIEW";
    case MessageKind::kStatus: return "STATUS";
    case MessageKind::kFetchBlock: return "FETCH";
    case MessageKind::kBlockData: return "BLOCK";
    case MessageKind::kCommitNotice: return "COMMIT-CERTIFICATE";
    case MessageKind::kCheckpointNotice: return "CHECKPOINT-CERTIFICATE";
    case MessageKind::kAskLastSeen: return "ASK-LAST-SEEN";
    case MessageKind::kLastSeen: return "LAST-SEEN";
  }
  return "unknown";
}

bool is_signed(MessageKind kind) { return kind <= MessageKind::kNewView; }

void MemberBits::set(MemberId m) {
  const std::size_t at = m.value / 8;
  if (bits.size() <= at) bits.resize(at + 1);
  bits[at] = static_cast<std::uint8_t>(bits[at] | (1u << (m.value % 8)));
}

bool MemberBits::test(MemberId m) const {
  const std::size_t at = m.value / 8;
  return at < bits.size() && (bits[at] >> (m.value % 8) & 1) != 0;
}

std::expected<SignedMessage, CodecError> decode_message(ByteView bytes) {
  if (bytes.size() > kMaxMessageBytes) {
    return std::unexpected(CodecError{CodecError::Reason::kLengthTooLarge, 0});
  }
  return decode<SignedMessage>(bytes);
}

bool is_of_unknown_kind(ByteView bytes) {
  if (bytes.size() > kMaxMessageBytes) return false;
  try {
    DecodeArchive ar(bytes);
    SchemaVersion<1> version;
    Epoch epoch;
    MemberId sender;
    ar(version, epoch, sender);
    return ar.byte() >= kMessageKinds;
  } catch (const codec_detail::Failure&) {
    return false;
  }
}

Hash256 pre_prepare_digest(const GenesisId& genesis, Epoch epoch, MemberId member, View view,
                           Height height, const BlockId& id) {
  return vote_digest(genesis, StatementKind::kPrePrepare, epoch, member, view, height, id);
}

Hash256 prepare_digest(const GenesisId& genesis, Epoch epoch, MemberId member, View view,
                       Height height, const BlockId& id) {
  return vote_digest(genesis, StatementKind::kPrepare, epoch, member, view, height, id);
}

Hash256 commit_digest(const GenesisId& genesis, Epoch epoch, MemberId member, View view,
                      Height height, const BlockId& id) {
  const StatementKind kind =
      planted(Defect::kNoKindInDigest) ? StatementKind::kPrepare : StatementKind::kCommit;
  return vote_digest(genesis, kind, epoch, member, view, height, id);
}

Hash256 view_change_digest(const GenesisId& genesis, Epoch epoch, MemberId member, View view,
                           const Hash256& content) {
  return vote_digest(genesis, StatementKind::kViewChange, epoch, member, view, content);
}

Hash256 view_change_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                           const ViewChange& message) {
  return view_change_digest(genesis, epoch, member, message.view, content_digest(genesis, message));
}

Hash256 new_view_digest(const GenesisId& genesis, Epoch epoch, MemberId member, View view,
                        const Hash256& content) {
  return vote_digest(genesis, StatementKind::kNewView, epoch, member, view, content);
}

Hash256 new_view_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                        const NewView& message) {
  return new_view_digest(genesis, epoch, member, message.view, content_digest(genesis, message));
}

}  // namespace imi::consensus
