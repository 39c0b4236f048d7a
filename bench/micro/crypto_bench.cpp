// What each entry and each vote cost: signatures, hashes, the codec, proofs of the log and of
// ranges.
#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "crypto/hash_pairs.h"
#include "crypto/known_keys.h"
#include "crypto/merkle_log.h"
#include "crypto/range.h"
#include "crypto/suite.h"

namespace {

using imi::Bytes;
using imi::Hash256;
using namespace imi::crypto;  // NOLINT

struct Signed {
  SeededRandom random{1};
  SecretKey key = SecretKey::generate(random);
  Hash256 digest = random.fixed<Hash256>();
  Signature signature = key.sign(digest);
};

std::vector<Hash256> some_hashes(std::size_t n) {
  SeededRandom random(2);
  std::vector<Hash256> out(n);
  for (auto& h : out) h = random.fixed<Hash256>();
  return out;
}

void sign(benchmark::State& state) {
  const Signed s;
  for (auto _ : state) benchmark::DoNotOptimize(s.key.sign(s.digest));
}
BENCHMARK(sign)->Unit(benchmark::kMicrosecond);

void verify_unknown_key(benchmark::State& state) {
  const Signed s;
  for (auto _ : state) IMI_CHECK(verify(s.key.public_key(), s.digest, s.signature));
}
BENCHMARK(verify_unknown_key)->Unit(benchmark::kMicrosecond);

void verify_parsed_key(benchmark::State& state) {
  const Signed s;
  const auto key = VerifyKey::parse(s.key.public_key());
  for (auto _ : state) IMI_CHECK(key->verify(s.digest, s.signature));
}
BENCHMARK(verify_parsed_key)->Unit(benchmark::kMicrosecond);

// Batches of 32 of one key, as the node checks them. 1: with the key's tables
// (crypto/known_keys.h).
void verify_batch_a_signature(benchmark::State& state) {
  Signed s;
  KnownKeys::Options options;
  if (state.range(0) == 0) options.max_keys = 0;
  options.earn_after = 1;
  KnownKeys keys(options);
  std::vector<SignedDigest> items;
  for (int i = 0; i < 32; ++i) {
    const auto digest = s.random.fixed<Hash256>();
    items.push_back({s.key.public_key(), digest, s.key.sign(digest)});
  }
  (void)keys.verify(items);
  std::size_t next = 0;
  std::vector<bool> valid;
  for (auto _ : state) {  // one iteration is one signature
    if (next++ % items.size() == 0) valid = keys.verify(items);
    benchmark::DoNotOptimize(valid);
  }
}
BENCHMARK(verify_batch_a_signature)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void hash_bytes(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state) benchmark::DoNotOptimize(hash(Domain::kTest, data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hash_bytes)->Arg(64)->Arg(128)->Arg(300)->Arg(4096)->Arg(1 << 20);

void hash_thousand_pairs(benchmark::State& state) {
  const auto in = some_hashes(2000);
  std::vector<Hash256> out(1000);
  std::vector<PairJob> jobs;
  for (std::size_t i = 0; i < 1000; ++i) jobs.push_back({&in[2 * i], &in[2 * i + 1], &out[i]});
  for (auto _ : state) {
    if (state.range(0) == 0) {
      hash_detail::hash_pairs_one_by_one(Domain::kTest, jobs);
    } else {
      hash_pairs(Domain::kTest, jobs);
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  state.SetLabel(state.range(0) == 0 ? "one by one" : "four at a time");
}
BENCHMARK(hash_thousand_pairs)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// About the fields of one credit event.
struct Record {
  imi::SchemaVersion<1> version;
  Hash256 subject;
  Hash256 body;
  std::uint32_t code = 1234;
  std::int32_t occurred = 20'000;
  std::int32_t decided = 20'010;
  std::uint64_t amount = 300'000;
  std::string document = "禅应急罚〔2026〕15号";
  std::string basis = "安全生产法 第九十六条";
  template <class A>
  void serialize(A& ar) {
    ar(version, subject, body, code, occurred, decided, amount, document, basis);
  }
};

void codec_encode_record(benchmark::State& state) {
  const Record record;
  for (auto _ : state) benchmark::DoNotOptimize(imi::encode(record));
}
BENCHMARK(codec_encode_record);

void codec_decode_record(benchmark::State& state) {
  const Bytes bytes = imi::encode(Record{});
  for (auto _ : state) benchmark::DoNotOptimize(imi::decode<Record>(bytes));
}
BENCHMARK(codec_decode_record);

void entries_root_of(benchmark::State& state) {
  const auto leaves = some_hashes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(merkle_root(Domain::kEntryNode, leaves));
}
BENCHMARK(entries_root_of)->Arg(1000)->Arg(4096)->Unit(benchmark::kMicrosecond);

struct Tiles final : LogTileSource {
  std::map<LogTileId, std::vector<Hash256>> rows;
  std::optional<std::vector<Hash256>> read_tile(LogTileId id) const override {
    const auto found = rows.find(id);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
};

// A log of a million leaves; the figure is a block of 1,000 more.
void log_append_thousand(benchmark::State& state) {
  LogWriter writer;
  for (int i = 0; i < 250; ++i) writer.apply(writer.stage(some_hashes(4000)));
  const auto block = some_hashes(1000);
  std::size_t bytes = 0;
  for (auto _ : state) {
    StagedAppend staged = writer.stage(block);
    for (const auto& w : staged.writes) bytes += w.hashes.size() * 32;
    writer.apply(std::move(staged));
  }
  state.counters["tile_bytes"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
}
BENCHMARK(log_append_thousand)->Unit(benchmark::kMicrosecond);

void log_prove_and_verify(benchmark::State& state) {
  Tiles tiles;
  LogWriter writer;
  const auto leaves = some_hashes(100'000);
  StagedAppend staged = writer.stage(leaves);
  for (const auto& w : staged.writes) tiles.rows[w.id] = w.hashes;
  const Hash256 root = staged.root;
  std::uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 7919) % leaves.size();
    const auto path = log_inclusion_proof(tiles, index, leaves.size());
    IMI_CHECK(path && verify_log_inclusion(leaves[index], index, leaves.size(), *path, root));
  }
}
BENCHMARK(log_prove_and_verify)->Unit(benchmark::kMicrosecond);

void range_verify_complete(benchmark::State& state) {
  const auto leaves = some_hashes(static_cast<std::size_t>(state.range(0)));
  const Hash256 root = range_root_of(leaves);
  for (auto _ : state) IMI_CHECK(verify_page(root, leaves.size(), 0, leaves, {}).has_value());
}
BENCHMARK(range_verify_complete)->Arg(10)->Arg(5000)->Unit(benchmark::kMicrosecond);

}  // namespace
