// The records of the state map, as stored, hashed and proved: subjects and attestations.
// Fields of later entries stand at zero, one byte each, so that those need no migration.
#pragma once

#include <variant>

#include "base/fields.h"
#include "ledger/identity/entries.h"
#include "ledger/state/record.h"

namespace imi::ledger {

struct EnterpriseState {
  Uscc uscc;
  std::string name;
  Division division;
  EnterpriseStatus status = EnterpriseStatus::kActive;
  bool sole_trader = false;
  bool as_issued = false;  // the code was issued against its check character
  bool operator==(const EnterpriseState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("uscc", uscc);
    v("name", name, Size{1, kMaxNameBytes});
    v("division", division);
    v("status", status);
    v("sole_trader", sole_trader);
    v("as_issued", as_issued);
  }
};

struct PersonState {
  std::uint32_t index_epoch = 0;
  Hash256 commitment;
  bool operator==(const PersonState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("index_epoch", index_epoch);
    v("commitment", commitment);
  }
};

struct SubjectState {
  using Key = SubjectId;
  static constexpr RecordUse kUse = RecordUse::kOnce;

  RecordTag<Space::kSubject> schema;
  SubjectLife life = SubjectLife::kOpen;
  Version record_version{1};
  std::variant<EnterpriseState, PersonState> who;
  Hash256 keys_root;  // persons: keys_root(key); enterprises: zero until delegates exist
  AgencyId registrar;
  chain::Height registered;
  chain::Height changed;             // its own fields; events of it do not count
  std::optional<SubjectId> forward;  // reserved: merge
  bool operator==(const SubjectState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("life", life);
    v("version", record_version);
    v("who", who);
    v("keys_root", keys_root);
    v("registrar", registrar);
    v("registered", registered);
    v("changed", changed);
    v("forward", forward);
  }
  [[nodiscard]] SubjectClass subject_class() const {
    return std::holds_alternative<PersonState>(who) ? SubjectClass::kPerson
                                                    : SubjectClass::kEnterprise;
  }
};

enum class AttLife : std::uint8_t {
  kActive = 1,
  kSuspended = 2,
  kRevoked = 3,      // by the issuer; final
  kSurrendered = 4,  // by the holder; final
};
template <>
inline constexpr auto kWords<AttLife> =
    std::to_array<Word<AttLife>>({{AttLife::kActive, "active"},
                                  {AttLife::kSuspended, "suspended"},
                                  {AttLife::kRevoked, "revoked"},
                                  {AttLife::kSurrendered, "surrendered"}});

struct AttState {
  using Key = AttestationId;
  static constexpr RecordUse kUse = RecordUse::kOnce;

  RecordTag<Space::kAttestation> schema;
  AgencyId issuer;
  SchemaId attests;
  std::uint8_t level = 0;
  Hash256 claims_root;
  std::uint32_t claims = 0;
  Hash256 holder_key_hash;
  chain::TimeMs from;
  chain::TimeMs until;
  AttLife life = AttLife::kActive;
  AttReason reason = AttReason::kUnspecified;
  Version record_version{1};
  chain::Height issued;
  chain::Height changed;
  bool operator==(const AttState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("issuer", issuer);
    v("schema", attests);
    v("level", level);
    v("claims_root", claims_root);
    v("claims", claims);
    v("holder_key_hash", holder_key_hash);
    v("from_ms", from);
    v("until_ms", until);
    v("life", life);
    v("reason", reason);
    v("version", record_version);
    v("issued", issued);
    v("changed", changed);
  }
};

}  // namespace imi::ledger
