// A whole cluster from one seed: machines, network, clients, a fault plan; then healing, and the
// demand that everything comes right.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/host.h"

namespace imi::sim {

enum class Plan : std::uint8_t { kMixed, kCalm, kStorm, kCrash, kPartition, kEquivocate };
inline constexpr std::size_t kPlans = 6;
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

class Cluster {
 public:
  explicit Cluster(const RunOptions& options);
  ~Cluster();

  void run();
  [[nodiscard]] RunResult result() const;
  [[nodiscard]] const Trace& trace() const { return trace_; }

 private:
  friend class Nemesis;
  struct PendingSubmission {
    ClientSubmission submission;
    std::uint32_t tries = 0;
    bool acknowledged = false;
  };

  [[nodiscard]] std::uint16_t size() const { return options_.replicas; }
  [[nodiscard]] Host& host(std::uint16_t i) { return *hosts_[i]; }
  [[nodiscard]] bool counts(std::uint16_t i) const;  // honest, with its safety state
  [[nodiscard]] chain::TimeMs now_ms() const;

  bool step(Micros until);  // one event and what the oracle says to it; false: nothing or violated
  void run_until(Micros until);
  bool wait_for(const char* invariant, const char* what, Micros bound,
                const std::function<bool()>& done);

  void boot(std::uint16_t i);
  void take_down(std::uint16_t i, bool power_cut);
  [[nodiscard]] bool connected(std::uint16_t a, std::uint16_t b) const;
  void set_connected(std::uint16_t a, std::uint16_t b, bool on, Micros delay);
  // Disconnects after a while, unless the link was mended meanwhile.
  void break_if_cut(std::uint16_t a, std::uint16_t b, Micros delay);
  void reconnect_all();
  void restart_halted();

  void schedule_client();
  void submit_new(Micros life, std::vector<std::uint16_t> gateways);
  void send(std::size_t submission, std::uint16_t gateway);
  void retry(std::size_t submission);

  void heal();
  void check_liveness();
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
  Clients clients_;
  std::vector<PendingSubmission> submissions_;
  Rng rng_;
  bool clients_running_ = true;
  std::uint64_t crash_ppm_ = 0;  // a crash at the boundary of any event
  Counters counters_;
};

}  // namespace imi::sim
