// A Store as a crash would leave it: a decorator of MemStore, which stays behind when a simulated
// process dies.
//
// A kSynced batch is durable when write() returns, and with it every batch before it. power_cut()
// takes back, newest first, some of the batches that are not durable: the store is then a prefix of
// what was written, each batch whole, which is the contract of ledger/state/store.h. A killed
// process loses no batch. die_after(n) lets n more batches happen, not one of them durable: a
// process that dies inside a piece of work. fail_next() makes the next write fail, after which the
// store refuses until a new process opens it, as the contract says. Single-threaded.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "ledger/db/mem_store.h"
#include "tests/sim/rng.h"

namespace imi::sim {

class SimStore final : public ledger::Store {
 public:
  explicit SimStore(Rng rng) : rng_(rng), rows_(ledger::MemStore::create()) {}

  [[nodiscard]] std::expected<std::optional<Bytes>, ledger::StoreError> get(
      ByteView key) const override;
  [[nodiscard]] std::expected<void, ledger::StoreError> scan(ByteView first, ByteView last,
                                                             const Visitor& visit,
                                                             bool fill_cache) const override;
  [[nodiscard]] std::expected<void, ledger::StoreError> write(
      const ledger::WriteBatch& batch, ledger::Durability durability) override;
  [[nodiscard]] std::expected<std::shared_ptr<const ledger::StoreView>, ledger::StoreError>
  snapshot() override;

  void fail_next(std::optional<ledger::StoreError::Reason> reason) { fault_ = reason; }
  void die_after(std::uint64_t batches) { budget_ = batches; }
  [[nodiscard]] std::vector<std::pair<Bytes, Bytes>> rows() const;
  void replace(const std::vector<std::pair<Bytes, Bytes>>& rows);
  void revive();  // a new process opens it
  // Returns how many batches were lost.
  std::size_t power_cut();

 private:
  [[nodiscard]] ledger::WriteBatch undo_of(const ledger::WriteBatch& batch) const;

  Rng rng_;
  std::shared_ptr<ledger::MemStore> rows_;
  std::deque<ledger::WriteBatch> undo_;  // of the batches that are not durable, oldest first
  std::optional<ledger::StoreError::Reason> fault_;
  bool stopped_ = false;
  std::uint64_t budget_ = UINT64_MAX;
};

}  // namespace imi::sim
