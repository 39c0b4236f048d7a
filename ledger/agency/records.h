// The records of the state map, as stored, hashed and proved: agencies and keys.
// Fields of later entries stand at zero, one byte each, so that those need no migration.
#pragma once

#include "base/fields.h"
#include "ledger/agency/entries.h"
#include "ledger/state/record.h"

namespace imi::ledger {

struct AgencyState {
  using Key = AgencyId;
  static constexpr RecordUse kUse = RecordUse::kAgain;

  RecordTag<Space::kAgency> schema;
  Version record_version{1};
  AgencyStatus status = AgencyStatus::kActive;
  AgencyProfile profile;
  chain::Height registered;
  chain::Height changed;
  bool operator==(const AgencyState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("version", record_version);
    v("status", status);
    v("profile", profile);
    v("registered", registered);
    v("changed", changed);
  }
};

// key/key_hash: a key that is or was in use, and whose. Kept for ever: no key is used twice.
struct KeyState {
  using Key = Hash256;
  static constexpr RecordUse kUse = RecordUse::kOnce;

  RecordTag<Space::kKey> schema;
  AuthorId owner;
  chain::Height since;
  bool operator==(const KeyState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("owner", owner);
    v("since", since);
  }
};

}  // namespace imi::ledger
