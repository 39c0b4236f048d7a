// Internal to the driver: what its parts share. One Core per driver; everything on the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/input.h"
#include "ledger/core/parameters.h"
#include "ledger/submission/admission.h"
#include "node/driver_events.h"
#include "node/driver_status.h"
#include "node/halt.h"
#include "node/limits.h"
#include "node/ports.h"

namespace imi::node {

struct DriverOptions;

class Core {
 public:
  Core(const Ports& p, DriverOptions& o);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const Ports ports;
  const NodeLimits limits;
  const ledger::Parameters parameters;
  const ledger::AdmissionLimits admission;
  const std::uint32_t validators;
  const std::uint32_t peers;
  const std::optional<chain::MemberId> me;
  const bool follows;  // votes for nothing and advances on checkpoint certificates alone (D6)
  DriverEvents& events;
  DriverCounters counters;

  // One more input for the replica. Runs after the present one and its effects were handled.
  std::function<void(consensus::Input)> input;
  // Asks for Driver's end-of-turn work: batches of what came in are sent off, proposals made.
  std::function<void()> want_flush;

  [[nodiscard]] bool running() const { return !stopped_ && !halted_; }
  [[nodiscard]] const std::optional<HaltReport>& halted() const { return halted_; }
  // The first reason is kept.
  void halt(HaltCode code, std::string sentence);
  void halt(const ledger::LedgerError& e);
  void stop() { stopped_ = true; }

  // `done` (and nothing of the driver) runs only while the driver lives and was not stopped.
  void run(Worker& worker, Priority priority, Task work, Task done);
  void post(Task task);

  [[nodiscard]] std::uint64_t now_us() const { return ports.clock.monotonic_us(); }
  [[nodiscard]] chain::TimeMs now() const { return ports.clock.now(); }
  [[nodiscard]] bool is_self(PeerIndex p) const { return me && p.value == me->value; }
  bool send(PeerIndex to, Urgency urgency, SharedBytes frame) const;
  // To all connected validators but this one.
  void send_to_validators(Urgency urgency, const SharedBytes& frame) const;
  // The peer sent what no honest peer sends.
  void disconnect_misbehaving(PeerIndex peer, std::string_view why);

 private:
  // A line that a peer caused: a few per second, so that no peer fills the log.
  void log_of_peer(std::string line);

  std::uint64_t peer_lines_until_us_ = 0;
  std::uint32_t peer_lines_ = 0;
  std::uint64_t peer_lines_left_out_ = 0;
  std::optional<HaltReport> halted_;
  bool stopped_ = false;
  std::shared_ptr<Core*> self_;  // emptied (set to null) when the driver goes

 public:
  ~Core() { *self_ = nullptr; }
};

}  // namespace imi::node
