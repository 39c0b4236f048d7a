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
#include <string_view>
#include <variant>
#include <vector>

#include "chain/certificate.h"
#include "consensus/effects.h"
#include "ledger/core/parameters.h"
#include "ledger/submission/admission.h"
#include "node/latency.h"
#include "node/limits.h"
#include "node/ports.h"
#include "node/wal.h"

namespace imi::node {

// Why the driver stopped for good.
enum class HaltCode : std::uint8_t {
  kSafetyLogFailed,  // the log refused a write (EIO): restart, it is read again and checked
  kSafetyLogFull,    // no space for the log: reads may go on, votes may not
  kLedgerFailed,     // the ledger's store refused a write
  kLedgerFull,       // no space for the ledger
  kLedgerDamaged,    // the ledger contradicts itself
  kHeadMismatch,     // D3
  kConsensus,        // see consensus::HaltReason
};
[[nodiscard]] std::string_view name(HaltCode c);
// True where reads may still be answered; otherwise the process must end.
[[nodiscard]] bool reads_may_go_on(HaltCode c);

struct HaltReport {
  HaltCode code{};
  std::string sentence;  // what happened, what to do
};

// ---- clients ----------------------------------------------------------------------------------

enum class WaitFor : std::uint8_t { kAccepted, kCommitted, kCertified };

struct Fate {
  enum class Kind : std::uint8_t { kUnknown, kPending, kCommitted, kExpired };
  Kind kind = Kind::kUnknown;
  chain::SubmissionId id;
  chain::Height height;     // committed: in this block
  std::uint32_t index = 0;  // committed: at this place
  bool certified = false;   // committed: a quorum signed a head at or above it
  chain::TimeMs expiry;     // pending: as signed
};

struct NodeRefusal {
  enum class Reason : std::uint8_t {
    kHalted,       // this node stopped; ask another
    kBusy,         // too many submissions are being verified
    kTimeout,      // accepted, and not yet where the client waits for it; its fate is open
    kTooManyWait,  // too many clients are waiting
    kStopping,
  };
  Reason reason{};
  std::string detail;
};
using SubmitError =
    std::variant<ledger::AdmissionError, ledger::EarlyRefusal, PoolRefusal, NodeRefusal>;
using SubmitResult = std::expected<Fate, SubmitError>;

// ---- what others may observe
// ----------------------------------------------------------------------

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Called on the loop. Every default does nothing.
class DriverEvents {
 public:
  virtual ~DriverEvents() = default;
  // After every step, before any of it is carried out.
  virtual void on_effects(const consensus::Effects& /*effects*/) {}
  // The group that made these durable returned.
  virtual void on_durable(const std::vector<consensus::SafetyRecord>& /*records*/) {}
  // A consensus message is handed to the network (`to` empty: to all validators).
  virtual void on_sent(const consensus::SignedMessage& /*message*/,
                       std::optional<chain::MemberId> /*to*/) {}
  // Executed and durable here.
  virtual void on_executed(const chain::LedgerHead& /*head*/, const chain::Block& /*block*/,
                           const LedgerPort::Bodies& /*bodies*/) {}
  // Readers now answer at this head.
  virtual void on_certified(const chain::CheckpointCertificate& /*certificate*/) {}
  virtual void on_fate(const Fate& /*fate*/) {}
  virtual void on_halt(const HaltReport& /*report*/) {}
  virtual void log(LogLevel /*level*/, std::string_view /*line*/) {}
};

// ---- status ------------------------------------------------------------------------------------

enum class NodeRole : std::uint8_t {
  kValidator,
  kObserver,         // not a member
  kSilentValidator,  // a member whose key signs nothing (B6)
};
[[nodiscard]] std::string_view name(NodeRole r);

struct NodeStatus {
  NodeRole role{};
  std::string silent_because;  // kSilentValidator: why
  bool awaiting_peers =
      false;  // silent only until enough peers have said what they saw it sign (B6)
  chain::Epoch epoch;
  chain::View view;
  bool changing = false;
  chain::MemberId primary;
  std::uint32_t backoff = 0;
  chain::Height decided;
  chain::LedgerHead executed;
  chain::Height certified;
  bool lagging = false;
  std::size_t peers_connected = 0;  // validators but this one
  std::size_t peers_needed = 0;     // for a quorum, this one not counted if it votes
  std::size_t pool_items = 0;
  std::size_t pool_bytes = 0;
  std::size_t pool_queued = 0;
  std::size_t verifying = 0;
  std::size_t waiting_clients = 0;
  std::size_t missing_bodies = 0;  // of blocks under way
  std::size_t log_groups_queued = 0;
  std::size_t executing = 0;  // blocks handed to the ledger
  std::optional<HaltReport> halted;
  bool ready = false;   // can commit and answer, as far as this node can tell
  std::string why_not;  // a sentence, if not ready
};

struct DriverCounters {
  std::uint64_t steps = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t messages_refused = 0;  // did not decode or verify
  std::uint64_t messages_unknown = 0;  // of a kind that this program does not know
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_unknown = 0;  // of a kind that this program does not know
  std::uint64_t pushes_dropped = 0;  // beyond the sender's share
  std::uint64_t blocks_committed = 0;
  std::uint64_t blocks_executed = 0;
  std::uint64_t submissions_committed = 0;
  std::uint64_t entries_committed = 0;
  std::uint64_t blocks_proposed = 0;
  std::uint64_t view_changes = 0;
  std::uint64_t log_syncs = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t submissions_received = 0;  // to be verified
  std::uint64_t submissions_verified = 0;
  std::uint64_t submissions_refused = 0;
  std::uint64_t submissions_forged = 0;             // of those, from peers that must have known it
  std::uint64_t submissions_rejected_by_state = 0;  // valid, but contradicted by the state
  std::uint64_t bodies_fetched = 0;
  std::uint64_t blocks_synced = 0;
  std::uint64_t sync_late = 0;     // answers that were not there in time
  std::uint64_t sync_unasked = 0;  // answers that were not asked for
  std::uint64_t evidence = 0;
  std::uint64_t alarms = 0;
  std::uint64_t ignored[consensus::kIgnoredReasons] = {};
  LatencyHistogram commit_latency;    // of submissions: arrival in the pool to execution
  LatencyHistogram log_sync_latency;  // of writes of the safety log
};

// ---- the driver ---------------------------------------------------------------------------------

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
  [[nodiscard]] Fate fate(const chain::SubmissionId& id) const;

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
