// bench: drives a running network and measures it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <thread>

#include "base/hex.h"
#include "cli/client/load_client.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/histogram.h"
#include "cli/interrupt.h"
#include "cli/network/network.h"
#include "cli/progress.h"
#include "cli/write/agencies.h"
#include "cli/write/sender.h"
#include "ledger/core/calendar.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  std::uint64_t rate = 0;          // entries per second; 0 = closed loop
  std::uint32_t concurrency = 64;  // calls in flight, closed loop
  std::uint32_t entries = 1;       // per submission
  std::uint32_t per_call = 1;      // submissions per call
  std::uint32_t subjects = 1000;
  std::uint32_t seconds = 10;
  std::uint32_t warmup = 2;
  std::uint32_t connections = 16;
  std::uint32_t pipelined = 64;
  std::uint64_t total = 0;  // entries; 0 = as many as `seconds` allows
  std::string wait = std::string(rpc::kWaitCommitted);
};

struct Totals {
  std::uint64_t started = 0;
  std::uint64_t entries_ok = 0;
  std::uint64_t entries_refused = 0;
  std::uint64_t turned_away = 0;  // submissions: the node was at one of its limits
  std::uint64_t calls_failed = 0;
  std::string first_failure;
  Histogram latency_us;
};

// Test codes: 91 (an enterprise), division 990699 (99 is not a province), a number. No real code
// can collide, nor one of the sample.
ledger::Uscc bench_uscc(std::uint32_t n) {
  std::string text = fmt::format("91990699{:08}0", n);
  text.push_back(ledger::uscc_check_character(text));
  return *ledger::parse_uscc(text);
}

// Registers what is not registered yet; how many are is kept in <dir>/bench-subjects.
void prepare_subjects(Session& s, std::uint32_t subjects, ledger::Division division) {
  const auto file = s.dir() / "bench-subjects";
  const auto text = read_whole(file, 32);
  const std::uint64_t have = text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
  if (have >= subjects) return;
  const ledger::AgencyRegister& market = agency_with(s, ledger::Role::kMarket);
  const Author author = resolve_author(s, market.profile.short_name);
  Progress progress("subjects", subjects - have, s.out().err(), s.out().json() || s.out().quiet());
  std::uint64_t done = 0;
  std::string refused;
  Sender sender(s, std::string(rpc::kWaitCommitted), 4,
                [&](std::uint64_t, const KnownSubmission& f) {
                  for (const EntryOutcome& e : f.outcomes) {
                    if (!e.ok && e.refusal != "already-registered" && refused.empty())
                      refused = e.refusal + " " + e.message;
                    ++done;
                  }
                  progress.update(done);
                });
  std::uint64_t tag = 0;
  for (std::uint64_t at = have; at < subjects;) {
    std::vector<ledger::Entry> entries;
    for (; at < subjects && entries.size() < 1000; ++at) {
      ledger::SubjectEnterprise e;
      e.uscc = bench_uscc(static_cast<std::uint32_t>(at));
      e.name = fmt::format("bench {}", at);
      e.division = division;
      entries.emplace_back(std::move(e));
    }
    const ledger::Submission sub = sign_now(s, author, std::move(entries));
    while (!sender.has_room()) sender.poll(std::chrono::milliseconds(50));
    sender.send(tag++, to_hex(ledger::digests(sub)->id), sub.header.expiry.value, encode(sub));
  }
  while (sender.under_way() > 0) sender.poll(std::chrono::milliseconds(50));
  if (!refused.empty())
    fail(ExitCode::kRefused, "subjects-refused", "a test enterprise was refused: " + refused);
  if (auto ok = write_whole(file, fmt::format("{}\n", subjects)); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
}

// Makes signed requests: all the work of the generator that can be done before the clock starts.
class Requests {
 public:
  Requests(Session& s, const BenchOptions& o)
      : session_(s),
        options_(o),
        recorder_(agency_with(s, ledger::Role::kRecorder, "food")),
        author_(resolve_author(s, recorder_.profile.short_name)) {
    for (const ledger::EventCode& c : s.genesis().catalog.codes) {
      const bool mine = std::find(recorder_.profile.fields.begin(), recorder_.profile.fields.end(),
                                  c.field) != recorder_.profile.fields.end();
      if (mine && c.needs == 0 && code_ == nullptr) code_ = &c;
    }
    if (code_ == nullptr)
      fail(ExitCode::kLocal, "no-code", "the catalog has no code that needs no further field");
    // As long as the chain allows, less the clocks' difference: all are signed before the first is
    // sent.
    valid_ms_ = s.genesis().parameters.max_expiry_ms - 5'000;
    today_ = ledger::day_of(chain::TimeMs(s.now_ms()));
  }

  [[nodiscard]] ledger::Division division() const { return recorder_.profile.divisions.front(); }

  std::string make(std::uint64_t call) {
    const json::object wait{{"wait", options_.wait}, {"timeout_ms", 30'000}};
    const auto id = static_cast<std::int64_t>(call);
    json::object params = wait;
    if (options_.per_call == 1) {
      params["submission"] =
          to_base64url(encode(sign_now(session_, author_, entries(), valid_ms_)));
      return rpc::request_text(id, "submit", std::move(params));
    }
    json::array list;
    for (std::uint32_t i = 0; i < options_.per_call; ++i) {
      list.emplace_back(to_base64url(encode(sign_now(session_, author_, entries(), valid_ms_))));
    }
    params["submissions"] = std::move(list);
    return rpc::request_text(id, "submit_batch", std::move(params));
  }

 private:
  std::vector<ledger::Entry> entries() {
    std::vector<ledger::Entry> out;
    out.reserve(options_.entries);
    for (std::uint32_t i = 0; i < options_.entries; ++i) {
      state_ = state_ * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      ledger::EventRecord e;
      e.subject = ledger::enterprise_id(
          bench_uscc(static_cast<std::uint32_t>((state_ >> 33) % options_.subjects)));
      e.facts.rule = code_->rules.front();
      e.facts.occurred = today_;
      e.facts.decided = today_;
      ledger::PublicFacts what;
      what.code = code_->id;
      what.basis = {ledger::BasisLevel::kLaw, "bench"};
      e.facts.what = std::move(what);
      out.emplace_back(std::move(e));
    }
    return out;
  }

  Session& session_;
  const BenchOptions& options_;
  const ledger::AgencyRegister& recorder_;
  Author author_;
  const ledger::EventCode* code_ = nullptr;
  ledger::Day today_;
  std::int64_t valid_ms_ = 0;
  std::uint64_t state_ = 88'172'645'463'325'252ULL;
};

// The node is at a limit of its own: a client that is not a benchmark would send again.
bool is_limit(std::optional<rpc::Error> e) {
  return e == rpc::Error::kServerBusy || e == rpc::Error::kPoolFull ||
         e == rpc::Error::kAuthorShareFull || e == rpc::Error::kRateLimited;
}

// The same of one submission in the answer to a batch: {"error": {"code": ..}}.
bool is_limit(const json::value& answer) {
  const json::object* o = answer.if_object();
  const json::value* error = o != nullptr ? o->if_contains("error") : nullptr;
  const json::object* e = error != nullptr ? error->if_object() : nullptr;
  const json::value* code = e != nullptr ? e->if_contains("code") : nullptr;
  return code != nullptr && code->is_int64() && is_limit(rpc::error_from_code(code->get_int64()));
}

void count_result(const json::value& v, std::uint32_t entries, Totals& t) {
  if (is_limit(v)) {
    ++t.turned_away;
    return;
  }
  const auto result = known_by_report(v);
  if (!result || (result->status != SubmissionStatus::kCommitted &&
                  result->status != SubmissionStatus::kPending)) {
    ++t.calls_failed;
    if (t.first_failure.empty()) t.first_failure = json::serialize(v).substr(0, 300);
    return;
  }
  std::uint64_t refused = 0;
  for (const EntryOutcome& e : result->outcomes) {
    if (e.ok) continue;
    ++refused;
    if (t.first_failure.empty()) t.first_failure = e.refusal + ": " + e.message;
  }
  t.entries_refused += refused;
  t.entries_ok += entries - refused;
}

void count_answer(const LoadClient::Done& d, const BenchOptions& o, Totals& t) {
  auto response = rpc::parse_response(d.body);
  if (d.http_status == 0 || !response || !response->outcome) {
    if (response && !response->outcome && is_limit(response->outcome.error().error)) {
      t.turned_away += o.per_call;
      return;
    }
    ++t.calls_failed;
    if (t.first_failure.empty()) {
      t.first_failure = d.http_status == 0 ? d.body
                        : !response        ? response.error().message
                                           : response->outcome.error().message;
    }
    return;
  }
  const json::value& v = *response->outcome;
  if (!v.is_array()) return count_result(v, o.entries, t);
  for (const json::value& e : v.get_array()) count_result(e, o.entries, t);
}

struct Resources {
  std::vector<Usage> nodes;
  std::uint64_t own_cpu_us = 0;
};

Resources resources(Session& s) {
  Resources r;
  if (std::filesystem::exists(manifest_path(s.dir()))) {
    if (const auto m = load_manifest(s.dir())) {
      for (const NodeEntry& n : m->nodes) {
        const auto p = node_process(s.dir(), n);
        if (const auto u = p ? usage_of(*p) : std::nullopt) r.nodes.push_back(*u);
      }
    }
  }
  rusage self{};
  ::getrusage(RUSAGE_SELF, &self);
  const auto us = [](const timeval& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_usec);
  };
  r.own_cpu_us = us(self.ru_utime) + us(self.ru_stime);
  return r;
}

// Entries in the event log at the certified head: what the ledger itself says it accepted.
std::uint64_t log_size(Session& s) {
  return number_member(member(s.call("head", {}), "head"), "log_size");
}

struct Measured {
  Totals warm_up;
  Totals totals;                 // without it
  std::uint64_t log_growth = 0;  // of the whole run, warm-up included
  std::int64_t elapsed_us = 0;
  Resources before;
  Resources after;
};

// Runs the calls. Open loop: call i is due at i / rate whatever was answered, and its latency
// counts from when it was due. Closed loop: `concurrency` calls are under way at any time.
Measured drive(Session& s, const BenchOptions& o, const std::vector<std::string>& requests,
               std::size_t warmup) {
  Measured m;
  std::vector<Clock::time_point> due(requests.size());
  std::uint64_t answered = 0;
  LoadClientOptions lo;
  lo.nodes = answering_nodes(s);
  lo.connections = o.connections;
  lo.max_pipelined = o.pipelined;
  auto client = LoadClient::connect(lo, [&](LoadClient::Done& d) {
    ++answered;
    const bool counts = d.tag >= warmup;
    count_answer(d, o, counts ? m.totals : m.warm_up);
    if (!counts) return;
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(d.answered - due[d.tag]).count();
    m.totals.latency_us.add(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
  });
  if (!client) fail(client.error());
  const double calls_per_s = o.rate == 0 ? 0 : static_cast<double>(o.rate) / o.entries / o.per_call;
  Progress progress("bench", requests.size(), s.out().err(), s.out().json() || s.out().quiet());
  auto began = Clock::now();
  auto first_counted = began;
  std::size_t next = 0;
  while (answered < requests.size()) {
    if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
    const auto now = Clock::now();
    while (next < requests.size()) {
      if (next == warmup && warmup > 0 && o.rate == 0 && answered < warmup) break;  // a clean start
      auto when = now;
      if (o.rate != 0) {
        when = began + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(static_cast<double>(next) / calls_per_s));
        if (when > now) break;
      } else if (client->under_way() >= o.concurrency) {
        break;
      }
      if (next == warmup) {
        m.before = resources(s);
        first_counted = when;
      }
      due[next] = when;
      if (!client->start(next, requests[next])) break;
      ++next;
    }
    client->poll(std::chrono::microseconds(o.rate != 0 ? 500 : 2000));
    progress.update(answered);
  }
  m.elapsed_us =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - first_counted).count();
  m.after = resources(s);
  m.totals.started = requests.size() - warmup;
  return m;
}

std::string ms_text(std::uint64_t us) {
  return fmt::format("{}.{:02} ms", us / 1000, us % 1000 / 10);
}

void report(Session& s, const BenchOptions& o, const Measured& m) {
  const Totals& t = m.totals;
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(m.elapsed_us, 1));
  const std::uint64_t rate = t.entries_ok * 1'000'000 / us;
  std::uint64_t cpu_ms = 0;
  std::uint64_t written = 0;
  std::uint64_t peak = 0;
  const bool local = m.before.nodes.size() == m.after.nodes.size() && !m.after.nodes.empty();
  for (std::size_t i = 0; local && i < m.after.nodes.size(); ++i) {
    cpu_ms += m.after.nodes[i].cpu_ms - m.before.nodes[i].cpu_ms;
    written +=
        m.after.nodes[i].written_bytes.value_or(0) - m.before.nodes[i].written_bytes.value_or(0);
    peak = std::max(peak, m.after.nodes[i].peak_resident_bytes);
  }
  const std::uint64_t n = std::max<std::uint64_t>(t.entries_ok, 1);
  const std::uint64_t nodes = std::max<std::uint64_t>(m.after.nodes.size(), 1);
  const std::uint64_t own = (m.after.own_cpu_us - m.before.own_cpu_us) / n;
  json::object j{{"loop", o.rate == 0 ? "closed" : "open"},
                 {"offered_entries_per_s", o.rate},
                 {"concurrency", o.concurrency},
                 {"entries_per_submission", o.entries},
                 {"submissions_per_call", o.per_call},
                 {"subjects", o.subjects},
                 {"wait", o.wait},
                 {"calls", t.started},
                 {"entries", t.entries_ok},
                 {"entries_refused", t.entries_refused},
                 {"submissions_turned_away", t.turned_away},
                 {"calls_failed", t.calls_failed},
                 {"log_growth", m.log_growth},
                 {"elapsed_ms", us / 1000},
                 {"entries_per_s", rate},
                 {"latency_us", json::object{{"p50", t.latency_us.quantile(500)},
                                             {"p99", t.latency_us.quantile(990)},
                                             {"max", t.latency_us.max()},
                                             {"mean", t.latency_us.mean()}}},
                 {"generator_cpu_us_per_entry", own}};
  if (local) {
    j["nodes"] = m.after.nodes.size();
    j["cpu_us_per_entry_per_node"] = cpu_ms * 1000 / nodes / n;
    j["bytes_written_per_entry_per_node"] = written / nodes / n;
    j["peak_resident_bytes"] = peak;
  }
  if (!t.first_failure.empty()) j["first_failure"] = t.first_failure;
  s.out().emit(j);
  Fields f;
  f.add("load", o.rate == 0 ? fmt::format("closed loop, {} calls in flight", o.concurrency)
                            : fmt::format("open loop, {} entries/s offered", grouped(o.rate)));
  f.add("submission", fmt::format("{} entries, signed; {} per call; over {} subjects; wait {}",
                                  grouped(o.entries), o.per_call, grouped(o.subjects), o.wait));
  f.add("done",
        Cell(fmt::format("{} entries in {}: {} entries/s", grouped(t.entries_ok),
                         duration_text(static_cast<std::int64_t>(us / 1000)), grouped(rate)),
             Style::kBold));
  if (t.entries_refused + t.calls_failed > 0) {
    f.add("NOT done",
          Cell(fmt::format("{} entries refused, {} calls failed; the first: {}",
                           grouped(t.entries_refused), grouped(t.calls_failed), t.first_failure),
               Style::kBad));
  }
  if (t.turned_away > 0) {
    f.add("turned away",
          fmt::format("{} submissions: more than the nodes accept at a time; a client "
                      "would send them again",
                      grouped(t.turned_away)));
  }
  f.add("latency", fmt::format("p50 {}, p99 {}, max {}", ms_text(t.latency_us.quantile(500)),
                               ms_text(t.latency_us.quantile(990)), ms_text(t.latency_us.max())));
  if (local) {
    f.add("per node",
          fmt::format("{} us CPU and {} written per entry; peak memory {}",
                      cpu_ms * 1000 / nodes / n, size_text(written / nodes / n), size_text(peak)));
  }
  f.add("generator", fmt::format("{} us CPU per entry", own));
  s.out().show(f);
  if (t.entries_ok == 0)
    fail(ExitCode::kRefused, "nothing-done", "no entry was accepted: " + t.first_failure);
}

void bench(Session& s, BenchOptions o) {
  (void)wait_level(o.wait);
  Requests make(s, o);
  prepare_subjects(s, o.subjects, make.division());
  const std::uint64_t per_call = std::uint64_t{o.entries} * o.per_call;
  // Closed loop: how many calls `seconds` will take is not known; 20,000 entries/s is out of reach
  // here, so the run ends when the calls do or the time is over, whichever is first.
  std::uint64_t entries = o.total != 0 ? o.total : o.rate != 0 ? o.rate * o.seconds : 0;
  std::uint64_t warm_calls =
      o.rate != 0 ? o.rate * o.warmup / per_call : std::min<std::uint64_t>(o.concurrency, 64);
  if (entries == 0) entries = std::uint64_t{o.seconds} * (o.entries >= 100 ? 12'000 : 5'000);
  const std::uint64_t calls = std::max<std::uint64_t>(1, entries / per_call) + warm_calls;
  std::vector<std::string> requests;
  requests.reserve(calls);
  {
    Progress progress("sign", calls, s.out().err(), s.out().json() || s.out().quiet());
    for (std::uint64_t i = 0; i < calls; ++i) {
      if (interrupted())
        fail(ExitCode::kInterrupted, "interrupted", "interrupted; nothing was sent");
      requests.push_back(make.make(i));
      progress.update(i + 1);
    }
  }
  const std::uint64_t before = log_size(s);
  Measured m = drive(s, o, requests, warm_calls);
  // Answers without outcomes (committed, not certified yet) are checked against the log: every
  // accepted entry is a leaf of it, and nothing else is.
  const std::uint64_t expected = calls * per_call -
                                 (m.totals.calls_failed + m.warm_up.calls_failed) * per_call -
                                 (m.totals.turned_away + m.warm_up.turned_away) * o.entries;
  for (int tries = 0; tries < 100 && log_size(s) < before + expected; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  m.log_growth = log_size(s) - before;
  if (m.log_growth < expected && m.totals.entries_refused == 0 && m.totals.calls_failed == 0) {
    m.totals.entries_refused = std::min(expected - m.log_growth, m.totals.entries_ok);
    m.totals.entries_ok -= m.totals.entries_refused;
    m.totals.first_failure = "the log grew by fewer entries than were committed";
  }
  report(s, o, m);
}

}  // namespace

void add_bench_command(CLI::App& root, Session& s) {
  auto o = std::make_shared<BenchOptions>();
  auto* c = root.add_subcommand(
      "bench",
      "Drive a running network and measure it\n"
      "Signs everything before the clock starts. Open loop with --rate: calls start when they are "
      "due, and latency counts from then, so that a slow ledger shows as latency. Closed loop "
      "otherwise: --concurrency calls are in flight. CPU, bytes written and memory are those of "
      "the local nodes. Writes test enterprises (codes of division 990699) and events.");
  c->group(kChapterNetwork);
  c->add_option("--rate", o->rate, "entries per second to offer (open loop)")->type_name("N");
  c->add_option("--concurrency", o->concurrency, "calls in flight (closed loop)")
      ->capture_default_str()
      ->check(CLI::Range(1U, 65'536U));
  c->add_option("--entries", o->entries, "entries per submission")
      ->capture_default_str()
      ->check(CLI::Range(1U, 4096U));
  c->add_option("--per-call", o->per_call, "submissions per call")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1024U));
  c->add_option("--subjects", o->subjects, "enterprises that the events are spread over")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1'000'000U));
  c->add_option("--seconds", o->seconds, "how long (open loop), or how much work (closed)")
      ->capture_default_str()
      ->check(CLI::Range(1U, 400U));
  c->add_option("--total", o->total, "entries in all, instead of --seconds")->type_name("N");
  c->add_option("--warmup", o->warmup, "seconds not counted (open loop)")
      ->capture_default_str()
      ->check(CLI::Range(0U, 60U));
  c->add_option("--connections", o->connections, "TCP connections")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1024U));
  c->add_option("--pipelined", o->pipelined, "calls in flight per connection")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1024U));
  c->add_option("--wait", o->wait, "accepted, committed or certified")
      ->type_name("LEVEL")
      ->capture_default_str();
  c->footer(
      "imi bench --rate 4000 --seconds 20\n"
      "imi bench --entries 1000 --concurrency 8 --subjects 100000\n"
      "imi bench --concurrency 1 --total 500 --wait certified     # latency of an idle network");
  c->callback([&s, o] { s.action = [&s, o] { bench(s, *o); }; });
}

}  // namespace imi::cli
