// The metrics follow the Prometheus text format, each with HELP and TYPE, and are in the
// documents.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "node/handlers/handlers.h"
#include "node/net/rpc_metrics.h"
#include "node/real/threads.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::node::test {
namespace {

// A validator that signs nothing, with one peer connected and one not.
class Silent final : public NodeAccess {
 public:
  void submit(SharedBytes, WaitFor, std::uint32_t, std::function<void(SubmitResult)>) override {}
  void submit_batch(std::vector<SharedBytes>,
                    std::function<void(std::vector<SubmitResult>)>) override {}
  void submission(const chain::SubmissionId&, std::function<void(SubmissionReport)>) override {}
  [[nodiscard]] NodeStatus status() const override {
    NodeStatus s;
    s.role = NodeRole::kSilentValidator;
    s.silent_because = "a \"reason\"\nwith a \\ in it";
    return s;
  }
  [[nodiscard]] DriverCounters counters() const override {
    DriverCounters c;
    c.messages_unknown = 1;
    c.frames_unknown = 2;
    c.pushes_dropped = 3;
    c.submissions_forged = 4;
    c.sync_late = 5;
    c.sync_unasked = 6;
    c.commit_latency.add(700);
    c.commit_latency.add(700);
    c.commit_latency.add(60'000'000);
    return c;
  }
  [[nodiscard]] NodeHealth health() const override {
    NodeHealth h;
    h.why_not = {"it is silent"};
    h.clocks.own_ahead_ms = -3'600'250;
    return h;
  }
  [[nodiscard]] std::vector<PeerRow> peers() const override {
    PeerRow up;
    up.name = "validator-1";
    up.connected = true;
    up.clock_ahead_us = 1'500;
    up.cut_off = 7;
    PeerRow down;
    down.name = "validator-2";
    down.last_end = "unresolved";
    return {up, down};
  }
};

std::string metrics_of_silent() {
  ledger::test::TestChain chain{1};
  const auto db = chain.open(ledger::MemStore::create());
  Silent node;
  const SystemClock clock;
  const Handlers handlers({.node_name = "node", .version = "1"}, node, *db, clock);
  return handlers.metrics() + rpc_metrics(RpcStats{});
}

// Reads a text of the format 0.0.4; fails on what `promtool check metrics` refuses.
struct Parsed {
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> samples;  // "name{labels}" -> value

  explicit Parsed(const std::string& text) {
    static const std::regex sample(
        R"(([a-z_]+)(\{([a-z]+="([^"\\\n]|\\["\\n])*"(,|(?=\})))+\})? (-?[0-9]+(\.[0-9]+)?))");
    std::istringstream in(text);
    std::string current;
    std::set<std::string> helped;
    for (std::string line; std::getline(in, line);) {
      CAPTURE(line);
      std::istringstream words(line);
      std::string hash, kind, name, rest;
      if (line.starts_with("# HELP ")) {
        words >> hash >> kind >> name;
        std::getline(words, rest);
        CHECK(rest.size() > 5);
        CHECK(helped.insert(name).second);  // each metric stands together, once
        current = name;
        continue;
      }
      if (line.starts_with("# TYPE ")) {
        words >> hash >> kind >> name >> rest;
        CHECK(name == current);
        types[name] = rest;
        const bool counter = rest == "counter";
        CHECK(counter == name.ends_with("_total"));
        for (const std::string_view word : {"_ms", "_us", "_count", "_bucket"}) {
          CHECK_FALSE(name.ends_with(word));
        }
        continue;
      }
      std::smatch m;
      REQUIRE(std::regex_match(line, m, sample));
      std::string base = m[1];
      if (types[current] == "histogram") {
        CHECK((base == current + "_bucket" || base == current + "_sum" ||
               base == current + "_count"));
      } else {
        CHECK(base == current);
      }
      CHECK(samples.emplace(base + m[2].str(), m[6]).second);
    }
  }
};

}  // namespace

TEST_CASE("every metric has HELP, TYPE and well-formed samples") {
  const Parsed p(metrics_of_silent());
  for (const MetricSpec& s : Handlers::metric_specs()) {
    CAPTURE(s.name);
    REQUIRE(p.types.contains(std::string(s.name)));
    CHECK(p.types.at(std::string(s.name)) == name(s.type));
  }
  CHECK(p.types.size() == Handlers::metric_specs().size());
}

TEST_CASE("silence, clocks, peers and latencies are among the metrics") {
  const Parsed p(metrics_of_silent());
  const auto at = [&](const std::string& name) {
    CAPTURE(name);
    REQUIRE(p.samples.contains(name));
    return p.samples.at(name);
  };
  CHECK(at(R"(imi_silent{reason="a \"reason\"\nwith a \\ in it"})") == "1");
  CHECK(at("imi_ready") == "0");
  CHECK(at("imi_clock_ahead_seconds") == "-3600.25");
  CHECK(at(R"(imi_peer_clock_ahead_seconds{peer="validator-1"})") == "0.0015");
  CHECK(at(R"(imi_peer_connected{peer="validator-2",reason="unresolved"})") == "0");
  CHECK(at(R"(imi_commit_seconds_bucket{le="0.0005"})") == "0");
  CHECK(at(R"(imi_commit_seconds_bucket{le="0.001"})") == "2");
  CHECK(at(R"(imi_commit_seconds_bucket{le="30"})") == "2");
  CHECK(at("imi_commit_seconds_count") == "3");
  CHECK(at("imi_commit_seconds_sum") == "60.0014");
  CHECK(at("imi_rpc_request_seconds_count") == "0");
  CHECK(at("imi_safety_log_sync_seconds_count") == "0");
}

TEST_CASE("what peers did that they should not have is among the metrics") {
  const Parsed p(metrics_of_silent());
  const std::pair<const char*, const char*> expected[] = {
      {"imi_messages_unknown_total", "1"},
      {"imi_frames_unknown_total", "2"},
      {"imi_pushes_dropped_total", "3"},
      {"imi_submissions_forged_total", "4"},
      {"imi_sync_late_total", "5"},
      {"imi_sync_unasked_total", "6"},
      {R"(imi_peer_cut_off_total{peer="validator-1"})", "7"},
      {R"(imi_peer_cut_off_total{peer="validator-2"})", "0"},
  };
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    REQUIRE(p.samples.contains(name));
    CHECK(p.samples.at(name) == value);
  }
}

TEST_CASE("the table of metrics in docs/OPERATIONS.md is that of the existing metrics") {
  std::ifstream in(IMI_SOURCE_DIR "/docs/OPERATIONS.md");
  std::stringstream text;
  text << in.rdbuf();
  CHECK_MESSAGE(text.str().find(metrics_table(Handlers::metric_specs())) != std::string::npos,
                "put the output of `imid --print-metrics` into docs/OPERATIONS.md");
}

}  // namespace imi::node::test
