#include "ledger/state/state_keys.h"

#include "crypto/hash.h"

namespace imi::ledger {

Hash256 state_path(Space space, ByteView key) {
  const auto byte = static_cast<std::uint8_t>(space);
  return crypto::Hasher(crypto::Domain::kMapKey).add(ByteView(&byte, 1)).add(key).finish();
}

Hash256 rule_path(RuleId rule) {
  Bytes key;
  append_big_endian(key, rule.value);
  return state_path(Space::kRule, key);
}

Hash256 catalog_path() { return state_path(Space::kCatalog, ByteView()); }
Hash256 parameters_path() { return state_path(Space::kParameters, ByteView()); }

Bytes agency_row_key(chain::Height registered, const AgencyId& id) {
  Bytes key = {'A'};
  append_big_endian(key, registered.value);
  append(key, id.view());
  return key;
}

Bytes dossier_row_key(const SubjectId& subject, std::uint64_t seq) {
  Bytes key;
  key.reserve(41);
  key.push_back('D');
  append(key, subject.view());
  append_big_endian(key, seq);
  return key;
}

Bytes prune_row_key(chain::Height height) {
  Bytes key = {'X'};
  append_big_endian(key, height.value);
  return key;
}

Bytes prune_cursor_key() { return {'X'}; }

}  // namespace imi::ledger
