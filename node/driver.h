// The one composition of consensus, pool, ledger and peers. imid and the simulator run the same
// code; they differ in the ports (node/ports.h).
//
// The law (I4): what a step makes durable is synced before anything of that step is sent, and sent
// before it is executed. Several steps share one sync (group commit): while a sync is under way,
// later steps run and queue up for the next one. Sends keep the order of the steps.
//
// A failed write of the safety log or the ledger, a mismatch (D3) and a broken decision halt the
// driver by name: from then on it signs, sends and executes nothing; on_halt says what to do.
//
// Threading: everything on the loop of Ports, the constructor and stop() included. Errors of
// clients come back to them; errors of peers are counted and cost the peer its connection if it
// lied.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/validator_set.h"
#include "consensus/config.h"
#include "consensus/safety_state.h"
#include "crypto/suite.h"
#include "ledger/core/parameters.h"
#include "node/driver_events.h"
#include "node/driver_status.h"
#include "node/limits.h"
#include "node/ports.h"
#include "node/submission_report.h"
#include "node/wal.h"

namespace imi::node {

struct DriverOptions {
  consensus::Config consensus;
  chain::ValidatorSet set;
  std::uint32_t peers = 0;  // validators and observers together
  std::optional<chain::MemberId> me;
  std::optional<crypto::SecretKey> key;  // absent: signs nothing
  std::string silent_because;            // if `me` is set and `key` is not
  consensus::SafetyState safety;         // as the log gave it back (or empty, first boot)
  std::vector<WalBody> bodies;           // as the log gave them back
  ledger::Parameters parameters;
  NodeLimits limits;
  DriverEvents* events = nullptr;  // outlives the driver
};

// consensus::Config of a chain's parameters.
[[nodiscard]] consensus::Config consensus_config(const chain::GenesisId& genesis,
                                                 const ledger::Parameters& parameters,
                                                 std::uint32_t tick_ms = 10);

class Driver {
 public:
  // Reads where the ledger stands and carries out Replica::start(). The error says what of the
  // store cannot be (it opened, so that is damage).
  [[nodiscard]] static std::expected<std::unique_ptr<Driver>, HaltReport> start(
      DriverOptions options, const Ports& ports);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Every consensus.tick_ms.
  void tick();
  // A frame from a peer. `hold` is released when the frame has been dealt with.
  void on_message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold = nullptr);
  void on_peer(PeerIndex peer, bool connected);

  // One submission, encoded. `done` is called once, on the loop. `timeout_ms` bounds the waiting
  // for kCommitted and kCertified.
  void submit(SharedBytes submission, WaitFor wait, std::uint32_t timeout_ms,
              std::function<void(SubmitResult)> done);
  // Several, each accepted or refused on its own.
  void submit_batch(std::vector<SharedBytes> submissions,
                    std::function<void(std::vector<SubmitResult>)> done);
  // Pending, or committed within the last blocks; kUnknown otherwise (then the ledger may know).
  [[nodiscard]] SubmissionReport submission(const chain::SubmissionId& id) const;

  [[nodiscard]] NodeStatus status() const;
  [[nodiscard]] const DriverCounters& counters() const;
  [[nodiscard]] bool halted() const;
  // For oracles and tests: what consensus has, read only.
  [[nodiscard]] const consensus::SafetyState& safety_state() const;

  // Ends: clients that wait are answered kStopping, completions still under way are ignored.
  // Nothing is lost by stopping at any instant.
  void stop();

  struct Impl;  // internal

 private:
  explicit Driver(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace imi::node
