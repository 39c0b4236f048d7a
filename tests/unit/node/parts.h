// The world around a single part of the driver: a loop, workers, a clock and a network that do
// nothing until a test says so, and a record of what happened, in order.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/messages.h"
#include "consensus/verify.h"
#include "ledger/db/mem_store.h"
#include "node/core.h"
#include "node/driver.h"
#include "tests/unit/ledger/test_chain.h"
#include "tests/unit/node/mem_files.h"

namespace imi::node::test {

// Holds what it is given until the test finishes it.
class HeldWorker final : public Worker {
 public:
  explicit HeldWorker(Loop& loop) : loop_(loop) {}
  void run(Priority, Task work, Task done) override {
    held_.emplace_back(std::move(work), std::move(done));
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  // Does the i-th of the held pieces; its completion is posted.
  void finish(std::size_t i = 0) {
    REQUIRE(i < held_.size());
    auto piece = std::move(held_[i]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    piece.first();
    loop_.post(std::move(piece.second));
  }

 private:
  Loop& loop_;
  std::deque<std::pair<Task, Task>> held_;
};

// Four validators of a test chain, of which this node is none, and one observer.
class Parts final : public Loop, public Clock, public PeerNetwork, public DriverEvents {
 public:
  explicit Parts(NodeLimits limits = {}) : options(make_options(limits)), core(ports(), options) {
    core.input = [this](consensus::Input in) { inputs.push_back(std::move(in)); };
    core.want_flush = [this] { ++flushes_wanted; };
  }

  // Loop
  void post(Task task) override { posted_.push_back(std::move(task)); }
  void turn() {
    while (!posted_.empty()) {
      const Task task = std::move(posted_.front());
      posted_.pop_front();
      task();
    }
  }
  // Everything that the workers have, and what follows from it.
  void settle() {
    for (turn(); verify.held() + log_writer.held() > 0; turn()) {
      if (verify.held() > 0) verify.finish();
      if (log_writer.held() > 0) log_writer.finish();
    }
  }

  // Clock
  [[nodiscard]] chain::TimeMs now() const override {
    return chain::TimeMs(static_cast<std::int64_t>(now_us / 1000));
  }
  [[nodiscard]] std::uint64_t monotonic_us() const override { return now_us; }

  // PeerNetwork
  bool send(PeerIndex to, Urgency, SharedBytes) override {
    happened.push_back("frame to " + std::to_string(to.value));
    return true;
  }
  [[nodiscard]] bool is_connected(PeerIndex) const override { return true; }
  void disconnect(PeerIndex peer) override { disconnected.insert(peer.value); }

  // DriverEvents
  void on_durable(const std::vector<consensus::SafetyRecord>& records) override {
    if (!records.empty()) happened.push_back("durable " + std::to_string(records.size()));
  }
  void on_submission(const SubmissionReport& r) override { reported.push_back(r); }
  void on_halt(const HaltReport& r) override { halted = r; }

  // A safety log on a disk of memory.
  void open_wal() {
    const WalHeader header{kWalFormat, chain.id(), chain.validators()[0].public_key()};
    REQUIRE(Wal::create(disk, "safety", header, chain.random()));
    auto opened = Wal::open(disk, "safety", header, chain.random());
    REQUIRE(opened);
    log = std::move(opened->wal);
    REQUIRE(log->start({}, {}));
  }

  ledger::test::TestChain chain{1};
  std::unique_ptr<ledger::LedgerDb> db = chain.open(ledger::MemStore::create());
  LedgerDbPort ledger{*db};
  MemFiles disk;
  std::unique_ptr<Wal> log;
  HeldWorker verify{*this};
  HeldWorker executor{*this};
  HeldWorker log_writer{*this};
  consensus::BoundedSignatureCache signatures;
  std::uint64_t now_us = 1'000'000;

  std::vector<std::string> happened;
  std::vector<consensus::Input> inputs;
  std::vector<SubmissionReport> reported;
  std::set<std::uint32_t> disconnected;
  std::optional<HaltReport> halted;
  std::size_t flushes_wanted = 0;

  DriverOptions options;
  Core core;

 private:
  DriverOptions make_options(const NodeLimits& limits) {
    DriverOptions o;
    o.consensus = consensus_config(chain.id(), chain.genesis().parameters);
    o.set = chain.genesis().validators;
    o.peers = static_cast<std::uint32_t>(o.set.members.size()) + 1;
    o.parameters = chain.genesis().parameters;
    o.limits = limits;
    o.events = this;
    return o;
  }
  Ports ports() {
    open_wal();
    return {*this,      *this,  *this,     verify,     executor,
            log_writer, ledger, log.get(), signatures, chain.random()};
  }

  std::deque<Task> posted_;
};

// An unsigned message, as member `sender` would send it.
inline consensus::SignedMessage status_message(std::uint16_t sender, std::uint64_t view) {
  consensus::SignedMessage m;
  m.sender = chain::MemberId(sender);
  consensus::Status status;
  status.view = chain::View(view);
  m.payload = std::move(status);
  return m;
}

}  // namespace imi::node::test
