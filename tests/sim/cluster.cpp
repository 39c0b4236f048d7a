#include "tests/sim/cluster.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "tests/sim/nemesis.h"

namespace imi::sim {
namespace {

constexpr std::size_t kTraceKept = 4'096;
constexpr std::size_t kTailLines = 40;
constexpr Micros kMaxFaultTime = 60'000'000;
constexpr Micros kSecond = 1'000'000;
constexpr std::uint32_t kMaxTries = 6;

std::uint16_t byzantine_members(const RunOptions& o) {
  const auto f = static_cast<std::uint16_t>((o.replicas - 1) / 3);
  if (o.byzantine) return std::min(*o.byzantine, f);
  Rng rng = Rng::stream(o.seed, "byzantine");
  switch (o.plan) {
    case Plan::kEquivocate: return f;
    case Plan::kMixed: return rng.chance_ppm(500'000) ? f : std::uint16_t{0};
    case Plan::kStorm:
    case Plan::kPartition: return rng.chance_ppm(200'000) ? f : std::uint16_t{0};
    case Plan::kCalm:
    case Plan::kCrash: return 0;
  }
  return 0;
}

// Which members lie: drawn from the seed.
std::vector<bool> honest_members(const RunOptions& o) {
  std::vector<bool> honest(o.replicas, true);
  Rng rng = Rng::stream(o.seed, "liars");
  for (std::uint16_t left = byzantine_members(o); left > 0;) {
    const std::uint64_t m = rng.below(o.replicas);
    if (!honest[m]) continue;
    honest[m] = false;
    --left;
  }
  return honest;
}

}  // namespace

std::string_view name(Plan p) {
  switch (p) {
    case Plan::kMixed: return "mixed";
    case Plan::kCalm: return "calm";
    case Plan::kStorm: return "storm";
    case Plan::kCrash: return "crash";
    case Plan::kPartition: return "partition";
    case Plan::kEquivocate: return "equivocate";
  }
  return "?";
}

std::optional<Plan> plan_named(std::string_view text) {
  for (std::size_t i = 0; i < kPlans; ++i) {
    if (name(static_cast<Plan>(i)) == text) return static_cast<Plan>(i);
  }
  return std::nullopt;
}

Cluster::Cluster(const RunOptions& options)
    : options_(options),
      world_(options.replicas),
      trace_(kTraceKept),
      connected_(std::size_t{options.replicas} * options.replicas, false),
      clients_(world_, Rng::stream(options.seed, "clients")),
      rng_(Rng::stream(options.seed, "cluster")) {
  trace_.set_echo(options.echo);
  OracleSetup setup;
  setup.genesis = world_.id();
  setup.set = world_.genesis().validators;
  setup.window = world_.genesis().parameters.span();
  setup.max_expiry_ms = world_.genesis().parameters.max_expiry_ms;
  setup.honest = honest_members(options);
  setup.genesis_head.time = world_.genesis().time;
  oracle_ = std::make_unique<Oracle>(setup);
  network_ = std::make_unique<Network>(
      queue_, Rng::stream(options.seed, "network"), options.replicas,
      [this](std::uint16_t to, std::uint16_t from, const Network::Frame& frame) {
        if (connected(to, from)) host(to).on_frame(from, frame);
      });
  const Surroundings around{
      queue_,
      *network_,
      *oracle_,
      trace_,
      world_,
      signatures_,
      [this](std::uint16_t a, std::uint16_t b) { return connected(a, b); },
      [this](std::uint16_t a, std::uint16_t b) {
        if (oracle_->honest(MemberId(a)) && oracle_->honest(MemberId(b))) {
          oracle_->report("peers", "honest member " + std::to_string(a) +
                                       " punishes honest member " + std::to_string(b));
        }
        ++counters_["liar disconnected"];
        set_connected(a, b, false, 0);
        queue_.schedule(kWorld, kSecond, [this, a, b] { set_connected(a, b, true, 0); });
      }};
  Rng traits_rng = Rng::stream(options.seed, "traits");
  ByzantineTraits traits = ByzantineTraits::draw(traits_rng);
  traits.return_proposals = Rng::stream(options.seed, "signatures returned").chance_ppm(400'000);
  if (options.plan == Plan::kEquivocate) traits.equivocate = traits.vote_for_all = true;
  if (options.lies) traits = *options.lies;
  mind_ = std::make_shared<ByzantineMind>(world_, traits, Rng::stream(options.seed, "mind"));
  // Sometimes one of them tells no lie, but its machine computes wrongly.
  const bool broken_machine = traits_rng.chance_ppm(250'000) && !options.lies;
  const Height broken_from(traits_rng.range(2, 30));
  for (std::uint16_t i = 0; i < size(); ++i) {
    const MemberId m(i);
    const bool broken = broken_machine && !setup.honest[i] && !broken_;
    const auto mind =
        broken ? std::make_shared<ByzantineMind>(world_, ByzantineTraits{}, Rng(0)) : mind_;
    hosts_.push_back(std::make_unique<Host>(
        around, m, options.seed,
        setup.honest[i] ? nullptr : std::make_shared<ByzantineMember>(mind, m)));
    if (!broken) continue;
    broken_ = i;
    hosts_.back()->execute_wrongly_from(broken_from);
  }
  nemesis_ = std::make_unique<Nemesis>(*this, options.plan, Rng::stream(options.seed, "nemesis"));
}

Cluster::~Cluster() {
  for (auto& h : hosts_) h->retire();
}

bool Cluster::counts(std::uint16_t i) const {
  return !hosts_[i]->byzantine() && !hosts_[i]->lost_state();
}

chain::TimeMs Cluster::now_ms() const {
  return chain::TimeMs(world_.genesis().time.value + queue_.now() / 1000);
}

// ---- running ----------------------------------------------------------------------------------

bool Cluster::step(Micros until) {
  if (oracle_->violation()) return false;
  if (!queue_.run_one(until)) return false;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (const auto status = host(i).take_status()) oracle_->on_status(MemberId(i), *status);
  }
  if (crash_ppm_ != 0 && rng_.chance_ppm(crash_ppm_)) {
    const auto node = static_cast<std::uint16_t>(rng_.below(size()));
    nemesis_->crash(node, rng_.chance_ppm(500'000));
  }
  return !oracle_->violation();
}

void Cluster::run_until(Micros until) {
  while (queue_.now() < until && !oracle_->violation()) {
    if (!step(until)) break;
  }
}

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

void Cluster::run() {
  for (std::uint16_t i = 0; i < size(); ++i) boot(i);
  nemesis_->start();
  schedule_client();
  while (queue_.events_run() < options_.events && queue_.now() < kMaxFaultTime) {
    if (!step(kMaxFaultTime)) break;
  }
  if (oracle_->violation()) return;
  heal();
  check_liveness();
  check_broken_machine();
  check_idle();
  check_history();
}

// ---- machines and connections -------------------------------------------------------------------

bool Cluster::connected(std::uint16_t a, std::uint16_t b) const {
  return connected_[std::size_t{a} * size() + b];
}

void Cluster::break_if_cut(std::uint16_t a, std::uint16_t b, Micros delay) {
  queue_.schedule(kWorld, delay, [this, a, b] {
    if (network_->is_cut(a, b) || network_->is_cut(b, a)) set_connected(a, b, false, 0);
  });
}

void Cluster::set_connected(std::uint16_t a, std::uint16_t b, bool on, Micros delay) {
  queue_.schedule(kWorld, delay, [this, a, b, on] {
    if (a == b || connected(a, b) == on) return;
    if (on && (!host(a).up() || !host(b).up())) return;
    connected_[std::size_t{a} * size() + b] = on;
    connected_[std::size_t{b} * size() + a] = on;
    host(a).on_peer(b, on);
    host(b).on_peer(a, on);
  });
}

void Cluster::reconnect_all() {
  for (std::uint16_t a = 0; a < size(); ++a) {
    for (std::uint16_t b = 0; b < a; ++b) {
      if (!network_->is_cut(a, b) && !network_->is_cut(b, a)) {
        set_connected(a, b, true, rng_.range_i64(500, 30'000));
      }
    }
  }
}

void Cluster::boot(std::uint16_t i) {
  host(i).boot();
  for (std::uint16_t b = 0; b < size(); ++b) {
    if (b != i && host(b).up()) set_connected(i, b, true, rng_.range_i64(500, 30'000));
  }
}

void Cluster::take_down(std::uint16_t i, bool power_cut) {
  if (power_cut) {
    host(i).cut_power();
  } else {
    host(i).kill();
  }
  for (std::uint16_t b = 0; b < size(); ++b) {
    if (b == i || !connected(i, b)) continue;
    connected_[std::size_t{i} * size() + b] = false;
    connected_[std::size_t{b} * size() + i] = false;
    host(b).on_peer(i, false);
  }
}

// A process that stopped over a disk fault is started again by its operator.
void Cluster::restart_halted() {
  for (std::uint16_t i = 0; i < size(); ++i) {
    // One that came to another head is to be looked at first, not started again.
    if (host(i).up() && host(i).halted() && !host(i).halted_on_mismatch()) {
      take_down(i, rng_.chance_ppm(300'000));
      boot(i);
    }
  }
}

// ---- clients ------------------------------------------------------------------------------------

void Cluster::schedule_client() {
  queue_.schedule(kWorld, rng_.range_i64(5'000, 90'000), [this] {
    if (!clients_running_) return;
    const bool hurried = rng_.chance_ppm(200'000);
    const Micros life =
        hurried ? rng_.range_i64(300'000, 3'000'000) : rng_.range_i64(30 * kSecond, 110 * kSecond);
    std::vector<std::uint16_t> gateways{static_cast<std::uint16_t>(rng_.below(size()))};
    if (rng_.chance_ppm(200'000))
      gateways.push_back(static_cast<std::uint16_t>(rng_.below(size())));
    submit_new(life, gateways);
    schedule_client();
  });
}

void Cluster::submit_new(Micros life, std::vector<std::uint16_t> gateways) {
  PendingSubmission pending;
  pending.submission = clients_.make(chain::TimeMs(now_ms().value + life / 1000));
  oracle_->on_submission(pending.submission.content, pending.submission.known);
  submissions_.push_back(std::move(pending));
  const std::size_t number = submissions_.size() - 1;
  for (const std::uint16_t g : gateways) send(number, g);
  retry(number);
}

void Cluster::send(std::size_t number, std::uint16_t gateway) {
  const ClientSubmission& s = submissions_[number].submission;
  host(gateway).submit(
      s.bytes, node::WaitFor::kCertified, 2'000,
      [this, number, gateway](const node::SubmitResult& result) {
        if (!result || result->kind != node::Fate::Kind::kCommitted || !result->certified) {
          return;
        }
        submissions_[number].acknowledged = true;
        oracle_->on_acknowledged(MemberId(gateway), submissions_[number].submission.known.id,
                                 result->height, result->index);
      });
}

// A client that was not told sends the very same bytes again, to anybody.
void Cluster::retry(std::size_t number) {
  queue_.schedule(kWorld, rng_.range_i64(kSecond / 2, 3 * kSecond), [this, number] {
    PendingSubmission& p = submissions_[number];
    if (p.acknowledged || ++p.tries > kMaxTries || p.submission.known.expiry <= now_ms()) {
      return;
    }
    send(number, static_cast<std::uint16_t>(rng_.below(size())));
    retry(number);
  });
}

// ---- healing ------------------------------------------------------------------------------------

void Cluster::heal() {
  nemesis_->stop();
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
    r.counters["executed to another head"] += c.wrong_heads;
    r.counters["halt on another head"] += c.mismatch_halts;
  }
  r.counters["push dropped by a censor"] += mind_->censored();
  r.counters["re-proposal returned to its signer"] += mind_->returned();
  const NetworkCounters& n = network_->counters();
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
