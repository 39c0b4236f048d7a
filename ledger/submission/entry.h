// The entries of a submission: all kinds that this version has. Each topic's own are in its
// entries.h, and each describes itself there (core/kind.h).
//
// A number is never re-used. Kept for the kinds of the model that come later: 12 rekey, 13 recover,
// 14 close, 15 delegate.set, 16 delegate.end, 17 merge, 18 split, 33 object, 34 resolve, 35 fulfil,
// 36 statement, 40 repair.request, 41 repair.decide, 50 list.enter, 51 list.exit, 52 measure.apply,
// 53 measure.lift, 60 link.set, 61 link.end, 70 tally.report, 80 grant.give, 81 grant.withdraw,
// 82 access.ticket, 90 erase.order, 91 erase.done, 100 gov.propose, 101 gov.vote, 110 anchor.head.
#pragma once

#include <array>
#include <concepts>
#include <variant>

#include "ledger/agency/entries.h"
#include "ledger/credit/entries.h"
#include "ledger/identity/entries.h"

namespace imi::ledger {

// The table of kinds, in the order of their numbers. Its wire form is one byte, the kind's number,
// then the fields of the kind; not the codec's general variant.
using Entry = std::variant<AgencyRegister,     //
                           AgencyUpdate,       //
                           AgencyRekey,        //
                           SubjectEnterprise,  //
                           SubjectPerson,      //
                           EnterpriseUpdate,   //
                           AttIssue,           //
                           AttStatus,          //
                           EventRecord,        //
                           EventCorrect,       //
                           EventWithdraw>;

namespace kinds_detail {
template <class T>
struct Table;
template <EntryDescription... Es>
struct Table<std::variant<Es...>> {
  static constexpr std::array<KindTraits, sizeof...(Es)> kTraits{Es::kKind...};
};
}  // namespace kinds_detail
// In the order of Entry's alternatives.
inline constexpr auto kKinds = kinds_detail::Table<Entry>::kTraits;
static_assert(std::ranges::is_sorted(kKinds, std::ranges::less_equal{},
                                     [](const KindTraits& k) { return k.number.value; }) &&
                  std::ranges::adjacent_find(kKinds, {},
                                             [](const KindTraits& k) { return k.number.value; }) ==
                      kKinds.end(),
              "each kind has a number of its own, and the table is in their order");

[[nodiscard]] const KindTraits* find_kind(EntryKind kind);
[[nodiscard]] const KindTraits* find_kind(std::string_view name);
[[nodiscard]] bool is_known(EntryKind k);
// "event.record".
[[nodiscard]] std::string_view name(EntryKind k);

[[nodiscard]] const KindTraits& traits(const Entry& entry);
[[nodiscard]] EntryKind kind_of(const Entry& entry);
// nullopt for what is public.
[[nodiscard]] std::optional<About> about(const Entry& entry);

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
