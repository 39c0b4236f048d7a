#include "tests/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

constexpr std::size_t kTraceKept = 4'096;
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
    case Plan::kPester:
    case Plan::kCensor:
    case Plan::kStale: return f;
    case Plan::kCalm:
    case Plan::kCrash:
    case Plan::kPipeline:
    case Plan::kSlowLink:
    case Plan::kClocks:
    case Plan::kRestore: return 0;
  }
  return 0;
}

bool directed(Plan plan) { return plan > Plan::kEquivocate; }

// Relative to a run's default: some rules take long to take effect.
std::uint64_t events_of(const RunOptions& o) {
  switch (o.plan) {
    case Plan::kCensor: return 12 * o.events;
    case Plan::kPester:
    case Plan::kStale:
    case Plan::kPipeline:
    case Plan::kSlowLink:
    case Plan::kClocks: return 2 * o.events;
    case Plan::kRestore: return 4 * o.events;
    default: return o.events;
  }
}

// Planned rotation (C8): not where a plan counts view changes or says which member is the primary.
std::uint32_t rotation_of(const RunOptions& o) {
  const bool drawn = Rng::stream(o.seed, "rotation").chance_ppm(500'000);
  if (!drawn || o.plan == Plan::kCalm || (directed(o.plan) && o.plan != Plan::kCensor)) return 0;
  return o.plan == Plan::kCensor ? 8 : 24;
}

// Rules that take long to take effect have longer runs.
Micros fault_time_of(const RunOptions& o) {
  return o.plan == Plan::kCensor ? 110 * kSecond : 60 * kSecond;
}

// Which members lie: drawn from the seed.
std::vector<bool> honest_members(const RunOptions& o) {
  std::vector<bool> honest(o.replicas, true);
  Rng rng = Rng::stream(o.seed, "liars");
  std::uint16_t left = byzantine_members(o);
  // Of the first two primaries, the second is to lie in one plan and the first in the other.
  if ((o.plan == Plan::kStale || o.plan == Plan::kCensor) && left > 0) {
    honest[o.plan == Plan::kStale ? 1 : 0] = false;
    --left;
  }
  const bool first_honest = o.plan == Plan::kPester || o.plan == Plan::kStale;
  while (left > 0) {
    const std::uint64_t m = rng.below(o.replicas);
    // I26 speaks of members that are not the primary.
    if (!honest[m] || (first_honest && m == 0)) continue;
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
    case Plan::kPester: return "pester";
    case Plan::kCensor: return "censor";
    case Plan::kStale: return "stale";
    case Plan::kPipeline: return "pipeline";
    case Plan::kSlowLink: return "slow-link";
    case Plan::kClocks: return "clocks";
    case Plan::kRestore: return "restore";
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
      world_(options.replicas, rotation_of(options)),
      trace_(kTraceKept),
      connected_(std::size_t{options.replicas} * (options.replicas + std::size_t{1}), false),
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
      queue_, Rng::stream(options.seed, "network"), static_cast<std::uint16_t>(outsider() + 1),
      [this](std::uint16_t to, std::uint16_t from, const Network::Frame& frame) {
        if (connected(to, from)) host(to).on_frame(from, frame);
      });
  const Surroundings around{queue_,
                            *network_,
                            *oracle_,
                            trace_,
                            world_,
                            signatures_,
                            [this](std::uint16_t a, std::uint16_t b) { return connected(a, b); },
                            [this](std::uint16_t a, std::uint16_t b) { on_disconnect(a, b); },
                            [this](std::uint16_t a, View to) { on_leaves_view(a, to); },
                            options.plan == Plan::kPester};
  Rng traits_rng = Rng::stream(options.seed, "traits");
  ByzantineTraits traits = ByzantineTraits::draw(traits_rng);
  traits.return_proposals = Rng::stream(options.seed, "signatures returned").chance_ppm(400'000);
  if (options.plan == Plan::kEquivocate) traits.equivocate = traits.vote_for_all = true;
  if (directed(options.plan)) traits = {};
  if (options.lies) traits = *options.lies;
  mind_ = std::make_shared<ByzantineMind>(world_, traits, Rng::stream(options.seed, "mind"));
  // Sometimes one of them tells no lie, but its machine computes wrongly.
  const bool broken_machine =
      traits_rng.chance_ppm(250'000) && !options.lies && !directed(options.plan);
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
  scenario_ = make_scenario(*this, options.plan, Rng::stream(options.seed, "scenario"));
}

Cluster::~Cluster() {
  for (auto& h : hosts_) h->retire();
}

bool Cluster::counts(std::uint16_t i) const {
  return !hosts_[i]->byzantine() && !hosts_[i]->lost_state();
}

std::vector<std::uint16_t> Cluster::liars() const {
  std::vector<std::uint16_t> out;
  for (std::uint16_t i = 0; i < size(); ++i) {
    if (hosts_[i]->byzantine()) out.push_back(i);
  }
  return out;
}

chain::TimeMs Cluster::client_ms() {
  chain::TimeMs latest = now_ms();
  for (const auto& h : hosts_) latest = std::max(latest, h->certified().time);
  return latest;
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

void Cluster::run() {
  for (std::uint16_t i = 0; i < size(); ++i) boot(i);
  nemesis_->start();
  schedule_client();
  if (scenario_) {
    scenario_->start();
    watch_changing();
  }
  while (queue_.events_run() < events_of(options_) && queue_.now() < fault_time_of(options_)) {
    if (!step(fault_time_of(options_))) break;
  }
  if (oracle_->violation()) return;
  heal();
  check_liveness();
  check_nobody_changing();
  check_broken_machine();
  check_idle();
  check_history();
}

// ---- machines and connections -------------------------------------------------------------------

bool Cluster::connected(std::uint16_t a, std::uint16_t b) const {
  return b <= outsider() && connected_[std::size_t{a} * (size() + std::size_t{1}) + b];
}

void Cluster::break_if_cut(std::uint16_t a, std::uint16_t b, Micros delay) {
  queue_.schedule(kWorld, delay, [this, a, b] {
    if (network_->is_cut(a, b) || network_->is_cut(b, a)) set_connected(a, b, false, 0);
  });
}

void Cluster::set_connected(std::uint16_t a, std::uint16_t b, bool on, Micros delay) {
  queue_.schedule(kWorld, delay, [this, a, b, on] {
    if (a == b || connected(a, b) == on) return;
    const bool machine = b != outsider();
    if (on && (!host(a).up() || (machine && !host(b).up()))) return;
    mark_connected(a, b, on);
    host(a).on_peer(b, on);
    if (machine) host(b).on_peer(a, on);
  });
}

void Cluster::mark_connected(std::uint16_t a, std::uint16_t b, bool on) {
  connected_[std::size_t{a} * (size() + std::size_t{1}) + b] = on;
  if (b != outsider()) connected_[std::size_t{b} * (size() + std::size_t{1}) + a] = on;
}

void Cluster::on_disconnect(std::uint16_t by, std::uint16_t peer) {
  const bool liar = peer == outsider() || !oracle_->honest(MemberId(peer));
  if (!liar && oracle_->honest(MemberId(by))) {
    oracle_->report("peers", "honest member " + std::to_string(by) + " disconnects honest member " +
                                 std::to_string(peer));
  }
  ++counters_["liar disconnected"];
  set_connected(by, peer, false, 0);
  queue_.schedule(kWorld, kSecond, [this, by, peer] { set_connected(by, peer, true, 0); });
}

// I26: in these plans nothing is wrong with the primary or its links.
void Cluster::on_leaves_view(std::uint16_t i, View to) {
  const bool nobody_may =
      options_.plan == Plan::kPester || (options_.plan == Plan::kCalm && liars().empty());
  if (!nobody_may || !counts(i)) return;
  // But one planned view change per cap of the timers, to take along a member that f liars, which
  // feigned their wishes, and a cause of its own made leave (C4).
  const Micros cap = Micros{world_.genesis().parameters.max_timeout_ms} * 1000;
  const bool feigned = mind_->traits().feign_wishes;
  if (feigned && to != left_for_ && (left_for_ == View(0) || queue_.now() - left_at_ >= cap)) {
    left_for_ = to;
    left_at_ = queue_.now();
    ++counters_["view left for feigned wishes"];
  }
  if (!feigned || to != left_for_) {
    oracle_->report(
        "I26", "member " + std::to_string(i) + " leaves a view whose primary and links are good");
  }
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
  if (options_.plan == Plan::kPester) set_connected(i, outsider(), true, 1'000);
}

void Cluster::take_down(std::uint16_t i, bool power_cut) {
  if (power_cut) {
    host(i).cut_power();
  } else {
    host(i).kill();
  }
  mark_connected(i, outsider(), false);
  for (std::uint16_t b = 0; b < size(); ++b) {
    if (b == i || !connected(i, b)) continue;
    mark_connected(i, b, false);
    host(b).on_peer(i, false);
  }
}

// A process that stopped over a disk fault is started again by its operator.
void Cluster::restart_halted() {
  for (std::uint16_t i = 0; i < size(); ++i) {
    // One that came to another head has to be examined first, not started again.
    if (host(i).up() && host(i).halted() && !host(i).halted_on_mismatch()) {
      take_down(i, rng_.chance_ppm(300'000));
      boot(i);
    }
  }
}

// ---- clients ------------------------------------------------------------------------------------

void Cluster::schedule_client() {
  queue_.schedule(kWorld, rng_.range_i64(client_gap_.first, client_gap_.second), [this] {
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

std::size_t Cluster::submit_new(Micros life, const std::vector<std::uint16_t>& gateways,
                                bool retried) {
  PendingSubmission pending;
  pending.submission = clients_.make(chain::TimeMs(client_ms().value + life / 1000));
  oracle_->on_submission(pending.submission.content, pending.submission.known);
  submissions_.push_back(std::move(pending));
  const std::size_t number = submissions_.size() - 1;
  for (const std::uint16_t g : gateways) send(number, g);
  if (retried) retry(number);
  return number;
}

void Cluster::send(std::size_t number, std::uint16_t gateway) {
  const ClientSubmission& s = submissions_[number].submission;
  host(gateway).submit(
      s.bytes, node::WaitFor::kCertified, 2'000,
      [this, number, gateway](const node::SubmitResult& result) {
        if (!result) {
          on_refused(gateway, result.error());
          return;
        }
        if (result->status != ledger::SubmissionStatus::kCommitted || !result->certified) {
          return;
        }
        submissions_[number].acknowledged = true;
        oracle_->on_acknowledged(MemberId(gateway), submissions_[number].submission.known.id,
                                 result->height, result->index);
      });
}

// One peer's flood costs only that peer.
void Cluster::on_refused(std::uint16_t gateway, const node::SubmitError& error) {
  const auto* refusal = std::get_if<node::NodeRefusal>(&error);
  if (options_.plan != Plan::kPester || refusal == nullptr || !counts(gateway)) return;
  if (refusal->reason != node::NodeRefusal::Reason::kBusy) return;
  oracle_->report("peers", "member " + std::to_string(gateway) +
                               " turns a client away for what one peer floods it with");
}

// A client without an answer sends the same bytes again, to any node.
void Cluster::retry(std::size_t number) {
  queue_.schedule(kWorld, rng_.range_i64(kSecond / 2, 3 * kSecond), [this, number] {
    PendingSubmission& p = submissions_[number];
    if (p.acknowledged || ++p.tries > kMaxTries || p.submission.known.expiry <= client_ms()) {
      return;
    }
    send(number, static_cast<std::uint16_t>(rng_.below(size())));
    retry(number);
  });
}

}  // namespace imi::sim
