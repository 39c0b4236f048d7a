// A Store in memory: for tests, and for the simulator, which decorates it with crashes and damage.
//
// Behaves as the LevelDB store does: atomic batches, ordered scans, snapshots that see one instant.
// Nothing survives the object, so a simulated machine keeps its MemStore while the simulated
// process (LedgerDb and all above it) comes and goes. kBuffered is as durable as kSynced here: a
// decorator that models power cuts holds buffered batches back itself. Thread-safe. Never fails.
//
// Cost: versions of a key are kept only while a snapshot needs them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "ledger/state/store.h"

namespace imi::ledger {

class MemStore final : public Store, public std::enable_shared_from_this<MemStore> {
 public:
  [[nodiscard]] static std::shared_ptr<MemStore> create();
  ~MemStore() override;

  [[nodiscard]] std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const override;
  [[nodiscard]] std::expected<void, StoreError> scan(ByteView first, ByteView last,
                                                     const Visitor& visit,
                                                     bool fill_cache = true) const override;
  [[nodiscard]] std::expected<void, StoreError> write(
      const WriteBatch& batch, Durability durability = Durability::kSynced) override;
  [[nodiscard]] std::expected<std::shared_ptr<const StoreView>, StoreError> snapshot() override;
  [[nodiscard]] std::uint64_t size_on_disk() const override;

  // Digest of all rows now, for comparing two machines (invariant I12).
  [[nodiscard]] Hash256 digest() const;

 private:
  class View;
  struct Version {
    std::uint64_t sequence = 0;
    std::optional<Bytes> value;  // nullopt: erased
  };
  struct BytesLess {
    using is_transparent = void;
    bool operator()(ByteView a, ByteView b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  using Rows = std::map<Bytes, std::vector<Version>, BytesLess>;

  MemStore() = default;
  [[nodiscard]] const std::optional<Bytes>* find(ByteView key, std::uint64_t at) const;
  void visit_range(ByteView first, ByteView last, std::uint64_t at, const Visitor& visit) const;
  void prune(std::vector<Version>& versions) const;
  void settle(std::size_t rows);
  void release(std::uint64_t sequence);

  mutable std::mutex mutex_;
  Rows rows_;                               // guarded by mutex_
  std::uint64_t sequence_ = 0;              // guarded by mutex_: batches written
  std::multiset<std::uint64_t> snapshots_;  // guarded by mutex_: sequences still seen
  std::uint64_t bytes_ = 0;                 // guarded by mutex_: of the newest versions
  std::deque<Bytes> unsettled_;             // guarded by mutex_: keys that kept an older version
};

}  // namespace imi::ledger
