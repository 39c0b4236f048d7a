// NEW-VIEWs that are valid but out of date: they change nothing and stop no member (A4).
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

// Member `me` of four, and two blocks of height 1: y, prepared in view 2, and x, decided elsewhere.
struct Late : Solo {
  explicit Late(std::uint16_t number = 1) : Solo(4, number) {}
  const Members& m = members;
  Block y = m.block(Height(1), BlockId{}, now_ms);
  Block x = m.block(Height(1), BlockId{}, now_ms + 5);
  LedgerHead hx = m.execute(m.genesis_head(), x);

  [[nodiscard]] SignedMessage change(int who, View view, std::vector<HeightCertificate> c) const {
    return m.view_change(MemberId(static_cast<std::uint16_t>(who)),
                         ViewChange{view, {}, std::move(c)});
  }
  // NEW-VIEW(3) by member 3, which shows the certificate of view 2 for y.
  [[nodiscard]] SignedMessage new_view_3() const {
    return m.new_view(View(3),
                      {change(0, View(3), {}), change(2, View(3), {}),
                       change(3, View(3), {{m.prepared(View(2), y)}})},
                      {y.header});
  }
  [[nodiscard]] SignedMessage decision(View view) const {
    return m.wrap(MemberId(2), CommitNotice{DecidedCertificate{x.header, m.committed(view, x)}});
  }
  void check_ignored(const Effects& e) {
    CHECK_FALSE(e.halt);
    CHECK(ignored(e, Ignored::kStaleNewView));
    CHECK(e.persist.empty());
    CHECK_FALSE(e.view);
    CHECK(e.returned.empty());
  }
};

}  // namespace

TEST_CASE("a NEW-VIEW that a later view's decision overtook is ignored, whole") {
  for (const std::uint64_t decided_in : {3, 4, 9}) {
    CAPTURE(decided_in);
    Late s;
    REQUIRE_FALSE(s.receive(s.decision(View(decided_in))).halt);
    REQUIRE(s.replica().decided_height() == Height(1));
    const SafetyState before = s.replica().safety_state();
    s.check_ignored(s.receive(s.new_view_3()));
    CHECK(s.replica().view() == View(0));
    CHECK(s.replica().safety_state() == before);
  }
}

TEST_CASE("a NEW-VIEW against a block that is known by its checkpoint alone is ignored, whole") {
  SUBCASE("the block itself is not here") {
    Late s;
    REQUIRE_FALSE(s.receive(s.m.wrap(MemberId(3), CheckpointNotice{s.m.certified(s.hx)})).halt);
    s.check_ignored(s.receive(s.new_view_3()));
    CHECK(s.replica().view() == View(0));
  }
  SUBCASE("it came by catch-up and is not executed yet") {
    Late s;
    auto run = s.verifier().verify(SyncedBlocks{{s.x}, s.m.certified(s.hx)});
    REQUIRE(run);
    REQUIRE_FALSE(s.give(Synced{*run}).halt);
    s.check_ignored(s.receive(s.new_view_3()));
  }
  SUBCASE("it is executed") {
    Late s;
    auto run = s.verifier().verify(SyncedBlocks{{s.x}, s.m.certified(s.hx)});
    REQUIRE(run);
    REQUIRE_FALSE(s.give(Synced{*run}).halt);
    REQUIRE_FALSE(s.executed(s.hx).halt);
    s.check_ignored(s.receive(s.new_view_3()));
  }
}

TEST_CASE("what was accepted stays accepted when a stale NEW-VIEW comes") {
  Late s;
  const ItemFacts item = Members::item(1, s.now_ms + 60'000);
  const Block own = s.m.block(Height(2), s.m.id_of(s.x), s.now_ms + 6, {item});
  s.receive(s.decision(View(4)));
  s.receive(s.m.pre_prepare(View(0), s.x));
  s.receive(s.m.pre_prepare(View(0), own));
  REQUIRE(sent(s.bodies(own, {item}), MessageKind::kPrepare) == 1);
  s.check_ignored(s.receive(s.new_view_3()));
  // The view goes on: q-1 PREPAREs make it prepared.
  s.receive(s.m.prepare(MemberId(2), View(0), Height(2), s.m.id_of(own)));
  const Effects e = s.receive(s.m.prepare(MemberId(3), View(0), Height(2), s.m.id_of(own)));
  CHECK(s.replica().safety_state().heights.at(Height(2)).prepared);
  CHECK_FALSE(e.halt);
}

TEST_CASE("a member that ignored a stale NEW-VIEW enters the view after it") {
  Late s;
  s.receive(s.decision(View(4)));
  s.check_ignored(s.receive(s.new_view_3()));
  const DecidedCertificate decided{s.x.header, s.m.committed(View(4), s.x)};
  const Effects e =
      s.receive(s.m.new_view(View(6),
                             {s.change(0, View(6), {{decided}}), s.change(2, View(6), {{decided}}),
                              s.change(3, View(6), {{s.m.prepared(View(2), s.y)}})},
                             {s.x.header}));
  CHECK_FALSE(e.halt);
  CHECK(s.replica().view() == View(6));
  CHECK_FALSE(s.replica().changing());
}

TEST_CASE("a new primary does not sign a NEW-VIEW that a later decision overtook") {
  Late s(3);  // the primary of view 3
  s.receive(s.change(0, View(3), {}));
  s.receive(s.change(1, View(4), {}));
  REQUIRE(s.replica().view() == View(3));
  s.receive(s.decision(View(5)));
  const SafetyState before = s.replica().safety_state();
  // The third VIEW-CHANGE for view 3 shows y; without the decision O would be y.
  const Effects e = s.receive(s.change(2, View(3), {{s.m.prepared(View(2), s.y)}}));
  CHECK_FALSE(e.halt);
  CHECK(sent(e, MessageKind::kNewView) == 0);
  CHECK(s.replica().changing());
  CHECK(s.replica().safety_state() == before);
}

TEST_CASE("a NEW-VIEW against a decision of a lower view stops the node: more than f lie (I8)") {
  Late s;
  REQUIRE_FALSE(s.receive(s.decision(View(1))).halt);
  const Effects e = s.receive(s.new_view_3());
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kConflictingDecision);
  CHECK(e.halt->height == Height(1));
  CHECK(e.persist.empty());
}
