// The driver's heart: inputs into consensus, effects out of it, in the order of the law (I4).
#include "node/driver.h"

#include <algorithm>

#include "base/check.h"
#include "node/driver_impl.h"
#include "node/wire.h"

namespace imi::node {

namespace {

consensus::SafetyRules make_rules(DriverOptions& o) {
  if (o.me && o.key) {
    return {o.consensus, o.set, *o.me, std::move(*o.key), std::move(o.safety)};
  }
  return consensus::SafetyRules::observer(o.consensus, o.set);
}

}  // namespace

Driver::Impl::Impl(DriverOptions o, const Ports& ports, const consensus::RestartFacts& facts,
                   RecoveredBodies recovered)
    : core(ports, o),
      config(o.consensus),
      silent_because(o.silent_because),
      quorum(o.set.quorum()),
      pool(o.limits.pool),
      replica(o.consensus, o.set, make_rules(o), facts),
      verifier(std::make_shared<const consensus::Verifier>(o.consensus, o.set, ports.signatures)),
      bodies(core, pool),
      outbox(core,
             [this] {
               return Outbox::Snapshot{replica.safety_state(),
                                       bodies.to_log(replica.safety_state())};
             }),
      work(core),
      intake(core, work, verifier),
      dissemination(core, pool),
      waiters(core),
      execution(core, bodies),
      sync(core, work, verifier, bodies, execution) {
  chain::Height until = facts.executed.height;
  const auto& heights = replica.safety_state().heights;
  if (!heights.empty()) until = std::max(until, heights.rbegin()->first);
  bodies.restore(std::move(recovered), until);
  waiters.set_certified_height(facts.stable ? facts.stable->head.height : chain::Height(0));
  if (facts.stable) {
    newest = std::make_shared<const chain::CheckpointCertificate>(*facts.stable);
  }
  core.input = [this](consensus::Input in) { input(std::move(in)); };
  core.want_flush = [this] { want_flush(); };
  dissemination.on_refused = [this](const std::vector<Body>& refused) { recheck(refused); };
  bodies.on_arrival = [this] {
    execution.advance();
    sync.advance();
  };
  execution.on_executed = [this](const chain::LedgerHead& head, const chain::Block& block,
                                 const LedgerPort::Bodies& executed,
                                 const LedgerPort::Repeats& repeats) {
    on_executed(head, block, executed, repeats);
  };
  execution.on_certified = [this](const chain::CheckpointCertificate& certificate) {
    core.events.on_certified(certificate);
    waiters.certified(certificate.head.height);
  };
}

void Driver::Impl::start() {
  stepping = true;
  consensus::Effects effects = replica.start();
  stepping = false;
  process(std::move(effects));
  want_flush();
}

void Driver::Impl::input(consensus::Input in) {
  inputs.push_back(std::move(in));
  if (stepping) return;
  stepping = true;
  while (!inputs.empty() && core.running()) {
    const consensus::Input next = std::move(inputs.front());
    inputs.pop_front();
    ++core.counters.steps;
    process(replica.step(next));
  }
  stepping = false;
}

void Driver::Impl::process(consensus::Effects effects) {
  core.events.on_effects(effects);
  for (const consensus::Ignored i : effects.ignored) {
    ++core.counters.ignored[static_cast<std::size_t>(i)];
  }
  // What a block under a checkpoint certificate is stored with is that certificate.
  std::vector<Bytes> proofs;
  for (const consensus::Execute& e : effects.execute) {
    if (e.commit) {
      proofs.push_back(encode(StoredProof(*e.commit)));
    } else {
      IMI_CHECK(replica.stable() && replica.stable()->head.height >= e.block->header.height,
                "a block without a commit certificate lies under the stable checkpoint");
      proofs.push_back(encode(StoredProof(*replica.stable())));
    }
  }
  WalGroup group{std::move(effects.persist.records), {}};
  for (const consensus::VotedBlock& b : effects.persist.blocks) {
    bodies.keep(b.block->header.height, b.id, b.block);
    if (core.ports.wal == nullptr) continue;
    auto logged = bodies.to_log(b.block->items);
    std::move(logged.begin(), logged.end(), std::back_inserter(group.bodies));
  }
  // A certificate may rest on our own CHECKPOINT of this very step: readers and observers get it
  // only once that vote is durable (I4).
  Task after;
  if (!effects.execute.empty() || effects.stable) {
    after = [this, blocks = std::move(effects.execute), proofs = std::move(proofs),
             stable = effects.stable] {
      for (std::size_t i = 0; i < blocks.size() && core.running(); ++i) {
        execution.execute(blocks[i], proofs[i]);
      }
      if (stable && core.running()) on_stable(*stable);
    };
  }
  outbox.add(std::move(group), std::move(effects.send), std::move(after));
  if (!core.running()) return;

  for (const consensus::NeedBodies& n : effects.need_bodies) bodies.need(n);
  if (effects.fetch_blocks) sync.want(*effects.fetch_blocks);
  on_returned(effects.returned);
  process_notices(effects);
}

void Driver::Impl::keep_evidence(const consensus::Evidence& e) {
  ++core.counters.evidence;
  const std::string what = "member " + std::to_string(e.member.value) + " signed two different " +
                           std::string(consensus::name(e.kind)) + " messages";
  core.events.log(LogLevel::kError, what);
  if (core.ports.evidence == nullptr) return;
  auto kept = std::make_shared<std::expected<bool, IoError>>(false);
  core.run(
      core.ports.log_writer, Priority::kBulk,
      [kept, e, genesis = config.genesis, store = core.ports.evidence] {
        *kept = store->keep(make_evidence(genesis, e));
      },
      [this, kept, what] {
        if (!*kept) {
          core.events.log(LogLevel::kError,
                          what + ": the evidence was not kept: " + describe(kept->error()));
        } else if (**kept) {
          core.events.log(LogLevel::kInfo, what + ": evidence kept");
        }
      });
}

void Driver::Impl::process_notices(const consensus::Effects& effects) {
  core.counters.blocks_committed += effects.committed.size();
  if (!effects.committed.empty()) want_flush();
  for (const consensus::Evidence& e : effects.evidence) keep_evidence(e);
  if (effects.view) {
    ++core.counters.view_changes;
    proposed_us.clear();
    if (!effects.view->changing) {
      dissemination.on_view(effects.view->view, effects.view->primary);
      pool.requeue_taken_except(bodies.contents_of(
          [this](chain::Height h, const chain::BlockId& id) { return replica.is_decided(h, id); }));
    }
    std::string said = (effects.view->changing ? "changing to view " : "in view ") +
                       std::to_string(effects.view->view.value) + ", primary is member " +
                       std::to_string(effects.view->primary.value);
    if (effects.view->cause) {
      said.append(": ").append(consensus::describe(*effects.view->cause));
    }
    core.events.log(LogLevel::kInfo, said);
    want_flush();
  }
  if (effects.wish) {
    core.events.log(
        LogLevel::kInfo,
        effects.wish->cause
            ? "wants view " + std::to_string(effects.wish->view.value) + ": " +
                  std::string(consensus::describe(*effects.wish->cause))
            : "no longer wants to leave view " + std::to_string(effects.wish->view.value));
  }
  if (effects.alarm) {
    ++core.counters.alarms;
    core.events.log(LogLevel::kError, std::to_string(effects.alarm->differing) +
                                          " members sign another head than this node at height " +
                                          std::to_string(effects.alarm->height.value));
  }
  if (effects.signing_stop) {
    core.events.log(LogLevel::kError,
                    "this key signs nothing any more: " + consensus::describe(replica.signing()));
  }
  if (effects.signing_begins) {
    core.events.log(LogLevel::kInfo,
                    "peers showed nothing that this validator signed and does not remember: it "
                    "signs from now on");
  }
  if (effects.halt) {
    const bool mismatch = effects.halt->reason == consensus::HaltReason::kHeadMismatch;
    core.halt(mismatch ? HaltCode::kHeadMismatch : HaltCode::kConsensus,
              std::string(consensus::describe(effects.halt->reason)) + " (height " +
                  std::to_string(effects.halt->height.value) +
                  "). The data is kept as it is; do not start this node again before it has "
                  "been examined");
  }
}

void Driver::Impl::on_stable(const chain::CheckpointCertificate& certificate) {
  newest = std::make_shared<const chain::CheckpointCertificate>(certificate);
  execution.certify(certificate);
  bodies.release(std::min(replica.stable_height(), replica.executed_height()));
  send_notices();
}

void Driver::Impl::on_returned(const std::vector<consensus::Returned>& returned) {
  // In reverse, so that what goes back to the front of a queue keeps its order.
  for (auto r = returned.rbegin(); r != returned.rend(); ++r) {
    switch (r->reason) {
      case consensus::ReturnReason::kNoSlot:
      case consensus::ReturnReason::kExpiryTooFar:
      case consensus::ReturnReason::kTooMany:
      case consensus::ReturnReason::kNotChosen: pool.requeue(r->item); break;
      // In an ancestor that is under way: it commits there, or comes back as not chosen.
      case consensus::ReturnReason::kRepeated: break;
      // It leaves when the chain's time is past its expiry.
      case consensus::ReturnReason::kExpired: break;
    }
  }
  if (!returned.empty()) want_flush();
}

void Driver::Impl::on_executed(const chain::LedgerHead& head, const chain::Block& block,
                               const LedgerPort::Bodies& executed,
                               const LedgerPort::Repeats& repeats) {
  ++core.counters.blocks_executed;
  measure_block();
  core.events.on_executed(head, block, executed);
  core.counters.submissions_committed += executed.size();
  const std::uint64_t now = core.now_us();
  std::vector<chain::SubmissionId> ids;
  ids.reserve(executed.size());
  for (const auto& submission : executed) {
    ids.push_back(submission->digests->id);
    core.counters.entries_committed += submission->header.count;
    if (const auto added_us = pool.remove(ids.back())) {
      core.counters.commit_latency.add(now - *added_us);
    }
  }
  waiters.executed(head.height, ids, repeats);
  std::vector<chain::ContentHash> gone;
  for (const Pool::Expired& e : pool.expire(head.time)) {
    gone.push_back(e.content);
    waiters.expired(e.id);
  }
  if (!gone.empty()) input(consensus::PendingRemoved{std::move(gone)});
  input(consensus::Executed{head, std::move(ids)});
  if (!core.running()) return;
  bodies.release(std::min(replica.stable_height(), replica.executed_height()));
  sync.advance();
  want_flush();
}

void Driver::Impl::recheck(const std::vector<Body>& bodies_refused) {
  struct Job {
    std::vector<Body> bodies;
    std::vector<chain::ContentHash> refused;
  };
  auto job = std::make_shared<Job>(Job{bodies_refused, {}});
  core.run(
      core.ports.verify, Priority::kBulk,
      [job, &ledger = core.ports.ledger] {
        for (const Body& b : job->bodies) {
          const auto precheck = ledger.precheck(*b.submission);
          if (precheck && (precheck->refusal || precheck->applied)) {
            job->refused.push_back(b.content());
          }
        }
      },
      [this, job] {
        if (!job->refused.empty()) input(consensus::PendingRemoved{std::move(job->refused)});
      });
}

void Driver::Impl::tick() {
  if (!core.running()) return;
  input(consensus::Tick{core.now()});
  bodies.fetch_due();
  dissemination.repush_due();
  waiters.expire_waits();
  sync.advance();
  intake.give_back();
  const std::uint64_t now = core.now_us();
  if (now >= next_sweep_us) {
    next_sweep_us = now + kSweepUs;
    // A block that took an item and silently came to nothing (its proposal was never adopted).
    const std::uint64_t patience = std::uint64_t{config.max_view_timeout_ms} * 1000;
    if (now > patience) pool.requeue_taken_before(now - patience);
    for (std::uint32_t p = 0; p < core.validators && !replica.is_voter(); ++p) {
      ask_to_follow(PeerIndex(p));
    }
  }
  pool.requeue_unexpired(replica.next_block_time(core.now()));
  if (pool.queued() != 0) want_flush();
}

// ---- the public face
// ------------------------------------------------------------------------------

Driver::Driver(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Driver::~Driver() { stop(); }

void Driver::tick() { impl_->tick(); }
void Driver::on_message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  impl_->on_message(from, std::move(frame), std::move(hold));
}
void Driver::on_peer(PeerIndex peer, bool connected) { impl_->on_peer(peer, connected); }
void Driver::submit(SharedBytes submission, WaitFor wait, std::uint32_t timeout_ms,
                    std::function<void(SubmitResult)> done) {
  impl_->submit({std::move(submission), wait, timeout_ms, std::move(done)});
}

void Driver::submit_batch(std::vector<SharedBytes> submissions,
                          std::function<void(std::vector<SubmitResult>)> done) {
  struct Batch {
    std::vector<std::optional<SubmitResult>> results;
    std::size_t left = 0;
    std::function<void(std::vector<SubmitResult>)> done;
  };
  if (submissions.empty()) {
    done({});
    return;
  }
  auto batch = std::make_shared<Batch>();
  batch->results.resize(submissions.size());
  batch->left = submissions.size();
  batch->done = std::move(done);
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    impl_->submit({std::move(submissions[i]), WaitFor::kAccepted, 0, [batch, i](SubmitResult r) {
                     batch->results[i] = std::move(r);
                     if (--batch->left != 0) return;
                     std::vector<SubmitResult> out;
                     out.reserve(batch->results.size());
                     for (auto& result : batch->results) out.push_back(std::move(*result));
                     batch->done(std::move(out));
                   }});
  }
}

SubmissionReport Driver::submission(const chain::SubmissionId& id) const {
  if (auto recent = impl_->waiters.recent(id)) return *recent;
  SubmissionReport report;
  report.id = id;
  if (const Body* body = impl_->pool.find_by_id(id)) {
    report.status = SubmissionStatus::kPending;
    report.expiry = body->expiry();
  }
  return report;
}

NodeStatus Driver::status() const { return impl_->status(); }
const DriverCounters& Driver::counters() const { return impl_->core.counters; }
bool Driver::halted() const { return impl_->core.halted().has_value(); }
const consensus::SafetyState& Driver::safety_state() const { return impl_->replica.safety_state(); }

void Driver::stop() {
  impl_->core.stop();
  for (Impl::Submitted& s : std::exchange(impl_->submitted, {})) {
    s.done(std::unexpected(NodeRefusal{NodeRefusal::Reason::kStopping, {}}));
  }
  impl_->waiters.stop();
}

}  // namespace imi::node
