// What executing a block changes.
#pragma once

#include <optional>
#include <vector>

#include "ledger/state/store.h"
#include "ledger/state/view.h"

namespace imi::ledger {

// Where a log leaf comes from.
struct LogPlace {
  std::uint32_t submission = 0;  // index in the block
  std::uint32_t entry = 0;       // index in the submission
  bool operator==(const LogPlace&) const = default;
};

// What a block leaves at a path of the state map.
struct RecordChange {
  Hash256 path;
  std::optional<Bytes> value;  // nullopt: removed
  RecordUse use = RecordUse::kOnce;
  bool operator==(const RecordChange&) const = default;
};

struct StateDiff {
  std::vector<RecordChange> records;  // strictly ascending by path
  WriteBatch aux;                     // rows beside the map, each key once
  std::vector<Hash256> log_leaves;    // in order of execution
  std::vector<LogPlace> log_places;   // one per leaf
  bool operator==(const StateDiff&) const = default;
};

}  // namespace imi::ledger
