// An agency changes its own keys.
#include <algorithm>

#include "chain/statement.h"
#include "crypto/suite.h"
#include "ledger/agency/apply.h"
#include "ledger/agency/authority.h"
#include "ledger/core/field_checks.h"

namespace imi::ledger {

Hash256 agency_key_digest(const chain::GenesisId& genesis, const AgencyId& id, Version version,
                          const crypto::PublicKey& key) {
  return chain::statement_digest(genesis, chain::StatementKind::kAgencyKey, id, version, key);
}

namespace execution {

Ruling check(const AgencyRekey& e, const Policy&, Day) {
  if (!e.add && !e.remove) return out_of_range(RefusalField::kChanges);
  if (e.add.has_value() != e.holding.has_value()) {
    return refuse(RefusalCode::kKeyNotHeld, RefusalField::kKeys);
  }
  if (!e.add) return {};
  if (!crypto::is_valid(*e.add)) return refuse(RefusalCode::kKeyInvalid, RefusalField::kKeys, 1);
  return {};
}

Ruling apply(const AgencyRekey& e, Context& c) {
  if (e.id != c.agency_id()) return refuse(RefusalCode::kNotOwnAgency);
  auto& slot = c.author;
  if (e.version != slot.value->record_version) {
    return refuse(RefusalCode::kStaleVersion, RefusalField::kNone, e.version.value,
                  slot.value->record_version.value);
  }
  std::vector<crypto::PublicKey> keys = slot.value->profile.keys;
  if (e.remove) {
    if (!holds(keys, *e.remove)) return refuse(RefusalCode::kNoSuchKey, RefusalField::kKeys);
    std::erase(keys, *e.remove);
  }
  if (e.add) keys.insert(std::ranges::lower_bound(keys, *e.add), *e.add);
  if (keys.empty() || keys.size() > kMaxAgencyKeys) {
    return out_of_range(RefusalField::kKeys, static_cast<std::int64_t>(keys.size()),
                        kMaxAgencyKeys);
  }
  if (e.add) {
    auto& owner = c.state.at<KeyState>(key_hash(*e.add));
    if (owner.value) return refuse(RefusalCode::kKeyReused, RefusalField::kKeys);
    // Last of the checks: it costs more than all others together.
    const Hash256 digest = agency_key_digest(c.policy.genesis, e.id, e.version, *e.add);
    if (!crypto::verify(*e.add, digest, *e.holding)) {
      return refuse(RefusalCode::kKeyNotHeld, RefusalField::kKeys);
    }
    owner.put(KeyState{.schema = {}, .owner = c.header.author, .since = c.height});
  }
  AgencyState& next = slot.edit();
  next.profile.keys = std::move(keys);
  next.record_version = next.record_version.next();
  next.changed = c.height;
  return {};
}

}  // namespace execution
}  // namespace imi::ledger
