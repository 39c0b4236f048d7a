// Internal to execution: what the author of an entry may do.
#pragma once

#include "ledger/agency/records.h"
#include "ledger/core/kind.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

[[nodiscard]] bool holds(const std::vector<crypto::PublicKey>& keys, const crypto::PublicKey& key);
// The author's agency record, if the author may author such a kind: an agency of that role, with
// one of its keys, and active. Null for the holder of an attestation, where the kind allows one.
[[nodiscard]] std::expected<const AgencyState*, Refusal> authorise(const Authors& authors,
                                                                   Context& c);
// True if the agency's divisions cover the place.
[[nodiscard]] bool has_jurisdiction(const AgencyState& agency, const Division& place);

}  // namespace imi::ledger::execution
