// Internal to execution: the records that a block reads and changes, decoded once.
//
// A store failure or a record that does not decode is remembered (the first one), and the lookup
// answers "absent": the caller goes on, and execute() throws everything away at the end of the
// entry. So handlers deal with refusals alone.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "ledger/state/diff.h"
#include "ledger/state/record.h"
#include "ledger/state/state_keys.h"
#include "ledger/state/view.h"

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

// A record as the block has it so far.
template <class Record>
struct Slot {
  Hash256 path;
  std::optional<Record> value;  // empty: there is no such record
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

class AnyTable {
 public:
  virtual ~AnyTable() = default;
  virtual void flush(StateDiff& diff) const = 0;
};

// The records of one key space. Slots stay where they are as long as the table lives.
template <KeyedRecord Record>
class Table final : public AnyTable {
 public:
  using Key = typename Record::Key;

  Table(const StateView& view, Failure& failure) : view_(view), failure_(failure) {}

  Slot<Record>& at(const Key& key) {
    const auto it = slots_.lower_bound(key);
    if (it != slots_.end() && it->first == key) return it->second;
    return load(slots_.emplace_hint(it, key, Slot<Record>{})->second, key);
  }

  void flush(StateDiff& diff) const override {
    for (const auto& [key, slot] : slots_) {
      if (!slot.dirty) continue;
      diff.records.push_back(
          {slot.path, encode_reserved(*slot.value, slot.loaded_bytes + kNewBytes), Record::kUse});
    }
  }

 private:
  // A new record, or what an entry adds to one.
  static constexpr std::size_t kNewBytes = 256;

  Slot<Record>& load(Slot<Record>& slot, const Key& key) {
    slot.path = state_path(kSpaceOf<Record>, key);
    auto bytes = view_.record(slot.path, Record::kUse);
    if (!bytes) {
      if (!failure_.error) failure_.error = bytes.error();
      return slot;
    }
    if (!*bytes) return slot;
    auto record = decode<Record>(**bytes);
    if (!record) {
      if (!failure_.error) {
        failure_.error =
            StoreError{StoreError::Reason::kCorruption,
                       "state record " + std::to_string(static_cast<int>(kSpaceOf<Record>)) +
                           "/..: " + describe(record.error())};
      }
      return slot;
    }
    slot.value = std::move(*record);
    slot.loaded_bytes = (*bytes)->size();
    return slot;
  }

  const StateView& view_;
  Failure& failure_;
  std::map<Key, Slot<Record>> slots_;
};

// All records that a block has touched, of whatever kind: each kind's table is made when it is
// first asked for.
class Overlay {
 public:
  explicit Overlay(const StateView& view) : view_(view) {}

  template <KeyedRecord Record>
  Slot<Record>& at(const typename Record::Key& key) {
    std::unique_ptr<AnyTable>& table = tables_[static_cast<std::size_t>(kSpaceOf<Record>)];
    if (!table) table = std::make_unique<Table<Record>>(view_, failure_);
    return static_cast<Table<Record>&>(*table).at(key);
  }
  void flush(StateDiff& diff) const {
    for (const auto& table : tables_) {
      if (table) table->flush(diff);
    }
  }
  // The first that any lookup met.
  [[nodiscard]] const std::optional<StoreError>& failure() const { return failure_.error; }

 private:
  const StateView& view_;
  Failure failure_;
  std::array<std::unique_ptr<AnyTable>, 32> tables_;  // by number of the space
};

}  // namespace imi::ledger::execution
