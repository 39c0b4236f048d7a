// The seams between the driver and the world. imid fills them with threads, sockets and disks
// (node/real/, node/imid_*.cpp), the simulator with events in virtual time; the driver cannot tell.
//
// The driver lives on one loop. Nothing here calls into it from another thread: the thread that
// completes a piece of work posts the completion to the loop. So a driver whose loop and ports are
// deterministic is deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/strong_id.h"
#include "chain/ids.h"
#include "consensus/effects.h"
#include "crypto/random.h"
#include "ledger/db/ledger_db.h"

namespace imi::node {

using Task = std::function<void()>;
using SharedBytes = std::shared_ptr<const Bytes>;

// The driver's thread of control. post() is thread-safe; tasks run one at a time, in the order they
// were posted, never inside post().
class Loop {
 public:
  virtual ~Loop() = default;
  virtual void post(Task task) = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock; may jump.
  [[nodiscard]] virtual chain::TimeMs now() const = 0;
  // Microseconds since some instant; never goes back. For ages and latencies, never for decisions
  // of consensus, which counts ticks.
  [[nodiscard]] virtual std::uint64_t monotonic_us() const = 0;
};

enum class Priority : std::uint8_t {
  kVote,  // before all kBulk work
  kBulk,
};

// Runs `work` somewhere else (another thread; in the simulator: at once or later) and then posts
// `done` to the loop. `work` touches nothing of the driver except what it was given.
//
// Ports::verify runs several at a time in any order. Ports::executor and Ports::log_writer run one
// at a time in the order given (whatever the priority), and their `done`s are posted in that order.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual void run(Priority priority, Task work, Task done) = 0;
};

// A peer: validators first, in the order of their MemberId (PeerIndex.value == MemberId.value),
// then observers. The node itself is among them if it is a member.
using PeerIndex = StrongId<struct PeerIndexTag, std::uint32_t>;

// Traffic, most urgent first (the transport's classes).
enum class Urgency : std::uint8_t {
  kVote,     // consensus messages
  kControl,  // requests, acknowledgements
  kBulk,     // bodies, blocks
};

// Frames to peers. Delivery is not promised. What arrives is handed to Driver::on_message on the
// loop; connections that come and go to Driver::on_peer.
class PeerNetwork {
 public:
  virtual ~PeerNetwork() = default;
  // False if it was not queued (not connected, queue full).
  virtual bool send(PeerIndex to, Urgency urgency, SharedBytes frame) = 0;
  [[nodiscard]] virtual bool is_connected(PeerIndex peer) const = 0;
  // The feature bits that a connected peer announced; bits that this program does not know are
  // passed on as they came. A kind of frame that not every version knows is sent only to peers that
  // announced it.
  [[nodiscard]] virtual std::uint64_t features(PeerIndex /*peer*/) const { return 0; }
  // The peer misbehaved: its connection is closed; it may come back later.
  virtual void disconnect(PeerIndex peer) = 0;
};

// The ledger as the driver uses it. commit_block and set_certified are called on Ports::executor,
// everything else on any thread; implementations are thread-safe to that extent. LedgerDbPort is
// the one over LedgerDb; tests may have others.
class LedgerPort {
 public:
  virtual ~LedgerPort() = default;
  using Bodies = std::vector<std::shared_ptr<const ledger::Submission>>;
  using Repeats = std::vector<ledger::LedgerDb::Repeat>;

  // `repeats` gets the submissions of the block that took effect before.
  [[nodiscard]] virtual std::expected<chain::LedgerHead, ledger::LedgerError> commit_block(
      const chain::Block& block, const Bodies& bodies, ByteView proof, Repeats& repeats) = 0;
  [[nodiscard]] virtual std::expected<void, ledger::LedgerError> set_certified(
      const chain::CheckpointCertificate& certificate) = 0;
  [[nodiscard]] virtual chain::LedgerHead applied() const = 0;
  [[nodiscard]] virtual std::shared_ptr<const chain::CheckpointCertificate> certificate() const = 0;
  [[nodiscard]] virtual std::expected<ledger::StoredBlock, ledger::LedgerError> block(
      chain::Height height) const = 0;
  [[nodiscard]] virtual std::expected<std::optional<chain::CheckpointCertificate>,
                                      ledger::LedgerError>
  certificate_at(chain::Height height) const = 0;
  [[nodiscard]] virtual std::expected<ledger::LedgerDb::Precheck, ledger::LedgerError> precheck(
      const ledger::Submission& submission) const = 0;
};

// The LedgerPort over a LedgerDb, which outlives it.
class LedgerDbPort : public LedgerPort {
 public:
  explicit LedgerDbPort(ledger::LedgerDb& db) : db_(db) {}
  std::expected<chain::LedgerHead, ledger::LedgerError> commit_block(const chain::Block& block,
                                                                     const Bodies& bodies,
                                                                     ByteView proof,
                                                                     Repeats& repeats) override {
    return db_.commit_block(block, bodies, proof, &repeats);
  }
  std::expected<void, ledger::LedgerError> set_certified(
      const chain::CheckpointCertificate& certificate) override {
    return db_.set_certified(certificate);
  }
  chain::LedgerHead applied() const override { return db_.applied(); }
  std::shared_ptr<const chain::CheckpointCertificate> certificate() const override {
    return db_.certificate();
  }
  std::expected<ledger::StoredBlock, ledger::LedgerError> block(
      chain::Height height) const override {
    return db_.block(height);
  }
  std::expected<std::optional<chain::CheckpointCertificate>, ledger::LedgerError> certificate_at(
      chain::Height height) const override {
    return db_.certificate_at(height);
  }
  std::expected<ledger::LedgerDb::Precheck, ledger::LedgerError> precheck(
      const ledger::Submission& submission) const override {
    return db_.precheck(submission);
  }

 private:
  ledger::LedgerDb& db_;
};

class EvidenceStore;
class Wal;

// All references outlive the driver. After Driver::stop() has returned, nothing of the driver is
// called; completions posted later are ignored.
struct Ports {
  Loop& loop;
  Clock& clock;
  PeerNetwork& network;
  Worker& verify;
  Worker& executor;
  Worker& log_writer;
  LedgerPort& ledger;
  Wal* wal = nullptr;  // used on log_writer alone; null: nothing is signed, nothing is persisted
  consensus::SignatureCache& signatures;  // as thread-safe as `verify` is parallel
  crypto::RandomSource& random;
  EvidenceStore* evidence = nullptr;  // written on log_writer alone; null: only counted
};

}  // namespace imi::node
