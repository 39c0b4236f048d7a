// Internal to execution: the entries about credit events.
//
// check() looks at an entry's own fields, by the catalog and the day alone: what clients run too
// before they send. apply() comes after it and after the author's authority (execute.cpp): what the
// state says, then the effects. It changes nothing before its last check, so a refused entry leaves
// no trace (F4).
#pragma once

#include "ledger/credit/entries.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

[[nodiscard]] Ruling check(const EventRecord& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const EventCorrect& e, const Policy& policy, Day today);
[[nodiscard]] Ruling check(const EventWithdraw& e, const Policy& policy, Day today);

[[nodiscard]] Ruling apply(const EventRecord& e, Context& c);
[[nodiscard]] Ruling apply(const EventCorrect& e, Context& c);
[[nodiscard]] Ruling apply(const EventWithdraw& e, Context& c);

}  // namespace imi::ledger::execution
