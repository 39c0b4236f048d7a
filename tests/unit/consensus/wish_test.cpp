// Wishes (C4): a member alone does not leave a view, f+1 that want to leave it do.
#include <doctest/doctest.h>

#include "tests/unit/consensus/cluster.h"
#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

// A backup whose primary is silent while a submission waits.
struct Waiting : Solo {
  explicit Waiting(std::size_t n = 4) : Solo(n) {
    give(PendingAdded{{Members::item(1, kNow + 500'000)}});
  }
  std::optional<Effects> until_wish() {
    return tick_until([](const Effects& e) { return e.wish.has_value(); }, 200);
  }
  Effects hear(int from, View wanted) {
    return receive(members.wrap(MemberId(static_cast<std::uint16_t>(from)), wishes(wanted)));
  }
  std::size_t left(std::uint64_t ticks) {
    return tick_until([](const Effects& e) { return sent(e, MessageKind::kViewChange) > 0; }, ticks)
               ? 1
               : 0;
  }
};

}  // namespace

TEST_CASE("a member whose timer ran out sends its wish at once, stays and continues to vote (C4)") {
  Waiting s;
  const auto e = s.until_wish();
  REQUIRE(e);
  REQUIRE(sent_payload<Status>(*e) != nullptr);
  CHECK(sent_payload<Status>(*e)->wish == View(1));
  CHECK(sent(*e, MessageKind::kViewChange) == 0);
  CHECK(s.left(20'000) == 0);
  CHECK(s.replica().view() == View(0));
  CHECK_FALSE(s.replica().changing());
  const Block b = s.members.block(Height(1), BlockId{}, s.now_ms);
  CHECK(sent(s.receive(s.members.pre_prepare(View(0), b)), MessageKind::kPrepare) == 1);
}

TEST_CASE("a wish is withdrawn, and the withdrawal sent, when its cause is gone (C4)") {
  Waiting s;
  REQUIRE(s.until_wish());
  const ItemFacts item = Members::item(1, kNow + 500'000);
  const Block b = s.members.block(Height(1), BlockId{}, s.now_ms, {item});
  s.receive(s.members.pre_prepare(View(0), b));
  s.bodies(b, {item});
  for (const MemberId m : ids({2, 3})) {
    s.receive(s.members.prepare(m, View(0), Height(1), s.members.id_of(b)));
  }
  for (const MemberId m : ids({0, 2, 3})) {
    s.receive(s.members.commit(m, View(0), Height(1), s.members.id_of(b)));
  }
  const Effects e = s.tick();
  REQUIRE(e.wish);
  CHECK_FALSE(e.wish->cause);
  REQUIRE(sent_payload<Status>(e) != nullptr);
  CHECK(sent_payload<Status>(e)->wish == View(0));
  s.hear(2, View(1));  // too late to agree
  CHECK(s.left(50) == 0);
}

TEST_CASE("f+1 members that wish to leave, itself included, make a member sign (C4)") {
  Waiting s;
  REQUIRE(s.until_wish());
  s.hear(2, View(1));
  const Effects e = s.tick();
  REQUIRE(sent(e, MessageKind::kViewChange) == 1);
  CHECK(sent_payload<ViewChange>(e)->view == View(1));

  Waiting larger(7);  // f = 2
  REQUIRE(larger.until_wish());
  larger.hear(2, View(1));
  CHECK(larger.left(20) == 0);
  larger.hear(3, View(9));
  CHECK(larger.left(2) == 1);
  CHECK(larger.replica().view() == View(1));  // no further than its own wish
}

TEST_CASE("a VIEW-CHANGE counts as a wish, for good (C4)") {
  Waiting s;
  s.receive(s.members.view_change(MemberId(3), {View(1), {}, {}}));
  CHECK(s.left(90) == 0);
  CHECK(s.left(20) == 1);
}

TEST_CASE("wishes of others alone move no member, however many (C4)") {
  Solo s;
  for (int round = 0; round < 100; ++round) {
    for (const MemberId m : ids({0, 2, 3})) {
      const Effects e = s.receive(s.members.wrap(m, s.wishes(View(1))));
      CHECK(sent(e, MessageKind::kViewChange) == 0);
    }
    CHECK(sent(s.tick(), MessageKind::kViewChange) == 0);
  }
}

TEST_CASE("a wish ends with a later STATUS that has none, and with silence (C4)") {
  Waiting withdrawn;
  withdrawn.hear(2, View(1));
  withdrawn.hear(2, View(0));
  CHECK(withdrawn.left(2'000) == 0);

  Waiting s;
  s.hear(2, View(1));
  s.tick(90);  // still fresh when the own timer runs out
  CHECK(s.left(20) == 1);
  Waiting stale;
  stale.hear(2, View(1));
  // Something is decided now and then, so the own wish comes late.
  const Block b = stale.members.block(Height(1), BlockId{}, stale.now_ms);
  stale.tick(95);
  stale.run_block(View(0), b, stale.members.genesis_head());
  stale.tick(95);
  const Block c = stale.members.block(Height(2), stale.members.id_of(b), stale.now_ms);
  stale.run_block(View(0), c, stale.members.execute(stale.members.genesis_head(), b));
  CHECK(stale.left(2'000) == 0);
  CHECK(stale.replica().wish());
}

TEST_CASE("while it changes, a member wants a further view only with f+1 (C3, C4)") {
  Waiting s;
  s.hear(2, View(1));
  REQUIRE(s.left(120) == 1);
  s.receive(s.members.view_change(MemberId(2), {View(1), {}, {}}));
  s.receive(s.members.view_change(MemberId(3), {View(1), {}, {}}));
  // Member 1 leads view 1 and has entered it; nobody votes for what it proposes.
  REQUIRE_FALSE(s.replica().changing());
  CHECK(s.left(1'000) == 0);
  CHECK(s.replica().wish() == View(2));
  s.hear(3, View(2));
  CHECK(s.left(2) == 1);
  CHECK(s.replica().view() == View(2));
}

TEST_CASE("f+1 VIEW-CHANGEs that one member holds are relayed to those that lack them (C4)") {
  Waiting s;
  s.hear(2, View(1));
  REQUIRE(s.left(120) == 1);
  s.receive(s.members.view_change(MemberId(2), {View(1), {}, {}}));
  std::set<MemberId> relayed;
  for (int round = 0; round < 8; ++round) {
    s.tick(20);
    Status behind;
    const Effects e = s.receive(s.members.wrap(MemberId(3), behind));
    for (const Send& m : e.send) {
      if (m.message->kind() == MessageKind::kViewChange) relayed.insert(m.message->sender);
    }
  }
  CHECK(relayed == std::set<MemberId>{MemberId(1), MemberId(2)});
}

TEST_CASE(
    "one slow link costs nothing: no member leaves the view, and the chain continues (C4, I26)") {
  Cluster c({});
  // Member 3 hears nothing of the primary and of one backup.
  c.lose = [](MemberId from, MemberId to, const SignedMessage&) {
    return to == MemberId(3) && from != MemberId(2);
  };
  for (int i = 0; i < 40; ++i) {
    c.submit(4);
    c.run(50);
    for (std::size_t m = 0; m < 4; ++m) CHECK_FALSE(c.at(m).changing());
  }
  c.heal();
  CHECK(c.run_until([&] { return c.lowest_stable() >= 40; }, 500));
  CHECK(c.highest_view() == View(0));
  CHECK(c.violations.empty());
}

TEST_CASE("a liar that wishes and signs VIEW-CHANGEs all the time forces no view change (I26)") {
  Cluster c({});
  c.faulty.insert(3);
  for (int i = 0; i < 100; ++i) {
    Status wish;
    wish.view = View(0);
    wish.wish = View(1);
    for (std::uint16_t to = 0; to < 3; ++to) {
      c.inject(MemberId(3), MemberId(to), c.members.wrap(MemberId(3), wish));
      c.inject(MemberId(3), MemberId(to), c.members.view_change(MemberId(3), {View(1), {}, {}}));
    }
    c.submit(2);
    c.run(50);
  }
  CHECK(c.highest_view() <= View(1));
  for (std::size_t m = 0; m < 3; ++m) CHECK(c.at(m).view() == View(0));
  CHECK(c.lowest_executed() > 50);
}

TEST_CASE("a member that alone left a view comes back, even after a restart (C4)") {
  for (const bool restarts : {false, true}) {
    Cluster c({});
    c.submit(4);
    CHECK(c.run_until([&] { return c.lowest_executed() > 0; }, 100));
    // Member 3 hears nothing but a liar's word that view 1 is wanted.
    c.lose = [](MemberId, MemberId to, const SignedMessage&) { return to == MemberId(3); };
    c.submit(4);
    for (int i = 0; i < 20; ++i) {
      Status wish;
      wish.wish = View(1);
      c.inject(MemberId(0), MemberId(3), c.members.wrap(MemberId(0), wish));
      c.run(20);
    }
    REQUIRE(c.at(3).changing());
    c.heal();
    if (restarts) c.restart(3);
    c.run(300);
    REQUIRE(c.at(3).changing());
    CHECK(c.at(0).view() == View(0));
    // The others' chain goes on, with blocks and without.
    for (int i = 0; i < 10; ++i) {
      c.submit(2);
      c.run(100);
    }
    REQUIRE(c.at(3).changing());
    const std::uint64_t before = c.lowest_executed();
    CHECK(c.run_until([&] { return !c.at(3).changing(); }, 6'500));
    c.submit(4);
    c.run(100);
    CHECK(c.lowest_executed() > before);
    for (std::size_t m = 0; m < 4; ++m) CHECK(c.at(m).view() == View(1));
    for (std::size_t m = 0; m < 3; ++m) CHECK(c.at(m).backoff() == 0);  // nobody failed
    CHECK(c.violations.empty());
  }
}

TEST_CASE("a member that alone left a view is taken along as soon as its vote is needed (C4)") {
  Cluster c({});
  c.submit(4);
  CHECK(c.run_until([&] { return c.lowest_executed() > 0; }, 100));
  c.lose = [](MemberId, MemberId to, const SignedMessage&) { return to == MemberId(3); };
  c.submit(4);
  for (int i = 0; i < 20; ++i) {
    Status wish;
    wish.wish = View(1);
    c.inject(MemberId(0), MemberId(3), c.members.wrap(MemberId(0), wish));
    c.run(20);
  }
  REQUIRE(c.at(3).changing());
  c.heal();
  c.run(100);
  c.crash(2);
  c.submit(4);
  const std::uint64_t before = c.lowest_executed();
  CHECK(c.run_until([&] { return c.lowest_executed() > before; }, 500));
  CHECK_FALSE(c.at(3).changing());
  CHECK(c.violations.empty());
}
