// Leaving and entering views, seen by one replica, and the choice of O on its own.
#include <doctest/doctest.h>

#include "consensus/new_view.h"
#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

struct Chain {
  Members m{4};
  Block b1 = m.block(Height(1), BlockId{}, kNow);
  Block b2 = m.block(Height(2), m.id_of(b1), kNow + 1);
  Block b3 = m.block(Height(3), m.id_of(b2), kNow + 2);
  Block x2 = m.block(Height(2), m.id_of(b1), kNow + 50);
  LedgerHead h1 = m.execute(m.genesis_head(), b1);

  Choice chosen(const std::vector<ViewChange>& changes) const {
    std::vector<SignedViewChange> v;
    for (std::uint16_t i = 0; i < changes.size(); ++i) v.push_back({MemberId(i), changes[i], {}});
    return choose(m.config.genesis, v);
  }
};

}  // namespace

TEST_CASE("O takes each height's certificate of the highest view (A3)") {
  const Chain c;
  const Choice o =
      c.chosen({{View(3), {}, {{c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(0), c.b2)}}},
                {View(3), {}, {{c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(1), c.x2)}}},
                {View(3), {}, {}}});
  REQUIRE(o.headers.size() == 2);
  CHECK(o.headers[0] == c.b1.header);
  CHECK(o.headers[1] == c.x2.header);
}

TEST_CASE("a half-finished re-preparation does not lose the heights above it (A3)") {
  const Chain c;
  // 1..3 were prepared in view 0 (3 may be committed); view 1 re-prepared only 1.
  const std::vector<HeightCertificate> old = {
      {c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(0), c.b2)}, {c.m.prepared(View(0), c.b3)}};
  auto half = old;
  half[0] = {c.m.prepared(View(1), c.b1)};
  const Choice o = c.chosen({{View(2), {}, half}, {View(2), {}, old}, {View(2), {}, {}}});
  CHECK(o.headers.size() == 3);
}

TEST_CASE("O starts above the highest proved stable checkpoint and stops at a hole or a stranger") {
  const Chain c;
  Choice o =
      c.chosen({{View(1), c.m.certified(c.h1), {{c.m.prepared(View(0), c.b2)}}},
                {View(1), {}, {{c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(0), c.b2)}}},
                {View(1), {}, {}}});
  CHECK(o.stable_height() == Height(1));
  REQUIRE(o.headers.size() == 1);
  CHECK(o.headers[0] == c.b2.header);
  o = c.chosen({{View(1), {}, {{c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(0), c.b3)}}}});
  CHECK(o.headers.size() == 1);  // no certificate for 2
  const Block stranger = c.m.block(Height(2), BlockId{}, kNow + 9);
  o = c.chosen({{View(1), {}, {{c.m.prepared(View(0), c.b1)}, {c.m.prepared(View(0), stranger)}}}});
  CHECK(o.headers.size() == 1);
  o = c.chosen({{View(1), {}, {{DecidedCertificate{c.b1.header, c.m.committed(View(0), c.b1)}}}}});
  CHECK(o.headers.size() == 1);  // a commit certificate counts at its view
}

TEST_CASE("once it left the view, a member wants no further one without a quorum") {
  Solo s;
  s.give(PendingAdded{{Members::item(1, kNow + 100'000)}});
  s.tick(99);
  s.receive(s.members.wrap(MemberId(2), s.wishes(View(1))));
  auto e = s.tick_until([](const Effects& x) { return sent(x, MessageKind::kViewChange) > 0; }, 10);
  REQUIRE(e);
  CHECK(s.replica().changing());
  CHECK(s.replica().view() == View(1));
  // C3: alone it waits, however long.
  CHECK_FALSE(
      s.tick_until([](const Effects& x) { return sent(x, MessageKind::kViewChange) > 0; }, 5'000));
  CHECK(s.replica().view() == View(1));
}

TEST_CASE("the view timer starts when q members want this view or a higher one (C3)") {
  Solo s(4, 3);
  s.give(PendingAdded{{Members::item(1, kNow + 100'000)}});
  s.receive(s.members.view_change(MemberId(0), {View(1), {}, {}}));
  REQUIRE(
      s.tick_until([](const Effects& x) { return sent(x, MessageKind::kViewChange) > 0; }, 150));
  CHECK_FALSE(s.tick_until([](const Effects& x) { return x.view || x.wish; }, 500));
  s.receive(s.members.view_change(MemberId(2), {View(9), {}, {}}));  // spread out, and it counts
  auto e =
      s.tick_until([](const Effects& x) { return sent(x, MessageKind::kViewChange) > 0; }, 500);
  REQUIRE(e);
  CHECK(sent_payload<ViewChange>(*e)->view == View(2));
}

TEST_CASE("f+1 others pull a member to the view that one honest of them wants; f do not (C4)") {
  Solo s;
  Effects e = s.receive(s.members.view_change(MemberId(0), {View(7), {}, {}}));
  CHECK(sent(e, MessageKind::kViewChange) == 0);
  e = s.receive(s.members.view_change(MemberId(2), {View(5), {}, {}}));
  REQUIRE(sent(e, MessageKind::kViewChange) == 1);
  CHECK(sent_payload<ViewChange>(e)->view == View(5));  // the second largest, not the largest
}

TEST_CASE("an idle new primary sends NEW-VIEW and an empty block at once (C3)") {
  Solo s;  // member 1 leads view 1
  s.receive(s.members.view_change(MemberId(0), {View(1), {}, {}}));
  const Effects e = s.receive(s.members.view_change(MemberId(2), {View(1), {}, {}}));
  REQUIRE(sent(e, MessageKind::kNewView) == 1);
  REQUIRE(sent(e, MessageKind::kPrePrepare) == 1);
  CHECK(sent_payload<PrePrepare>(e)->items.empty());
  REQUIRE(sent_payload<NewView>(e)->view_changes.size() == 3);
  CHECK(s.verifier().verify(*e.send[1].message, s.me()));
}

TEST_CASE("a backup recomputes O and refuses a NEW-VIEW that omits or invents a block (A7)") {
  Solo s(4, 3);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  const auto certificate = HeightCertificate{s.members.prepared(View(0), b1)};
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    changes.push_back(s.members.view_change(MemberId(i), {View(1), {}, {certificate}}));
  }
  CHECK(ignored(s.receive(s.members.new_view(View(1), changes, {})), Ignored::kWrongNewView));
  const Block other = s.members.block(Height(1), BlockId{}, kNow + 3);
  CHECK(ignored(s.receive(s.members.new_view(View(1), changes, {other.header})),
                Ignored::kWrongNewView));
  CHECK(s.replica().view() == View(0));
  // The right one: the block is fetched by id, and voted for.
  Effects e = s.receive(s.members.new_view(View(1), changes, {b1.header}));
  CHECK(s.replica().view() == View(1));
  CHECK(sent(e, MessageKind::kFetchBlock) > 0);
  e = s.receive(s.members.wrap(MemberId(2), BlockData{b1}));
  CHECK(sent(e, MessageKind::kPrepare) == 1);
  CHECK(sent_payload<Prepare>(e)->view == View(1));
}

TEST_CASE("a new proposal for a height that the NEW-VIEW settles is refused") {
  Solo s(4, 3);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    changes.push_back(s.members.view_change(
        MemberId(i),
        {View(1), s.members.certified(s.members.execute(s.members.genesis_head(), b1)), {}}));
  }
  s.receive(s.members.new_view(View(1), changes, {}));
  CHECK(s.replica().stable_height() == Height(1));
  const Effects e = s.receive(s.members.pre_prepare(View(1), b1));
  CHECK(ignored(e, Ignored::kHeightStable));
}

TEST_CASE("after a VIEW-CHANGE nothing is signed below it, but decisions still count (A6)") {
  Solo s;
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  s.receive(s.members.pre_prepare(View(0), b1));
  s.receive(s.members.view_change(MemberId(0), {View(2), {}, {}}));
  s.receive(s.members.view_change(MemberId(2), {View(2), {}, {}}));
  REQUIRE(s.replica().view() == View(2));
  Effects e = s.receive(s.members.prepare(MemberId(2), View(0), Height(1), s.members.id_of(b1)));
  CHECK(ignored(e, Ignored::kViewBelow));
  CHECK(sent(e, MessageKind::kCommit) == 0);
  for (const MemberId m : ids({0, 2, 3})) {
    e = s.receive(s.members.commit(MemberId(m), View(0), Height(1), s.members.id_of(b1)));
  }
  CHECK(e.execute.size() == 1);
}

TEST_CASE("blocks that the NEW-VIEW left out return their submissions to the pool") {
  Solo s(4, 3);
  const ItemFacts item = Members::item(1, kNow + 5'000);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow, {item});
  s.receive(s.members.pre_prepare(View(0), b1));
  s.bodies(b1, {item});
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    changes.push_back(s.members.view_change(MemberId(i), {View(1), {}, {}}));
  }
  const Effects e = s.receive(s.members.new_view(View(1), changes, {}));
  REQUIRE(e.returned.size() == 1);
  CHECK(e.returned[0].item == item.content);
  CHECK(e.returned[0].reason == ReturnReason::kNotChosen);
}

TEST_CASE("a re-proposal with another id than the executed block stops the node (A4)") {
  Solo s(4, 3);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  const Block x = s.members.block(Height(1), BlockId{}, kNow + 3);
  s.run_block(View(0), b1, s.members.genesis_head());
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    changes.push_back(
        s.members.view_change(MemberId(i), {View(2), {}, {{s.members.prepared(View(1), x)}}}));
  }
  const Effects e = s.receive(s.members.new_view(View(2), changes, {x.header}));
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kConflictingDecision);
}

TEST_CASE("executed heights that are re-proposed are voted for again (A4)") {
  Solo s(4, 3);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  s.run_block(View(0), b1, s.members.genesis_head());
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    changes.push_back(
        s.members.view_change(MemberId(i), {View(1), {}, {{s.members.prepared(View(0), b1)}}}));
  }
  const Effects e = s.receive(s.members.new_view(View(1), changes, {b1.header}));
  REQUIRE(sent(e, MessageKind::kPrepare) == 1);
  CHECK(sent_payload<Prepare>(e)->id == s.members.id_of(b1));
  CHECK(e.execute.empty());  // once per height (I13)
}

TEST_CASE(
    "a submission that the primary holds and leaves out of blocks with space causes a complaint") {
  const auto complains = [](bool full, bool at_primary, std::uint64_t shields = 0) {
    Solo s;
    for (std::uint64_t n = 0; n < shields; ++n) {  // the primary has them, and they are not due
      const ItemFacts far = Members::item(1'000 + n, kNow + 1'100'000);
      s.give(PendingAdded{{far}});
      s.give(PendingAtPrimary{View(0), {far.content}});
    }
    const ItemFacts left_out = Members::item(1, kNow + 100'000);
    s.give(PendingAdded{{left_out}});
    if (at_primary) s.give(PendingAtPrimary{View(0), {left_out.content}});
    LedgerHead head = s.members.genesis_head();
    BlockId parent;
    for (std::uint64_t h = 1; h <= 8; ++h) {  // a block each 0.3 T, so the progress timer rests
      s.tick(30);
      const ItemFacts item = Members::item(100 + h, kNow + 100'000);
      const Block b = s.members.block(Height(h), parent, s.now_ms, {item});
      parent = s.members.id_of(b);
      s.receive(s.members.pre_prepare(View(0), b));
      s.bodies(b, {item}, full);
      for (const MemberId m : ids({2, 3})) {
        s.receive(s.members.prepare(MemberId(m), View(0), Height(h), parent));
      }
      for (const MemberId m : ids({0, 2, 3})) {
        s.receive(s.members.commit(MemberId(m), View(0), Height(h), parent));
      }
      head = s.members.execute(head, b);
      s.executed(head);
      s.tick();
      if (s.replica().wish()) return true;
    }
    return false;
  };
  CHECK(complains(false, true));
  CHECK(complains(false, true, 200));    // what does not fit shields nothing
  CHECK_FALSE(complains(true, true));    // full blocks: overload, not censorship (C6)
  CHECK_FALSE(complains(false, false));  // the primary never had it
}

TEST_CASE("what a decided block has causes no complaint, though its bodies are not here yet") {
  Solo s;
  const ItemFacts late = Members::item(1, kNow + 100'000);
  s.give(PendingAdded{{late}});
  s.give(PendingAtPrimary{View(0), {late.content}});
  LedgerHead head = s.members.genesis_head();
  BlockId parent;
  for (std::uint64_t h = 1; h <= 6; ++h) {
    s.tick(30);
    // At height 3 the submission is decided by the others' votes alone: nothing is accepted here,
    // and nothing more can be executed.
    const bool decided_only = h == 3;
    const ItemFacts item = decided_only ? late : Members::item(100 + h, kNow + 100'000);
    const Block b = s.members.block(Height(h), parent, s.now_ms, {item});
    parent = s.members.id_of(b);
    s.receive(s.members.pre_prepare(View(0), b));
    if (!decided_only) s.bodies(b, {item}, false);
    for (const MemberId m : ids({2, 3})) {
      s.receive(s.members.prepare(MemberId(m), View(0), Height(h), parent));
    }
    for (const MemberId m : ids({0, 2, 3})) {
      s.receive(s.members.commit(MemberId(m), View(0), Height(h), parent));
    }
    if (h < 3) {
      head = s.members.execute(head, b);
      s.executed(head);
    }
    s.tick();
    CHECK_FALSE(s.replica().wish());
  }
}

TEST_CASE("conflicting VIEW-CHANGEs of one member are evidence, the first is kept") {
  Solo s;
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  s.receive(s.members.view_change(MemberId(2), {View(1), {}, {}}));
  const Effects e = s.receive(
      s.members.view_change(MemberId(2), {View(1), {}, {{s.members.prepared(View(0), b1)}}}));
  CHECK(ignored(e, Ignored::kConflict));
  CHECK(e.evidence.size() == 1);
  CHECK(ignored(s.receive(s.members.view_change(MemberId(2), {View(1), {}, {}})),
                Ignored::kDuplicate));
}

TEST_CASE("planned rotation is an ordinary view change without back-off (C8)") {
  Config config;
  config.rotation_heights = 2;
  Solo s(4, 3, config);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
  const Block b2 = s.members.block(Height(2), s.members.id_of(b1), kNow + 1);
  const LedgerHead h1 = s.run_block(View(0), b1, s.members.genesis_head());
  s.receive(s.members.wrap(MemberId(0), s.wishes(View(1))));
  CHECK(sent(s.tick(), MessageKind::kViewChange) == 0);
  s.run_block(View(0), b2, h1);
  CHECK(sent(s.tick(), MessageKind::kViewChange) == 1);
  CHECK(s.replica().backoff() == 0);
}
