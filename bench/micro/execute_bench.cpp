// Execution of event.record over an in-memory view: the cost per entry without the store, its tree
// or its disk. Target: <= 12 us per entry in blocks of 1,000.
//
// items_per_second = entries/s. One subject per entry (all different) is the costly case: each
// brings its own dossier to decode, change and encode.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>

#include "base/check.h"
#include "genesis/sample_network.h"
#include "ledger/core/calendar.h"
#include "ledger/execution/execute.h"
#include "ledger/submission/admission.h"

namespace {

using namespace imi;
using namespace imi::ledger;

class MapView final : public StateView {
 public:
  std::expected<std::optional<Bytes>, StoreError> record(const Hash256& path,
                                                         RecordUse) const override {
    const auto it = records.find(path);
    return it == records.end() ? std::nullopt : std::optional(it->second);
  }
  std::expected<std::optional<Bytes>, StoreError> aux(ByteView) const override {
    return std::nullopt;
  }
  void apply(const StateDiff& diff) {
    for (const RecordChange& r : diff.records) {
      if (r.value) records.insert_or_assign(r.path, *r.value);
    }
  }
  std::map<Hash256, Bytes> records;
};

struct Chain {
  Chain() {
    genesis::SampleOptions options;
    options.time = chain::TimeMs(1'795'000'000'000);
    const auto validator = crypto::SecretKey::generate(random);
    options.validators.push_back({"v1", validator.public_key(), random.fixed<Hash256>()});
    auto made = genesis::make_sample_network(options, random);
    IMI_CHECK(made.has_value());
    network = std::move(*made);
    policy = make_policy(network.genesis);
    time = options.time.next();
    view.apply(execute_genesis(network.genesis).value());
  }

  std::shared_ptr<const Submission> sign(std::string_view agency, std::vector<Entry> entries) {
    return std::make_shared<const Submission>(
        sign_submission({policy.genesis, chain::retag<AuthorId>(agency_id(agency)),
                         random.fixed<Nonce>(), time.plus(60'000)},
                        std::move(entries), network.key(agency)));
  }

  ExecutionResult run(const std::vector<std::shared_ptr<const Submission>>& bodies) const {
    auto r = execute(view, {policy, chain::Height(2), time, bodies});
    IMI_CHECK(r.has_value());
    return std::move(*r);
  }

  SubjectId add_enterprise(std::uint32_t n) {
    std::string text = "91990604000000000";
    for (std::size_t i = 16; n != 0; --i, n /= 10) text[i] = static_cast<char>('0' + n % 10);
    text += uscc_check_character(text);
    const SubjectEnterprise e{parse_uscc(text).value(), "A shop", Division{440604010001}};
    view.apply(run({sign(genesis::kSampleMarket, {e})}).diff);
    return enterprise_id(e.uscc);
  }

  Entry event(const SubjectId& subject, std::uint64_t n) const {
    EventRecord e;
    e.subject = subject;
    const EventCode* code = policy.catalog.code("food.pests");
    e.facts.decided = e.facts.occurred = day_of(time).plus(-static_cast<std::int32_t>(n % 300));
    e.facts.rule = policy.catalog.rule_for(*code, Gravity::kGeneral, e.facts.decided)->id;
    e.facts.what =
        PublicFacts{code->id, 300'000, "DineSafe 104791553-" + std::to_string(n),
                    Basis{BasisLevel::kRegulation, "Food premises regulation Sec. 7(1)(f)"},
                    Grid{1, 440604, 460}};
    e.source = "104791553-" + std::to_string(n);
    return e;
  }

  crypto::SeededRandom random{1};
  genesis::SampleNetwork network;
  Policy policy;
  chain::TimeMs time;
  MapView view;
};

// Blocks of `entries` entries in submissions of `batch`, over `subjects` enterprises that each have
// `history` events already.
void execute_events(benchmark::State& state) {
  const auto entries = static_cast<std::uint64_t>(state.range(0));
  const auto batch = static_cast<std::uint64_t>(state.range(1));
  const auto subjects = static_cast<std::uint64_t>(state.range(2));
  const auto history = static_cast<std::uint64_t>(state.range(3));
  Chain chain;
  std::vector<SubjectId> ids;
  for (std::uint32_t i = 0; i < subjects; ++i) ids.push_back(chain.add_enterprise(i + 1));
  std::uint64_t n = 0;
  for (const SubjectId& id : ids) {
    std::vector<Entry> past;
    for (std::uint64_t i = 0; i < history; ++i) past.push_back(chain.event(id, n++));
    if (!past.empty()) {
      chain.view.apply(chain.run({chain.sign(genesis::kSampleFood, std::move(past))}).diff);
    }
  }
  std::vector<std::shared_ptr<const Submission>> bodies;
  for (std::uint64_t i = 0; i < entries; i += batch) {
    std::vector<Entry> part;
    for (std::uint64_t k = 0; k < batch; ++k) {
      part.push_back(chain.event(ids[(i + k) % subjects], n++));
    }
    bodies.push_back(chain.sign(genesis::kSampleFood, std::move(part)));
  }
  for (auto _ : state) {
    auto result = chain.run(bodies);
    IMI_CHECK(result.accepted == entries);
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(entries));
}
BENCHMARK(execute_events)
    ->ArgNames({"entries", "batch", "subjects", "history"})
    ->Args({1000, 1000, 1000, 0})
    ->Args({1000, 1000, 1000, 10})
    ->Args({1000, 1000, 10, 10})
    ->Args({1000, 1, 1000, 10})
    ->Unit(benchmark::kMicrosecond);

// From wire bytes to a checked submission, without the signature: what the verify pool does first.
void decode_and_check(benchmark::State& state) {
  Chain chain;
  const SubjectId id = chain.add_enterprise(1);
  std::vector<Entry> entries;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(state.range(0)); ++i) {
    entries.push_back(chain.event(id, i));
  }
  const Bytes bytes = encode(*chain.sign(genesis::kSampleFood, std::move(entries)));
  const auto limits = admission_limits(chain.policy.genesis, chain.policy.parameters);
  for (auto _ : state) {
    auto s = decode_submission(bytes, limits);
    IMI_CHECK(s.has_value() && check_stateless(*s, limits).has_value());
    benchmark::DoNotOptimize(s);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes_per_entry"] =
      static_cast<double>(bytes.size()) / static_cast<double>(state.range(0));
}
BENCHMARK(decode_and_check)->Arg(1)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
