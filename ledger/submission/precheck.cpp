#include "ledger/submission/precheck.h"

#include <algorithm>
#include <set>

#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/identity/records.h"
#include "ledger/state/state_keys.h"

namespace imi::ledger {
namespace {

using PrecheckResult = std::expected<std::optional<EarlyRefusal>, StoreError>;

EarlyRefusal refusal(RefusalCode code, std::optional<std::uint32_t> entry = std::nullopt,
                     RefusalField field = RefusalField::kNone, std::int64_t a = 0) {
  return {Refusal{code, field, a, 0}, entry};
}

StoreError damaged(std::string_view what, const CodecError& e) {
  return {StoreError::Reason::kCorruption, std::string(what) + ": " + describe(e)};
}

template <class Record>
std::expected<std::optional<Record>, StoreError> read(const PrecheckView& view, Space space,
                                                      ByteView key) {
  const auto bytes = view.record(state_path(space, key));
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  auto record = decode<Record>(**bytes);
  if (!record) return std::unexpected(damaged("record", record.error()));
  return std::move(*record);
}

std::optional<EarlyRefusal> check_agency(const AgencyState& agency, const crypto::PublicKey& key) {
  const auto& keys = agency.profile.keys;
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
    return refusal(RefusalCode::kKeyNotAuthorised);
  }
  if (agency.status != AgencyStatus::kActive) return refusal(RefusalCode::kAuthorSuspended);
  return std::nullopt;
}

// All that a holder may do is give back what it holds.
PrecheckResult check_holder(const PrecheckView& view, const Submission& s) {
  for (std::uint32_t i = 0; i < s.entries.size(); ++i) {
    const auto* e = std::get_if<AttStatus>(&s.entries[i]);
    if (e == nullptr) return refusal(RefusalCode::kNoSuchAuthor);
    const auto held = read<AttState>(view, Space::kAttestation, e->id.view());
    if (!held) return std::unexpected(held.error());
    if (!*held) return refusal(RefusalCode::kNoSuchAttestation, i);
    if ((*held)->holder_key_hash != chain::retag<Hash256>(s.header.author) ||
        e->action != AttAction::kRevoke) {
      return refusal(RefusalCode::kNotIssuer, i);
    }
    const AttLife life = (*held)->life;
    if (life == AttLife::kRevoked || life == AttLife::kSurrendered) {
      return refusal(RefusalCode::kAlreadyRevoked, i);
    }
  }
  return std::nullopt;
}

// True if the entry is about a person, as far as the state says: nobody that it knows is none, and
// execution refuses what is about nobody.
std::expected<bool, StoreError> is_about_person(const PrecheckView& view, const About& about,
                                                const std::set<SubjectId>& registered) {
  switch (about.whose) {
    case About::Whose::kPerson: return true;
    case About::Whose::kSubject: {
      if (registered.contains(about.subject)) return true;
      const auto known = view.subject_class(about.subject);
      if (!known) return std::unexpected(known.error());
      return *known == SubjectClass::kPerson;
    }
    case About::Whose::kEvent: {
      const auto event = read<EventState>(view, Space::kEvent, about.event.view());
      if (!event) return std::unexpected(event.error());
      return *event && !is_public((*event)->facts);
    }
  }
  return true;
}

PrecheckResult check_plaintext(const PrecheckView& view, const std::vector<Entry>& entries) {
  std::set<SubjectId> registered;  // persons, by this very submission
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (const auto* p = std::get_if<SubjectPerson>(&entries[i])) registered.insert(p->id);
    const auto whose = about(entries[i]);
    if (!whose || whose->plain == RefusalField::kNone) continue;
    const auto person = is_about_person(view, *whose, registered);
    if (!person) return std::unexpected(person.error());
    if (*person) return refusal(RefusalCode::kPlaintextForPerson, i, whose->plain);
  }
  return std::nullopt;
}

// How an encoded DossierState begins.
struct DossierStart {
  RecordTag<Space::kDossier> schema;
  SubjectClass subject_class = SubjectClass::kEnterprise;
  template <class A>
  void serialize(A& ar) {
    ar(schema, enum_field(subject_class));
  }
};

}  // namespace

std::string describe(const EarlyRefusal& r) {
  const std::string why = describe(r.refusal);
  return r.entry ? "entry " + std::to_string(*r.entry) + ": " + why : why;
}

PrecheckResult precheck(const PrecheckView& view, const Submission& s) {
  const auto agency = view.agency(chain::retag<AgencyId>(s.header.author));
  if (!agency) return std::unexpected(agency.error());
  if (*agency != nullptr) {
    if (auto refused = check_agency(**agency, s.header.key)) return refused;
    return check_plaintext(view, s.entries);
  }
  if (chain::retag<Hash256>(s.header.author) == key_hash(s.header.key)) {
    return check_holder(view, s);
  }
  return refusal(RefusalCode::kNoSuchAuthor);
}

std::expected<SubjectClass, StoreError> class_of_dossier(ByteView record) {
  constexpr std::size_t kBytes = 3;  // the tag, the class
  const auto start = decode<DossierStart>(record.first(std::min(kBytes, record.size())));
  if (!start) return std::unexpected(damaged("dossier record", start.error()));
  return start->subject_class;
}

}  // namespace imi::ledger
