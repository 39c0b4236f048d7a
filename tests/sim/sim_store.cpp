#include "tests/sim/sim_store.h"

#include <utility>

#include "base/check.h"

namespace imi::sim {

using ledger::StoreError;

std::expected<std::optional<Bytes>, StoreError> SimStore::get(ByteView key) const {
  return rows_->get(key);
}

std::expected<void, StoreError> SimStore::scan(ByteView first, ByteView last, const Visitor& visit,
                                               bool fill_cache) const {
  return rows_->scan(first, last, visit, fill_cache);
}

std::expected<std::shared_ptr<const ledger::StoreView>, StoreError> SimStore::snapshot() {
  return rows_->snapshot();
}

std::expected<void, StoreError> SimStore::write(const ledger::WriteBatch& batch,
                                                ledger::Durability durability) {
  if (stopped_) return std::unexpected(StoreError{StoreError::Reason::kStopped, "simulated"});
  if (fault_) {
    stopped_ = true;
    return std::unexpected(StoreError{*std::exchange(fault_, std::nullopt), "simulated"});
  }
  Undo undo;
  undo.number = ++written_;
  undo.synced = durability == ledger::Durability::kSynced;
  batch.for_each([&](ByteView key, const std::optional<ByteView>&) {
    const auto old = rows_->get(key);
    IMI_CHECK(old.has_value(), "MemStore never fails");
    if (*old) {
      undo.before.put(key, **old);
    } else {
      undo.before.erase(key);
    }
  });
  undo_.push_back(std::move(undo));
  return rows_->write(batch, durability);
}

void SimStore::settle(std::uint64_t up_to) {
  std::size_t durable = 0;
  for (std::size_t i = 0; i < undo_.size() && undo_[i].number <= up_to; ++i) {
    if (undo_[i].synced) durable = i + 1;
  }
  undo_.erase(undo_.begin(), undo_.begin() + static_cast<std::ptrdiff_t>(durable));
}

std::size_t SimStore::power_cut() {
  std::size_t lose = rng_.below(undo_.size() + 1);
  if (rng_.chance_ppm(500'000)) lose = undo_.size();
  for (std::size_t i = 0; i < lose; ++i) {
    const auto written = rows_->write(undo_.back().before, ledger::Durability::kSynced);
    IMI_CHECK(written.has_value(), "MemStore never fails");
    undo_.pop_back();
  }
  undo_.clear();  // what came back from the disk is on the disk
  fault_.reset();
  return lose;
}

}  // namespace imi::sim
