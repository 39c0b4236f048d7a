// What execution reads: records of the state map, and rows beside it.
#pragma once

#include <expected>
#include <optional>

#include "ledger/state/store.h"

namespace imi::ledger {

// How execution uses a record: a hint to whoever keeps records in memory.
enum class RecordUse : std::uint8_t {
  kOnce,   // mostly asked for to see that it is new, and seldom read after it was written
  kAgain,  // read by many blocks: agencies, dossiers
};

// What execution reads. Called from the executing thread only.
class StateView {
 public:
  virtual ~StateView() = default;
  // The record at a path of the state map; nullopt if there is none.
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> record(
      const Hash256& path, RecordUse use) const = 0;
  // A row beside the map (state_keys.h).
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> aux(ByteView key) const = 0;
};

}  // namespace imi::ledger
