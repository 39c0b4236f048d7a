// The driver: four nodes of the real thing in virtual time, as clients and operators see them.
#include <doctest/doctest.h>

#include "tests/unit/node/running.h"

namespace imi::node::test {
namespace {

ledger::AdmissionError::Reason admission(const SubmitResult& r) {
  REQUIRE_FALSE(r);
  REQUIRE(std::holds_alternative<ledger::AdmissionError>(r.error()));
  return std::get<ledger::AdmissionError>(r.error()).reason;
}
std::string early_refusal(const SubmitResult& r) {
  REQUIRE_FALSE(r);
  REQUIRE(std::holds_alternative<ledger::EarlyRefusal>(r.error()));
  return std::string(ledger::name(std::get<ledger::EarlyRefusal>(r.error()).refusal.code));
}
// By a key that is not the agency's, in the agency's name.
std::shared_ptr<const ledger::Submission> in_the_name_of_the_agency(Cluster& c, std::uint32_t n) {
  return c.chain.submit_as(chain::retag<ledger::AuthorId>(c.chain.agency()),
                           crypto::SecretKey::generate(c.chain.random()),
                           {ledger::test::TestChain::enterprise(n)},
                           chain::TimeMs(c.node(0).now().value + 60'000));
}
NodeRefusal::Reason refusal(const SubmitResult& r) {
  REQUIRE_FALSE(r);
  REQUIRE(std::holds_alternative<NodeRefusal>(r.error()));
  return std::get<NodeRefusal>(r.error()).reason;
}

}  // namespace

TEST_CASE("parameters that a genesis may have are parameters that consensus runs with") {
  ledger::Parameters p;
  p.activation_delay = 1'000;
  for (p.window = 0; p.window <= 70; ++p.window) {
    const bool runs = consensus_config({}, p).valid();
    CHECK(ledger::validate(p).has_value() == runs);
  }
}

TEST_CASE(
    "a submission given to any node is committed and certified at every node within a few syncs") {
  Running c;
  c.run_for(100);
  for (std::uint32_t via = 0; via < 4; ++via) {
    const std::uint64_t began = c.now_us;
    const SubmitResult r = c.node(via).submit(*c.submission(via), WaitFor::kCertified);
    REQUIRE(r);
    CHECK(r->status == SubmissionStatus::kCommitted);
    CHECK(r->certified);
    // 4 syncs of 0.3 ms, 4 hops of 0.2 ms, an execution of 0.4 ms and no timer in between.
    CHECK(c.now_us - began < 9'000);
    REQUIRE(c.run_until([&] { return c.certified_everywhere(r->height.value); }));
  }
  for (const auto& n : c.nodes) CHECK(n->entries_executed == 4);
}

TEST_CASE("each level of waiting is answered when it is reached") {
  Running c;
  const auto accepted = c.node(1).submit(*c.submission(1), WaitFor::kAccepted);
  REQUIRE(accepted);
  CHECK(accepted->status == SubmissionStatus::kPending);
  CHECK(c.node(1).driver->submission(accepted->id).status == SubmissionStatus::kPending);
  const auto committed = c.node(2).submit(*c.submission(2), WaitFor::kCommitted);
  REQUIRE(committed);
  CHECK(committed->status == SubmissionStatus::kCommitted);
  CHECK(committed->height.value >= 1);
}

TEST_CASE("a repeated submission is answered with its first place and changes nothing") {
  Running c;
  const auto s = c.submission(1);
  const auto first = c.node(1).submit(*s, WaitFor::kCertified);
  REQUIRE(first);
  for (const std::uint32_t via : {1U, 2U}) {
    const auto again = c.node(via).submit(*s, WaitFor::kCertified);
    REQUIRE(again);
    CHECK(again->height == first->height);
    CHECK(again->index == first->index);
  }
  c.run_for(200);
  for (const auto& n : c.nodes) CHECK(n->entries_executed == 1);
}

TEST_CASE("a repeat long after is found in the ledger") {
  Running c;
  c.limits.recent_blocks = 1;
  c.node(1).kill();
  c.node(1).start();
  const auto s = c.submission(1);
  const auto first = c.node(1).submit(*s, WaitFor::kCertified);
  REQUIRE(first);
  c.commit(1, 2, 1);
  c.commit(1, 3, 1);
  CHECK(c.node(1).driver->submission(first->id).status == SubmissionStatus::kUnknown);
  const auto again = c.node(1).submit(*s, WaitFor::kCertified);
  REQUIRE(again);
  CHECK(again->height == first->height);
}

TEST_CASE("bad submissions are refused by name before they are disseminated") {
  Running c;
  auto forged = *c.submission(1);
  forged.signature.bytes[10] ^= 1;
  CHECK(admission(c.node(0).submit(forged, WaitFor::kAccepted)) ==
        ledger::AdmissionError::Reason::kBadSignature);
  const auto enterprise = ledger::test::TestChain::enterprise(1);
  const auto expired = c.chain.submit_at({enterprise}, chain::TimeMs(1));
  CHECK(admission(c.node(0).submit(*expired, WaitFor::kAccepted)) ==
        ledger::AdmissionError::Reason::kExpired);
  const auto far =
      c.chain.submit_at({enterprise}, chain::TimeMs(c.node(0).now().value + 3'600'000));
  CHECK(admission(c.node(0).submit(*far, WaitFor::kAccepted)) ==
        ledger::AdmissionError::Reason::kExpiryTooFar);
  std::optional<SubmitResult> garbage;
  c.node(0).driver->submit(std::make_shared<const Bytes>(Bytes{1, 2, 3}), WaitFor::kAccepted, 0,
                           [&garbage](SubmitResult r) { garbage = std::move(r); });
  REQUIRE(c.run_until([&] { return garbage.has_value(); }));
  CHECK(admission(*garbage) == ledger::AdmissionError::Reason::kMalformed);
  for (const auto& n : c.nodes) CHECK(n->driver->status().pool_items == 0);
}

TEST_CASE("naming an agency does not take its share of the pool") {
  Running c;
  c.run_for(50);
  const auto forged = in_the_name_of_the_agency(c, 1);
  CHECK(early_refusal(c.node(0).submit(*forged, WaitFor::kAccepted)) == "key-not-authorised");
  const auto nobody = c.chain.submit_as(
      c.chain.random().fixed<ledger::AuthorId>(), crypto::SecretKey::generate(c.chain.random()),
      {ledger::test::TestChain::enterprise(1)}, forged->header.expiry);
  CHECK(early_refusal(c.node(0).submit(*nobody, WaitFor::kAccepted)) == "no-such-author");
  // Nor through a member that does not check.
  push(c.node(1), 0, *forged);
  push(c.node(2), 0, *nobody);
  c.run_for(50);
  for (const auto& n : c.nodes) {
    CHECK(n->driver->status().pool_items == 0);
    CHECK(n->entries_executed == 0);
  }
  CHECK(c.node(1).driver->counters().submissions_rejected_by_state == 1);
}

TEST_CASE("a block with a submission that the pool would refuse is voted for nevertheless") {
  Running c;
  c.run_for(50);
  TestNode& primary = c.primary();
  primary.kill();
  primary.careless = true;
  primary.start();
  const auto forged = in_the_name_of_the_agency(c, 1);
  std::optional<SubmissionReport> report;
  primary.submit_later(*forged, WaitFor::kCertified, 20'000, [&](const SubmitResult& r) {
    REQUIRE(r);
    report = *r;
  });
  REQUIRE(c.run_until([&] { return report.has_value(); }));
  REQUIRE(c.run_until([&] { return c.certified_everywhere(report->height.value); }));
  for (const auto& n : c.nodes) {
    const auto outcomes = n->db->outcomes(report->height);
    REQUIRE(outcomes.has_value());
    CHECK((*outcomes)[report->index].refused.size() == 1);  // execution decides
  }
}

TEST_CASE("plain text about a person reaches no pool") {
  Running c;
  const auto expiry = [&] { return chain::TimeMs(c.node(0).now().value + 60'000); };
  const auto person = c.chain.person(crypto::SecretKey::generate(c.chain.random()));
  REQUIRE(c.node(0).submit(*c.chain.submit_at({person}, expiry()), WaitFor::kCertified));
  REQUIRE(c.run_until([&] { return c.certified_everywhere(1); }));
  auto event = c.chain.event(1);
  event.subject = person.id;
  const auto open = c.chain.submit_at({event}, expiry());
  CHECK(early_refusal(c.node(0).submit(*open, WaitFor::kAccepted)) == "plaintext-for-person");
  push(c.node(1), 0, *open);
  c.run_for(50);
  for (const auto& n : c.nodes) CHECK(n->driver->status().pool_items == 0);
}

TEST_CASE("a repeat that a peer pushes long after does not enter the pool") {
  Running c;
  c.limits.recent_blocks = 1;
  c.node(1).kill();
  c.node(1).start();
  const auto s = c.submission(1);
  REQUIRE(c.node(1).submit(*s, WaitFor::kCertified));
  c.commit(1, 2, 1);
  c.commit(1, 3, 1);
  push(c.node(1), 0, *s);
  const auto pooled = [&] { return c.node(1).driver->status().pool_items != 0; };
  CHECK_FALSE(c.run_until(pooled, 20));
}

TEST_CASE("several hundred submissions through all nodes share blocks and are each applied once") {
  Running c;
  c.run_for(50);
  std::uint32_t done = 0;
  for (std::uint32_t n = 0; n < 400; ++n) {
    c.node(n % 4).submit_later(*c.submission(n), WaitFor::kCertified, 20'000,
                               [&done](const SubmitResult& r) {
                                 REQUIRE(r);
                                 ++done;
                               });
  }
  REQUIRE(c.run_until([&] { return done == 400; }));
  CHECK(c.node(0).certified.height.value < 40);
  c.same_stores();
  for (const auto& n : c.nodes) CHECK(n->entries_executed == 400);
}

TEST_CASE("nothing signed leaves before the safety log has returned") {
  Running c;
  c.run_for(50);
  TestNode& backup = c.node((c.primary().index + 1) % 4);
  backup.sync_us.reset();
  const std::size_t before = backup.votes_sent;
  // The three others are a quorum and go on.
  c.commit(c.primary().index, 0, 3);
  CHECK(backup.votes_sent == before);
  CHECK(backup.driver->status().log_groups_queued > 0);
}

TEST_CASE("a killed primary is replaced, acknowledged entries stay, and it catches up") {
  Running c;
  c.commit(0, 0, 5);
  TestNode& dead = c.primary();
  const std::uint32_t via = (dead.index + 1) % 4;
  std::uint32_t done = 0;
  for (std::uint32_t n = 10; n < 30; ++n) {
    c.node(via).submit_later(*c.submission(n), WaitFor::kCertified, 20'000,
                             [&done](const SubmitResult& r) {
                               REQUIRE(r);
                               ++done;
                             });
  }
  c.run_for(1);
  dead.kill();
  dead.files.power_cut();
  const std::uint64_t began = c.now_us;
  REQUIRE(c.run_until([&] { return done == 20; }));
  CHECK(c.now_us - began < 2'500'000);
  dead.start();
  CHECK(dead.silent_because.empty());
  REQUIRE(c.run_until([&] { return c.certified_everywhere(c.node(via).certified.height.value); },
                      5'000));
  c.commit(dead.index, 50, 3);
  c.same_stores();
}

TEST_CASE("all four killed at once commit again after the third is back") {
  Running c;
  c.commit(0, 0, 8);
  for (const auto& n : c.nodes) {
    n->kill();
    n->files.power_cut();
  }
  for (std::uint32_t i = 0; i < 3; ++i) c.node(i).start();
  const std::uint64_t began = c.now_us;
  c.commit(1, 20, 4);
  CHECK(c.now_us - began < 5'000'000);
  c.node(3).start();
  REQUIRE(c.run_until([&] { return c.certified_everywhere(2); }, 5'000));
  c.same_stores();
}

TEST_CASE("clocks that were an hour ahead are set back: nodes take and commit submissions (C1)") {
  Running c;
  c.clock_ahead_ms = 3'600'000;
  c.commit(0, 0, 3);
  c.clock_ahead_ms = 0;
  const std::uint64_t before_us = c.now_us;
  for (std::uint32_t via = 0; via < 4; ++via) c.commit(via, 10 + 10 * via, 4);
  CHECK(c.now_us - before_us < 5'000'000);
  CHECK(c.node(0).driver->status().view == chain::View(0));
  c.same_stores();
}

TEST_CASE("a node that was cut off for many blocks catches up from peers") {
  Running c;
  c.commit(0, 0, 1);
  TestNode& slow = c.node((c.primary().index + 2) % 4);
  slow.kill();
  const std::uint32_t via = c.primary().index;
  for (std::uint32_t n = 0; n < 60; ++n) c.commit(via, 100 + 3 * n, 3);
  slow.start();
  REQUIRE(c.run_until([&] { return c.certified_everywhere(61); }, 10'000));
  CHECK(slow.driver->counters().blocks_synced > 30);
  CHECK(slow.driver->status().ready);
  c.commit(slow.index, 500, 2);
}

TEST_CASE("bodies that never arrived by push are fetched from a member that holds the block") {
  Running c;
  c.run_for(50);
  const std::uint32_t victim = (c.primary().index + 1) % 4;
  constexpr std::uint8_t kPush = 1;
  c.filter = [victim](std::uint32_t, std::uint32_t to, const Bytes& frame) {
    return to != victim || frame[0] != kPush;
  };
  c.commit(c.primary().index, 0, 4);
  REQUIRE(c.run_until([&] { return c.certified_everywhere(1); }));
  CHECK(c.node(victim).driver->counters().bodies_fetched > 0);
}

TEST_CASE("bodies that arrived and are being verified are not asked for once more") {
  Running c;
  c.run_for(50);
  const std::uint32_t slow = (c.primary().index + 1) % 4;
  c.node(slow).verify_us = 60'000;
  c.commit(c.primary().index, 0, 4);
  REQUIRE(c.run_until([&] { return c.certified_everywhere(1); }));
  c.run_for(500);
  CHECK(c.node(slow).driver->counters().bodies_fetched == 0);
}

TEST_CASE("a submission that only a backup got reaches the primary although the push was lost") {
  Running c;
  c.run_for(50);
  const std::uint32_t via = (c.primary().index + 1) % 4;
  bool lose = true;
  c.filter = [&](std::uint32_t, std::uint32_t, const Bytes& frame) {
    return !(lose && frame[0] == 1);
  };
  std::optional<SubmitResult> result;
  c.node(via).submit_later(*c.submission(1), WaitFor::kCertified, 9'000,
                           [&](SubmitResult r) { result = std::move(r); });
  c.run_for(100);
  lose = false;
  REQUIRE(c.run_until([&] { return result.has_value(); }));
  CHECK(result->has_value());
}

TEST_CASE("an observer follows on checkpoint certificates and votes for nothing") {
  Running c(1);
  c.commit(0, 0, 6);
  REQUIRE(c.run_until([&] { return c.certified_everywhere(1); }, 5'000));
  TestNode& observer = c.node(4);
  CHECK(observer.driver->status().role == NodeRole::kObserver);
  CHECK(observer.votes_sent == 0);
  CHECK(observer.entries_executed == 6);
  // Restarted far behind, it follows again.
  observer.kill();
  for (std::uint32_t n = 0; n < 20; ++n) c.commit(1, 100 + n, 1);
  observer.start();
  REQUIRE(c.run_until([&] { return c.certified_everywhere(20); }, 5'000));
  // A client may use it too.
  CHECK(observer.submit(*c.submission(900), WaitFor::kCertified));
}

TEST_CASE("a validator without its safety log observes, and the other three commit") {
  Cluster c;
  for (std::uint32_t i = 0; i < 3; ++i) c.node(i).init();
  for (const auto& n : c.nodes) n->start();
  TestNode& silent = c.node(3);
  CHECK(silent.silent_because.find("imid init") != std::string::npos);
  REQUIRE(c.node(0).submit(*c.submission(1), WaitFor::kCertified));
  REQUIRE(c.run_until([&] { return c.certified_everywhere(1); }, 5'000));
  CHECK(silent.driver->status().role == NodeRole::kSilentValidator);
  // Far behind, it follows as an observer does.
  silent.kill();
  for (std::uint32_t n = 0; n < 30; ++n)
    REQUIRE(c.node(1).submit(*c.submission(100 + n), WaitFor::kCertified));
  silent.start();
  REQUIRE(c.run_until([&] { return c.certified_everywhere(31); }, 5'000));
  CHECK(silent.votes_sent == 0);
}

TEST_CASE("a full disk halts the node by name while reads may continue; the others commit") {
  Running c;
  c.commit(0, 0, 2);
  TestNode& full = c.node((c.primary().index + 1) % 4);
  full.files.fail_append = IoError::Reason::kNoSpace;
  c.commit(c.primary().index, 10, 2);
  REQUIRE(c.run_until([&] { return full.halted.has_value(); }));
  CHECK(full.halted->code == HaltCode::kSafetyLogFull);
  CHECK(reads_may_go_on(full.halted->code));
  const std::size_t votes = full.votes_sent;
  c.commit(c.primary().index, 20, 2);
  CHECK(full.votes_sent == votes);
  CHECK(refusal(full.submit(*c.submission(30), WaitFor::kAccepted)) ==
        NodeRefusal::Reason::kHalted);
  CHECK_FALSE(full.driver->status().ready);
  // Space was freed: a restart reads its log again and takes part.
  full.kill();
  full.files.fail_append.reset();
  full.files.power_cut();
  full.start();
  REQUIRE(c.run_until([&] { return c.certified_everywhere(2); }, 5'000));
  c.commit(full.index, 40, 2);
}

TEST_CASE("a failed sync halts the node for good and reads stop") {
  Running c;
  c.commit(0, 0, 1);
  TestNode& bad = c.node((c.primary().index + 1) % 4);
  bad.files.fail_sync = IoError::Reason::kIo;
  c.commit(c.primary().index, 10, 1);
  REQUIRE(c.run_until([&] { return bad.halted.has_value(); }));
  CHECK(bad.halted->code == HaltCode::kSafetyLogFailed);
  CHECK_FALSE(reads_may_go_on(bad.halted->code));
}

TEST_CASE("a client that waits longer than it allowed is told so, and can still learn the fate") {
  Running c;
  c.run_for(50);
  for (std::uint32_t i = 1; i < 4; ++i) c.node(i).kill();
  const auto late = c.node(0).submit(*c.submission(1), WaitFor::kCommitted, 300);
  CHECK(refusal(late) == NodeRefusal::Reason::kTimeout);
  CHECK(c.node(0).driver->status().pool_items == 1);
  CHECK(c.node(0).driver->status().why_not.find("needs 2") != std::string::npos);
}

TEST_CASE("frames that no honest peer sends cost the connection and nothing else") {
  Running c;
  c.run_for(50);
  TestNode& n = c.node(0);
  for (const Bytes& evil : {Bytes{}, Bytes{0, 1, 2}, Bytes{1, 5, 0xff, 0xff, 0xff, 0x7f},
                            Bytes{2, 1}, Bytes{3}, Bytes{5, 1}}) {
    n.disconnected.clear();
    n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(evil));
    c.run_for(5);
    CHECK(n.disconnected.contains(2));
  }
  c.commit(0, 0, 2);
}

TEST_CASE("a forged vote costs the connection, and a flood no other peer's messages") {
  Running c;
  std::optional<Bytes> vote;  // one that node 2 signed
  c.filter = [&vote](std::uint32_t from, std::uint32_t, const Bytes& frame) {
    if (from == 2 && frame[0] == 0 && frame.size() < 200) vote = frame;
    return true;
  };
  c.commit(0, 0, 2);
  REQUIRE(vote);
  TestNode& n = c.node(0);
  n.driver->on_message(PeerIndex(3), std::make_shared<const Bytes>(*vote));
  c.run_for(5);
  CHECK_FALSE(n.disconnected.contains(3));  // anybody may pass on what another signed
  Bytes forged = *vote;
  forged.back() ^= 1;
  n.driver->on_message(PeerIndex(3), std::make_shared<const Bytes>(forged));
  c.run_for(5);
  CHECK(n.disconnected.contains(3));

  const auto refused = [&n] { return n.driver->counters().messages_refused; };
  const std::uint64_t before = refused();
  for (int i = 0; i < 5'000; ++i) {
    n.driver->on_message(PeerIndex(3), std::make_shared<const Bytes>(forged));
  }
  const std::uint64_t flooded = refused();
  CHECK(flooded > before);  // beyond its share
  n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(*vote));
  CHECK(refused() == flooded);
  c.run_for(5);
  c.commit(0, 10, 2);
}

TEST_CASE("a body is sent once for a request, however often the request names it") {
  Running c;
  c.run_for(50);
  const auto submission = c.submission(1);
  // Nothing of it is committed, so it stays in the pool of node 0.
  std::size_t bytes = 0;
  std::size_t asked = 0;
  c.filter = [&](std::uint32_t, std::uint32_t to, const Bytes& frame) {
    if (to == 2 && frame[0] == static_cast<std::uint8_t>(FrameKind::kBodies)) {
      bytes += frame.size();
      ++asked;
    }
    return false;
  };
  c.node(0).submit_later(*submission, WaitFor::kCertified, 20'000, [](const SubmitResult&) {});
  c.run_for(50);
  FetchBodiesFrame request;
  request.contents.assign(500, submission->digests->content);
  c.node(0).driver->on_message(PeerIndex(2), make_frame(FrameKind::kFetchBodies, request));
  c.run_for(50);
  CHECK(asked == 1);
  CHECK(bytes < 2 * encode(*submission).size());
  // A peer that asks faster than it is served is not served more.
  for (int i = 0; i < 100; ++i) {
    c.node(0).driver->on_message(PeerIndex(2), make_frame(FrameKind::kFetchBodies, request));
  }
  c.run_for(50);
  CHECK(asked <= 1 + c.limits.serve_per_peer);
}

TEST_CASE("a stopped driver answers those who wait and ignores what completes later") {
  Running c;
  std::optional<SubmitResult> result;
  c.node(1).submit_later(*c.submission(1), WaitFor::kCertified, 5'000,
                         [&](SubmitResult r) { result = std::move(r); });
  c.node(1).driver->stop();
  REQUIRE(result);
  CHECK(refusal(*result) == NodeRefusal::Reason::kStopping);
  c.run_for(50);
}

}  // namespace imi::node::test
