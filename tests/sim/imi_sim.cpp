// imi-sim: runs simulated clusters by seed. One seed to reproduce and look at, many to search.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/sim/runner.h"

namespace {

using namespace imi::sim;

constexpr const char* kUsage =
    R"(imi-sim: whole clusters from one seed (real driver, ledger and consensus; simulated
clock, network and disk), with every safety invariant checked after every event.

  imi-sim --seed N --replicas n [--plan P] [--events M] [--byzantine k] [--trace]
      one run; prints its trace hash, or what was violated, where, and the end of its trace
  imi-sim --seeds FROM:COUNT [--events M] [--jobs J] [--plan P] [--replicas n] [--require-all]
      many runs; sizes 4, 5, 7 and the plans take turns unless given
  imi-sim --regressions FILE [--jobs J]
      the runs listed in FILE, one command line each

  --plan P         mixed, calm, storm, crash, partition, equivocate, pester, censor, stale,
                   pipeline, slow-link, clocks, restore (docs/TESTING.md)
  --events M       events under faults; healing and the liveness checks come on top (8000)
  --byzantine k    members that lie, at most f (as the plan says)
  --trace          every record, as it happens, on stderr
  --twice          run it twice and compare the trace hashes
  --require-all    fail if something that must sometimes happen never did
)";

struct Arguments {
  RunOptions run;
  bool plan_given = false;
  bool replicas_given = false;
  std::optional<std::uint64_t> from;
  std::uint64_t count = 0;
  unsigned jobs = 2;
  bool twice = false;
  bool require_all = false;
  std::string regressions;
};

[[noreturn]] void usage_error(const std::string& what) {
  std::fprintf(stderr, "imi-sim: %s\n\n%s", what.c_str(), kUsage);
  std::exit(2);
}

std::uint64_t number(std::string_view option, const std::string& text) {
  char* end = nullptr;
  const std::uint64_t v = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') usage_error(std::string(option) + " needs a number");
  return v;
}

void apply(Arguments& a, const std::string& option, const std::string& value) {
  if (option == "--seed") {
    a.run.seed = number(option, value);
  } else if (option == "--replicas") {
    a.run.replicas = static_cast<std::uint16_t>(number(option, value));
    a.replicas_given = true;
    if (a.run.replicas < 4 || a.run.replicas > 31) usage_error("--replicas must be 4..31");
  } else if (option == "--events") {
    a.run.events = number(option, value);
  } else if (option == "--byzantine") {
    a.run.byzantine = static_cast<std::uint16_t>(number(option, value));
  } else if (option == "--plan") {
    const auto plan = plan_named(value);
    if (!plan) usage_error("there is no plan '" + value + "'");
    a.run.plan = *plan;
    a.plan_given = true;
  } else if (option == "--seeds") {
    const std::size_t colon = value.find(':');
    if (colon == std::string::npos) usage_error("--seeds needs FROM:COUNT");
    a.from = number(option, value.substr(0, colon));
    a.count = number(option, value.substr(colon + 1));
  } else if (option == "--jobs") {
    a.jobs = static_cast<unsigned>(number(option, value));
  } else if (option == "--regressions") {
    a.regressions = value;
  } else {
    usage_error("there is no option '" + option + "'");
  }
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments a;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& w = words[i];
    if (w == "--help" || w == "-h") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (w == "--trace") {
      a.run.echo = true;
    } else if (w == "--twice") {
      a.twice = true;
    } else if (w == "--require-all") {
      a.require_all = true;
    } else if (i + 1 < words.size()) {
      apply(a, w, words[i + 1]);
      ++i;
    } else {
      usage_error(w + " needs a value");
    }
  }
  return a;
}

int report_failures(const BatchReport& report, const std::vector<std::string>& missing) {
  for (const Failure& f : report.failures) print(f);
  for (const std::string& m : missing) std::printf("NEVER HAPPENED: %s\n", m.c_str());
  return report.failures.empty() && missing.empty() ? 0 : 1;
}

int run_one(const Arguments& a) {
  const RunResult first = run(a.run);
  std::printf("%s: %llu events, %.3f virtual s, %llu heights decided, trace %016llx\n",
              repro_command(a.run).c_str(), static_cast<unsigned long long>(first.events),
              static_cast<double>(first.virtual_time) / 1e6,
              static_cast<unsigned long long>(first.decided),
              static_cast<unsigned long long>(first.trace_hash));
  for (const auto& [name, value] : first.counters) {
    if (value != 0) {
      std::printf("  %-34s %llu\n", name.c_str(), static_cast<unsigned long long>(value));
    }
  }
  if (first.violation) print(Failure{a.run, *first.violation, first.events, first.tail});
  if (a.twice && run(a.run).trace_hash != first.trace_hash) {
    std::printf("NOT DETERMINISTIC: the second run has another trace hash\n");
    return 1;
  }
  return first.violation ? 1 : 0;
}

int run_seeds(const Arguments& a) {
  Batch batch;
  batch.jobs = a.jobs;
  batch.progress = true;
  for (std::uint64_t i = 0; i < a.count; ++i) {
    RunOptions o = options_for(*a.from + i, a.run.events);
    if (a.plan_given) o.plan = a.run.plan;
    if (a.replicas_given) o.replicas = a.run.replicas;
    o.byzantine = a.run.byzantine;
    batch.runs.push_back(o);
  }
  const BatchReport report = run_batch(batch);
  std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(*a.from),
              static_cast<unsigned long long>(*a.from + a.count - 1));
  const auto missing =
      print(report, a.require_all ? required_counters() : std::vector<std::string>{});
  return report_failures(report, missing);
}

int run_regressions(const Arguments& a) {
  std::ifstream file(a.regressions);
  if (!file) usage_error("cannot read " + a.regressions);
  Batch batch;
  batch.jobs = a.jobs;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string w; in >> w && w[0] != '#';) words.push_back(w);
    batch.runs.push_back(parse(words).run);
  }
  const BatchReport report = run_batch(batch);
  std::printf("%llu regressions replayed\n", static_cast<unsigned long long>(report.runs));
  return report_failures(report, {});
}

// A CHECK of the product failed inside the run: say what led there.
extern "C" void on_abort(int) {
  print_current_tail();
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, on_abort);
  const Arguments a = parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!a.regressions.empty()) return run_regressions(a);
  if (a.from) return run_seeds(a);
  return run_one(a);
}
