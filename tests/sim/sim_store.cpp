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
  const bool dying = budget_ != UINT64_MAX;
  if (dying) {
    if (budget_ == 0) return {};  // the process is dead: no one receives the answer
    --budget_;
  }
  if (durability == ledger::Durability::kSynced && !dying) {
    undo_.clear();
  } else {
    undo_.push_back(undo_of(batch));
  }
  return rows_->write(batch, durability);
}

ledger::WriteBatch SimStore::undo_of(const ledger::WriteBatch& batch) const {
  ledger::WriteBatch undo;
  batch.for_each([&](ByteView key, const std::optional<ByteView>&) {
    const auto old = rows_->get(key);
    IMI_CHECK(old.has_value(), "MemStore never fails");
    if (*old) {
      undo.put(key, **old);
    } else {
      undo.erase(key);
    }
  });
  return undo;
}

std::size_t SimStore::power_cut() {
  std::size_t lose = rng_.below(undo_.size() + 1);
  if (rng_.chance_ppm(500'000)) lose = undo_.size();
  for (std::size_t i = 0; i < lose; ++i) {
    const auto written = rows_->write(undo_.back(), ledger::Durability::kSynced);
    IMI_CHECK(written.has_value(), "MemStore never fails");
    undo_.pop_back();
  }
  undo_.clear();  // what came back from the disk is on the disk
  return lose;
}

std::vector<std::pair<Bytes, Bytes>> SimStore::rows() const {
  std::vector<std::pair<Bytes, Bytes>> out;
  const auto all = rows_->scan(
      {}, {},
      [&out](ByteView key, ByteView value) {
        out.emplace_back(Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end()));
        return true;
      },
      false);
  IMI_CHECK(all.has_value(), "MemStore never fails");
  return out;
}

void SimStore::replace(const std::vector<std::pair<Bytes, Bytes>>& rows) {
  rows_ = ledger::MemStore::create();
  ledger::WriteBatch batch;
  for (const auto& [key, value] : rows) batch.put(key, value);
  const auto written = rows_->write(batch, ledger::Durability::kSynced);
  IMI_CHECK(written.has_value(), "MemStore never fails");
  undo_.clear();
}

// Opening the store makes what was found durable (LevelDB writes a recovered log to tables).
void SimStore::revive() {
  undo_.clear();
  budget_ = UINT64_MAX;
  fault_.reset();
  stopped_ = false;
}

}  // namespace imi::sim
