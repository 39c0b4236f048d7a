// The state map at a million records: what a block's update costs the executor, what a proof costs
// a reader, what a rebuild costs at start. Buckets are read from a sorted array, so figures without
// the cache show the tree's own work, not the store's.
#include <benchmark/benchmark.h>

#include <time.h>

#include <algorithm>
#include <memory>
#include <random>

#include "base/check.h"
#include "crypto/sparse_map_tree.h"

namespace {

using imi::Hash256;
using namespace imi::crypto;  // NOLINT

constexpr std::size_t kRecords = 1'000'000;

Hash256 random_hash(std::mt19937_64& rng) {
  Hash256 h;
  for (std::size_t i = 0; i < 32; i += 8) {
    const std::uint64_t v = rng();
    std::memcpy(h.bytes.data() + i, &v, 8);
  }
  return h;
}

// The records as they stand in the store, kept in step with the tree.
class ArraySource final : public BucketSource {
 public:
  explicit ArraySource(std::size_t n) {
    std::mt19937_64 rng(1);
    leaves_.resize(n);
    for (auto& leaf : leaves_) leaf = {random_hash(rng), random_hash(rng)};
    std::ranges::sort(leaves_);
  }
  std::expected<std::vector<MapLeaf>, std::string> read_bucket(unsigned bits,
                                                               std::uint32_t index) const override {
    const auto begin =
        std::ranges::lower_bound(leaves_, *bucket_begin(bits, index), {}, &MapLeaf::path);
    auto end = begin;
    while (end != leaves_.end() && bucket_of(bits, end->path) == index) ++end;
    return std::vector<MapLeaf>(begin, end);
  }
  [[nodiscard]] std::vector<MapLeaf>& leaves() { return leaves_; }

 private:
  std::vector<MapLeaf> leaves_;
};

struct World {
  explicit World(std::size_t cache_leaves, std::size_t records = kRecords)
      : source(records), tree({.bucket_bits = 18, .cache_leaves = cache_leaves}) {
    rebuild();
  }
  void rebuild() {
    tree.begin_rebuild();
    auto builder = tree.rebuild_range(0, 1u << 18);
    for (const MapLeaf& leaf : source.leaves()) IMI_CHECK(builder.add(leaf).has_value());
    builder.finish();
    tree.finish_rebuild();
  }
  // n records get a new value, as a block of updates does.
  std::vector<MapChange> updates(std::size_t n) {
    std::vector<MapChange> out;
    for (std::size_t i = 0; i < n; ++i) {
      MapLeaf& leaf = source.leaves()[rng() % source.leaves().size()];
      out.push_back({leaf.path, random_hash(rng)});
    }
    std::ranges::sort(out, {}, &MapChange::path);
    const auto repeated = std::ranges::unique(out, {}, &MapChange::path);
    out.erase(repeated.begin(), repeated.end());
    return out;
  }
  void store(const std::vector<MapChange>& changes) {
    for (const MapChange& c : changes) {
      std::ranges::lower_bound(source.leaves(), c.path, {}, &MapLeaf::path)->value_hash =
          *c.value_hash;
    }
  }
  std::mt19937_64 rng{2};
  ArraySource source;
  SparseMapTree tree;
};

// This thread's CPU time in seconds: the figure that counts where cores are shared.
double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Times stage() and apply() alone; the store's part in between and the making of changes are not
// the tree's. The undo record is released outside, as a node does after certification.
void update(benchmark::State& state, World& world) {
  double staging = 0;
  double applying = 0;
  for (auto _ : state) {
    const auto changes = world.updates(static_cast<std::size_t>(state.range(0)));
    const double t0 = cpu_now();
    auto staged = world.tree.stage(changes, world.source);
    const double t1 = cpu_now();
    IMI_CHECK(staged.has_value());
    world.store(changes);
    const double t2 = cpu_now();
    const MapUndo undo = world.tree.apply(std::move(*staged));
    const double t3 = cpu_now();
    staging += t1 - t0;
    applying += t3 - t2;
    state.SetIterationTime(t1 - t0 + t3 - t2);
  }
  const auto mean = benchmark::Counter::kAvgIterations;
  state.counters["stage_ms"] = benchmark::Counter(staging * 1e3, mean);
  state.counters["apply_ms"] = benchmark::Counter(applying * 1e3, mean);
}

World& cached_world() {
  static auto world = std::make_unique<World>(1'500'000);
  return *world;
}

void map_update_cached(benchmark::State& state) { update(state, cached_world()); }
BENCHMARK(map_update_cached)
    ->Arg(100)
    ->Arg(1'100)
    ->Arg(2'000)
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMillisecond);

void map_update_uncached(benchmark::State& state) {
  static auto world = std::make_unique<World>(0);
  update(state, *world);
}
BENCHMARK(map_update_uncached)
    ->Arg(1'100)
    ->UseManualTime()
    ->Iterations(50)
    ->Unit(benchmark::kMillisecond);

// One change in a bucket of many records, which somebody aimed at.
void map_update_large_bucket(benchmark::State& state) {
  static SparseMapTree tree({.bucket_bits = 18, .cache_leaves = 1'500'000});
  ArraySource source(0);
  std::mt19937_64 rng(3);
  std::vector<MapChange> all;
  for (int i = 0; i < 10'000; ++i) {
    Hash256 path = random_hash(rng);
    path.bytes[0] = path.bytes[1] = path.bytes[2] = 0;
    all.push_back({path, path});
  }
  std::ranges::sort(all, {}, &MapChange::path);
  auto staged = tree.stage(all, source);
  IMI_CHECK(staged.has_value());
  if (tree.leaf_count() == 0) tree.apply(std::move(*staged));
  for (auto _ : state) {
    const MapChange change{all[rng() % all.size()].path, random_hash(rng)};
    auto one = tree.stage(std::span(&change, 1), source);
    IMI_CHECK(one.has_value());
    benchmark::DoNotOptimize(tree.apply(std::move(*one)));
  }
}
BENCHMARK(map_update_large_bucket)->Unit(benchmark::kMicrosecond);

void map_prove(benchmark::State& state) {
  World& world = cached_world();
  std::size_t bytes = 0;
  for (auto _ : state) {
    const Hash256& path = world.source.leaves()[world.rng() % kRecords].path;
    auto proved = world.tree.prove(path, world.source);
    IMI_CHECK(proved.has_value());
    state.PauseTiming();
    bytes += imi::encode(proved->proof).size();
    state.ResumeTiming();
  }
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
}
BENCHMARK(map_prove)->Unit(benchmark::kMicrosecond);

void map_verify_proof(benchmark::State& state) {
  World& world = cached_world();
  const MapLeaf& leaf = world.source.leaves()[77];
  const auto proved = world.tree.prove(leaf.path, world.source);
  IMI_CHECK(proved.has_value());
  for (auto _ : state) {
    const auto ok =
        verify_present(world.tree.root(), leaf.path, *proved->value_hash, proved->proof);
    IMI_CHECK(ok.has_value());
  }
}
BENCHMARK(map_verify_proof)->Unit(benchmark::kMicrosecond);

void map_rebuild(benchmark::State& state) {
  World& world = cached_world();
  for (auto _ : state) world.rebuild();
}
BENCHMARK(map_rebuild)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace
