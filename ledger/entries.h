// The entries of a submission: the kinds of the entry model that this version has.
//
// The tag of a kind is its number in EntryKind. Gaps are kept for the kinds of the model that come
// later; a number is never re-used. Decoding bounds every string and list by the limits here; what
// the state or the catalog refuses is refused at execution and recorded (refusal.h).
// docs/DATA_FORMAT.md lists them.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ledger/codes.h"
#include "ledger/types.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxNameBytes = 200;
inline constexpr std::size_t kMaxShortNameBytes = 40;
inline constexpr std::size_t kMaxDocBytes = 100;
inline constexpr std::size_t kMaxBasisBytes = 200;
inline constexpr std::size_t kMaxReasonBytes = 200;
inline constexpr std::size_t kMaxSourceBytes = 200;
inline constexpr std::size_t kMaxAgencyKeys = 8;
inline constexpr std::size_t kMaxAgencyDivisions = 32;
inline constexpr std::size_t kMaxAgencyFields = 32;
inline constexpr std::uint32_t kMaxClaims = 64;

enum class EntryKind : std::uint8_t {
  kAgencyRegister = 1,
  kAgencyUpdate = 2,
  kSubjectEnterprise = 10,
  kSubjectPerson = 11,
  // 12 rekey, 13 recover, 14 close, 15 delegate.set, 16 delegate.end, 17 merge, 18 split
  kAttIssue = 20,
  kAttStatus = 21,
  kEventRecord = 30,
  kEventCorrect = 31,
  kEventWithdraw = 32,
  // 33 object, 34 resolve, 35 fulfil, 36 statement, 40 repair.request, 41 repair.decide,
  // 50 list.enter, 51 list.exit, 52 measure.apply, 53 measure.lift, 60 link.set, 61 link.end,
  // 70 tally.report, 80 grant.give, 81 grant.withdraw, 82 access.ticket, 90 erase.order,
  // 91 erase.done, 100 gov.propose, 101 gov.vote, 110 anchor.head
};
[[nodiscard]] bool is_known(EntryKind k);
// "event.record".
[[nodiscard]] std::string_view name(EntryKind k);

// ---- agencies ---------------------------------------------------------------------------------

enum class AgencyTier : std::uint8_t {
  kNational = 0,
  kProvince = 1,
  kCity = 2,
  kDistrict = 3,
  kTown = 4,
  kCommunity = 5,
};
[[nodiscard]] constexpr bool is_known(AgencyTier t) { return t <= AgencyTier::kCommunity; }
[[nodiscard]] std::string_view name(AgencyTier t);

enum class SourceClass : std::uint8_t {
  kStateOrgan = 1,
  kPublicInstitution = 2,
  kPublicUtility = 3,
  kAssociation = 4,
  kCompany = 5,
};
[[nodiscard]] constexpr bool is_known(SourceClass s) {
  return s >= SourceClass::kStateOrgan && s <= SourceClass::kCompany;
}
[[nodiscard]] std::string_view name(SourceClass s);

enum class AgencyStatus : std::uint8_t { kActive = 1, kSuspended = 2, kClosed = 3 };
[[nodiscard]] constexpr bool is_known(AgencyStatus s) {
  return s >= AgencyStatus::kActive && s <= AgencyStatus::kClosed;
}
[[nodiscard]] std::string_view name(AgencyStatus s);

// What is said of an agency by whoever registers it. Public.
struct AgencyProfile {
  std::string short_name;  // [a-z0-9-], 1..40 bytes, for people and files: "fire-440604"
  std::string title;       // 1..200 bytes
  Uscc uscc;
  std::optional<AgencyId> parent;
  AgencyTier tier = AgencyTier::kDistrict;
  SourceClass source_class = SourceClass::kStateOrgan;
  Roles roles;
  std::vector<FieldId> fields;          // ascending
  std::vector<Division> divisions;      // ascending, 1..32: where it has jurisdiction
  std::vector<crypto::PublicKey> keys;  // ascending, 1..8: any one signs
  bool as_issued = false;               // the code was issued against its check character
  bool operator==(const AgencyProfile&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(short_name, title, uscc, parent, enum_field(tier), enum_field(source_class), roles, fields,
       divisions, keys, as_issued);
    require(ar, short_name.size() <= kMaxShortNameBytes && title.size() <= kMaxNameBytes &&
                    fields.size() <= kMaxAgencyFields && divisions.size() <= kMaxAgencyDivisions &&
                    keys.size() <= kMaxAgencyKeys);
  }
};

struct AgencyRegister {
  AgencyId id;  // agency_id(short_name), so that no short name is used twice
  AgencyProfile profile;
  bool operator==(const AgencyRegister&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, profile);
  }
};

// Changes what is given, leaves the rest. Key changes count from the very next entry on.
struct AgencyUpdate {
  AgencyId id;
  Version version;  // seen
  std::optional<std::string> title;
  std::optional<AgencyId> parent;  // zero = none any more
  std::optional<AgencyTier> tier;
  std::optional<Roles> roles;
  std::optional<std::vector<FieldId>> fields;
  std::optional<std::vector<Division>> divisions;
  std::optional<std::vector<crypto::PublicKey>> keys;
  std::optional<AgencyStatus> status;
  bool operator==(const AgencyUpdate&) const = default;

  template <class A>
  void serialize(A& ar) {
    ar(id, version, title, parent);
    optional_enum(ar, tier);
    ar(roles, fields, divisions, keys);
    optional_enum(ar, status);
    require(ar, (!title || title->size() <= kMaxNameBytes) &&
                    (!fields || fields->size() <= kMaxAgencyFields) &&
                    (!divisions || divisions->size() <= kMaxAgencyDivisions) &&
                    (!keys || keys->size() <= kMaxAgencyKeys));
  }
};

// ---- subjects ---------------------------------------------------------------------------------

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

// ---- attestations -----------------------------------------------------------------------------

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

// ---- credit events ----------------------------------------------------------------------------

struct Basis {
  BasisLevel level = BasisLevel::kLaw;
  std::string text;  // law and clause, 1..200 bytes
  bool operator==(const Basis&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(level), text);
    require(ar, text.size() <= kMaxBasisBytes);
  }
};

// What is public of an enterprise's event.
struct PublicFacts {
  CodeId code;
  std::optional<std::uint64_t> amount_fen;
  std::string doc;  // number of the decision document; empty = none
  Basis basis;
  std::optional<Grid> grid;
  bool operator==(const PublicFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(code, amount_fen, doc, basis, grid);
    require(ar, doc.size() <= kMaxDocBytes);
  }
};

// What is stored of a person's event: a coarse bucket and a salted commitment to all the rest.
struct CommittedFacts {
  BucketId bucket;
  Hash256 commitment;
  bool operator==(const CommittedFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(bucket, commitment);
  }
};

struct EventFacts {
  RuleId rule;
  Day occurred;
  Day decided;
  std::optional<Day> ended;     // of the act
  std::optional<Day> notified;  // prior notice to the subject
  std::variant<PublicFacts, CommittedFacts> what;
  Hash256 body;           // H(kPayload, sealed private part); zero = none
  bool backfill = false;  // from stock older than this chain
  bool operator==(const EventFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(rule, occurred, decided, ended, notified, what, body, backfill);
  }
};

// The agency's own name of an event, which it records once only. Of an enterprise's event: the
// text, clean in the form of keys, 1..200 bytes. Of a person's event: secret_source_key, so that
// nothing that identifies the case is public.
using Source = std::variant<std::string, SourceKey>;
[[nodiscard]] SourceKey key_of(const Source& source);

struct EventRecord {
  SubjectId subject;
  EventFacts facts;
  std::optional<Source> source;
  bool operator==(const EventRecord&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(subject, facts, source);
    const auto* text = source ? std::get_if<std::string>(&*source) : nullptr;
    require(ar, text == nullptr || text->size() <= kMaxSourceBytes);
  }
};

enum class ChangeReason : std::uint8_t {
  kTypo = 1,
  kWrongSubject = 2,
  kFinalDecision = 3,  // the final instance decided otherwise, or fixed the amount
  kRevoked = 4,        // the act itself was revoked or quashed
  kDuplicate = 5,
  kOther = 6,
};
[[nodiscard]] constexpr bool is_known(ChangeReason r) {
  return r >= ChangeReason::kTypo && r <= ChangeReason::kOther;
}
[[nodiscard]] std::string_view name(ChangeReason r);

// Replaces an event by a new one with new facts; the old one stays, marked superseded. An open
// dispute moves to the new one.
struct EventCorrect {
  EventId event;
  Version version;  // seen
  EventFacts facts;
  ChangeReason reason = ChangeReason::kTypo;
  bool operator==(const EventCorrect&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(event, version, facts, enum_field(reason));
  }
};

struct EventWithdraw {
  EventId event;
  Version version;  // seen
  ChangeReason reason = ChangeReason::kRevoked;
  bool operator==(const EventWithdraw&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(event, version, enum_field(reason));
  }
};

// ---- any of them ------------------------------------------------------------------------------

// Its wire form is one byte EntryKind, then the entry (entries.cpp). Not the codec's general
// variant.
using Entry = std::variant<AgencyRegister, AgencyUpdate, SubjectEnterprise, SubjectPerson, AttIssue,
                           AttStatus, EventRecord, EventCorrect, EventWithdraw>;

[[nodiscard]] EntryKind kind_of(const Entry& entry);
void save_entry(EncodeArchive& ar, const Entry& entry);
void load_entry(DecodeArchive& ar, Entry& entry);
// Constrained, so that they are preferred to the codec's general variant, and so that one kind of
// entry alone does not become an Entry by conversion.
template <class... Ts>
  requires std::same_as<std::variant<Ts...>, Entry>
void save(EncodeArchive& ar, const std::variant<Ts...>& entry) {
  save_entry(ar, entry);
}
template <class... Ts>
  requires std::same_as<std::variant<Ts...>, Entry>
void load(DecodeArchive& ar, std::variant<Ts...>& entry) {
  load_entry(ar, entry);
}

// H(kEntry, encoded entry): the leaf of the submission's entries tree and the body of its log leaf.
[[nodiscard]] Hash256 entry_hash(const Entry& entry);

// The id of what an accepted entry creates or changes: agency, subject, attestation, event.
[[nodiscard]] Hash256 result_id(const Entry& entry, const AuthorId& author,
                                const chain::SubmissionId& submission, std::uint32_t index);

}  // namespace imi::ledger
