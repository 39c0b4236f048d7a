#include "ledger/db/mem_store.h"

#include "base/check.h"
#include "crypto/hash.h"

namespace imi::ledger {

// One instant of the store. Keeps the store alive, and its sequence's versions with it.
class MemStore::View final : public StoreView {
 public:
  View(std::shared_ptr<MemStore> store, std::uint64_t at) : store_(std::move(store)), at_(at) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() override { store_->release(at_); }

  std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const override {
    const std::lock_guard lock(store_->mutex_);
    const std::optional<Bytes>* found = store_->find(key, at_);
    return found == nullptr ? std::nullopt : *found;
  }
  std::expected<void, StoreError> scan(ByteView first, ByteView last, const Visitor& visit,
                                       bool) const override {
    store_->visit_range(first, last, at_, visit);
    return {};
  }

 private:
  std::shared_ptr<MemStore> store_;
  std::uint64_t at_;
};

std::shared_ptr<MemStore> MemStore::create() { return std::shared_ptr<MemStore>(new MemStore()); }
MemStore::~MemStore() = default;

const std::optional<Bytes>* MemStore::find(ByteView key, std::uint64_t at) const {
  const auto row = rows_.find(key);
  if (row == rows_.end()) return nullptr;
  for (auto v = row->second.rbegin(); v != row->second.rend(); ++v) {
    if (v->sequence <= at) return &v->value;
  }
  return nullptr;
}

// The visitor runs without the lock, on copies: it may read the store itself, or take long.
void MemStore::visit_range(ByteView first, ByteView last, std::uint64_t at,
                           const Visitor& visit) const {
  constexpr std::size_t kRowsAtATime = 64;
  Bytes from = to_bytes(first);
  std::vector<std::pair<Bytes, Bytes>> rows;
  for (bool more = true; more;) {
    rows.clear();
    {
      const std::lock_guard lock(mutex_);
      more = false;
      for (auto row = rows_.lower_bound(ByteView(from)); row != rows_.end(); ++row) {
        if (!last.empty() && !BytesLess{}(row->first, last)) break;
        if (rows.size() == kRowsAtATime) {
          from = row->first;
          more = true;
          break;
        }
        const std::optional<Bytes>* value = find(row->first, at);
        if (value != nullptr && value->has_value()) rows.emplace_back(row->first, **value);
      }
    }
    for (const auto& [key, value] : rows) {
      if (!visit(key, value)) return;
    }
  }
}

std::expected<std::optional<Bytes>, StoreError> MemStore::get(ByteView key) const {
  const std::lock_guard lock(mutex_);
  const std::optional<Bytes>* found = find(key, sequence_);
  return found == nullptr ? std::nullopt : *found;
}

std::expected<void, StoreError> MemStore::scan(ByteView first, ByteView last, const Visitor& visit,
                                               bool) const {
  std::shared_ptr<const StoreView> view = *const_cast<MemStore*>(this)->snapshot();
  return view->scan(first, last, visit);
}

// Drops the versions that neither a snapshot nor a new reader can see.
void MemStore::prune(std::vector<Version>& versions) const {
  std::size_t keep = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const bool newest = i + 1 == versions.size();
    const bool seen = !newest && [&] {
      const auto s = snapshots_.lower_bound(versions[i].sequence);
      return s != snapshots_.end() && *s < versions[i + 1].sequence;
    }();
    if (newest || seen) {
      if (keep != i) versions[keep] = std::move(versions[i]);
      ++keep;
    }
  }
  versions.resize(keep);
}

std::expected<void, StoreError> MemStore::write(const WriteBatch& batch, Durability) {
  const std::lock_guard lock(mutex_);
  ++sequence_;
  batch.for_each([&](ByteView key, std::optional<ByteView> value) {
    auto row = rows_.find(key);
    if (row == rows_.end()) {
      if (!value) return;
      row = rows_.emplace(to_bytes(key), std::vector<Version>()).first;
    }
    std::vector<Version>& versions = row->second;
    if (!versions.empty() && versions.back().value) {
      bytes_ -= key.size() + versions.back().value->size();
    }
    if (!versions.empty() && versions.back().sequence == sequence_) versions.pop_back();
    versions.push_back({sequence_, value ? std::optional(to_bytes(*value)) : std::nullopt});
    if (value) bytes_ += key.size() + value->size();
    unsettled_.push_back(row->first);
  });
  settle(2 * batch.count());
  return {};
}

// Looks at up to `rows` keys that have (or had) an older version, the longest waiting first.
void MemStore::settle(std::size_t rows) {
  for (std::size_t n = std::min(rows, unsettled_.size()); n > 0; --n) {
    Bytes key = std::move(unsettled_.front());
    unsettled_.pop_front();
    const auto row = rows_.find(ByteView(key));
    if (row == rows_.end()) continue;
    prune(row->second);
    if (row->second.size() > 1) {
      unsettled_.push_back(std::move(key));
    } else if (!row->second.front().value) {
      rows_.erase(row);
    }
  }
}

std::expected<std::shared_ptr<const StoreView>, StoreError> MemStore::snapshot() {
  const std::lock_guard lock(mutex_);
  snapshots_.insert(sequence_);
  return std::make_shared<View>(shared_from_this(), sequence_);
}

void MemStore::release(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto s = snapshots_.find(sequence);
  IMI_CHECK(s != snapshots_.end());
  snapshots_.erase(s);
}

std::uint64_t MemStore::size_on_disk() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Hash256 MemStore::digest() const {
  const std::lock_guard lock(mutex_);
  crypto::Hasher h(crypto::Domain::kTest);
  for (const auto& [key, versions] : rows_) {
    const std::optional<Bytes>& value = versions.back().value;
    if (!value) continue;
    h.add_u64(key.size()).add(ByteView(key)).add_u64(value->size()).add(ByteView(*value));
  }
  return h.finish();
}

}  // namespace imi::ledger
