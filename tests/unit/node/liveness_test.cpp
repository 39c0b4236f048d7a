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
  [[nodiscard]] std::uint32_t backup(std::uint32_t i) {
    return (primary().index + i) % 4;
  }
  // Nobody leaves the view, nobody is about to.
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
    for (std::uint32_t round = 0; round < 200; ++round) {
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
    CHECK(accepted > 100);
    c.nothing_happens(5'000);
  }
}

TEST_CASE("one member's pushes of submissions that are not due change no view") {
  Idle c;
  const std::uint32_t liar = c.backup(3);
  std::uint32_t n = 70;
  for (const std::int64_t too_far_ms : {1'500, 9'000, 100'000}) {
    const auto far = c.chain.submit_at(
        {ledger::test::TestChain::enterprise(n++)},
        chain::TimeMs(c.node(0).now().value + c.chain.genesis().parameters.max_expiry_ms +
                      too_far_ms));
    for (std::uint32_t i = 0; i < 4; ++i) {
      if (i != liar && i != c.primary().index) push(c.node(i), liar, *far);
    }
  }
  c.nothing_happens(60'000);
}

TEST_CASE("a submission that two signatures carry is decided once and holds up nobody") {
  Idle c;
  const auto a = c.submission(50);
  const auto twin = signed_again(*a);
  const std::uint32_t p = c.primary().index;
  std::uint32_t answers = 0;
  const auto committed = [&](SubmitResult r) {
    REQUIRE(r);
    CHECK(r->kind == Fate::Kind::kCommitted);
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

TEST_CASE("a twin that one member alone holds marks no member alone") {
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

}  // namespace imi::node::test
