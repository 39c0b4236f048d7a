// Checks the checker: each defect that consensus/defects.h can plant is found by the simulator, by
// an invariant that says what is wrong. Prints which, and after how many seeds.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "consensus/defects.h"
#include "tests/sim/runner.h"

namespace {

using namespace imi::sim;
using imi::consensus::Defect;

constexpr std::uint64_t kSeeds = 120;    // per defect, unless --seeds says otherwise
constexpr std::size_t kBatchSeeds = 24;  // run at a time
constexpr std::uint64_t kEvents = 6'000;

struct Expectation {
  Defect defect;
  std::set<std::string> invariants;  // any of these is the right reason
  std::vector<Plan> plans;           // where it shows
  bool required = true;              // false: looked for, and a miss is reported, not failed
  std::string_view says = {};        // what the violation's text must have in it
  std::optional<ByzantineTraits> lies = std::nullopt;  // one member lies in this way alone
};

// All are shown the same block that breaks a rule.
ByzantineTraits bad_blocks() {
  ByzantineTraits t;
  t.bad_blocks = true;
  return t;
}
ByzantineTraits forged_certificates() {
  ByzantineTraits t;
  t.forge_certificates = true;
  return t;
}

ByzantineTraits censors(Censorship kind) {
  ByzantineTraits t;
  t.censorship = kind;
  return t;
}

std::vector<Expectation> expectations() {
  using enum Plan;
  return {
      {Defect::kQuorumOneShort,
       {"I6", "I7", "I8", "I10", "I13", "I20"},
       {kCrash, kPartition, kEquivocate}},
      {Defect::kNewViewNotRecomputed, {"I7", "I8", "A3"}, {kEquivocate}},
      {Defect::kCountSignatures, {"I10", "I13"}, {kEquivocate}},
      // A PREPARE replayed as a COMMIT counts, or its member takes it for a stranger's.
      {Defect::kNoKindInDigest, {"I10", "I13", "B6"}, {kEquivocate}},
      {Defect::kVoteBeforePersist, {"I4"}, {kCalm, kCrash}},
      {Defect::kForgetPrepared, {"A4", "I8"}, {kPartition, kStorm}},
      {Defect::kNoPrefixRule, {"I9"}, {kStorm, kPartition}},
      {Defect::kCommitWithoutPrepared, {"I9", "I4"}, {kCalm, kStorm}},
      {Defect::kVoteBelowPromised, {"I5"}, {kPartition, kStorm}},
      // It signs against its vote, or meets it again and takes it for a stranger's.
      {Defect::kForgetVoteOnRestart, {"I1", "B1", "A4", "B6"}, {kCrash}},
      {Defect::kIgnoreHeadMismatch, {"D3"}, {kEquivocate}},
      {Defect::kAcceptRepeats, {"I16"}, {kCalm}, true, "", bad_blocks()},
      {Defect::kParentUnchecked, {"I7", "A2"}, {kCalm}, true, "", bad_blocks()},
      {Defect::kTimeUnchecked, {"I15", "C1"}, {kCalm}, true, "", bad_blocks()},
      {Defect::kHighestOnly, {"I7", "I8", "A3"}, {kPipeline}},
      // A forged certificate counts, or the member that it names takes it for a lost memory's.
      {Defect::kNestedUnverified,
       {"I10", "I8", "I7", "B6"},
       {kMixed, kCrash, kStorm, kPartition},
       true,
       "",
       forged_certificates()},
      // The ledger refuses a block that is not the next one, and the member stops.
      {Defect::kExecuteOutOfOrder, {"halt"}, {kStorm, kPartition}, true, "not-next"},
      {Defect::kStaleNewViewHalts, {"halt"}, {kStale}, true, "two different blocks"},
      {Defect::kNoLeastStep, {"I21", "I22"}, {kClocks}},
      {Defect::kSignUnasked, {"I19"}, {kRestore}},
      {Defect::kLeaveAlone, {"C4"}, {kStorm, kPartition}},
      {Defect::kCountUndue, {"I26"}, {kPester}},
      {Defect::kShielded, {"C6"}, {kCensor}, true, "", censors(Censorship::kShield)},
      {Defect::kOwnVotesUncompared, {"I19"}, {kRestore}},
      {Defect::kPushesUncounted, {"C6"}, {kCensor}, true, "", censors(Censorship::kNeverAck)},
  };
}

enum class Hunt : std::uint8_t { kCaught, kWrong, kMissed };  // kWrong: by another invariant

Hunt hunt(const Expectation& e, unsigned jobs, std::uint64_t max_seeds) {
  std::uint64_t seeds = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t first = 1; seeds < max_seeds; first += kBatchSeeds) {
    Batch batch;
    batch.jobs = jobs;
    batch.stop_after_failures = 1;
    batch.in_worker = [&e] {
      imi::consensus::planted_defects() = {e.defect};
      // A process that dies of the defect says so on stderr; here only how it was found matters.
      std::freopen("/dev/null", "w", stderr);
    };
    for (std::uint64_t i = 0; i < kBatchSeeds; ++i) {
      RunOptions o = options_for(first + i, kEvents);
      o.plan = e.plans[i % e.plans.size()];
      o.lies = e.lies;
      if (e.lies) o.byzantine = 1;
      batch.runs.push_back(o);
    }
    const BatchReport report = run_batch(batch);
    seeds += report.runs;
    if (report.failures.empty()) continue;
    const Failure& f = report.failures.front();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const bool right = e.invariants.contains(f.violation.invariant) &&
                       f.violation.text.find(e.says) != std::string::npos;
    std::printf("%-24s %s by %-6s after %3llu seeds, %5.1f s (seed %llu, n=%u, %s): %s\n",
                std::string(name(e.defect)).c_str(), right ? "caught" : "WRONG ",
                f.violation.invariant.c_str(), static_cast<unsigned long long>(seeds), seconds,
                static_cast<unsigned long long>(f.options.seed), unsigned{f.options.replicas},
                std::string(name(f.options.plan)).c_str(),
                f.violation.text.substr(0, f.violation.text.find('\n')).c_str());
    std::fflush(stdout);
    return right ? Hunt::kCaught : Hunt::kWrong;
  }
  std::printf("%-24s NOT CAUGHT in %llu seeds\n", std::string(name(e.defect)).c_str(),
              static_cast<unsigned long long>(seeds));
  std::fflush(stdout);
  return Hunt::kMissed;
}

}  // namespace

// Arguments: [--jobs J] [--seeds N] [name of one defect].
int main(int argc, char** argv) {
  unsigned jobs = 2;
  std::uint64_t seeds = kSeeds;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--jobs") == 0 && i + 1 < argc) {
      jobs = static_cast<unsigned>(std::stoul(argv[++i]));
    } else if (std::strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
      seeds = std::stoull(argv[++i]);
    } else {
      only = argv[i];
    }
  }
  std::size_t caught = 0;
  std::size_t tried = 0;
  bool ok = true;
  for (const Expectation& e : expectations()) {
    if (!only.empty() && name(e.defect) != only) continue;
    ++tried;
    const Hunt result = hunt(e, jobs, seeds);
    if (result == Hunt::kCaught) ++caught;
    if (result == Hunt::kWrong || (result == Hunt::kMissed && e.required)) ok = false;
  }
  std::printf("%zu of %zu planted defects caught for the right reason\n", caught, tried);
  return ok && tried != 0 ? 0 : 1;
}
