// What must not, and what must, make members leave a view: the driver, the pool and consensus
// together, on four nodes in virtual time.
#include <doctest/doctest.h>
#include <secp256k1.h>

#include "tests/unit/node/running.h"

namespace imi::node::test {
namespace {

// The same submission under another valid signature of its author.
ledger::Submission signed_again(const ledger::Submission& s) {
  crypto::SeededRandom random(1);
  const crypto::SecretKey key = crypto::SecretKey::generate(random);  // TestChain's agency
  const auto statement = ledger::signed_digest(s);
  REQUIRE(statement.key == key.public_key());
  secp256k1_context* context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  const unsigned char other_nonce[32] = {7};
  secp256k1_ecdsa_signature signature;
  REQUIRE(secp256k1_ecdsa_sign(context, &signature, statement.digest.bytes.data(),
                               key.reveal().data(), nullptr, other_nonce) == 1);
  ledger::Submission twin = s;
  secp256k1_ecdsa_signature_serialize_compact(context, twin.signature.bytes.data(), &signature);
  secp256k1_context_destroy(context);
  REQUIRE(twin.signature != s.signature);
  ledger::compute_digests(twin);
  return twin;
}

struct Idle : Running {
  Idle() {
    commit(0, 0, 2);
    run_for(300);
  }
  [[nodiscard]] std::uint32_t backup(std::uint32_t i) { return (primary().index + i) % 4; }
  // No member leaves the view or is about to.
  void nothing_happens(std::uint64_t ms) {
    run_for(ms);
    CHECK(highest_view() == 0);
    for (const auto& n : nodes) {
      if (n->up()) CHECK_FALSE(n->driver->status().changing);
    }
  }
};

}  // namespace

TEST_CASE("submissions with a very short life change no view of an idle chain") {
  for (const std::int64_t life_ms : {3, 40, 900}) {
    Idle c;
    std::uint32_t accepted = 0;
    for (std::uint32_t round = 0; round < 50; ++round) {
      TestNode& via = c.node(c.backup(1));
      // Just before a tick, so that it is still alive there.
      const std::uint64_t at = (c.now_us / 1000 + 20) * 1000 + 850;
      c.schedule(at - c.now_us, [&] {
        const auto s = c.chain.submit_at({ledger::test::TestChain::enterprise(100 + round)},
                                         chain::TimeMs(via.now().value + life_ms));
        via.submit_later(*s, WaitFor::kAccepted, 1'000,
                         [&](SubmitResult r) { accepted += r.has_value() ? 1 : 0; });
      });
      c.run_for(25);
    }
    CHECK(accepted > 25);
    c.nothing_happens(5'000);
  }
}

TEST_CASE("one member's pushes of submissions that are not due change no view") {
  Idle c;
  const std::uint32_t liar = c.backup(3);
  std::uint32_t n = 70;
  for (const std::int64_t too_far_ms : {1'500, 9'000, 100'000}) {
    const auto far =
        c.chain.submit_at({ledger::test::TestChain::enterprise(n++)},
                          chain::TimeMs(c.node(0).now().value +
                                        c.chain.genesis().parameters.max_expiry_ms + too_far_ms));
    for (std::uint32_t i = 0; i < 4; ++i) {
      if (i != liar && i != c.primary().index) push(c.node(i), liar, *far);
    }
  }
  c.nothing_happens(60'000);
}

TEST_CASE("a submission under two signatures is decided once and delays nothing") {
  Idle c;
  const auto a = c.submission(50);
  const auto twin = signed_again(*a);
  const std::uint32_t p = c.primary().index;
  std::uint32_t answers = 0;
  const auto committed = [&](SubmitResult r) {
    REQUIRE(r);
    CHECK(r->status == SubmissionStatus::kCommitted);
    ++answers;
  };
  c.node(c.backup(1)).submit_later(twin, WaitFor::kCertified, 5'000, committed);
  c.node(c.backup(2)).submit_later(twin, WaitFor::kCertified, 5'000, committed);
  c.node(p).submit_later(*a, WaitFor::kCertified, 5'000, committed);
  c.nothing_happens(60'000);
  CHECK(answers == 3);
  for (const auto& n : c.nodes) {
    CHECK(n->entries_executed == 3);
    CHECK(n->driver->status().pool_items == 0);
  }
}

TEST_CASE("a twin held by one member only leaves no member alone in a view change") {
  Idle c;
  const auto a = c.submission(50);
  const auto twin = signed_again(*a);
  const auto accepted = [](SubmitResult r) { CHECK(r); };
  c.node(c.backup(1)).submit_later(twin, WaitFor::kAccepted, 5'000, accepted);
  for (const std::uint32_t i : {0U, 2U, 3U}) {
    c.node(c.backup(i)).submit_later(*a, WaitFor::kAccepted, 5'000, accepted);
  }
  c.nothing_happens(60'000);
}

TEST_CASE("what is verified in the very turn in which it is executed is not waited for") {
  // The push reaches one member so late that its verification ends with the block's execution;
  // the first run finds out when that is.
  const auto run = [](std::optional<std::uint64_t> deliver_at) {
    Running c;
    const std::uint32_t v = (c.primary().index + 2) % 4;
    const std::uint32_t via = (c.primary().index + 1) % 4;
    c.node(v).verify_us = 1'000;
    c.commit(0, 0, 1);
    c.run_for(400);
    std::optional<Bytes> held;
    c.filter = [&](std::uint32_t, std::uint32_t to, const Bytes& frame) {
      if (to != v || frame[0] != static_cast<std::uint8_t>(FrameKind::kPush)) return true;
      held = frame;
      return false;
    };
    if (deliver_at) {
      c.schedule(*deliver_at - c.now_us, [&] {
        REQUIRE(held);
        c.node(v).driver->on_message(PeerIndex(via), std::make_shared<const Bytes>(*held));
      });
    }
    c.node(via).submit_later(*c.submission(1), WaitFor::kAccepted, 5'000, [](SubmitResult) {});
    REQUIRE(c.run_until([&] { return c.node(v).entries_executed == 2; }));
    const std::uint64_t executed_at = c.now_us;
    if (deliver_at) {
      c.run_for(40'000);
      CHECK(c.highest_view() == 0);
      CHECK_FALSE(c.node(v).driver->status().changing);
      CHECK(c.node(v).driver->status().pool_items == 0);
    }
    return executed_at;
  };
  const std::uint64_t at = run(std::nullopt);
  for (std::uint64_t early_us = 800; early_us <= 1'000; early_us += 50) (void)run(at - early_us);
}

// ---- censorship (C6) ----------------------------------------------------------------------------

namespace {

bool is_push(const Bytes& frame) { return frame[0] == static_cast<std::uint8_t>(FrameKind::kPush); }

// The primary takes no push of the others, and commits small blocks of its own clients.
struct Censored : Idle {
  std::uint32_t censor = primary().index;
  std::uint32_t next = 1'000;
  std::optional<SubmitResult> victim;

  Censored() {
    filter = [this](std::uint32_t, std::uint32_t to, const Bytes& frame) {
      return to != censor || !is_push(frame);
    };
  }
  void submit_victim(std::uint32_t via) {
    node(via).submit_later(*submission(60), WaitFor::kCertified, 60'000,
                           [this](SubmitResult r) { victim = std::move(r); });
  }
  // Runs until the victim's fate is known or `ms` passed.
  bool included_within(std::uint64_t ms) {
    for (std::uint64_t t = 0; t < ms && !victim; t += 250) {
      node(censor).submit_later(*submission(next++), WaitFor::kAccepted, 1'000,
                                [](SubmitResult) {});
      run_for(250);
    }
    return victim && *victim && (*victim)->status == SubmissionStatus::kCommitted;
  }
};

}  // namespace

TEST_CASE("a primary that never acknowledges is deposed for what it leaves out") {
  Censored c;
  c.submit_victim(c.backup(1));
  CHECK(c.included_within(10'000));
  CHECK(c.highest_view() == 1);
}

TEST_CASE("a primary that acknowledges to one member alone is deposed, and that member stays") {
  Censored c;
  const std::uint32_t told = c.backup(1);
  c.filter = [&c, told](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to != c.censor || !is_push(frame)) return true;
    if (from == told) {
      const auto push = read_frame<PushFrame>(frame);
      REQUIRE(push);
      c.node(told).driver->on_message(PeerIndex(c.censor),
                                      make_frame(FrameKind::kAck, AckFrame{push->number, {}}));
    }
    return false;
  };
  c.submit_victim(told);
  std::uint32_t alone = 0;
  for (int i = 0; i < 100 && !c.victim; ++i) {
    c.node(c.censor).submit_later(*c.submission(c.next++), WaitFor::kAccepted, 1'000,
                                  [](SubmitResult) {});
    c.run_for(100);
    const bool first_alone = c.node(told).driver->status().changing &&
                             c.node(c.backup(2)).driver->status().view.value == 0;
    alone = first_alone ? alone + 1 : 0;
    CHECK(alone < 3);
  }
  REQUIRE(c.victim);
  CHECK(*c.victim);
  CHECK(c.highest_view() == 1);
}

TEST_CASE("a primary that refuses what is in order is deposed for leaving it out") {
  Censored c;
  c.filter = [&c](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to != c.censor || !is_push(frame)) return true;
    const auto push = read_frame<PushFrame>(frame);
    REQUIRE(push);
    AckFrame answer{push->number, {}};
    for (std::uint32_t i = 0; i < push->submissions.size(); ++i) answer.refused.push_back(i);
    c.node(from).driver->on_message(PeerIndex(c.censor), make_frame(FrameKind::kAck, answer));
    return false;
  };
  c.submit_victim(c.backup(1));
  CHECK(c.included_within(10'000));
  CHECK(c.highest_view() == 1);
}

TEST_CASE("a primary whose connections break again and again does not escape complaints") {
  Censored c;
  c.submit_victim(c.backup(1));
  // It acknowledges, then its connections are re-established each second.
  c.filter = [&c](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to != c.censor || !is_push(frame)) return true;
    const auto push = read_frame<PushFrame>(frame);
    REQUIRE(push);
    c.node(from).driver->on_message(PeerIndex(c.censor),
                                    make_frame(FrameKind::kAck, AckFrame{push->number, {}}));
    return false;
  };
  for (int i = 0; i < 15 && !c.victim; ++i) {
    (void)c.included_within(900);
    for (std::uint32_t n = 0; n < 4 && c.highest_view() == 0; ++n) {
      if (n != c.censor) c.node(n).driver->on_peer(PeerIndex(c.censor), true);
    }
  }
  REQUIRE(c.victim);
  CHECK(*c.victim);
  CHECK(c.highest_view() == 1);
}

TEST_CASE("a primary that restarts is not deposed for what it forgot") {
  Idle c;
  TestNode& p = c.primary();
  const std::uint32_t other = c.backup(1);
  // It has acknowledged the submission, and dies before its proposal leaves.
  bool mute = true;
  c.filter = [&](std::uint32_t from, std::uint32_t, const Bytes& frame) {
    return !mute || from != p.index || frame[0] != static_cast<std::uint8_t>(FrameKind::kConsensus);
  };
  std::optional<SubmitResult> answer;
  c.node(other).submit_later(*c.submission(60), WaitFor::kCertified, 30'000,
                             [&](SubmitResult r) { answer = std::move(r); });
  c.run_for(30);
  p.kill();
  mute = false;
  p.start();
  for (std::uint32_t i = 0; i < 20; ++i) {
    p.submit_later(*c.submission(200 + i), WaitFor::kAccepted, 1'000, [](SubmitResult) {});
    c.run_for(250);
  }
  REQUIRE(answer);
  CHECK(*answer);
  CHECK(c.highest_view() == 0);
  CHECK(c.node(other).driver->status().pool_items == 0);
}

TEST_CASE("what reached one validator alone is pushed again to all of them") {
  Idle c;
  const std::uint32_t via = c.backup(1);
  const std::uint32_t p = c.primary().index;
  c.filter = [&](std::uint32_t from, std::uint32_t, const Bytes& frame) {
    return from != via || !is_push(frame);
  };
  c.node(via).submit_later(*c.submission(70), WaitFor::kAccepted, 1'000, [](SubmitResult) {});
  c.run_for(500);
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK(c.node(i).driver->status().pool_items == (i == via ? 1U : 0U));
  }
  // From now on only the primary takes no pushes, and it says nothing.
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    return from != p && (to != p || !is_push(frame));
  };
  CHECK(c.run_until([&] { return c.node(c.backup(2)).driver->status().pool_items == 1; }, 6'000));
}

TEST_CASE(
    "a planned rotation moves the primary on, fails no request and costs a client little (C8)") {
  Running c;
  const std::uint64_t heights = c.chain.genesis().parameters.rotation_heights;
  REQUIRE(heights > 0);
  c.commit(0, 10'000, 1);  // the members have asked each other what they signed before (B6)
  std::uint64_t slowest_us = 0;
  std::uint64_t total_us = 0;
  const std::uint32_t count = static_cast<std::uint32_t>(2 * heights + 10);
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::uint64_t began = c.now_us;
    const SubmitResult r = c.node(n % 4).submit(*c.submission(n), WaitFor::kCertified);
    REQUIRE(r);
    total_us += c.now_us - began;
    slowest_us = std::max(slowest_us, c.now_us - began);
  }
  CHECK(c.highest_view() == 2);
  for (const auto& n : c.nodes) CHECK(n->driver->status().backoff == 0);
  // Virtual time: a tick until the wish, and a few hops and syncs.
  MESSAGE("mean " << total_us / count << " us, at a rotation " << slowest_us << " us");
  CHECK(slowest_us < 50'000);
}

}  // namespace imi::node::test
