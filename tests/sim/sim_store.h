// A Store as a power cut would leave it: a decorator of MemStore, which stays behind when a
// simulated process dies.
//
// write() takes effect at once for readers. A batch becomes durable when the simulator says so
// (settle(): the simulated sync has taken its time), as long as it or a later batch was kSynced.
// power_cut() takes back, newest first, a suffix of the batches that were not durable: the store is
// then a prefix of what was written, each batch whole, which is the contract of ledger/store.h.
// kill() keeps everything. fail_next() makes the next write fail, after which the store refuses
// until it is reopened, as the contract says. Single-threaded.
#pragma once

#include <deque>
#include <memory>

#include "ledger/mem_store.h"
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

  // The number of batches written so far; settle(n) makes all batches up to the newest kSynced one
  // among the first n durable.
  [[nodiscard]] std::uint64_t written() const { return written_; }
  void settle(std::uint64_t up_to);

  void fail_next(ledger::StoreError::Reason reason) { fault_ = reason; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  void reopen() { stopped_ = false; }  // a new process opens it
  // Returns how many batches were lost.
  std::size_t power_cut();

  [[nodiscard]] Hash256 digest() const { return rows_->digest(); }

 private:
  struct Undo {
    std::uint64_t number = 0;
    bool synced = false;
    ledger::WriteBatch before;  // puts the old rows back
  };
  Rng rng_;
  std::shared_ptr<ledger::MemStore> rows_;
  std::uint64_t written_ = 0;
  std::deque<Undo> undo_;  // batches that are not durable, oldest first
  std::optional<ledger::StoreError::Reason> fault_;
  bool stopped_ = false;
};

}  // namespace imi::sim
