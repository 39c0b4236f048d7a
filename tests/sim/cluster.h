// A whole cluster from one seed: machines, network, clients, a fault plan; then healing, and the
// requirement that everything recovers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/host.h"

namespace imi::sim {

// The plans after kEquivocate are directed: a scenario (scenario.h) leads the cluster to where one
// rule matters, on links that are otherwise good.
enum class Plan : std::uint8_t {
  kMixed,
  kCalm,
  kStorm,
  kCrash,
  kPartition,
  kEquivocate,
  kPester,    // clients and members that try to force view changes (I26)
  kCensor,    // primaries that exclude submissions (C6)
  kStale,     // withheld NEW-VIEWs that come when they are stale (A4)
  kPipeline,  // heights of one pipeline prepared in different views (A3)
  kSlowLink,  // catch-up over a link on which an answer takes seconds (D2)
  kClocks,    // clocks far ahead, then set back (C1)
  kRestore,   // backups restored, disks lost (B6)
};
inline constexpr std::size_t kPlans = 13;
[[nodiscard]] std::string_view name(Plan p);
[[nodiscard]] std::optional<Plan> plan_named(std::string_view text);

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint16_t replicas = 4;
  std::uint64_t events = 8'000;            // under faults; healing and what follows come on top
  std::optional<std::uint16_t> byzantine;  // members that lie, at most f; absent: the plan decides
  std::optional<ByzantineTraits> lies;     // their lies; absent: drawn from the seed
  Plan plan = Plan::kMixed;
  bool echo = false;  // print every record as it happens
};

// The named things that happened in a run: "sometimes" counters.
using Counters = std::map<std::string, std::uint64_t>;

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t events = 0;
  Micros virtual_time = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t decided = 0;
  Counters counters;
  std::vector<std::string> tail;  // of the trace, if there is a violation
};

// Runs it. The same options give the same result, to the trace hash.
[[nodiscard]] RunResult run(const RunOptions& options);

// For a process that dies inside run(): the end of its trace, to stderr.
void print_current_tail();

class Nemesis;
class Scenario;

class Cluster {
 public:
  explicit Cluster(const RunOptions& options);
  ~Cluster();

  void run();
  [[nodiscard]] RunResult result() const;
  [[nodiscard]] const Trace& trace() const { return trace_; }

  // ---- for scenarios --------------------------------------------------------------------------

  [[nodiscard]] std::uint16_t size() const { return options_.replicas; }
  // The index of a peer that is not a validator: it has no machine, only what scenarios send for
  // it.
  [[nodiscard]] std::uint16_t outsider() const { return options_.replicas; }
  [[nodiscard]] Host& host(std::uint16_t i) { return *hosts_[i]; }
  [[nodiscard]] bool counts(std::uint16_t i) const;  // honest, with its safety state
  [[nodiscard]] std::vector<std::uint16_t> liars() const;
  [[nodiscard]] EventQueue& queue() { return queue_; }
  [[nodiscard]] Network& network() { return *network_; }
  [[nodiscard]] Oracle& oracle() { return *oracle_; }
  [[nodiscard]] Clients& clients() { return clients_; }
  [[nodiscard]] const World& world() const { return world_; }
  [[nodiscard]] ByzantineMind& mind() { return *mind_; }
  [[nodiscard]] const RunOptions& options() const { return options_; }
  void count(const char* what, std::uint64_t times = 1) { counters_[what] += times; }
  [[nodiscard]] chain::TimeMs now_ms() const;
  // What clients count expiry from: their clock, or the newest certified head if that is later.
  [[nodiscard]] chain::TimeMs client_ms();
  void boot(std::uint16_t i);
  void take_down(std::uint16_t i, bool power_cut);
  void reconnect_all();
  void set_client_gap(Micros min, Micros max) { client_gap_ = {min, max}; }
  // What C6 guarantees for a submission that all honest members hold.
  [[nodiscard]] Micros inclusion_bound();
  // Returns the submission's number. `retried`: given to any member, until it is acknowledged.
  std::size_t submit_new(Micros life, const std::vector<std::uint16_t>& gateways,
                         bool retried = true);
  [[nodiscard]] const ClientSubmission& submission(std::size_t number) const {
    return submissions_[number].submission;
  }
  [[nodiscard]] std::size_t submissions() const { return submissions_.size(); }
  // The honest member that is in `changing` while all others are in active views, if one is.
  [[nodiscard]] std::optional<std::uint16_t> alone_in_changing();

 private:
  friend class Nemesis;
  struct PendingSubmission {
    ClientSubmission submission;
    std::uint32_t tries = 0;
    bool acknowledged = false;
  };

  bool step(Micros until);  // one event and what the oracle says to it; false: nothing or violated
  void run_until(Micros until);
  bool wait_for(const char* invariant, const char* what, Micros bound,
                const std::function<bool()>& done);

  [[nodiscard]] bool connected(std::uint16_t a, std::uint16_t b) const;
  void set_connected(std::uint16_t a, std::uint16_t b, bool on, Micros delay);
  void mark_connected(std::uint16_t a, std::uint16_t b, bool on);
  // Disconnects after a while, unless the link was restored meanwhile.
  void break_if_cut(std::uint16_t a, std::uint16_t b, Micros delay);
  void restart_halted();
  void on_disconnect(std::uint16_t by, std::uint16_t peer);
  void on_leaves_view(std::uint16_t i, View to);
  void watch_changing();

  void schedule_client();
  void send(std::size_t submission, std::uint16_t gateway);
  void retry(std::size_t submission);
  void on_refused(std::uint16_t gateway, const node::SubmitError& error);

  void heal();
  void check_liveness();
  void check_nobody_changing();
  void check_broken_machine();
  void check_idle();
  void check_history();

  RunOptions options_;
  World world_;
  EventQueue queue_;
  Trace trace_;
  consensus::BoundedSignatureCache signatures_;
  std::unique_ptr<Oracle> oracle_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<bool> connected_;
  std::shared_ptr<ByzantineMind> mind_;
  std::optional<std::uint16_t> broken_;  // the member that executes wrongly, if one does
  std::unique_ptr<Nemesis> nemesis_;
  std::unique_ptr<Scenario> scenario_;  // of a directed plan
  View left_for_;                       // I26: the view change that feigned wishes may cause
  Micros left_at_ = 0;
  Micros alone_since_ = 0;  // when a member was first seen alone in `changing`
  Clients clients_;
  std::vector<PendingSubmission> submissions_;
  Rng rng_;
  bool clients_running_ = true;
  std::pair<Micros, Micros> client_gap_{5'000, 90'000};  // between two submissions
  std::uint64_t crash_ppm_ = 0;                          // a crash at the boundary of any event
  Counters counters_;
};

}  // namespace imi::sim
