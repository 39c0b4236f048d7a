// What comes to the driver from peers and clients.
#include <algorithm>

#include "node/driver_impl.h"
#include "node/wire.h"

namespace imi::node {

void Driver::Impl::on_message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  if (!core.running() || from.value >= core.peers || core.is_self(from)) return;
  if (frame->empty()) return core.disconnect_misbehaving(from, "an empty frame");
  switch (static_cast<FrameKind>(frame->front())) {
    case FrameKind::kConsensus: intake.message(from, std::move(frame), std::move(hold)); return;
    case FrameKind::kPush: on_push(from, frame, std::move(hold)); return;
    case FrameKind::kAck: {
      const auto ack = read_frame<AckFrame>(*frame);
      if (!ack) return core.disconnect_misbehaving(from, "an acknowledgement that does not parse");
      dissemination.on_ack(from, ack->number, ack->refused);
      return;
    }
    case FrameKind::kFetchBodies: {
      const auto request = read_frame<FetchBodiesFrame>(*frame);
      if (!request)
        return core.disconnect_misbehaving(from, "a request for bodies that does not parse");
      sync.serve_bodies(from, *request);
      return;
    }
    case FrameKind::kBodies: on_bodies(from, frame, std::move(hold)); return;
    case FrameKind::kFetchRuns: {
      const auto request = read_frame<FetchRunsFrame>(*frame);
      if (!request)
        return core.disconnect_misbehaving(from, "a request for blocks that does not parse");
      sync.serve_runs(from, *request);
      return;
    }
    case FrameKind::kRuns: sync.on_runs(from, std::move(frame), std::move(hold)); return;
    case FrameKind::kFollow:
      if (frame->size() != 1)
        return core.disconnect_misbehaving(from, "a request to follow that does not parse");
      on_follow(from);
      return;
  }
  intake.skip(from,
              std::move(hold));  // a newer peer's; features should prevent it from sending them
}

// The request is a byte and the answer is not: one in half the time after which it is repeated.
void Driver::Impl::on_follow(PeerIndex from) {
  const std::uint64_t until = core.now_us() + kFollowUs;
  std::uint64_t& known = followers[from.value];
  if (known + kSweepUs / 2 > until) return;
  known = until;
  send_notice(from);
}

std::expected<Pool::Added, PoolRefusal> Driver::Impl::enter_pool(const Body& body, bool local) {
  const auto added = pool.add(body, core.now_us(), local);
  if (added && *added == Pool::Added::kNew) dissemination.added(body, local);
  return added;
}

bool Driver::Impl::admit_from_peer(PeerIndex from, const CheckedBody& checked,
                                   const ledger::LedgerDb::Precheck& precheck) {
  if (!checked) {
    if (checked.error().content) bodies.refuse(*checked.error().content);
    return false;
  }
  const Body& body = *checked;
  bodies.offer(body);  // a block may list it whatever the state says of its author (B4)
  if (waiters.recent(body.id()) || precheck.applied) return true;
  if (precheck.refusal) {
    ++core.counters.submissions_rejected_by_state;
    return false;
  }
  // Clocks differ: what is due soon is kept, and not proposed before it is due. The rest would
  // only take the place of others.
  const chain::TimeMs latest(replica.next_block_time(core.now()).value +
                             core.parameters.max_expiry_ms + config.past_tolerance_ms);
  if (body.expiry() <= replica.executed().time || body.expiry() > latest) return false;
  // Another signature of what is held: it is the same submission (B3).
  const auto added = enter_pool(body, false);
  if (!added) return added.error() == PoolRefusal::kConflict;
  dissemination.held_by_peer(body.content(), from);
  return true;
}

namespace {
std::vector<SharedBytes> shared(std::vector<Bytes> submissions) {
  std::vector<SharedBytes> out;
  out.reserve(submissions.size());
  for (Bytes& b : submissions) out.push_back(std::make_shared<const Bytes>(std::move(b)));
  return out;
}
}  // namespace

void Driver::Impl::on_push(PeerIndex from, const SharedBytes& frame, std::shared_ptr<void> hold) {
  if (!intake.has_room(from, false)) {  // not acknowledged: it comes again
    ++core.counters.pushes_dropped;
    return;
  }
  auto push = read_frame<PushFrame>(*frame);
  if (!push) return core.disconnect_misbehaving(from, "a push that does not parse");
  if (push->submissions.empty()) return dissemination.acknowledge(from, push->number, {});
  intake.check(FairWork::peer(from), shared(std::move(push->submissions)), true,
               [this, from, number = push->number, asked = replica.executed_height(),
                hold = std::move(hold)](Intake::Answer answer) {
                 // It may have been executed meanwhile. Not acknowledged: it comes again.
                 if (!waiters.remembers_above(asked)) return;
                 std::vector<std::uint32_t> refused;
                 for (std::uint32_t i = 0; i < answer.bodies.size(); ++i) {
                   if (!admit_from_peer(from, answer.bodies[i], answer.prechecks[i]))
                     refused.push_back(i);
                 }
                 if (answer.complete) dissemination.acknowledge(from, number, std::move(refused));
               });
}

void Driver::Impl::on_bodies(PeerIndex from, const SharedBytes& frame, std::shared_ptr<void> hold) {
  bodies.answered(from);
  if (bodies.missing() == 0 || !intake.has_room(from, true)) return;
  auto answer = read_frame<BodiesFrame>(*frame);
  if (!answer) return core.disconnect_misbehaving(from, "bodies that do not parse");
  if (answer->submissions.empty()) return;
  intake.check(FairWork::peer(from), shared(std::move(answer->submissions)), false,
               [this, hold = std::move(hold)](Intake::Answer checked) {
                 for (const CheckedBody& body : checked.bodies) {
                   if (body) {
                     ++core.counters.bodies_fetched;
                     bodies.offer(*body);
                   } else if (body.error().content) {
                     bodies.refuse(*body.error().content);
                   }
                 }
               });
}

void Driver::Impl::on_peer(PeerIndex peer, bool connected) {
  if (!core.running()) return;
  if (connected) dissemination.on_connected(peer);
  if (!connected) {
    followers.erase(peer.value);
    bodies.disconnected(peer);
    sync.disconnected(peer);
  } else if (!replica.is_voter() && peer.value < core.validators) {
    ask_to_follow(peer);
  }
}

// ---- clients ------------------------------------------------------------------------------------

void Driver::Impl::submit(Submitted s) {
  if (!core.running()) {
    s.done(std::unexpected(core.halted()
                               ? NodeRefusal{NodeRefusal::Reason::kHalted, core.halted()->sentence}
                               : NodeRefusal{NodeRefusal::Reason::kStopping, {}}));
    return;
  }
  if (submitted.size() >= intake.room_for_clients()) {
    s.done(std::unexpected(NodeRefusal{NodeRefusal::Reason::kBusy, "submissions being verified"}));
    return;
  }
  submitted.push_back(std::move(s));
  want_flush();
}

void Driver::Impl::check_submitted() {
  if (submitted.empty()) return;
  auto batch = std::make_shared<std::vector<Submitted>>(std::exchange(submitted, {}));
  std::vector<SharedBytes> in;
  in.reserve(batch->size());
  for (const Submitted& s : *batch) in.push_back(s.bytes);
  intake.check(
      work.clients(), std::move(in), true,
      [this, batch, asked = replica.executed_height()](Intake::Answer answer) {
        if (!waiters.remembers_above(asked)) {  // they may have been executed meanwhile: ask again
          std::ranges::move(*batch, std::back_inserter(submitted));
          return want_flush();
        }
        for (std::size_t i = 0; i < batch->size(); ++i) {
          admit_submitted((*batch)[i], answer.bodies[i], answer.prechecks[i]);
        }
      });
}

void Driver::Impl::admit_submitted(const Submitted& s, const CheckedBody& checked,
                                   const ledger::LedgerDb::Precheck& precheck) {
  if (!checked) {
    s.done(std::unexpected(checked.error().error));
    return;
  }
  const Body& body = *checked;
  if (auto recent = waiters.recent(body.id())) {
    waiters.answer(*recent, s.wait, s.timeout_ms, s.done);
    return;
  }
  if (precheck.applied) {
    waiters.answer({SubmissionStatus::kCommitted,
                    body.id(),
                    precheck.applied->height,
                    precheck.applied->index,
                    false,
                    {}},
                   s.wait, s.timeout_ms, s.done);
    return;
  }
  if (precheck.refusal) {
    ++core.counters.submissions_rejected_by_state;
    s.done(std::unexpected(*precheck.refusal));
    return;
  }
  const chain::TimeMs block_time = replica.next_block_time(core.now());
  if (auto ok = ledger::check_window(body.expiry(), block_time, core.admission); !ok) {
    s.done(std::unexpected(ok.error()));
    return;
  }
  const auto added = enter_pool(body, true);
  if (!added) {
    s.done(std::unexpected(added.error()));
    return;
  }
  bodies.offer(body);
  if (s.wait == WaitFor::kAccepted) {
    s.done(SubmissionReport{SubmissionStatus::kPending, body.id(), {}, 0, false, body.expiry()});
  } else {
    waiters.wait(body.id(), s.wait, s.timeout_ms, s.done);
  }
}

}  // namespace imi::node
