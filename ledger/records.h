// The records of the state map, as stored, hashed and proved. One struct a key space
// (state_keys.h).
//
// Fields of later entries (dispute, repair, erasure, access, grants, links, forwarding) are here at
// zero, one byte each, so that those entries need no migration.
// Source: ADR 0003, 0004.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/range.h"
#include "ledger/catalog.h"
#include "ledger/entries.h"
#include "ledger/parameters.h"
#include "ledger/space.h"

namespace imi::ledger {

// A commitment that a later entry kind will fill: 0 now (one byte).
struct ReservedRange {
  std::uint64_t n = 0;
  Hash256 root;
  bool operator==(const ReservedRange&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(n);
    if (n != 0) ar(root);
  }
};

// ---- agency -----------------------------------------------------------------------------------

struct AgencyState {
  RecordTag<Space::kAgency> schema;
  Version record_version{1};
  AgencyStatus status = AgencyStatus::kActive;
  AgencyProfile profile;
  chain::Height registered;
  chain::Height changed;
  bool operator==(const AgencyState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, record_version, enum_field(status), profile, registered, changed);
  }
};

// key/key_hash: a key that is or was in use, and whose. Kept for ever: no key is used twice.
struct KeyState {
  RecordTag<Space::kKey> schema;
  AuthorId owner;
  chain::Height since;
  bool operator==(const KeyState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, owner, since);
  }
};

// ---- subject ----------------------------------------------------------------------------------

enum class SubjectLife : std::uint8_t { kOpen = 1, kClosed = 2, kForwarded = 3 };
[[nodiscard]] constexpr bool is_known(SubjectLife l) {
  return l >= SubjectLife::kOpen && l <= SubjectLife::kForwarded;
}

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

// ---- dossier ----------------------------------------------------------------------------------

// What a subject's events under one rule amount to. `max_*` never decrease: a withdrawn or
// corrected event still counts in them, so that they are an upper bound (a proof of absence stays
// true; at worst it becomes possible later than it might).
struct Roll {
  RuleId rule;
  std::uint32_t live = 0;        // events in life kLive
  std::uint32_t disputed = 0;    // of those, with an open dispute
  std::uint32_t unended = 0;     // of those, whose act has no end yet
  Day max_start;                 // over all ever recorded: clock_start()
  std::optional<Day> max_ended;  // over all ever recorded that had an end
  bool operator==(const Roll&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(rule, live, disputed, unended, max_start, max_ended);
  }
};

inline constexpr std::size_t kMaxRolls = 16;
inline constexpr std::size_t kMaxCellRolls = kMaxRulesOfCode;

// The transitions and the roll of one event code (enterprises). Its range has the dossier's leaves
// of that code, in order: n_ever = peaks.size() of them.
struct Cell {
  CodeId code;
  crypto::RangePeaks peaks;
  std::vector<Roll> rolls;  // ascending by rule, <= 8
  bool operator==(const Cell&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(code, peaks, rolls);
    require(ar, rolls.size() <= kMaxCellRolls);
  }
};

struct DossierState {
  RecordTag<Space::kDossier> schema;
  SubjectClass subject_class = SubjectClass::kEnterprise;
  SubjectLife life = SubjectLife::kOpen;  // as the subject's, so that an event reads one record
  Division division;                      // as the subject's; zero for persons
  crypto::RangePeaks peaks;               // of all transitions: n = peaks.size()
  std::vector<Roll> rolls;                // ascending by rule, <= 16
  ReservedRange access;
  ReservedRange grants;
  ReservedRange links;
  std::vector<Cell> cells;  // ascending by code; empty for persons
  bool operator==(const DossierState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, enum_field(subject_class), enum_field(life), division, peaks, rolls, access, grants,
       links, cells);
    require(ar, rolls.size() <= kMaxRolls && cells.size() <= kMaxCodes);
  }
  [[nodiscard]] const Cell* cell(CodeId code) const;
};

enum class Transition : std::uint8_t {
  kRecord = 1,
  kCorrect = 2,  // the new event's leaf; prev_seq = last leaf of the superseded one
  kWithdraw = 3,
  // 4 object, 5 resolve, 6 fulfil, 7 statement, 8 repair.request, 9 repair.decide
};
[[nodiscard]] constexpr bool is_known(Transition t) {
  return t >= Transition::kRecord && t <= Transition::kWithdraw;
}
[[nodiscard]] std::string_view name(Transition t);

// One transition of one event: leaf `seq` of the dossier's range. H(kRangeLeaf, encoding).
struct DossierLeaf {
  std::uint64_t seq = 0;
  chain::Height height;
  Transition op = Transition::kRecord;
  EventId event;
  Version version;                        // of the event after the transition
  std::optional<std::uint64_t> prev_seq;  // the event's previous transition
  Hash256 body;                           // entry_hash of the entry that made it
  bool operator==(const DossierLeaf&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(seq, height, enum_field(op), event, version, prev_seq, body);
  }
};
[[nodiscard]] Hash256 leaf_hash(const DossierLeaf& leaf);

// A row beside the map: the leaf, and the codes whose cells have it too (none for persons; two when
// a correction moves an event from one code to another).
struct DossierRow {
  DossierLeaf leaf;
  std::vector<CodeId> cells;
  bool operator==(const DossierRow&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(leaf, cells);
    require(ar, cells.size() <= 2);
  }
};

// ---- event ------------------------------------------------------------------------------------

enum class Life : std::uint8_t { kLive = 1, kSuperseded = 2, kWithdrawn = 3, kRepaired = 4 };
[[nodiscard]] constexpr bool is_known(Life l) { return l >= Life::kLive && l <= Life::kRepaired; }
[[nodiscard]] std::string_view name(Life l);

// Reserved for event.object/resolve; a correction carries it over.
enum class DisputeState : std::uint8_t { kNone = 0, kOpen = 1, kUpheld = 2, kRejected = 3 };
[[nodiscard]] constexpr bool is_known(DisputeState s) { return s <= DisputeState::kRejected; }
struct Dispute {
  DisputeState state = DisputeState::kNone;
  Day opened;
  Day deadline;  // last day to resolve it
  bool operator==(const Dispute&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(state));
    if (state != DisputeState::kNone) ar(opened, deadline);
  }
};

// Reserved for repair.request/decide.
enum class RepairState : std::uint8_t { kNone = 0, kRequested = 1, kGranted = 2, kRefused = 3 };
[[nodiscard]] constexpr bool is_known(RepairState s) { return s <= RepairState::kRefused; }
struct Repair {
  RepairState state = RepairState::kNone;
  Day requested;
  std::optional<Day> decided;
  bool operator==(const Repair&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(state));
    if (state != RepairState::kNone) ar(requested, decided);
  }
};

struct EventState {
  RecordTag<Space::kEvent> schema;
  SubjectId subject;
  AgencyId recorder;
  Version record_version{1};
  Life life = Life::kLive;
  EventFacts facts;
  Day recorded;                // the block's day; a person's is floored to the month
  chain::Height height;        // of the block that recorded it
  std::uint64_t last_seq = 0;  // dossier leaf of its latest transition
  std::optional<EventId> supersedes;
  std::optional<EventId> superseded_by;
  Dispute dispute;
  Repair repair;
  std::optional<Hash256> statement;  // reserved: event.statement
  chain::Height erased;              // reserved: erase.done; 0 = not erased
  bool operator==(const EventState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, subject, recorder, record_version, enum_field(life), facts, recorded, height,
       last_seq, supersedes, superseded_by, dispute, repair, statement, erased);
  }
};

// ---- catalog, parameters, rule, attestation, submission ---------------------------------------

struct CatalogState {
  RecordTag<Space::kCatalog> schema;
  Catalog catalog;
  bool operator==(const CatalogState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, catalog);
  }
};

struct ParametersState {
  RecordTag<Space::kParameters> schema;
  Parameters parameters;
  bool operator==(const ParametersState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, parameters);
  }
};

struct RuleState {
  RecordTag<Space::kRule> schema;
  Rule rule;
  ReservedRange history;
  bool operator==(const RuleState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, rule, history);
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

// submission/id (F3): its fate, kept until `keep_until`. `outcomes` = digest of SubmissionOutcomes
// (outcome.h); with refused = 0 they are known from `count` alone.
struct SubmissionState {
  RecordTag<Space::kSubmission> schema;
  chain::Height height;
  std::uint32_t index = 0;  // in its block
  std::uint32_t count = 0;
  std::uint32_t refused = 0;
  Hash256 outcomes;
  chain::TimeMs keep_until;  // block time at which it is pruned
  bool operator==(const SubmissionState&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(schema, height, index, count, refused, outcomes, keep_until);
  }
};

}  // namespace imi::ledger
