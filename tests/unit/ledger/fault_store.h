// A machine whose disk can fail: a Store over two MemStores, what the process sees and what would
// survive a power cut. Tests choose the write that fails, and how.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "ledger/db/mem_store.h"

namespace imi::ledger::test {

enum class Fault {
  kNone,
  kRefusedBefore,  // the write fails and nothing of it reaches the disk
  kRefusedAfter,   // the write is reported as failed, but all of it is on the disk
};

class FaultStore final : public Store {
 public:
  explicit FaultStore(std::shared_ptr<MemStore> disk) : disk_(std::move(disk)) {
    WriteBatch all;
    (void)disk_->scan({}, {}, [&](ByteView key, ByteView value) {
      all.put(key, value);
      return true;
    });
    (void)seen_->write(all);
  }

  // The n-th write from now (0 = the next) meets `fault` with `reason`.
  void fail_write(std::size_t n, Fault fault, StoreError::Reason reason) {
    fail_at_ = writes_ + n;
    fault_ = fault;
    reason_ = reason;
  }
  [[nodiscard]] std::size_t writes() const { return writes_; }
  // What a restarted process finds: without the buffered writes that no synced one followed.
  [[nodiscard]] const std::shared_ptr<MemStore>& disk() const { return disk_; }

  std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const override {
    if (auto failed = read_fault()) return std::unexpected(*failed);
    return seen_->get(key);
  }
  std::expected<void, StoreError> scan(ByteView first, ByteView last, const Visitor& visit,
                                       bool fill_cache) const override {
    if (auto failed = read_fault()) return std::unexpected(*failed);
    return seen_->scan(first, last, visit, fill_cache);
  }
  std::expected<std::shared_ptr<const StoreView>, StoreError> snapshot() override {
    return seen_->snapshot();
  }
  std::expected<void, StoreError> write(const WriteBatch& batch, Durability durability) override {
    if (stopped_) return std::unexpected(StoreError{StoreError::Reason::kStopped, "test"});
    const bool fails = writes_++ == fail_at_;
    if (fails) stopped_ = true;
    if (!fails || fault_ == Fault::kRefusedAfter) {
      buffered_.push_back(batch);
      if (durability == Durability::kSynced) sync();
      (void)seen_->write(batch);
    }
    if (fails) return std::unexpected(StoreError{reason_, "test"});
    return {};
  }
  void fail_reads(std::optional<StoreError> error) { read_error_ = std::move(error); }

 private:
  std::optional<StoreError> read_fault() const { return read_error_; }
  void sync() {
    for (const WriteBatch& b : buffered_) (void)disk_->write(b);
    buffered_.clear();
  }

  std::shared_ptr<MemStore> disk_;
  std::shared_ptr<MemStore> seen_ = MemStore::create();
  std::vector<WriteBatch> buffered_;
  std::size_t writes_ = 0;
  std::size_t fail_at_ = std::numeric_limits<std::size_t>::max();
  Fault fault_ = Fault::kNone;
  StoreError::Reason reason_ = StoreError::Reason::kIo;
  std::optional<StoreError> read_error_;
  bool stopped_ = false;
};

}  // namespace imi::ledger::test
