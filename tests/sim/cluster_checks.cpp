// What is required after healing, and what a run reports.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "tests/sim/cluster.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

constexpr std::size_t kTailLines = 40;
constexpr Micros kAlone = 12 * kSecond;  // the cap of the timers is 8 s

}  // namespace

// Runs until `done`, looking every 20 ms; reports `invariant` if it does not come within `bound`.
bool Cluster::wait_for(const char* invariant, const char* what, Micros bound,
                       const std::function<bool()>& done) {
  const Micros limit = queue_.now() + bound;
  while (!oracle_->violation()) {
    if (done()) return true;
    if (queue_.now() >= limit) {
      std::string where;
      for (std::uint16_t i = 0; i < size(); ++i) {
        const node::NodeStatus s = host(i).status();
        where += "\n    node " + std::to_string(i) + (host(i).byzantine() ? " (liar)" : "") +
                 (host(i).up() ? "" : " (down)") + ": view " + std::to_string(s.view.value) +
                 (s.changing ? " (changing)" : "") + ", backoff " + std::to_string(s.backoff) +
                 ", decided " + std::to_string(s.decided.value) + ", executed " +
                 std::to_string(s.executed.height.value) + ", certified " +
                 std::to_string(s.certified.value) + ", pool " + std::to_string(s.pool_items) +
                 ", missing bodies " + std::to_string(s.missing_bodies) + ", messages refused " +
                 std::to_string(host(i).driver_counters().messages_refused) +
                 (s.halted ? ", halted: " + s.halted->sentence : "");
      }
      oracle_->report(invariant, std::string(what) + " did not happen within " +
                                     std::to_string(bound / kSecond) + " s of healing" + where);
      return false;
    }
    run_until(std::min(limit, queue_.now() + 20'000));
  }
  return false;
}

// ---- healing ------------------------------------------------------------------------------------

void Cluster::heal() {
  nemesis_->stop();
  if (scenario_) scenario_->stop();
  clients_running_ = false;
  crash_ppm_ = 0;
  network_->heal();
  trace_.add({queue_.now(), queue_.events_run(), kNoNode, kNoNode, "heals", 0, 0, 0});
  for (std::uint16_t i = 0; i < size(); ++i) {
    host(i).speed() = MachineSpeed{};
    host(i).clock().set_offset(0);
    host(i).mend_disk();
    if (host(i).byzantine()) mind_->rest(rng_.chance_ppm(500'000));
  }
  restart_halted();
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (!host(i).up()) boot(i);
  }
  reconnect_all();
}

void Cluster::check_liveness() {
  const Height decided = oracle_->highest_decided();
  const auto everywhere = [this](const std::function<bool(Host&)>& is) {
    for (std::uint16_t i = 0; i < size(); ++i) {
      if (counts(i) && !is(host(i))) return false;
    }
    return true;
  };
  restart_halted();
  if (!wait_for("I24", "every honest member executing and certifying what was decided",
                90 * kSecond, [&] {
                  restart_halted();
                  return everywhere([&](Host& h) { return h.certified().height >= decided; });
                })) {
    return;
  }
  if (scenario_) scenario_->after_catch_up();
  // New submissions at every honest member: committed everywhere, certified, in time.
  std::vector<std::uint16_t> gateways;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (counts(i)) gateways.push_back(i);
  }
  const std::size_t first = submissions_.size();
  for (int i = 0; i < 4; ++i) submit_new(60 * kSecond, gateways);
  const Height before = oracle_->highest_decided();
  wait_for("I22", "the commit of valid submissions that all honest members hold", 40 * kSecond,
           [&] {
             return everywhere([&](Host& h) {
               for (std::size_t s = first; s < submissions_.size(); ++s) {
                 const auto place = h.find(submissions_[s].submission.known.id);
                 if (!place || place->height > h.certified().height) return false;
               }
               return h.certified().height > before;
             });
           });
}

// C4: no member stays behind in a view change that the others do not make.
void Cluster::check_nobody_changing() {
  if (oracle_->violation()) return;
  wait_for("C4", "the return of every honest member to an active view", 20 * kSecond, [&] {
    for (std::uint16_t i = 0; i < size(); ++i) {
      if (counts(i) && host(i).status().changing) return false;
    }
    return true;
  });
}

std::optional<std::uint16_t> Cluster::alone_in_changing() {
  std::optional<std::uint16_t> who;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (!counts(i) || !host(i).up()) continue;
    if (!host(i).status().changing) continue;
    if (who) return std::nullopt;
    who = i;
  }
  return who;
}

// In a directed plan, whose links are good unless its scenario says otherwise.
void Cluster::watch_changing() {
  queue_.schedule(kWorld, kSecond / 4, [this] {
    if (!clients_running_) return;
    const auto who = alone_in_changing();
    if (!who || options_.plan == Plan::kStale || options_.plan == Plan::kPipeline) {
      alone_since_ = queue_.now();
    } else if (queue_.now() - alone_since_ > kAlone) {
      oracle_->report("C4", "member " + std::to_string(*who) + " is alone in a view change for " +
                                std::to_string(kAlone / kSecond) + " s");
    }
    watch_changing();
  });
}

// B of I22, from the back-off that members have now, and a second until all hold it.
Micros Cluster::inclusion_bound() {
  const ledger::Parameters& p = world_.genesis().parameters;
  const Micros repush = std::min<Micros>(kSecond, Micros{p.timeout_ms} * 1000 / 3);  // U
  const auto f = static_cast<Micros>((size() - 1) / 3);
  std::uint32_t k = static_cast<std::uint32_t>(f);
  std::uint32_t backoff = 0;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (counts(i)) backoff = std::max(backoff, host(i).status().backoff);
  }
  k += backoff;
  const Micros t =
      std::min(Micros{p.timeout_ms} << std::min(k, 10U), Micros{p.max_timeout_ms}) * 1000;
  const Micros in_office = std::max(4 * repush + 2 * t, Micros{p.rotation_heights} * t);
  return f * (in_office + 2 * t) + 2 * t + kSecond;
}

// D3: a member whose execution comes to another head than the certified one stops, and says so.
void Cluster::check_broken_machine() {
  if (oracle_->violation() || !broken_) return;
  wait_for("D3", "the halt of the member whose execution came to other heads", 40 * kSecond,
           [&] { return host(*broken_).halted_on_mismatch(); });
}

// I25: with nothing to do, heads stay fresh.
void Cluster::check_idle() {
  if (oracle_->violation()) return;
  const ledger::Parameters& p = world_.genesis().parameters;
  const Micros bound = Micros{p.heartbeat_ms + 3 * p.timeout_ms + 2'500} * 1000;
  run_until(queue_.now() + bound);
  if (oracle_->violation()) return;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (!counts(i)) continue;
    const std::int64_t age = now_ms().value - host(i).certified().time.value;
    if (age * 1000 > bound) {
      oracle_->report("I25", "an idle head at member " + std::to_string(i) + " is " +
                                 std::to_string(age) + " ms old");
    }
  }
}

// I17 once more, at the end: what clients were told stands, everywhere, at its place.
void Cluster::check_history() {
  if (oracle_->violation()) return;
  for (const auto& [id, place] : oracle_->acknowledged()) {
    for (std::uint16_t i = 0; i < size(); ++i) {
      if (!counts(i)) continue;
      const auto found = host(i).find(id);
      if (!found || found->height != place.height || found->index != place.index) {
        oracle_->report("I17", "member " + std::to_string(i) +
                                   " lost an acknowledged submission of height " +
                                   std::to_string(place.height.value));
        return;
      }
    }
  }
}

RunResult Cluster::result() const {
  RunResult r;
  r.violation = oracle_->violation();
  r.events = queue_.events_run();
  r.virtual_time = queue_.now();
  r.trace_hash = trace_.hash();
  r.decided = oracle_->highest_decided().value;
  r.counters = counters_;
  const Oracle::Counters& o = oracle_->counters();
  r.counters["heights decided"] = o.decided;
  r.counters["heads certified"] = o.certified;
  r.counters["views entered"] = o.new_views;
  r.counters["view change with a prepared set"] = o.new_views_with_proposals;
  r.counters["re-proposal decided"] = o.re_proposals_decided;
  r.counters["equivocation"] = o.equivocations;
  r.counters["acknowledged"] = o.acknowledged;
  for (const auto& h : hosts_) {
    const HostCounters& c = h->counters();
    r.counters["restart with votes"] += c.restarts_with_votes;
    r.counters["torn tail recovered"] += c.torn_tails;
    r.counters["stopped by a disk fault"] += c.disk_halts;
    r.counters["store batches lost"] += c.lost_batches;
    r.counters["died inside a write"] += c.died_in_work;
    r.counters["catch-up by blocks"] += c.blocks_synced;
    r.counters["evidence kept"] += c.evidence;
    r.counters["boots"] += c.boots;
    r.counters["boot without safety log"] += c.silent_boots;
    r.counters["complaint of a primary"] += c.complaints;
    r.counters["lost memory noticed"] += c.memory_missed;
    r.counters["executed to another head"] += c.wrong_heads;
    r.counters["halt on another head"] += c.mismatch_halts;
  }
  r.counters["push dropped by a censor"] += mind_->censored();
  r.counters["re-proposal returned to its signer"] += mind_->returned();
  const NetworkCounters& n = network_->counters();
  r.counters["stale NEW-VIEW shown"] += mind_->stale_new_views();
  r.counters["answer over a slow link"] = n.slow_answers;
  r.counters["frames lost"] = n.lost;
  r.counters["frames cut off"] = n.cut;
  r.counters["frames duplicated"] = n.duplicated;
  if (r.violation) r.tail = trace_.tail(kTailLines);
  return r;
}

namespace {
const Trace* current_trace = nullptr;
}

RunResult run(const RunOptions& options) {
  Cluster cluster(options);
  current_trace = &cluster.trace();
  cluster.run();
  current_trace = nullptr;
  return cluster.result();
}

void print_current_tail() {
  if (current_trace == nullptr) return;
  for (const std::string& line : current_trace->tail(kTailLines)) {
    std::fprintf(stderr, "  | %s\n", line.c_str());
  }
}

}  // namespace imi::sim
