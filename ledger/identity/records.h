// The records of the state map, as stored, hashed and proved: subjects and attestations.
// Fields of later entries stand at zero, one byte each, so that those need no migration.
#pragma once

#include <variant>

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
  template <class A>
  void serialize(A& ar) {
    ar(uscc, name, division, enum_field(status), sole_trader, as_issued);
    require(ar, name.size() <= kMaxNameBytes);
  }
};

struct PersonState {
  std::uint32_t index_epoch = 0;
  Hash256 commitment;
  bool operator==(const PersonState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(index_epoch, commitment);
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
  std::optional<SubjectId> forward;  // reserved: merge
  bool operator==(const SubjectState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, enum_field(life), record_version, who, keys_root, registrar, registered, forward);
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
[[nodiscard]] constexpr bool is_known(AttLife l) {
  return l >= AttLife::kActive && l <= AttLife::kSurrendered;
}
[[nodiscard]] std::string_view name(AttLife l);

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
  template <class A>
  void serialize(A& ar) {
    ar(schema, issuer, attests, level, claims_root, claims, holder_key_hash, from, until,
       enum_field(life), enum_field(reason), record_version, issued, changed);
  }
};

}  // namespace imi::ledger
