// The precheck before the pool at the applied state, mostly from memory (LedgerDb::precheck).
#include <algorithm>
#include <cstring>
#include <utility>

#include "ledger/db/ledger_core.h"
#include "ledger/db/rows.h"

namespace imi::ledger {

std::shared_ptr<const AgencyState> PrecheckCache::agency(const AgencyId& id) const {
  const std::shared_lock lock(mutex_);
  const auto found = agencies_.find(id);
  return found == agencies_.end() ? nullptr : found->second;
}

std::size_t PrecheckCache::place_of(const Id& id) const {
  std::uint64_t first = 0;
  std::memcpy(&first, id.data(), sizeof first);
  return first & (enterprises_.size() - 1);
}

bool PrecheckCache::is_enterprise(const SubjectId& id) const {
  Id key;
  std::copy_n(id.bytes.begin(), key.size(), key.begin());
  const std::shared_lock lock(mutex_);
  const Place& place = enterprises_[place_of(key)];
  return key != Id{} && (place.newer == key || place.older == key);
}

void PrecheckCache::put(const AgencyId& id, const Hash256& path,
                        std::shared_ptr<const AgencyState> agency) {
  const std::lock_guard lock(mutex_);
  if (agencies_.size() >= max_agencies_) {
    agencies_.clear();
    by_path_.clear();
  }
  agencies_.insert_or_assign(id, std::move(agency));
  by_path_.insert_or_assign(path, id);
}

void PrecheckCache::put_enterprise(const SubjectId& id) {
  Id key;
  std::copy_n(id.bytes.begin(), key.size(), key.begin());
  const std::lock_guard lock(mutex_);
  Place& place = enterprises_[place_of(key)];
  if (place.newer == key) return;
  place.older = std::exchange(place.newer, key);
}

void PrecheckCache::forget(const std::vector<RecordChange>& changes) {
  const std::lock_guard lock(mutex_);
  if (by_path_.empty()) return;
  for (const RecordChange& r : changes) {
    if (r.use != RecordUse::kAgain) continue;
    const auto found = by_path_.find(r.path);
    if (found == by_path_.end()) continue;
    agencies_.erase(found->second);
    by_path_.erase(found);
  }
}

namespace {

template <class T>
using Result = std::expected<T, StoreError>;

class AppliedView final : public PrecheckView {
 public:
  explicit AppliedView(const LedgerCore& core) : core_(core) {}

  Result<std::shared_ptr<const AgencyState>> agency(const AgencyId& id) const override {
    if (auto known = core_.prechecks.agency(id)) return known;
    const Hash256 path = state_path(Space::kAgency, id);
    const chain::Height before = applied_height();
    const auto bytes = record(path);
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return nullptr;
    auto state = decode<AgencyState>(**bytes);
    if (!state) return damaged_record("an agency's record does not decode");
    auto agency = std::make_shared<const AgencyState>(std::move(*state));
    // A block that changes it is in the store, then applied, then makes the cache forget: what was
    // read before it is put here while it is not applied yet, or not at all.
    const std::shared_lock lock(core_.mutex);
    if (core_.applied.height == before) core_.prechecks.put(id, path, agency);
    return agency;
  }

  Result<std::optional<SubjectClass>> subject_class(const SubjectId& id) const override {
    if (core_.prechecks.is_enterprise(id)) return SubjectClass::kEnterprise;
    const auto bytes = record(state_path(Space::kDossier, id));
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    const auto subject_class = class_of_dossier(**bytes);
    if (!subject_class) return std::unexpected(subject_class.error());
    if (*subject_class == SubjectClass::kEnterprise) core_.prechecks.put_enterprise(id);
    return *subject_class;
  }

  Result<std::optional<Bytes>> record(const Hash256& path) const override {
    return applied_record(core_, path);
  }

 private:
  static std::unexpected<StoreError> damaged_record(std::string what) {
    return std::unexpected(StoreError{StoreError::Reason::kCorruption, std::move(what)});
  }
  chain::Height applied_height() const {
    const std::shared_lock lock(core_.mutex);
    return core_.applied.height;
  }

  const LedgerCore& core_;
};

}  // namespace

Result<std::optional<Bytes>> applied_record(const LedgerCore& core, const Hash256& path) {
  {
    const std::shared_lock lock(core.mutex);
    const auto known = core.tree.find_cached(path);
    if (known && !known->has_value()) return std::nullopt;
  }
  return core.store->get(rows::record_key(path));
}

Result<std::optional<EarlyRefusal>> look_before_pool(const LedgerCore& core,
                                                     const Submission& submission) {
  return precheck(AppliedView(core), submission);
}

}  // namespace imi::ledger
