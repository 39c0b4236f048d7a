// The entries about subjects and attestations. Decoding bounds every string by the limits here;
// what the state or the catalog refuses is refused at execution and recorded (core/refusal.h).
#pragma once

#include <optional>
#include <string>

#include "ledger/core/codes.h"
#include "ledger/core/kind.h"
#include "ledger/core/limits.h"
#include "ledger/core/notes.h"
#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::uint32_t kMaxClaims = 64;

inline constexpr Help kEnterpriseNameHelp{"registered name, at most 200 bytes"};
inline constexpr Help kEnterpriseStatusHelp{"status of the registration"};
inline constexpr Help kSoleTraderHelp{"an individual who trades (个体工商户)"};

enum class EnterpriseStatus : std::uint8_t {
  kActive = 1,        // 存续
  kSuspended = 2,     // 停业、歇业
  kRevoked = 3,       // 吊销
  kDeregistered = 4,  // 注销
};
template <>
inline constexpr auto kWords<EnterpriseStatus> =
    std::to_array<Word<EnterpriseStatus>>({{EnterpriseStatus::kActive, "active"},
                                           {EnterpriseStatus::kSuspended, "suspended"},
                                           {EnterpriseStatus::kRevoked, "revoked"},
                                           {EnterpriseStatus::kDeregistered, "deregistered"}});

// Registers an enterprise. Its id is enterprise_id(uscc). By a market regulator.
struct SubjectEnterprise {
  static constexpr KindTraits kKind{.number = 10,
                                    .name = "subject.enterprise",
                                    .authors = agencies_with(Role::kMarket),
                                    .visibility = Visibility::kPublic};

  Uscc uscc;
  std::string name;  // 1..200 bytes
  Division division;
  EnterpriseStatus status = EnterpriseStatus::kActive;
  bool sole_trader = false;  // 个体工商户
  bool as_issued = false;    // the code was issued against its check character
  bool operator==(const SubjectEnterprise&) const = default;
  template <class V>
  void each_field(V& v) {
    v("uscc", uscc, kUsccHelp);
    v("name", name, Size{1, kMaxNameBytes}, kEnterpriseNameHelp);
    v("division", division, kDivisionHelp);
    v("status", status, kMayBeOmitted, kEnterpriseStatusHelp);
    v("sole_trader", sole_trader, kMayBeOmitted, kSoleTraderHelp);
    v("as_issued", as_issued, kMayBeOmitted, kAsIssuedHelp);
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const {
    return chain::retag<Hash256>(enterprise_id(uscc));
  }
};

// Changes what is given of an enterprise, leaves the rest. By a market regulator whose jurisdiction
// covers where the enterprise is, and where it moves to.
struct EnterpriseUpdate {
  static constexpr KindTraits kKind{.number = 19,
                                    .name = "enterprise.update",
                                    .authors = agencies_with(Role::kMarket),
                                    .visibility = Visibility::kPublic};

  Uscc uscc;
  Version version;  // seen
  std::optional<std::string> name;
  std::optional<Division> division;
  std::optional<EnterpriseStatus> status;
  std::optional<bool> sole_trader;
  bool operator==(const EnterpriseUpdate&) const = default;
  template <class V>
  void each_field(V& v) {
    v("uscc", uscc, kUsccHelp);
    v("version", version, kVersionHelp);
    v("name", name, Size{1, kMaxNameBytes}, kEnterpriseNameHelp);
    v("division", division, kDivisionHelp);
    v("status", status, kEnterpriseStatusHelp);
    v("sole_trader", sole_trader, kSoleTraderHelp);
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const {
    return chain::retag<Hash256>(enterprise_id(uscc));
  }
};

// Registers a person under a random id. By a registrar, who alone knows whom it stands for.
struct SubjectPerson {
  static constexpr KindTraits kKind{.number = 11,
                                    .name = "subject.person",
                                    .authors = agencies_with(Role::kRegistrar),
                                    .visibility = Visibility::kAsSubject};

  SubjectId id;
  crypto::PublicKey key;          // fresh; authenticates the person's own queries
  std::uint32_t index_epoch = 0;  // of the registrars' blind index
  Hash256 commitment;             // salted; over what the registrar checked
  bool operator==(const SubjectPerson&) const = default;
  template <class V>
  void each_field(V& v) {
    v("id", id, Help{"random subject id, 64 hexadecimal characters"});
    v("key", key, Help{"the person's public key, fresh, 66 hexadecimal characters"});
    v("index_epoch", index_epoch, kMayBeOmitted, Help{"epoch of the registrars' blind index"});
    v("commitment", commitment, Help{"salted commitment to what the registrar checked"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
  [[nodiscard]] About about() const { return about_person(RefusalField::kNone); }
};

// Attests `claims` salted claims (root `claims_root`) to whoever holds the key behind
// `holder_key_hash`, a key used for nothing else.
struct AttIssue {
  static constexpr KindTraits kKind{.number = 20,
                                    .name = "att.issue",
                                    .authors = agencies_with(Role::kIssuer),
                                    .visibility = Visibility::kPublic};

  AttestationId id;  // random
  SchemaId schema;
  std::uint8_t level = 0;  // of assurance, 1..: the schema's policy bounds it
  Hash256 claims_root;
  std::uint32_t claims = 0;  // 1..64
  Hash256 holder_key_hash;   // key_hash(key)
  chain::TimeMs from;
  chain::TimeMs until;  // exclusive
  bool operator==(const AttIssue&) const = default;
  template <class V>
  void each_field(V& v) {
    v("aid", id, Help{"random attestation id, 64 hexadecimal characters"});
    v("schema", schema, Help{"schema, as the catalog names it"});
    v("level", level, Help{"level of assurance"});
    v("claims_root", claims_root, Help{"root of the salted claims"});
    v("claims", claims, Help{"number of claims"});
    v("holder_key_hash", holder_key_hash, Help{"hash of the holder's key"});
    v("from_ms", from, Help{"valid from, milliseconds since 1970"});
    v("until_ms", until, Help{"valid until, exclusive, milliseconds since 1970"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
};

enum class AttAction : std::uint8_t { kRevoke = 1, kSuspend = 2, kReinstate = 3 };
template <>
inline constexpr auto kWords<AttAction> =
    std::to_array<Word<AttAction>>({{AttAction::kRevoke, "revoke"},
                                    {AttAction::kSuspend, "suspend"},
                                    {AttAction::kReinstate, "reinstate"}});

enum class AttReason : std::uint8_t {
  kUnspecified = 0,
  kKeyCompromised = 1,
  kClaimsWrong = 2,
  kReplaced = 3,
  kNoLongerHolds = 4,
  kSurrendered = 5,
};
template <>
inline constexpr auto kWords<AttReason> =
    std::to_array<Word<AttReason>>({{AttReason::kUnspecified, "unspecified"},
                                    {AttReason::kKeyCompromised, "key-compromised"},
                                    {AttReason::kClaimsWrong, "claims-wrong"},
                                    {AttReason::kReplaced, "replaced"},
                                    {AttReason::kNoLongerHolds, "no-longer-holds"},
                                    {AttReason::kSurrendered, "surrendered"}});

// By the issuer; or kRevoke by the holder, who signs with the holder key under author = key_hash.
struct AttStatus {
  static constexpr KindTraits kKind{.number = 21,
                                    .name = "att.status",
                                    .authors = kAgencyOrHolder,
                                    .visibility = Visibility::kPublic};

  AttestationId id;
  AttAction action = AttAction::kRevoke;
  AttReason reason = AttReason::kUnspecified;
  bool operator==(const AttStatus&) const = default;
  template <class V>
  void each_field(V& v) {
    v("aid", id, kAttestationIdHelp);
    v("action", action, Help{"what to do; revoke is final"});
    v("reason", reason, kMayBeOmitted, Help{"why"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
};

}  // namespace imi::ledger
