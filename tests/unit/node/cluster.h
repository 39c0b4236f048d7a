// Whole nodes in one thread and virtual time: the real driver, ledger and safety log over a
// network, disks and workers of memory. For tests of the driver; the simulator (tests/sim) goes
// further.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "ledger/db/ledger_db.h"
#include "ledger/db/mem_store.h"
#include "node/driver.h"
#include "node/evidence.h"
#include "node/startup.h"
#include "tests/unit/ledger/test_chain.h"
#include "tests/unit/node/mem_files.h"

namespace imi::node::test {

class Cluster;

// One machine: its disks outlive its processes.
class TestNode final : public DriverEvents, public PeerNetwork, public Clock, public Loop {
 public:
  TestNode(Cluster& cluster, std::uint32_t index, std::optional<chain::MemberId> member);
  ~TestNode() override;

  void init();   // `imid init`
  void start();  // a process
  void kill();   // kill -9
  [[nodiscard]] bool up() const { return driver != nullptr; }

  // What a client sees. Runs the cluster until the answer is there.
  [[nodiscard]] SubmitResult submit(const ledger::Submission& s, WaitFor wait,
                                    std::uint32_t timeout_ms = 5'000);
  void submit_later(const ledger::Submission& s, WaitFor wait, std::uint32_t timeout_ms,
                    std::function<void(SubmitResult)> done);

  // Loop, Clock, PeerNetwork
  void post(Task task) override;
  [[nodiscard]] chain::TimeMs now() const override;
  [[nodiscard]] std::uint64_t monotonic_us() const override;
  bool send(PeerIndex to, Urgency urgency, SharedBytes frame) override;
  [[nodiscard]] bool is_connected(PeerIndex peer) const override;
  void disconnect(PeerIndex peer) override { disconnected.insert(peer.value); }

  // DriverEvents
  void on_durable(const std::vector<consensus::SafetyRecord>& records) override;
  void on_sent(const consensus::SignedMessage& m, std::optional<chain::MemberId> to) override;
  void on_executed(const chain::LedgerHead& head, const chain::Block& block,
                   const LedgerPort::Bodies& bodies) override;
  void on_certified(const chain::CheckpointCertificate& c) override { certified = c.head; }
  void on_halt(const HaltReport& r) override { halted = r; }

  Cluster& cluster;
  const std::uint32_t index;
  const std::optional<chain::MemberId> member;
  MemFiles files;
  std::shared_ptr<ledger::MemStore> store = ledger::MemStore::create();
  // Delay of the log's sync; no value: it never returns.
  std::optional<std::uint64_t> sync_us = 300;
  std::uint64_t verify_us = 30;  // a piece of verification

  std::unique_ptr<ledger::LedgerDb> db;
  std::unique_ptr<LedgerDbPort> port;
  std::unique_ptr<Wal> wal;
  std::unique_ptr<EvidenceStore> evidence;
  std::unique_ptr<Driver> driver;
  bool careless = false;  // from the next start on: asks the ledger nothing before its pool
  std::string silent_because;
  chain::LedgerHead certified;
  std::optional<HaltReport> halted;
  std::set<std::uint32_t> disconnected;
  std::size_t votes_sent = 0;
  std::size_t entries_executed = 0;

 private:
  class DelayedWorker;
  std::uint64_t life_ = 0;
  std::unique_ptr<DelayedWorker> verify_;
  std::unique_ptr<DelayedWorker> executor_;
  std::unique_ptr<DelayedWorker> log_writer_;
  consensus::BoundedSignatureCache signatures_;
  // (kind, view, height) -> id, over all processes of this machine (I1).
  std::map<std::tuple<int, std::uint64_t, std::uint64_t>, Hash256> signed_;
  void check_vote(int kind, chain::View view, chain::Height height, const Hash256& id);
};

class Cluster {
 public:
  explicit Cluster(std::uint32_t observers = 0);

  // Runs until `reached` or until `ms` passed; true if reached.
  bool run_until(const std::function<bool()>& reached, std::uint64_t ms = 20'000);
  void run_for(std::uint64_t ms);
  void schedule(std::uint64_t delay_us, Task task);

  [[nodiscard]] TestNode& node(std::uint32_t i) { return *nodes[i]; }
  [[nodiscard]] TestNode& primary();
  // All running nodes have the same certified head, at or above `height`.
  [[nodiscard]] bool certified_everywhere(std::uint64_t height) const;
  [[nodiscard]] std::shared_ptr<const ledger::Submission> submission(std::uint32_t n);

  ledger::test::TestChain chain{1};
  std::vector<std::unique_ptr<TestNode>> nodes;
  std::set<std::pair<std::uint32_t, std::uint32_t>> cut;  // from, to
  // Decides whether a frame passes; for tests that lose one kind.
  std::function<bool(std::uint32_t from, std::uint32_t to, const Bytes& frame)> filter;
  NodeLimits limits;
  std::uint64_t now_us = 1'000'000;
  std::int64_t clock_ahead_ms = 0;  // of all wall clocks; may be changed at any time
  std::map<std::uint64_t, std::pair<Hash256, chain::BlockId>> heads;  // executed anywhere (I12)

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, Task> events_;
  std::uint64_t next_event_ = 0;
};

}  // namespace imi::node::test
