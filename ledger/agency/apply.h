// Internal to execution: the entries about agencies.
//
// check() looks at an entry's own fields, by the catalog and the day alone: what clients run too
// before they send. apply() comes after it and after the author's authority (execute.cpp): what the
// state says, then the effects. It changes nothing before its last check, so a refused entry leaves
// no trace (F4).
#pragma once

#include "ledger/agency/entries.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

[[nodiscard]] Ruling check(const AgencyRegister& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const AgencyUpdate& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const AgencyRekey& e, const Policy& policy, Day today);

[[nodiscard]] Ruling apply(const AgencyRegister& e, Context& c);
[[nodiscard]] Ruling apply(const AgencyUpdate& e, Context& c);
[[nodiscard]] Ruling apply(const AgencyRekey& e, Context& c);

}  // namespace imi::ledger::execution
