#include "ledger/db/ledger_core.h"

#include "base/check.h"
#include "ledger/db/rows.h"

namespace imi::ledger {

// ---- sources ----------------------------------------------------------------------------------

std::expected<std::vector<crypto::MapLeaf>, std::string> RecordBuckets::read_bucket(
    unsigned prefix_bits, std::uint32_t index) const {
  const auto begin = crypto::bucket_begin(prefix_bits, index);
  const auto end = crypto::bucket_begin(prefix_bits, std::uint64_t{index} + 1);
  IMI_CHECK(begin.has_value());
  std::vector<crypto::MapLeaf> leaves;
  const auto scanned =
      rows_.scan(rows::record_key(*begin), end ? rows::record_key(*end) : rows::records_end(),
                 [&](ByteView key, ByteView value) {
                   leaves.push_back({Hash256::from(key.subspan(1)), crypto::map_value_hash(value)});
                   return true;
                 });
  if (!scanned) return std::unexpected(describe(scanned.error()));
  return leaves;
}

std::optional<std::vector<Hash256>> TileRows::read_tile(crypto::LogTileId id) const {
  const auto row = rows_.get(rows::tile_key(id));
  if (!row) {
    failure_ = row.error();
    return std::nullopt;
  }
  if (!row->has_value()) return std::nullopt;
  return rows::parse_tile(**row);
}

std::optional<std::vector<Hash256>> HeadRows::read_tile(crypto::LogTileId id) const {
  return id.level == 0 ? read_leaves(id.index) : read_hashes(id);
}

std::optional<std::vector<Hash256>> HeadRows::read_leaves(std::uint64_t tile) const {
  const std::uint64_t first = tile << crypto::kLogTileBits;
  std::vector<Hash256> leaves;
  bool whole = true;
  const auto scanned =
      rows_.scan(rows::heads_key({0, first}), rows::heads_key({0, first + crypto::kLogTileWidth}),
                 [&](ByteView key, ByteView value) {
                   const Bytes expected = rows::heads_key({0, first + leaves.size()});
                   whole = std::ranges::equal(key, expected) && value.size() == Hash256::kSize;
                   if (whole) leaves.push_back(Hash256::from(value));
                   return whole;
                 });
  if (!scanned) failure_ = scanned.error();
  if (!whole || leaves.empty()) return std::nullopt;
  return leaves;
}

std::optional<std::vector<Hash256>> HeadRows::read_hashes(crypto::LogTileId id) const {
  const auto row = rows_.get(rows::heads_key(id));
  if (!row) {
    failure_ = row.error();
    return std::nullopt;
  }
  if (!row->has_value()) return std::nullopt;
  return rows::parse_tile(**row);
}

// ---- cache ------------------------------------------------------------------------------------

const std::optional<Bytes>* RecordCache::find(const Hash256& path) {
  const auto found = items_.find(path);
  if (found == items_.end()) return nullptr;
  found->second.used = true;
  return &found->second.value;
}

void RecordCache::put(const Hash256& path, std::optional<Bytes>&& value) {
  if (value) value->shrink_to_fit();
  const auto [at, added] = items_.try_emplace(path);
  if (added) {
    clock_.push_back(path);
  } else {
    bytes_ -= at->second.bytes();
  }
  at->second.value = std::move(value);
  bytes_ += at->second.bytes();
  while (bytes_ > max_bytes_) advance();
}

void RecordCache::advance() {
  const Hash256 path = clock_.front();
  clock_.pop_front();
  const auto found = items_.find(path);
  if (std::exchange(found->second.used, false)) {
    clock_.push_back(path);
  } else {
    bytes_ -= found->second.bytes();
    items_.erase(found);
  }
}

// ---- core -------------------------------------------------------------------------------------

LedgerCore::LedgerCore(std::shared_ptr<Store> s, const Genesis& g, const LedgerDbOptions& o)
    : store(std::move(s)),
      genesis(g),
      policy(make_policy(g)),
      id(genesis_id(g)),
      validators_digest(g.validators.digest()),
      params_digest(g.parameters.digest()),
      tree(crypto::SparseMapTree::Options{o.bucket_bits, o.tree_cache_leaves}),
      prechecks(o.precheck_agencies, o.precheck_enterprise_bits) {}

chain::LedgerHead LedgerCore::head_of_genesis(const Hash256& state_root) const {
  chain::LedgerHead head;
  head.genesis = id;
  head.epoch = genesis.validators.epoch;
  head.time = genesis.time;
  head.state_root = state_root;
  head.log_root = crypto::LogFrontier().root();
  head.validators_digest = validators_digest;
  head.next_validators_digest = validators_digest;
  head.params_digest = params_digest;
  head.heads_root = crypto::LogFrontier(crypto::Domain::kHeadsNode).root();
  return head;
}

const HeightView* LedgerCore::view_at(chain::Height height) const {
  if (views.empty() || height < views.front().head.height) return nullptr;
  const std::uint64_t index = height.value - views.front().head.height.value;
  return index < views.size() ? &views[index] : nullptr;
}

void LedgerCore::trim() {
  // Rule A5 keeps execution within L of the certified height, except for a node that catches up: it
  // certifies late, and must not keep an undo record for every block until then.
  const std::uint64_t most = policy.parameters.span() + kReaderSpan + 1;
  while (views.size() > 1) {
    const HeightView& oldest = views.front();
    const bool below = oldest.head.height < certified.height;
    const bool in_use = oldest.pin.use_count() > 1 &&
                        oldest.head.height.value + kReaderSpan >= certified.height.value;
    if (views.size() <= most && (!below || in_use)) break;
    views.pop_front();
    views.front().undo.reset();  // it leads to a height that nobody reads any more
  }
}

// ---- rows of a block --------------------------------------------------------------------------

void add_rows(WriteBatch& batch, const StateDiff& diff, const crypto::StagedAppend& log) {
  const auto put_or_erase = [&](ByteView row, const auto& value) {
    if (value) {
      batch.put(row, *value);
    } else {
      batch.erase(row);
    }
  };
  Bytes key = rows::record_key({});
  for (const RecordChange& r : diff.records) {
    std::copy(r.path.bytes.begin(), r.path.bytes.end(), key.begin() + 1);
    put_or_erase(key, r.value);
  }
  diff.aux.for_each(put_or_erase);
  for (const crypto::LogTileWrite& tile : log.writes) {
    batch.put(rows::tile_key(tile.id), rows::tile_value(tile.hashes));
  }
}

void add_head_rows(WriteBatch& batch, const crypto::StagedAppend& heads) {
  for (const crypto::LogTileWrite& tile : heads.writes) {
    if (tile.id.level == 0) {
      batch.put(rows::heads_key({0, heads.size_before}), rows::tile_value({tile.hashes.back()}));
    } else {
      batch.put(rows::heads_key(tile.id), rows::tile_value(tile.hashes));
    }
  }
}

std::vector<crypto::MapChange> map_changes(const StateDiff& diff) {
  std::vector<crypto::MapChange> changes;
  changes.reserve(diff.records.size());
  for (const RecordChange& r : diff.records) {
    changes.push_back(
        {r.path, r.value ? std::optional(crypto::map_value_hash(*r.value)) : std::nullopt});
  }
  return changes;
}

std::expected<std::optional<chain::LedgerHead>, StoreError> stored_head(const StoreView& rows,
                                                                        chain::Height height) {
  if (height.value == 0) {
    auto start = rows::parse<chain::LedgerHead>(rows.get(rows::start_key()), "the start row");
    if (!start) return std::unexpected(std::move(start.error()));
    return std::move(*start);
  }
  const auto row = rows.get(rows::block_key(height));
  if (row && !row->has_value()) return std::nullopt;
  auto block =
      rows::parse<rows::BlockRow>(row, "the block row of height " + std::to_string(height.value));
  if (!block) return std::unexpected(std::move(block.error()));
  return std::move(block->head);
}

LedgerError store_failed(StoreError e) {
  LedgerError out{LedgerError::Reason::kStore, {}, std::nullopt};
  switch (e.reason) {
    case StoreError::Reason::kCorruption: out.reason = LedgerError::Reason::kDamaged; break;
    case StoreError::Reason::kForeign: out.reason = LedgerError::Reason::kForeign; break;
    case StoreError::Reason::kOlder: out.reason = LedgerError::Reason::kOlderFormat; break;
    case StoreError::Reason::kNewer: out.reason = LedgerError::Reason::kNewerFormat; break;
    case StoreError::Reason::kIo:
    case StoreError::Reason::kNoSpace:
    case StoreError::Reason::kLocked:
    case StoreError::Reason::kMissing:
    case StoreError::Reason::kTooLarge:
    case StoreError::Reason::kStopped:
    case StoreError::Reason::kExpired: break;
  }
  out.detail = e.detail;
  out.store = std::move(e);
  return out;
}

LedgerError damaged(std::string detail) {
  return {LedgerError::Reason::kDamaged, std::move(detail), std::nullopt};
}

}  // namespace imi::ledger
