// The records of the state map, as stored, hashed and proved: credit events.
// Fields of later entries (dispute, repair, statement, erasure) stand at zero, one byte each, so
// that those need no migration.
#pragma once

#include <optional>

#include "base/fields.h"
#include "ledger/credit/entries.h"
#include "ledger/state/record.h"

namespace imi::ledger {

enum class Life : std::uint8_t { kLive = 1, kSuperseded = 2, kWithdrawn = 3, kRepaired = 4 };
template <>
inline constexpr auto kWords<Life> = std::to_array<Word<Life>>({{Life::kLive, "live"},
                                                                {Life::kSuperseded, "superseded"},
                                                                {Life::kWithdrawn, "withdrawn"},
                                                                {Life::kRepaired, "repaired"}});

// Reserved for event.object/resolve; a correction carries it over.
enum class DisputeState : std::uint8_t { kNone = 0, kOpen = 1, kUpheld = 2, kRejected = 3 };
template <>
inline constexpr auto kWords<DisputeState> =
    std::to_array<Word<DisputeState>>({{DisputeState::kNone, "none"},
                                       {DisputeState::kOpen, "open"},
                                       {DisputeState::kUpheld, "upheld"},
                                       {DisputeState::kRejected, "rejected"}});
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
template <>
inline constexpr auto kWords<RepairState> =
    std::to_array<Word<RepairState>>({{RepairState::kNone, "none"},
                                      {RepairState::kRequested, "requested"},
                                      {RepairState::kGranted, "granted"},
                                      {RepairState::kRefused, "refused"}});
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
  using Key = EventId;
  static constexpr RecordUse kUse = RecordUse::kOnce;

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
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("subject", subject);
    v("recorder", recorder);
    v("version", record_version);
    v("life", life);
    v("facts", facts);
    v("recorded", recorded);
    v("height", height);
    v("last_seq", last_seq);
    v("supersedes", supersedes);
    v("superseded_by", superseded_by);
    v("dispute", dispute);
    v("repair", repair);
    v("statement", statement);
    v("erased", erased);
  }
};

}  // namespace imi::ledger
