// Opening a ledger: creation from genesis, or the rebuild of what is kept in memory, checked
// against the stored head on the way.
#include <chrono>
#include <cstring>
#include <thread>

#include "base/check.h"
#include "base/hex.h"
#include "ledger/db/ledger_core.h"
#include "ledger/db/rows.h"

namespace imi::ledger {
namespace {

using Reason = LedgerError::Reason;

std::string at_height(chain::Height h) { return "height " + std::to_string(h.value); }

Bytes format_value(std::uint32_t format) {
  Bytes out(4);
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(format >> (8 * i));
  return out;
}

std::expected<void, LedgerError> check_format(ByteView row) {
  if (row.size() != 4) return std::unexpected(damaged("the format row"));
  std::uint32_t format = 0;
  for (std::size_t i = 0; i < 4; ++i) format |= std::uint32_t{row[i]} << (8 * i);
  if (format == kLedgerFormat) return {};
  LedgerError e{format < kLedgerFormat ? Reason::kOlderFormat : Reason::kNewerFormat, {}, {}};
  e.detail = "the store says format " + std::to_string(format) + ", this program reads " +
             std::to_string(kLedgerFormat);
  return std::unexpected(std::move(e));
}

// ---- creation ---------------------------------------------------------------------------------

std::expected<void, LedgerError> create(LedgerCore& core) {
  const auto diff = execute_genesis(core.genesis);
  if (!diff) {
    return std::unexpected(
        LedgerError{Reason::kBadBlock, "genesis: " + describe(diff.error()), std::nullopt});
  }
  IMI_CHECK(diff->log_leaves.empty());
  const RecordBuckets buckets(*core.store);
  auto staged = core.tree.stage(map_changes(*diff), buckets);
  if (!staged) return std::unexpected(damaged(crypto::describe(staged.error())));

  const chain::LedgerHead head = core.head_of_genesis(staged->root());
  WriteBatch batch;
  batch.put(rows::format_key(), format_value(kLedgerFormat));
  batch.put(rows::genesis_key(), core.id.view());
  batch.put(rows::start_key(), encode(head));
  batch.put(rows::applied_key(), encode(rows::AppliedRow{{}, head, {}}));
  add_rows(batch, *diff, crypto::LogWriter().stage({}));
  if (auto written = core.store->write(batch); !written) {
    return std::unexpected(store_failed(written.error()));
  }
  (void)core.tree.apply(std::move(*staged));
  core.applied = head;
  return {};
}

// ---- rebuild ----------------------------------------------------------------------------------

struct Range {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
};

std::expected<std::uint64_t, LedgerError> scan_range(LedgerCore& core, Range range) {
  crypto::SparseMapTree::RangeBuilder builder = core.tree.rebuild_range(range.from, range.to);
  const unsigned bits = core.tree.bucket_bits();
  const auto begin = crypto::bucket_begin(bits, range.from);
  const auto end = crypto::bucket_begin(bits, range.to);
  std::uint64_t records = 0;
  std::optional<LedgerError> failed;
  if (begin) {
    const auto scanned = core.store->scan(
        rows::record_key(*begin), end ? rows::record_key(*end) : rows::records_end(),
        [&](ByteView key, ByteView value) {
          if (key.size() != 1 + Hash256::kSize) {
            failed = damaged("a record row with a key of the wrong size: " + to_hex(key));
            return false;
          }
          const auto added =
              builder.add({Hash256::from(key.subspan(1)), crypto::map_value_hash(value)});
          if (!added) failed = damaged(crypto::describe(added.error()));
          ++records;
          return !failed;
        },
        false);
    if (!scanned && !failed) failed = store_failed(scanned.error());
  }
  builder.finish();
  if (failed) return std::unexpected(std::move(*failed));
  return records;
}

std::expected<std::uint64_t, LedgerError> rebuild_tree(LedgerCore& core, unsigned threads) {
  const std::uint32_t buckets = 1u << core.tree.bucket_bits();
  threads = std::clamp(threads, 1u, std::min(buckets, 16u));
  core.tree.begin_rebuild();
  std::vector<std::expected<std::uint64_t, LedgerError>> results(threads, 0);
  {
    std::vector<std::jthread> others;
    for (unsigned t = 1; t < threads; ++t) {
      others.emplace_back([&core, &results, t, threads, buckets] {
        const auto edge = [&](unsigned i) {
          return static_cast<std::uint32_t>(std::uint64_t{buckets} * i / threads);
        };
        results[t] = scan_range(core, {edge(t), edge(t + 1)});
      });
    }
    results[0] = scan_range(core, {0, buckets / threads});
  }
  core.tree.finish_rebuild();
  std::uint64_t records = 0;
  for (auto& r : results) {
    if (!r) return std::unexpected(std::move(r.error()));
    records += *r;
  }
  return records;
}

std::expected<void, LedgerError> check_block_row(const LedgerCore& core,
                                                 const chain::LedgerHead& applied) {
  if (applied.height.value == 0) return {};
  const std::string what = "the block row of " + at_height(applied.height);
  const auto row =
      rows::parse<rows::BlockRow>(core.store->get(rows::block_key(applied.height)), what);
  if (!row) return std::unexpected(store_failed(row.error()));
  if (row->head != applied) return std::unexpected(damaged(what + " names another head"));
  return {};
}

std::expected<void, LedgerError> load_certificate(LedgerCore& core) {
  // Height 0 has no certificate: everyone makes it from the genesis document.
  auto start = rows::parse<chain::LedgerHead>(core.store->get(rows::start_key()), "the start row");
  if (!start) return std::unexpected(store_failed(start.error()));
  core.certified = std::move(*start);
  if (core.applied.height.value == 0) return {};
  const auto newest = core.store->get(rows::certified_key());
  if (!newest) return std::unexpected(store_failed(newest.error()));
  if (!newest->has_value()) return {};
  const auto height = decode<chain::Height>(**newest);
  if (!height) return std::unexpected(damaged("the certified row"));
  auto certificate = rows::parse<chain::CheckpointCertificate>(
      core.store->get(rows::certificate_key(*height)), "the certificate of " + at_height(*height));
  if (!certificate) return std::unexpected(store_failed(certificate.error()));
  if (certificate->head.height == core.applied.height && certificate->head != core.applied) {
    return std::unexpected(LedgerError{Reason::kMismatch, at_height(*height), std::nullopt});
  }
  core.certified = certificate->head;
  core.certificate = std::make_shared<const chain::CheckpointCertificate>(std::move(*certificate));
  return {};
}

// What the meta rows say, or nothing where the store is empty.
std::expected<std::optional<rows::AppliedRow>, LedgerError> read_meta(const LedgerCore& core) {
  const auto format = core.store->get(rows::format_key());
  if (!format) return std::unexpected(store_failed(format.error()));
  if (!format->has_value()) {
    bool empty = true;
    const auto looked = core.store->scan({}, {}, [&](ByteView, ByteView) { return empty = false; });
    if (!looked) return std::unexpected(store_failed(looked.error()));
    if (empty) return std::nullopt;
    return std::unexpected(
        LedgerError{Reason::kForeign, "it has rows, but none that name a ledger", std::nullopt});
  }
  if (auto known = check_format(**format); !known) return std::unexpected(known.error());
  const auto genesis = core.store->get(rows::genesis_key());
  if (!genesis) return std::unexpected(store_failed(genesis.error()));
  if (!genesis->has_value() || (*genesis)->size() != chain::GenesisId::kSize) {
    return std::unexpected(damaged("the genesis row"));
  }
  if (chain::GenesisId::from(**genesis) != core.id) {
    return std::unexpected(LedgerError{
        Reason::kForeign,
        "the store is of chain " + to_hex(**genesis) + ", the genesis file is " + to_hex(core.id),
        std::nullopt});
  }
  auto applied =
      rows::parse<rows::AppliedRow>(core.store->get(rows::applied_key()), "the applied row");
  if (!applied) return std::unexpected(store_failed(applied.error()));
  return std::move(*applied);
}

// The event log, or the history of heads: the stored frontier must be what the head says.
template <class Tiles>
std::expected<crypto::LogWriter, LedgerError> open_log(const Store& store, const char* what,
                                                       const crypto::LogFrontier& frontier,
                                                       std::uint64_t size, const Hash256& root) {
  if (frontier.size() != size || frontier.root() != root) {
    return std::unexpected(damaged(std::string(what) + ": its right edge is not that of the head"));
  }
  const Tiles tiles(store);
  auto log = crypto::LogWriter::open(tiles, frontier);
  if (log) return std::move(*log);
  if (tiles.failure()) return std::unexpected(store_failed(*tiles.failure()));
  return std::unexpected(damaged(std::string(what) + ": " + crypto::describe(log.error())));
}

}  // namespace

std::expected<Recovered, LedgerError> recover(LedgerCore& core, const LedgerDbOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  Recovered out;
  const auto meta = read_meta(core);
  if (!meta) return std::unexpected(meta.error());
  if (!meta->has_value()) {
    if (auto created = create(core); !created) return std::unexpected(created.error());
    out.report.records = core.tree.leaf_count();
  } else {
    core.applied = (*meta)->head;
    if (auto row = check_block_row(core, core.applied); !row) return std::unexpected(row.error());
    auto log = open_log<TileRows>(*core.store, "the event log", (*meta)->log, core.applied.log_size,
                                  core.applied.log_root);
    if (!log) return std::unexpected(log.error());
    out.log = std::move(*log);
    auto heads = open_log<HeadRows>(*core.store, "the history of heads", (*meta)->heads,
                                    core.applied.height.value, core.applied.heads_root);
    if (!heads) return std::unexpected(heads.error());
    out.heads = std::move(*heads);
    const auto records = rebuild_tree(core, options.scan_threads);
    if (!records) return std::unexpected(records.error());
    out.report.records = *records;
    if (core.tree.root() != core.applied.state_root) {
      return std::unexpected(
          damaged("the " + std::to_string(*records) + " records of the state lead to root " +
                  to_hex(core.tree.root()) + ", the head of " + at_height(core.applied.height) +
                  " says " + to_hex(core.applied.state_root) +
                  ": a record was changed, lost or added outside this program"));
    }
  }
  if (auto loaded = load_certificate(core); !loaded) return std::unexpected(loaded.error());
  auto snapshot = core.store->snapshot();
  if (!snapshot) return std::unexpected(store_failed(snapshot.error()));
  core.views.push_back({core.applied, std::move(*snapshot), nullptr, std::make_shared<int>(0)});
  out.report.log_size = core.applied.log_size;
  out.report.rebuild_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::steady_clock::now() - started)
                                     .count());
  return out;
}

}  // namespace imi::ledger
