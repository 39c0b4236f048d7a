// What LedgerDb and its readers share, and the small pieces they are made of. Inside the ledger
// module only; ledger_db.h is the contract.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "crypto/merkle_log.h"
#include "crypto/sparse_map_tree.h"
#include "ledger/db/ledger_db.h"
#include "ledger/execution/execute.h"
#include "ledger/proof/reader.h"

namespace imi::ledger {

// A readers-writer lock under which a waiting writer goes before later readers: the platform's own
// may let a stream of readers hold the executor off for ever.
class FairSharedMutex {
 public:
  void lock_shared() {
    const std::lock_guard turn(gate_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }
  void lock() {
    gate_.lock();
    mutex_.lock();
  }
  void unlock() {
    mutex_.unlock();
    gate_.unlock();
  }

 private:
  std::mutex gate_;
  std::shared_mutex mutex_;
};

// Buckets of the state map's tree, read from the record rows.
class RecordBuckets final : public crypto::BucketSource {
 public:
  explicit RecordBuckets(const StoreView& rows) : rows_(rows) {}
  [[nodiscard]] std::expected<std::vector<crypto::MapLeaf>, std::string> read_bucket(
      unsigned prefix_bits, std::uint32_t index) const override;

 private:
  const StoreView& rows_;
};

// Tiles of the event log, read from their rows. Remembers why a read failed.
class TileRows final : public crypto::LogTileSource {
 public:
  explicit TileRows(const StoreView& rows) : rows_(rows) {}
  [[nodiscard]] std::optional<std::vector<Hash256>> read_tile(crypto::LogTileId id) const override;
  [[nodiscard]] const std::optional<StoreError>& failure() const { return failure_; }

 private:
  const StoreView& rows_;
  mutable std::optional<StoreError> failure_;
};

// The same of the history of heads, whose leaves have a row each: a block adds one, and rewriting a
// tile for it would cost more than the block's other rows.
class HeadRows final : public crypto::LogTileSource {
 public:
  explicit HeadRows(const StoreView& rows) : rows_(rows) {}
  [[nodiscard]] std::optional<std::vector<Hash256>> read_tile(crypto::LogTileId id) const override;
  [[nodiscard]] const std::optional<StoreError>& failure() const { return failure_; }

 private:
  [[nodiscard]] std::optional<std::vector<Hash256>> read_leaves(std::uint64_t tile) const;
  [[nodiscard]] std::optional<std::vector<Hash256>> read_hashes(crypto::LogTileId id) const;

  const StoreView& rows_;
  mutable std::optional<StoreError> failure_;
};

// The records that execution reads again and again (RecordUse::kAgain), bounded by bytes. What was
// not used while the hand of the clock went round goes first (a list by last use would touch three
// records' memory where this touches one). Of the executor alone.
class RecordCache {
 public:
  explicit RecordCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  // What stands at the path (nullopt: nothing); null if it is not here. Valid until the next call.
  [[nodiscard]] const std::optional<Bytes>* find(const Hash256& path);
  void put(const Hash256& path, std::optional<Bytes>&& value);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  // Table node, place in the ring and their allocations, beside the value.
  static constexpr std::size_t kOverhead = 160;
  struct Item {
    std::optional<Bytes> value;
    bool used = false;
    [[nodiscard]] std::size_t bytes() const { return kOverhead + (value ? value->capacity() : 0); }
  };
  void advance();

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::deque<Hash256> clock_;  // the hand is at the front
  std::unordered_map<Hash256, Item, FixedBytesHash> items_;
};

// What prechecks before the pool (LedgerDb::precheck) remember: agencies, until a block changes
// them, and which subjects are enterprises, for ever (an id keeps its class). Nothing that a
// stranger can make up at will: what does not exist is not here, nor are persons, whose ids their
// registrars choose. A full table of agencies starts anew; enterprises have a table of fixed size,
// a newer one takes an older one's place. Any thread.
class PrecheckCache {
 public:
  // At most `agencies`, and two enterprises in each of 2^enterprise_bits places.
  PrecheckCache(std::size_t agencies, unsigned enterprise_bits)
      : max_agencies_(agencies), enterprises_(std::size_t{1} << enterprise_bits) {}
  // Null: not here.
  [[nodiscard]] std::shared_ptr<const AgencyState> agency(const AgencyId& id) const;
  [[nodiscard]] bool is_enterprise(const SubjectId& id) const;
  void put(const AgencyId& id, const Hash256& path, std::shared_ptr<const AgencyState> agency);
  void put_enterprise(const SubjectId& id);
  // A block changed these.
  void forget(const std::vector<RecordChange>& changes);

 private:
  const std::size_t max_agencies_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<AgencyId, std::shared_ptr<const AgencyState>, FixedBytesHash> agencies_;
  std::unordered_map<Hash256, AgencyId, FixedBytesHash> by_path_;  // of agencies_
  // The first 16 bytes of an id, which is a hash: another subject with the same is out of reach.
  // All zero: empty.
  using Id = std::array<std::uint8_t, 16>;
  struct Place {
    Id newer{};
    Id older{};
  };
  [[nodiscard]] std::size_t place_of(const Id& id) const;
  std::vector<Place> enterprises_;
};

// One applied height that somebody may read, or that is needed to read an older one.
struct HeightView {
  chain::LedgerHead head;
  std::shared_ptr<const StoreView> snapshot;    // sees exactly this height
  std::unique_ptr<const crypto::MapUndo> undo;  // leads back from here to the height before
  std::shared_ptr<const int> pin;               // shared with the readers at this height
};

struct LedgerCore {
  LedgerCore(std::shared_ptr<Store> s, const Genesis& g, const LedgerDbOptions& o);

  const std::shared_ptr<Store> store;
  const Genesis genesis;
  const Policy policy;
  const chain::GenesisId id;
  const Hash256 validators_digest;
  const Hash256 params_digest;
  std::atomic<bool> stopped = false;

  // Tree, views and heads change together, under `mutex`.
  mutable FairSharedMutex mutex;
  crypto::SparseMapTree tree;
  std::deque<HeightView> views;  // consecutive heights; the last is the applied one
  chain::LedgerHead applied;
  chain::LedgerHead certified;
  std::shared_ptr<const chain::CheckpointCertificate> certificate;

  mutable PrecheckCache prechecks;  // has a lock of its own

  [[nodiscard]] chain::LedgerHead head_of_genesis(const Hash256& state_root) const;
  // Under `mutex`. Null if that height is no longer (or not yet) kept.
  [[nodiscard]] const HeightView* view_at(chain::Height height) const;
  // Under `mutex`, exclusively: lets go of views that no reader may need.
  void trim();
};

// The record at a path in the applied state; what the tree knows to be absent is not read.
[[nodiscard]] std::expected<std::optional<Bytes>, StoreError> applied_record(const LedgerCore& core,
                                                                             const Hash256& path);

// precheck() at the applied state.
[[nodiscard]] std::expected<std::optional<EarlyRefusal>, StoreError> look_before_pool(
    const LedgerCore& core, const Submission& submission);

// A reader at one height of a core.
[[nodiscard]] std::shared_ptr<const LedgerReader> make_reader(
    std::shared_ptr<const LedgerCore> core, const HeightView& view,
    std::shared_ptr<const chain::CheckpointCertificate> certificate);

// Rebuilds `core` from its store, or creates the store from genesis if it is empty.
struct Recovered {
  crypto::LogWriter log;
  crypto::LogWriter heads{crypto::Domain::kHeadsNode};
  OpenReport report;
};
[[nodiscard]] std::expected<Recovered, LedgerError> recover(LedgerCore& core,
                                                            const LedgerDbOptions& options);

// The rows of a diff and of the log tiles it fills.
void add_rows(WriteBatch& batch, const StateDiff& diff, const crypto::StagedAppend& log);
// The rows of one more head in the history: its leaf, and the tiles above that it completes.
void add_head_rows(WriteBatch& batch, const crypto::StagedAppend& heads);
// What a diff does to the tree.
[[nodiscard]] std::vector<crypto::MapChange> map_changes(const StateDiff& diff);

// The head after a height, from its rows; nullopt where there is none.
[[nodiscard]] std::expected<std::optional<chain::LedgerHead>, StoreError> stored_head(
    const StoreView& rows, chain::Height height);

[[nodiscard]] LedgerError store_failed(StoreError e);
[[nodiscard]] LedgerError damaged(std::string detail);

}  // namespace imi::ledger
