// Internal to execution: the records that a block reads and changes, decoded once.
//
// A store failure or a record that does not decode is remembered (the first one), and the lookup
// answers "absent": the caller goes on, and execute() throws everything away at the end of the
// entry. So handlers deal with refusals alone.
#pragma once

#include <map>
#include <optional>

#include "ledger/execute.h"

namespace imi::ledger::execution {

// Records have some hundred bytes: one allocation instead of one a doubling.
template <class T>
[[nodiscard]] Bytes encode_reserved(const T& value, std::size_t expected_bytes) {
  Bytes out;
  out.reserve(expected_bytes);
  encode_to(out, value);
  return out;
}

// Where the first failure is kept.
struct Failure {
  std::optional<StoreError> error;
};

// The records of one key space. Pointers to slots stay valid as long as the table.
template <class Key, class Record>
class Table {
 public:
  struct Slot {
    Hash256 path;
    std::optional<Record> value;
    std::size_t loaded_bytes = 0;
    bool dirty = false;

    // Creates or replaces.
    Record& put(Record record) {
      dirty = true;
      return value.emplace(std::move(record));
    }
    // For changing an existing record.
    Record& edit() {
      dirty = true;
      return *value;
    }
  };

  Table(Space space, RecordUse use, const StateView& view, Failure& failure)
      : space_(space), use_(use), view_(view), failure_(failure) {}

  // Never null; `value` is empty if there is no such record.
  Slot& at(const Key& key) {
    const auto it = slots_.lower_bound(key);
    if (it != slots_.end() && it->first == key) return it->second;
    return load(slots_.emplace_hint(it, key, Slot{})->second, key);
  }

  void flush(StateDiff& diff) const {
    for (const auto& [key, slot] : slots_) {
      if (!slot.dirty) continue;
      diff.records.push_back(
          {slot.path, encode_reserved(*slot.value, slot.loaded_bytes + kNewBytes), use_});
    }
  }

 private:
  // A new record, or what an entry adds to one.
  static constexpr std::size_t kNewBytes = 256;

  Slot& load(Slot& slot, const Key& key) {
    slot.path = state_path(space_, key);
    auto bytes = view_.record(slot.path, use_);
    if (!bytes) {
      if (!failure_.error) failure_.error = bytes.error();
      return slot;
    }
    if (!*bytes) return slot;
    auto record = decode<Record>(**bytes);
    if (!record) {
      if (!failure_.error) {
        failure_.error = StoreError{StoreError::Reason::kCorruption,
                                    "state record " + std::to_string(static_cast<int>(space_)) +
                                        "/..: " + describe(record.error())};
      }
      return slot;
    }
    slot.value = std::move(*record);
    slot.loaded_bytes = (*bytes)->size();
    return slot;
  }

  Space space_;
  RecordUse use_;
  const StateView& view_;
  Failure& failure_;
  std::map<Key, Slot> slots_;
};

struct Overlay {
  explicit Overlay(const StateView& v)
      : view(v),
        agencies(Space::kAgency, RecordUse::kAgain, v, failure),
        keys(Space::kKey, RecordUse::kOnce, v, failure),
        subjects(Space::kSubject, RecordUse::kOnce, v, failure),
        dossiers(Space::kDossier, RecordUse::kAgain, v, failure),
        events(Space::kEvent, RecordUse::kOnce, v, failure),
        attestations(Space::kAttestation, RecordUse::kOnce, v, failure),
        submissions(Space::kSubmission, RecordUse::kOnce, v, failure) {}

  void flush(StateDiff& diff) const {
    agencies.flush(diff);
    keys.flush(diff);
    subjects.flush(diff);
    dossiers.flush(diff);
    events.flush(diff);
    attestations.flush(diff);
    submissions.flush(diff);
  }

  const StateView& view;
  Failure failure;
  Table<AgencyId, AgencyState> agencies;
  Table<Hash256, KeyState> keys;
  Table<SubjectId, SubjectState> subjects;
  Table<SubjectId, DossierState> dossiers;
  Table<EventId, EventState> events;
  Table<AttestationId, AttState> attestations;
  Table<chain::SubmissionId, SubmissionState> submissions;
};

}  // namespace imi::ledger::execution
