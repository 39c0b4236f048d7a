// Bounded things that must not lose what matters: blocks voted for, submissions of abandoned
// blocks, and long messages to slow members.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

struct Views : Solo {
  const Members& m = members;
  std::uint64_t at = 0;

  // Enters the next view that another member leads, by a NEW-VIEW of the others.
  View enter_next(std::vector<HeightCertificate> shown = {}, std::vector<BlockHeader> o = {}) {
    do {
      ++at;
    } while (m.leader(View(at)) == me());
    std::vector<SignedMessage> changes;
    each_other([&](MemberId who) {
      changes.push_back(m.view_change(
          who, ViewChange{View(at), {}, changes.empty() ? shown : decltype(shown){}}));
    });
    receive(m.new_view(View(at), changes, o));
    REQUIRE(replica().view() == View(at));
    REQUIRE_FALSE(replica().changing());
    return View(at);
  }
  std::size_t propose(View view, const Block& b, const std::vector<ItemFacts>& items) {
    std::size_t prepares = sent(receive(m.pre_prepare(view, b)), MessageKind::kPrepare);
    if (!items.empty()) prepares += sent(bodies(b, items), MessageKind::kPrepare);
    return prepares;
  }
};

}  // namespace

TEST_CASE("no block voted for is dropped, however many views fail at its height (B2)") {
  Views s;
  std::vector<Block> voted;
  View view(0);
  std::size_t refused = 0;
  for (std::uint64_t n = 0; n < 24; ++n) {
    const ItemFacts item = Members::item(n, s.now_ms + 60'000);
    const Block b = s.m.block(Height(1), BlockId{}, s.now_ms + std::int64_t(n), {item});
    if (s.propose(view, b, {item}) == 1) {
      CHECK(refused == 0);
      voted.push_back(b);
    } else {
      ++refused;
    }
    view = s.enter_next();
  }
  CHECK(voted.size() == kMaxVotedBlocks + 1);
  CHECK(refused == 24 - voted.size());
  for (const Block& b : voted) {
    const Effects e = s.receive(s.m.wrap(MemberId(2), FetchBlock{Height(1), s.m.id_of(b)}));
    REQUIRE(sent_payload<BlockData>(e) != nullptr);
    CHECK(sent_payload<BlockData>(e)->block == b);
  }
  // An empty block is voted for nevertheless, so the height can still be decided;
  CHECK(s.propose(view, s.m.block(Height(1), BlockId{}, s.now_ms + 100), {}) == 1);
  // and so is what a NEW-VIEW re-proposes, known or not.
  const ItemFacts late = Members::item(99, s.now_ms + 60'000);
  const Block other = s.m.block(Height(1), BlockId{}, s.now_ms + 200, {late});
  s.enter_next({{s.m.prepared(view, other)}}, {other.header});
  s.receive(s.m.wrap(MemberId(2), BlockData{other}));
  CHECK(sent(s.bodies(other, {late}), MessageKind::kPrepare) == 1);
  s.enter_next({{s.m.prepared(View(s.at), voted[0])}}, {voted[0].header});
  // Its bodies are here since the first vote.
  CHECK(s.replica().safety_state().heights.at(Height(1)).accepted->block == voted[0]);
}

TEST_CASE("a stable checkpoint returns the submissions of a block that another one beat") {
  const auto returned = [](bool chosen) {
    Solo s;
    const Members& m = s.members;
    const ItemFacts item = Members::item(1, s.now_ms + 600'000);
    const Block a = m.block(Height(1), BlockId{}, s.now_ms, {item});
    const Block b = m.block(Height(1), BlockId{}, s.now_ms + 1);
    s.receive(m.pre_prepare(View(0), a));
    REQUIRE(sent(s.bodies(a, {item}), MessageKind::kPrepare) == 1);
    const LedgerHead head = m.execute(m.genesis_head(), chosen ? a : b);
    const Effects e = s.receive(m.wrap(MemberId(2), CheckpointNotice{m.certified(head)}));
    REQUIRE_FALSE(e.halt);
    return e.returned.size();
  };
  CHECK(returned(false) == 1);
  CHECK(returned(true) == 0);  // certified: it leaves the pool when it is executed
}

TEST_CASE("submissions of a view that was left come back when a checkpoint overtakes it") {
  Solo s;
  const Members& m = s.members;
  const ItemFacts item = Members::item(1, s.now_ms + 600'000);
  const Block a = m.block(Height(1), BlockId{}, s.now_ms, {item});
  s.receive(m.pre_prepare(View(0), a));
  REQUIRE(sent(s.bodies(a, {item}), MessageKind::kPrepare) == 1);
  for (const int who : {0, 3}) {
    s.receive(m.view_change(MemberId(static_cast<std::uint16_t>(who)), {View(2), {}, {}}));
  }
  REQUIRE(s.replica().changing());
  const LedgerHead head = m.execute(m.genesis_head(), m.block(Height(1), BlockId{}, s.now_ms + 1));
  const Effects e = s.receive(m.wrap(MemberId(3), CheckpointNotice{m.certified(head)}));
  REQUIRE(e.returned.size() == 1);
  CHECK(e.returned[0].item == item.content);
  CHECK(e.returned[0].reason == ReturnReason::kNotChosen);
}

TEST_CASE(
    "a NEW-VIEW goes to a slow member again ever more rarely, for each member separately (A8)") {
  Config patient;  // the view is not left meanwhile
  patient.progress_timeout_ms = patient.max_view_timeout_ms = 60'000;
  Solo s(4, 1, patient);  // the primary of view 1
  const Members& m = s.members;
  for (const int who : {0, 2}) {
    s.receive(m.view_change(MemberId(static_cast<std::uint16_t>(who)), {View(1), {}, {}}));
  }
  REQUIRE(s.replica().view() == View(1));
  REQUIRE_FALSE(s.replica().changing());
  const Status behind{View(0), false, Height(0), Height(0), {}, {}};
  CHECK(sent(s.receive(m.wrap(MemberId(3), behind)), MessageKind::kNewView) == 0);  // on its way
  std::size_t copies = 0;
  for (int status = 0; status < 64; ++status) {  // 12.8 s of a member that gets none
    s.tick(20);
    copies += sent(s.receive(m.wrap(MemberId(3), behind)), MessageKind::kNewView);
  }
  CHECK(copies >= 3);
  CHECK(copies <= 7);
  CHECK(sent(s.receive(m.wrap(MemberId(0), behind)), MessageKind::kNewView) == 1);
}
