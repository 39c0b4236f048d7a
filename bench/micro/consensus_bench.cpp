// What consensus itself costs: four replicas in one thread take blocks from proposal to a stable
// checkpoint, signatures made and checked for real, nothing executed, nothing on disk.
//
// Time per iteration: one block at all four members. items_per_second: submissions ordered.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "tests/unit/consensus/cluster.h"

namespace {

using namespace imi::consensus::test;  // NOLINT

void step_blocks(benchmark::State& state) {
  ClusterOptions options;
  options.batch = static_cast<std::size_t>(state.range(0));
  Cluster cluster(options);
  cluster.run(10);
  for (auto _ : state) {
    const std::uint64_t before = cluster.lowest_stable();
    cluster.submit(options.batch);
    IMI_CHECK(cluster.run_until([&] { return cluster.lowest_stable() > before; }, 10'000));
  }
  IMI_CHECK(cluster.violations.empty());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(step_blocks)->Arg(1)->Arg(200)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
