// Registering enterprises and persons.
#include "ledger/execution/context.h"

namespace imi::ledger::execution {
namespace {

void open_dossier(Context& c, const SubjectId& id, SubjectClass subject_class,
                  const Division& division) {
  DossierState dossier;
  dossier.subject_class = subject_class;
  dossier.division = division;
  c.state.dossiers.at(id).put(std::move(dossier));
}

}  // namespace

Verdict apply(const SubjectEnterprise& e, Context& c) {
  const auto author = agency_with(c, Role::kMarket);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  if (!has_jurisdiction(**author, e.division)) {
    return refuse(RefusalCode::kOutOfJurisdiction, RefusalField::kDivision,
                  static_cast<std::int64_t>(e.division.code));
  }
  const SubjectId id = enterprise_id(e.uscc);
  auto& slot = c.state.subjects.at(id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);

  SubjectState state;
  state.who = EnterpriseState{e.uscc, e.name, e.division, e.status, e.sole_trader, e.as_issued};
  state.registrar = c.agency_id();
  state.registered = c.height;
  slot.put(std::move(state));
  open_dossier(c, id, SubjectClass::kEnterprise, e.division);
  return {};
}

Verdict apply(const SubjectPerson& e, Context& c) {
  const auto author = agency_with(c, Role::kRegistrar);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  auto& slot = c.state.subjects.at(e.id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);
  auto& key = c.state.keys.at(key_hash(e.key));
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
