// What one block's take() costs the loop, by how many authors have something in the pool.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "node/pool.h"

namespace {

using namespace imi;        // NOLINT
using namespace imi::node;  // NOLINT

constexpr std::int64_t kMaxExpiry = 600'000;
constexpr BatchLimits kBlock{256, 8'192, std::size_t{4} << 20};

Body body_of(std::uint32_t author, std::int64_t expiry) {
  auto s = std::make_shared<ledger::Submission>();
  std::memcpy(s->header.author.bytes.data(), &author, sizeof author);
  std::memcpy(s->header.nonce.bytes.data(), &author, sizeof author);
  s->header.expiry = chain::TimeMs(expiry);
  s->header.count = 1;
  auto d = std::make_shared<ledger::SubmissionDigests>();
  d->id = ledger::submission_id(s->header);
  d->content = ledger::content_hash(s->header, s->signature);
  s->digests = d;
  return {s, std::make_shared<const Bytes>(300)};
}

// Authors with one item each. What was taken goes back, so that each round meets the same pool.
void take_from(benchmark::State& state, std::int64_t expiry) {
  Pool pool({});
  for (std::uint32_t n = 0; n < static_cast<std::uint32_t>(state.range(0)); ++n) {
    IMI_CHECK(pool.add(body_of(n, n < 256 ? 1000 : expiry), n, true), "the pool has room");
  }
  for (auto _ : state) {
    const Pool::Batch batch = pool.take(kBlock, chain::TimeMs(10), kMaxExpiry, 0);
    IMI_CHECK(!batch.items.empty(), "the block has something");
    state.PauseTiming();
    for (const auto& item : batch.items) pool.requeue(item.content);
    state.ResumeTiming();
  }
}

void pool_take(benchmark::State& state) { take_from(state, 1000); }
BENCHMARK(pool_take)->Arg(1'000)->Arg(10'000)->Arg(60'000)->Unit(benchmark::kMicrosecond);

// All but 256 authors have something that is not due yet.
void pool_take_undue(benchmark::State& state) { take_from(state, 10 * kMaxExpiry); }
BENCHMARK(pool_take_undue)->Arg(1'000)->Arg(60'000)->Unit(benchmark::kMicrosecond);

}  // namespace
