// The entries of a submission: all kinds that this version has. Each topic's own are in its
// entries.h.
//
// The tag of a kind is its number in EntryKind. Gaps are kept for the kinds of the model that come
// later; a number is never re-used.
#pragma once

#include <concepts>
#include <variant>

#include "ledger/agency/entries.h"
#include "ledger/credit/entries.h"
#include "ledger/identity/entries.h"

namespace imi::ledger {

enum class EntryKind : std::uint8_t {
  kAgencyRegister = 1,
  kAgencyUpdate = 2,
  kSubjectEnterprise = 10,
  kSubjectPerson = 11,
  // 12 rekey, 13 recover, 14 close, 15 delegate.set, 16 delegate.end, 17 merge, 18 split
  kAttIssue = 20,
  kAttStatus = 21,
  kEventRecord = 30,
  kEventCorrect = 31,
  kEventWithdraw = 32,
  // 33 object, 34 resolve, 35 fulfil, 36 statement, 40 repair.request, 41 repair.decide,
  // 50 list.enter, 51 list.exit, 52 measure.apply, 53 measure.lift, 60 link.set, 61 link.end,
  // 70 tally.report, 80 grant.give, 81 grant.withdraw, 82 access.ticket, 90 erase.order,
  // 91 erase.done, 100 gov.propose, 101 gov.vote, 110 anchor.head
};
[[nodiscard]] bool is_known(EntryKind k);
// "event.record".
[[nodiscard]] std::string_view name(EntryKind k);

// Its wire form is one byte EntryKind, then the entry (entries.cpp). Not the codec's general
// variant.
using Entry = std::variant<AgencyRegister, AgencyUpdate, SubjectEnterprise, SubjectPerson, AttIssue,
                           AttStatus, EventRecord, EventCorrect, EventWithdraw>;

[[nodiscard]] EntryKind kind_of(const Entry& entry);
void save_entry(EncodeArchive& ar, const Entry& entry);
void load_entry(DecodeArchive& ar, Entry& entry);
// Constrained, so that they are preferred to the codec's general variant, and so that one kind of
// entry alone does not become an Entry by conversion.
template <class... Ts>
  requires std::same_as<std::variant<Ts...>, Entry>
void save(EncodeArchive& ar, const std::variant<Ts...>& entry) {
  save_entry(ar, entry);
}
template <class... Ts>
  requires std::same_as<std::variant<Ts...>, Entry>
void load(DecodeArchive& ar, std::variant<Ts...>& entry) {
  load_entry(ar, entry);
}

// H(kEntry, encoded entry): the leaf of the submission's entries tree and the body of its log leaf.
[[nodiscard]] Hash256 entry_hash(const Entry& entry);

// The id of what an accepted entry creates or changes: agency, subject, attestation, event.
[[nodiscard]] Hash256 result_id(const Entry& entry, const AuthorId& author,
                                const chain::SubmissionId& submission, std::uint32_t index);

}  // namespace imi::ledger
