// Attacks of f members, or of the schedule, on honest replicas: what is sent to one only, twice,
// late, out of order, for views and heights far away, or again and again.
#include <doctest/doctest.h>

#include "tests/unit/consensus/cluster.h"
#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

}  // namespace

TEST_CASE("a validator that stopped signing withdraws its wish (C4)") {
  Solo s;
  s.give(PendingAdded{{Members::item(1, kNow + 500'000)}});
  REQUIRE(s.tick_until([](const Effects& e) { return e.wish.has_value(); }, 200));
  REQUIRE(s.replica().wish() == View(1));
  // Its own COMMIT, of which it knows nothing.
  const SignedMessage own = s.members.commit(s.me(), View(3), Height(1), BlockId{});
  s.receive(s.members.wrap(MemberId(2), LastSeen{0, s.me(), s.members.statements(own)}));
  REQUIRE_FALSE(s.replica().is_voter());
  const Effects e = s.tick();
  REQUIRE(e.wish);
  CHECK_FALSE(e.wish->cause);
  CHECK_FALSE(s.replica().wish());
  REQUIRE(sent_payload<Status>(e) != nullptr);
  CHECK(sent_payload<Status>(e)->wish == View(0));
}

TEST_CASE("a primary whose first decision is a re-proposal proposes a block of its own (C3)") {
  // Members that had decided the re-proposal in the view before wait for a new height.
  Solo s;  // member 1 leads view 1
  const ItemFacts item = Members::item(1, kNow + 500'000);
  const Block b1 = s.members.block(Height(1), BlockId{}, kNow, {item});
  const HeightCertificate prepared{s.members.prepared(View(0), b1)};
  s.receive(s.members.view_change(MemberId(2), {View(1), {}, {prepared}}));
  Effects e = s.receive(s.members.view_change(MemberId(3), {View(1), {}, {prepared}}));
  REQUIRE(sent(e, MessageKind::kNewView) == 1);
  s.receive(s.members.wrap(MemberId(2), BlockData{b1}));
  s.bodies(b1, {item});
  for (const MemberId m : ids({2, 3})) {
    s.receive(s.members.prepare(m, View(1), Height(1), s.members.id_of(b1)));
  }
  for (const MemberId m : ids({2, 3})) {
    s.receive(s.members.commit(m, View(1), Height(1), s.members.id_of(b1)));
  }
  REQUIRE(s.replica().decided_height() == Height(1));
  s.give(Executed{s.members.execute(s.members.genesis_head(), b1), {item.id}});
  CHECK(s.tick_until([](const Effects& t) { return sent(t, MessageKind::kPrePrepare) > 0; }, 2));
}
