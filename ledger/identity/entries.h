// The entries about subjects and attestations. Decoding bounds every string by the limits here;
// what the state or the catalog refuses is refused at execution and recorded (core/refusal.h).
#pragma once

#include <string>

#include "ledger/core/codes.h"
#include "ledger/core/limits.h"
#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::uint32_t kMaxClaims = 64;

enum class EnterpriseStatus : std::uint8_t {
  kActive = 1,        // 存续
  kSuspended = 2,     // 停业、歇业
  kRevoked = 3,       // 吊销
  kDeregistered = 4,  // 注销
};
[[nodiscard]] constexpr bool is_known(EnterpriseStatus s) {
  return s >= EnterpriseStatus::kActive && s <= EnterpriseStatus::kDeregistered;
}
[[nodiscard]] std::string_view name(EnterpriseStatus s);

// Registers an enterprise. Its id is enterprise_id(uscc). By a market regulator.
struct SubjectEnterprise {
  Uscc uscc;
  std::string name;  // 1..200 bytes
  Division division;
  EnterpriseStatus status = EnterpriseStatus::kActive;
  bool sole_trader = false;  // 个体工商户
  bool as_issued = false;    // the code was issued against its check character
  bool operator==(const SubjectEnterprise&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(uscc, name, division, enum_field(status), sole_trader, as_issued);
    require(ar, name.size() <= kMaxNameBytes);
  }
};

// Registers a person under a random id. By a registrar, who alone knows whom it stands for.
struct SubjectPerson {
  SubjectId id;
  crypto::PublicKey key;          // fresh; authenticates the person's own queries
  std::uint32_t index_epoch = 0;  // of the registrars' blind index
  Hash256 commitment;             // salted; over what the registrar checked
  bool operator==(const SubjectPerson&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, key, index_epoch, commitment);
  }
};

// Attests `claims` salted claims (root `claims_root`) to whoever holds the key behind
// `holder_key_hash`, a key used for nothing else.
struct AttIssue {
  AttestationId id;  // random
  SchemaId schema;
  std::uint8_t level = 0;  // of assurance, 1..: the schema's policy bounds it
  Hash256 claims_root;
  std::uint32_t claims = 0;  // 1..64
  Hash256 holder_key_hash;   // key_hash(key)
  chain::TimeMs from;
  chain::TimeMs until;  // exclusive
  bool operator==(const AttIssue&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, schema, level, claims_root, claims, holder_key_hash, from, until);
  }
};

enum class AttAction : std::uint8_t { kRevoke = 1, kSuspend = 2, kReinstate = 3 };
[[nodiscard]] constexpr bool is_known(AttAction a) {
  return a >= AttAction::kRevoke && a <= AttAction::kReinstate;
}
[[nodiscard]] std::string_view name(AttAction a);

enum class AttReason : std::uint8_t {
  kUnspecified = 0,
  kKeyCompromised = 1,
  kClaimsWrong = 2,
  kReplaced = 3,
  kNoLongerHolds = 4,
  kSurrendered = 5,
};
[[nodiscard]] constexpr bool is_known(AttReason r) { return r <= AttReason::kSurrendered; }
[[nodiscard]] std::string_view name(AttReason r);

// By the issuer; or kRevoke by the holder, who signs with the holder key under author = key_hash.
struct AttStatus {
  AttestationId id;
  AttAction action = AttAction::kRevoke;
  AttReason reason = AttReason::kUnspecified;
  bool operator==(const AttStatus&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, enum_field(action), enum_field(reason));
  }
};

}  // namespace imi::ledger
