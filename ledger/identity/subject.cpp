// Registering enterprises and persons.
#include "ledger/agency/authority.h"
#include "ledger/core/field_checks.h"
#include "ledger/dossier/records.h"
#include "ledger/identity/apply.h"
#include "ledger/identity/records.h"

namespace imi::ledger::execution {
namespace {

void open_dossier(Context& c, const SubjectId& id, SubjectClass subject_class,
                  const Division& division) {
  DossierState dossier;
  dossier.subject_class = subject_class;
  dossier.division = division;
  c.state.at<DossierState>(id).put(std::move(dossier));
}

}  // namespace

Ruling check(const SubjectEnterprise& e, const Policy&, Day) {
  if (auto ok = check_uscc(e.uscc, e.as_issued); !ok) return ok;
  if (auto ok = check_text(e.name, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  if (e.division.code == 0) return out_of_range(RefusalField::kDivision);
  return {};
}

Ruling check(const SubjectPerson& e, const Policy&, Day) {
  if (e.id.is_zero()) return out_of_range(RefusalField::kSubject);
  if (!crypto::is_valid(e.key)) {
    return refuse(RefusalCode::kKeyInvalid, RefusalField::kKeys, 1);
  }
  if (e.commitment.is_zero()) return out_of_range(RefusalField::kCommitment);
  return {};
}

Ruling apply(const SubjectEnterprise& e, Context& c) {
  if (!has_jurisdiction(*c.actor, e.division)) {
    return refuse(RefusalCode::kOutOfJurisdiction, RefusalField::kDivision,
                  static_cast<std::int64_t>(e.division.code));
  }
  const SubjectId id = enterprise_id(e.uscc);
  auto& slot = c.state.at<SubjectState>(id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);

  SubjectState state;
  state.who = EnterpriseState{e.uscc, e.name, e.division, e.status, e.sole_trader, e.as_issued};
  state.registrar = c.agency_id();
  state.registered = c.height;
  slot.put(std::move(state));
  open_dossier(c, id, SubjectClass::kEnterprise, e.division);
  return {};
}

Ruling apply(const SubjectPerson& e, Context& c) {
  auto& slot = c.state.at<SubjectState>(e.id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);
  auto& key = c.state.at<KeyState>(key_hash(e.key));
  if (key.value) return refuse(RefusalCode::kKeyReused, RefusalField::kKeys);

  SubjectState state;
  state.who = PersonState{e.index_epoch, e.commitment};
  state.keys_root = keys_root(e.key);
  state.registrar = c.agency_id();
  state.registered = c.height;
  slot.put(std::move(state));
  key.put(KeyState{.schema = {}, .owner = chain::retag<AuthorId>(e.id), .since = c.height});
  open_dossier(c, e.id, SubjectClass::kPerson, Division{});
  return {};
}

}  // namespace imi::ledger::execution
