// Internal to execution: the entries about subjects and attestations.
//
// check() looks at an entry's own fields, by the catalog and the day alone: what clients run too
// before they send. apply() comes after it and after the author's authority (execute.cpp): what the
// state says, then the effects. It changes nothing before its last check, so a refused entry leaves
// no trace (F4).
#pragma once

#include "ledger/identity/entries.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

[[nodiscard]] Ruling check(const SubjectEnterprise& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const EnterpriseUpdate& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const SubjectPerson& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const AttIssue& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const AttStatus& e, const Policy& policy, Day today);

[[nodiscard]] Ruling apply(const SubjectEnterprise& e, Context& c);
[[nodiscard]] Ruling apply(const EnterpriseUpdate& e, Context& c);
[[nodiscard]] Ruling apply(const SubjectPerson& e, Context& c);
[[nodiscard]] Ruling apply(const AttIssue& e, Context& c);
[[nodiscard]] Ruling apply(const AttStatus& e, Context& c);

}  // namespace imi::ledger::execution
