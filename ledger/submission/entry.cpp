#include "ledger/submission/entry.h"

#include "crypto/entries_tree.h"

namespace imi::ledger {

bool is_known(EntryKind k) { return !name(k).empty(); }

std::string_view name(EntryKind k) {
  switch (k) {
    case EntryKind::kAgencyRegister: return "agency.register";
    case EntryKind::kAgencyUpdate: return "agency.update";
    case EntryKind::kSubjectEnterprise: return "subject.enterprise";
    case EntryKind::kSubjectPerson: return "subject.person";
    case EntryKind::kAttIssue: return "att.issue";
    case EntryKind::kAttStatus: return "att.status";
    case EntryKind::kEventRecord: return "event.record";
    case EntryKind::kEventCorrect: return "event.correct";
    case EntryKind::kEventWithdraw: return "event.withdraw";
  }
  return {};
}

namespace {

// The kind of each alternative of Entry, in the variant's order.
constexpr std::array kKinds = {
    EntryKind::kAgencyRegister, EntryKind::kAgencyUpdate, EntryKind::kSubjectEnterprise,
    EntryKind::kSubjectPerson,  EntryKind::kAttIssue,     EntryKind::kAttStatus,
    EntryKind::kEventRecord,    EntryKind::kEventCorrect, EntryKind::kEventWithdraw};
static_assert(kKinds.size() == std::variant_size_v<Entry>);

template <std::size_t I>
void load_if(DecodeArchive& ar, EntryKind kind, Entry& entry) {
  if constexpr (I < kKinds.size()) {
    if (kKinds[I] == kind) {
      ar(entry.emplace<I>());
    } else {
      load_if<I + 1>(ar, kind, entry);
    }
  } else {
    ar.fail(CodecError::Reason::kUnknownTag);
  }
}

struct ResultId {
  const AuthorId& author;
  const chain::SubmissionId& submission;
  std::uint32_t index;

  Hash256 operator()(const AgencyRegister& e) const { return chain::retag<Hash256>(e.id); }
  Hash256 operator()(const AgencyUpdate& e) const { return chain::retag<Hash256>(e.id); }
  Hash256 operator()(const SubjectEnterprise& e) const {
    return chain::retag<Hash256>(enterprise_id(e.uscc));
  }
  Hash256 operator()(const SubjectPerson& e) const { return chain::retag<Hash256>(e.id); }
  Hash256 operator()(const AttIssue& e) const { return chain::retag<Hash256>(e.id); }
  Hash256 operator()(const AttStatus& e) const { return chain::retag<Hash256>(e.id); }
  Hash256 operator()(const EventRecord& e) const {
    if (!e.source) return chain::retag<Hash256>(event_id(submission, index));
    return chain::retag<Hash256>(event_id(chain::retag<AgencyId>(author), key_of(*e.source)));
  }
  Hash256 operator()(const EventCorrect&) const {
    return chain::retag<Hash256>(event_id(submission, index));
  }
  Hash256 operator()(const EventWithdraw& e) const { return chain::retag<Hash256>(e.event); }
};

}  // namespace

EntryKind kind_of(const Entry& entry) { return kKinds[entry.index()]; }

void save_entry(EncodeArchive& ar, const Entry& entry) {
  ar.byte(static_cast<std::uint8_t>(kind_of(entry)));
  std::visit([&ar](const auto& e) { ar(e); }, entry);
}

void load_entry(DecodeArchive& ar, Entry& entry) {
  const auto kind = static_cast<EntryKind>(ar.byte());
  load_if<0>(ar, kind, entry);
}

Hash256 entry_hash(const Entry& entry) { return crypto::entry_leaf_hash(encode(entry)); }

Hash256 result_id(const Entry& entry, const AuthorId& author, const chain::SubmissionId& submission,
                  std::uint32_t index) {
  return std::visit(ResultId{author, submission, index}, entry);
}

}  // namespace imi::ledger
