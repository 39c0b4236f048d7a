// A chain in memory for tests of the rules: genesis, a map of records, and one call a block.
// Nothing is hashed into trees here; the store's tests do that.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>

#include "base/check.h"
#include "crypto/random.h"
#include "ledger/agency/records.h"
#include "ledger/core/calendar.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/execution/execute.h"
#include "ledger/governance/records.h"
#include "ledger/identity/records.h"
#include "ledger/state/state_keys.h"
#include "ledger/submission/admission.h"
#include "ledger/submission/precheck.h"
#include "ledger/submission/records.h"

namespace imi::ledger::test {

// Records and rows as maps; counts reads.
class MapView final : public StateView {
 public:
  [[nodiscard]] std::expected<std::optional<Bytes>, StoreError> record(const Hash256& path,
                                                                       RecordUse) const override {
    ++reads;
    if (fail_on && *fail_on == path) {
      return std::unexpected(StoreError{StoreError::Reason::kIo, "planted"});
    }
    const auto it = records.find(path);
    if (it == records.end()) return std::nullopt;
    return it->second;
  }
  [[nodiscard]] std::expected<std::optional<Bytes>, StoreError> aux(ByteView key) const override {
    const auto it = rows.find(to_bytes(key));
    if (it == rows.end()) return std::nullopt;
    return it->second;
  }
  void apply(const StateDiff& diff) {
    for (const RecordChange& r : diff.records) {
      if (r.value)
        records[r.path] = *r.value;
      else
        records.erase(r.path);
    }
    diff.aux.for_each([this](ByteView key, const std::optional<ByteView>& value) {
      if (value)
        rows[to_bytes(key)] = to_bytes(*value);
      else
        rows.erase(to_bytes(key));
    });
    for (const Hash256& leaf : diff.log_leaves) log.push_back(leaf);
  }

  std::map<Hash256, Bytes> records;
  std::map<Bytes, Bytes> rows;
  std::vector<Hash256> log;
  std::optional<Hash256> fail_on;
  mutable std::size_t reads = 0;
};

// The precheck over the same records.
class MapPrecheckView final : public PrecheckView {
 public:
  explicit MapPrecheckView(const MapView& view) : view_(view) {}
  [[nodiscard]] std::expected<std::shared_ptr<const AgencyState>, StoreError> agency(
      const AgencyId& id) const override {
    const auto bytes = record(state_path(Space::kAgency, id));
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return nullptr;
    return std::make_shared<const AgencyState>(decode<AgencyState>(**bytes).value());
  }
  [[nodiscard]] std::expected<std::optional<SubjectClass>, StoreError> subject_class(
      const SubjectId& id) const override {
    const auto bytes = record(state_path(Space::kDossier, id));
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return std::nullopt;
    return class_of_dossier(**bytes).value();
  }
  [[nodiscard]] std::expected<std::optional<Bytes>, StoreError> record(
      const Hash256& path) const override {
    return view_.record(path, RecordUse::kAgain);
  }

 private:
  const MapView& view_;
};

inline constexpr std::uint64_t kDistrict = 440604000000;
inline constexpr Day kGenesisDay{20500};  // 2026-02-16

// A small catalog, written out so that the tests say what they rely on.
[[nodiscard]] Catalog small_catalog();
// Numbers of that catalog.
inline constexpr FieldId kFood{1}, kTax{2}, kIdentity{3};
inline constexpr RuleId kMinor{1}, kGeneral{2}, kSerious{3}, kPositive{4}, kPerson{5};
inline constexpr CodeId kPests{10}, kPassed{11}, kArrears{20};
inline constexpr BucketId kBadBucket{0};
inline constexpr SchemaId kIdCard{1}, kTaxStanding{2};

struct Agency {
  std::string short_name;
  AgencyId id;
  crypto::SecretKey key;
};

class World {
 public:
  explicit World(std::uint64_t seed = 1);

  // Executes one block with one submission of `entries` by `author`; returns their outcomes.
  std::vector<Outcome> run(const Agency& author, std::vector<Entry> entries);
  Outcome run_one(const Agency& author, Entry entry) { return run(author, {std::move(entry)})[0]; }
  // Signs without executing.
  std::shared_ptr<const Submission> sign(const AuthorId& author, const crypto::SecretKey& key,
                                         std::vector<Entry> entries);
  std::shared_ptr<const Submission> sign(const Agency& author, std::vector<Entry> entries) {
    return sign(chain::retag<AuthorId>(author.id), author.key, std::move(entries));
  }
  // Executes a block and keeps its result; the next block is `step_ms` later.
  ExecutionResult execute_block(const std::vector<std::shared_ptr<const Submission>>& bodies);
  // As execute_block, changing nothing.
  [[nodiscard]] std::expected<ExecutionResult, StoreError> peek(
      const std::vector<std::shared_ptr<const Submission>>& bodies) const;

  template <class Record, class Key>
  [[nodiscard]] std::optional<Record> get(Space space, const Key& key) const {
    const auto it = view.records.find(state_path(space, key));
    if (it == view.records.end()) return std::nullopt;
    auto record = decode<Record>(it->second);
    REQUIRE(record.has_value());
    return *record;
  }
  [[nodiscard]] EventState event(const Hash256& id) const {
    return get<EventState>(Space::kEvent, chain::retag<EventId>(id)).value();
  }
  [[nodiscard]] DossierState dossier(const SubjectId& id) const {
    return get<DossierState>(Space::kDossier, id).value();
  }
  [[nodiscard]] std::vector<DossierRow> rows_of(const SubjectId& id) const;
  [[nodiscard]] Day today() const { return day_of(time); }

  // Registers one and returns its id.
  SubjectId enterprise(std::uint32_t number);
  SubjectId person(std::uint64_t number);

  Genesis genesis;
  std::optional<Policy> policy;
  MapView view;
  chain::Height height{0};
  chain::TimeMs time;
  std::int64_t step_ms = 1000;
  crypto::SeededRandom random;

  Agency council, other_council, market, food, tax, registrar;

 private:
  Agency add(std::string short_name, Roles roles, std::vector<FieldId> fields,
             std::uint64_t division = kDistrict);
};

[[nodiscard]] Uscc test_uscc(std::uint32_t number);
[[nodiscard]] EventFacts food_facts(Day day, RuleId rule = kGeneral, CodeId code = kPests);
[[nodiscard]] EventFacts person_facts(Day first_of_month);
[[nodiscard]] AgencyRegister new_agency(const std::string& short_name,
                                        const crypto::PublicKey& key);

inline bool accepted(const Outcome& o) { return o.kind == Outcome::Kind::kAccepted; }
// For CHECK: the name of a refusal, "accepted" or "duplicate".
inline std::string what(const Outcome& o) {
  switch (o.kind) {
    case Outcome::Kind::kAccepted: return "accepted";
    case Outcome::Kind::kRefused: return std::string(name(o.refusal.code));
    case Outcome::Kind::kDuplicate: return "duplicate";
  }
  return "?";
}

}  // namespace imi::ledger::test
