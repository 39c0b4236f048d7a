// Internal to execution: what the author of an entry may do.
#pragma once

#include "ledger/agency/records.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

[[nodiscard]] bool holds(const std::vector<crypto::PublicKey>& keys, const crypto::PublicKey& key);
// The author's agency record, if the author is an agency, the key one of its keys, and it is
// active.
[[nodiscard]] std::expected<const AgencyState*, Refusal> agency(Context& c);
// And has the role.
[[nodiscard]] std::expected<const AgencyState*, Refusal> agency_with(Context& c, Role role);
// True if the agency's divisions cover the place.
[[nodiscard]] bool has_jurisdiction(const AgencyState& agency, const Division& place);

}  // namespace imi::ledger::execution
