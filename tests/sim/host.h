// One simulated machine: a disk and a store that stay, and the process that comes and goes. The
// process is the real thing: LedgerDb, safety log, Driver, put together as imid does.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/driver.h"
#include "node/startup.h"
#include "tests/sim/byzantine.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/wal_watch.h"
#include "tests/sim/workers.h"
#include "tests/sim/world.h"

namespace imi::sim {

// What the machines of a cluster share.
struct Surroundings {
  EventQueue& queue;
  Network& network;
  Oracle& oracle;
  Trace& trace;
  const World& world;
  consensus::SignatureCache& signatures;
  std::function<bool(std::uint16_t, std::uint16_t)> connected;
  std::function<void(std::uint16_t, std::uint16_t)> disconnect;  // by the first
  std::function<void(std::uint16_t, View)> leaves_view;
  bool small_limits = false;  // nodes verify little at a time
};

struct HostCounters {
  std::uint64_t boots = 0;
  std::uint64_t restarts_with_votes = 0;
  std::uint64_t torn_tails = 0;    // cut from the safety log at a restart
  std::uint64_t silent_boots = 0;  // without a safety log (B6)
  std::uint64_t disk_halts = 0;    // stopped by an injected fault, by name
  std::uint64_t lost_batches = 0;  // of the store, in power cuts
  std::uint64_t died_in_work = 0;  // processes that died inside a write
  std::uint64_t blocks_synced = 0;
  std::uint64_t evidence = 0;
  std::uint64_t view_changes = 0;
  std::uint64_t complaints = 0;      // views left because the primary held something back (C6)
  std::uint64_t memory_missed = 0;   // silent: it signed what it does not remember (B6)
  std::uint64_t wrong_heads = 0;     // executed to another head than it should be (D3)
  std::uint64_t mismatch_halts = 0;  // stopped by name because of that
};

class Host final : public node::PeerNetwork, public node::DriverEvents {
 public:
  Host(const Surroundings& around, MemberId me, std::uint64_t seed,
       std::shared_ptr<ByzantineMember> byzantine);
  ~Host() override;

  // ---- the machine ----------------------------------------------------------------------------
  void boot();
  void kill() { die(false); }
  void cut_power() { die(true); }
  // A copy of the disk, taken while the process runs or not; restore() puts it back while it is
  // down, wipe() leaves nothing, so that the next boot initialises the machine again. If it signed
  // anything since, or ever, it must sign nothing new from then on (B6).
  struct Backup {
    SimDisk::Image disk;
    std::vector<std::pair<Bytes, Bytes>> rows;
    std::uint64_t statements = 0;  // signed by then
  };
  [[nodiscard]] Backup backup() const;
  [[nodiscard]] bool signed_since(const Backup& backup) const;
  void restore(const Backup& backup);
  // Likewise, where none of those that it will ask knows what it signed since.
  void restore_unnoticed(const Backup& backup);
  void wipe();
  void retire();  // end of the run: counters are taken, the process goes
  [[nodiscard]] bool up() const { return process_ != nullptr; }
  [[nodiscard]] LifeId life() const;
  [[nodiscard]] bool byzantine() const { return byzantine_ != nullptr; }
  [[nodiscard]] bool lost_state() const { return lost_state_; }
  // A disk fault was injected in this life: a halt that names it is right.
  void inject(DiskFault fault, bool on_sync);
  void inject_store(ledger::StoreError::Reason reason);
  MachineSpeed& speed() { return speed_; }
  SimClock& clock() { return clock_; }
  void mend_disk();
  // From this height on its execution comes to other heads than it should: a broken machine.
  void execute_wrongly_from(Height height) { wrong_from_ = height; }
  [[nodiscard]] bool executes_wrongly() const { return wrong_from_.has_value(); }
  [[nodiscard]] bool halted_on_mismatch() const;

  // ---- the process ----------------------------------------------------------------------------
  void on_frame(std::uint16_t from, const Network::Frame& frame);
  void on_peer(std::uint16_t peer, bool connected);
  void submit(const std::shared_ptr<const Bytes>& bytes, node::WaitFor wait,
              std::uint32_t timeout_ms, std::function<void(node::SubmitResult)> done);
  [[nodiscard]] node::NodeStatus status() const;
  [[nodiscard]] node::DriverCounters driver_counters() const;
  [[nodiscard]] const std::optional<node::HaltReport>& halted() const { return halted_; }
  [[nodiscard]] chain::LedgerHead applied() const;
  [[nodiscard]] chain::LedgerHead certified() const;
  [[nodiscard]] std::optional<ledger::LedgerDb::Applied> find(const SubmissionId& id) const;
  [[nodiscard]] const HostCounters& counters() const { return counters_; }
  // The replica's view of itself, if it changed since the last call.
  [[nodiscard]] std::optional<Oracle::Status> take_status();

  // ---- node::PeerNetwork ----------------------------------------------------------------------
  bool send(node::PeerIndex to, node::Urgency urgency, node::SharedBytes frame) override;
  [[nodiscard]] bool is_connected(node::PeerIndex peer) const override;
  void disconnect(node::PeerIndex peer) override;

  // ---- node::DriverEvents ---------------------------------------------------------------------
  void on_effects(const consensus::Effects& effects) override;
  void on_halt(const node::HaltReport& report) override;

 private:
  struct Process;
  class WatchedLedger;
  void die(bool power_cut);
  void schedule_tick();
  void put_on_network(std::uint16_t to, const node::SharedBytes& frame);
  void send_lie(const ByzantineMember::Outgoing& out);
  void watch(const node::SharedBytes& frame);
  void collect_counters();
  void trace(const char* what, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t digest = 0,
             std::uint16_t peer = kNoNode);
  [[nodiscard]] std::uint16_t index() const { return me_.value; }

  Surroundings around_;
  MemberId me_;
  std::uint64_t seed_;
  std::shared_ptr<ByzantineMember> byzantine_;
  MachineSpeed speed_;
  SimClock clock_;
  SimDisk disk_;
  std::shared_ptr<SimStore> store_;
  WalWatch wal_watch_;
  Rng rng_;
  std::unique_ptr<Process> process_;
  std::optional<node::HaltReport> halted_;
  bool fault_injected_ = false;
  bool initialised_ = false;
  bool lost_state_ = false;
  std::optional<Height> wrong_from_;
  bool dying_ = false;
  node::SharedBytes last_watched_;
  Oracle::Status status_;
  bool status_changed_ = false;
  HostCounters counters_;
};

}  // namespace imi::sim
