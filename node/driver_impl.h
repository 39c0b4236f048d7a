// Internal to the driver: its parts and how they are wired.
#pragma once

#include <deque>
#include <vector>

#include "consensus/replica.h"
#include "node/bodies.h"
#include "node/core.h"
#include "node/dissemination.h"
#include "node/driver.h"
#include "node/evidence.h"
#include "node/execution.h"
#include "node/fair_work.h"
#include "node/intake.h"
#include "node/outbox.h"
#include "node/pool.h"
#include "node/submission_waiters.h"
#include "node/sync.h"

namespace imi::node {

struct Driver::Impl {
  Impl(DriverOptions options, const Ports& ports, const consensus::RestartFacts& facts,
       RecoveredBodies recovered);
  void start();

  // ---- inputs and effects (driver.cpp) ---------------------------------------------------------
  void input(consensus::Input in);
  void process(consensus::Effects effects);
  void process_notices(const consensus::Effects& effects);
  void keep_evidence(const consensus::Evidence& e);
  void on_stable(const chain::CheckpointCertificate& certificate);
  void on_returned(const std::vector<consensus::Returned>& returned);
  void on_executed(const chain::LedgerHead& head, const chain::Block& block,
                   const LedgerPort::Bodies& executed, const LedgerPort::Repeats& repeats);
  // What this node's own state contradicts by now is not counted against a primary (C6). It stays
  // in the pool: a block may record the refusal.
  void recheck(const std::vector<Body>& bodies);
  void tick();

  // ---- what comes in (receive.cpp)
  // ---------------------------------------------------------------
  void on_message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold);
  void on_push(PeerIndex from, const SharedBytes& frame, std::shared_ptr<void> hold);
  void on_bodies(PeerIndex from, const SharedBytes& frame, std::shared_ptr<void> hold);
  void on_follow(PeerIndex from);
  void on_peer(PeerIndex peer, bool connected);
  // The pool's answer to one checked body from a peer; false if it is not held afterwards.
  bool admit_from_peer(PeerIndex from, const CheckedBody& checked,
                       const ledger::LedgerDb::Precheck& precheck);
  // Into the pool, and announced if it is new there: from clients and peers alike.
  std::expected<Pool::Added, PoolRefusal> enter_pool(const Body& body, bool local);
  struct Submitted {
    SharedBytes bytes;
    WaitFor wait{};
    std::uint32_t timeout_ms = 0;
    std::function<void(SubmitResult)> done;
  };
  void submit(Submitted s);
  void check_submitted();
  void admit_submitted(const Submitted& s, const CheckedBody& checked,
                       const ledger::LedgerDb::Precheck& precheck);

  // ---- proposals (propose.cpp)
  // --------------------------------------------------------------------
  void want_flush();
  void flush();
  void propose();
  [[nodiscard]] bool worth_proposing(std::uint32_t slots) const;
  void measure_block();

  // ---- status (status.cpp)
  // ------------------------------------------------------------------------
  [[nodiscard]] NodeStatus status() const;
  [[nodiscard]] std::string why_silent() const;
  void send_notice(PeerIndex to) const;
  void send_notices();
  void ask_to_follow(PeerIndex peer) const;

  Core core;
  const consensus::Config config;
  const std::string silent_because;
  const chain::Quorum quorum;
  Pool pool;
  consensus::Replica replica;
  std::shared_ptr<const consensus::Verifier> verifier;
  Bodies bodies;
  Outbox outbox;
  FairWork work;
  Intake intake;
  Dissemination dissemination;
  SubmissionWaiters waiters;
  Execution execution;
  Sync sync;

  std::deque<consensus::Input> inputs;
  bool stepping = false;
  bool flush_posted = false;
  std::vector<Submitted> submitted;
  std::deque<std::uint64_t> proposed_us;  // own blocks of this view that are not executed yet
  std::uint64_t block_us = 0;             // from proposal to execution, smoothed
  std::uint64_t executed_us = 0;          // when the last block was executed
  // How much of limits.block_* a proposal may fill at present, of kFullShare.
  static constexpr std::uint64_t kFullShare = 1024;
  std::uint64_t block_share = kFullShare;
  std::uint64_t next_sweep_us = 0;
  // Peers that do not vote and asked for certificates, and until when they are sent.
  static constexpr std::uint64_t kFollowUs = 5'000'000;
  static constexpr std::uint64_t kSweepUs = 1'000'000;
  std::map<std::uint32_t, std::uint64_t> followers;
  std::shared_ptr<const chain::CheckpointCertificate> newest;  // stable
};

}  // namespace imi::node
