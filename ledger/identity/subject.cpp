// Registering enterprises and persons, and what changes of them later.
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

Ruling check_place(const Context& c, const Division& place) {
  if (has_jurisdiction(*c.actor, place)) return {};
  return refuse(RefusalCode::kOutOfJurisdiction, RefusalField::kDivision,
                static_cast<std::int64_t>(place.code));
}

}  // namespace

Ruling check(const SubjectEnterprise& e, const Policy&, Day) {
  if (auto ok = check_uscc(e.uscc, e.as_issued); !ok) return ok;
  if (auto ok = check_text(e.name, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  if (e.division.code == 0) return out_of_range(RefusalField::kDivision);
  return {};
}

Ruling check(const EnterpriseUpdate& e, const Policy&, Day) {
  if (!e.name && !e.division && !e.status && !e.sole_trader) {
    return out_of_range(RefusalField::kChanges);
  }
  if (e.name) {
    if (auto ok = check_text(*e.name, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  }
  if (e.division && e.division->code == 0) return out_of_range(RefusalField::kDivision);
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
  if (auto ok = check_place(c, e.division); !ok) return ok;
  const SubjectId id = enterprise_id(e.uscc);
  auto& slot = c.state.at<SubjectState>(id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);

  SubjectState state;
  state.who = EnterpriseState{e.uscc, e.name, e.division, e.status, e.sole_trader, e.as_issued};
  state.registrar = c.agency_id();
  state.registered = state.changed = c.height;
  slot.put(std::move(state));
  open_dossier(c, id, SubjectClass::kEnterprise, e.division);
  return {};
}

Ruling apply(const EnterpriseUpdate& e, Context& c) {
  const SubjectId id = enterprise_id(e.uscc);
  auto& slot = c.state.at<SubjectState>(id);
  // The id is made from the code: what stands there is an enterprise.
  if (!slot.value) return refuse(RefusalCode::kNoSuchSubject);
  if (e.version != slot.value->record_version) {
    return refuse(RefusalCode::kStaleVersion, RefusalField::kNone, e.version.value,
                  slot.value->record_version.value);
  }
  auto& dossier = c.state.at<DossierState>(id);
  if (!dossier.value) return refuse(RefusalCode::kNoSuchSubject);
  const Division before = std::get<EnterpriseState>(slot.value->who).division;
  for (const Division& place : {before, e.division.value_or(before)}) {
    if (auto ok = check_place(c, place); !ok) return ok;
  }

  SubjectState& next = slot.edit();
  auto& enterprise = std::get<EnterpriseState>(next.who);
  if (e.name) enterprise.name = *e.name;
  if (e.status) enterprise.status = *e.status;
  if (e.sole_trader) enterprise.sole_trader = *e.sole_trader;
  if (e.division) {
    enterprise.division = *e.division;
    dossier.edit().division = *e.division;
  }
  next.record_version = next.record_version.next();
  next.changed = c.height;
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
  state.registered = state.changed = c.height;
  slot.put(std::move(state));
  key.put(KeyState{.schema = {}, .owner = chain::retag<AuthorId>(e.id), .since = c.height});
  open_dossier(c, e.id, SubjectClass::kPerson, Division{});
  return {};
}

}  // namespace imi::ledger::execution
