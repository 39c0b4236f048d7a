// PRE-PREPARE, PREPARE, COMMIT seen by one replica. Goal: each rule of A, B, C1 and F refuses by
// its name, and the normal case persists before it sends.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

struct Case : Solo {
  using Solo::Solo;
  Block b1 = members.block(Height(1), BlockId{}, kNow);
  Block b2 = members.block(Height(2), members.id_of(b1), kNow + 1);

  Effects propose(const Block& b, View v = View(0)) { return receive(members.pre_prepare(v, b)); }
  Effects prepares(const Block& b, std::vector<std::uint16_t> from, View v = View(0)) {
    Effects e;
    for (const std::uint16_t m : from) {
      e = receive(members.prepare(MemberId(m), v, b.header.height, members.id_of(b)));
    }
    return e;
  }
  Effects commits(const Block& b, std::vector<std::uint16_t> from, View v = View(0)) {
    Effects e;
    for (const std::uint16_t m : from) {
      e = receive(members.commit(MemberId(m), v, b.header.height, members.id_of(b)));
    }
    return e;
  }
};

template <class T>
std::size_t records(const Effects& e) {
  return static_cast<std::size_t>(std::ranges::count_if(
      e.persist.records, [](const SafetyRecord& r) { return std::holds_alternative<T>(r); }));
}

}  // namespace

TEST_CASE("a backup asks for bodies, then PREPAREs with proposal and bodies durable (B2, B4)") {
  Case c;
  const std::vector<ItemFacts> items = {Members::item(1, kNow + 5'000),
                                        Members::item(2, kNow + 6'000)};
  const Block b = c.members.block(Height(1), BlockId{}, kNow, items);
  Effects e = c.propose(b);
  REQUIRE(e.need_bodies.size() == 1);
  CHECK(e.need_bodies[0].block->items == b.items);
  CHECK(sent(e, MessageKind::kPrepare) == 0);
  CHECK(e.persist.empty());
  e = c.bodies(b, items);
  CHECK(records<AcceptedProposal>(e) == 1);
  REQUIRE(e.persist.blocks.size() == 1);
  CHECK(e.persist.blocks[0].block->items == b.items);
  CHECK(sent(e, MessageKind::kPrepare) == 1);
}

TEST_CASE("q-1 PREPAREs make a prepared certificate, q COMMITs a decision, which is executed") {
  Case c;
  CHECK(sent(c.propose(c.b1), MessageKind::kPrepare) == 1);
  Effects e = c.prepares(c.b1, {2});  // with our own: q - 1 = 2
  CHECK(records<RecordedPrepared>(e) == 1);
  CHECK(records<CommitVote>(e) == 1);
  CHECK(sent(e, MessageKind::kCommit) == 1);
  CHECK(c.commits(c.b1, {0}).execute.empty());
  e = c.commits(c.b1, {2});
  REQUIRE(e.execute.size() == 1);
  CHECK(c.verifier().holds(*e.execute[0].commit));
  REQUIRE(e.committed.size() == 1);
  e = c.executed(c.members.execute(c.members.genesis_head(), c.b1));
  CHECK(records<CheckpointVote>(e) == 1);
  CHECK(sent(e, MessageKind::kCheckpoint) == 1);
}

TEST_CASE("the same vote again, or from the same member, never counts twice") {
  Case c;
  c.propose(c.b1);
  c.prepares(c.b1, {2});
  c.commits(c.b1, {0});
  CHECK(ignored(c.commits(c.b1, {0}), Ignored::kDuplicate));
  CHECK(c.replica().decided_height() == Height(0));
}

TEST_CASE("two ids by one member leave one evidence pair of each kind (D5)") {
  Case c;
  const Block x = c.members.block(Height(1), BlockId{}, kNow + 7);
  c.propose(c.b1);
  Effects e = c.propose(x);
  CHECK(ignored(e, Ignored::kConflict));
  REQUIRE(e.evidence.size() == 1);
  CHECK(e.evidence[0].kind == MessageKind::kPrePrepare);
  CHECK(e.evidence[0].member == MemberId(0));
  CHECK(c.propose(x).evidence.empty());
  c.prepares(c.b1, {2});
  CHECK(c.prepares(x, {2}).evidence.size() == 1);
  c.commits(c.b1, {3});
  e = c.commits(x, {3});
  REQUIRE(e.evidence.size() == 1);
  // Each half verifies on its own: it can be shown to anyone.
  CHECK(c.verifier().verify(*e.evidence[0].first, std::nullopt));
  CHECK(c.verifier().verify(*e.evidence[0].second, std::nullopt));
}

TEST_CASE("a height is PREPAREd only on its accepted parent (A2)") {
  Case c;
  CHECK(sent(c.propose(c.b2), MessageKind::kPrepare) == 0);  // parent unknown: held
  const Effects e = c.propose(c.b1);                         // both now
  CHECK(sent(e, MessageKind::kPrepare) == 2);
  Case d;
  const Block stranger = d.members.block(Height(2), BlockId{}, kNow + 2);
  d.propose(d.b1);
  const Effects refused = d.propose(stranger);
  CHECK(ignored(refused, Ignored::kParentMismatch));
  CHECK(sent(refused, MessageKind::kPrepare) == 0);
}

TEST_CASE("a COMMIT waits until the whole prefix is prepared (A2)") {
  Case c;
  c.propose(c.b1);
  c.propose(c.b2);
  Effects e = c.prepares(c.b2, {2});
  CHECK(records<RecordedPrepared>(e) == 1);  // kept (A4)
  CHECK(sent(e, MessageKind::kCommit) == 0);
  e = c.prepares(c.b1, {2});
  CHECK(sent(e, MessageKind::kCommit) == 2);
}

TEST_CASE("a block's time is after its parent's, near the clock, and held until due (C1)") {
  Case c;
  const std::int64_t past = c.members.config.past_tolerance_ms;
  const std::int64_t future = c.members.config.future_tolerance_ms;
  Effects e = c.propose(c.members.block(Height(1), BlockId{}, kNow - past));
  CHECK(ignored(e, Ignored::kTimeTooOld));
  CHECK(sent(e, MessageKind::kPrepare) == 0);

  Case early;
  e = early.propose(early.members.block(Height(1), BlockId{}, early.now_ms + future + 25));
  CHECK(sent(e, MessageKind::kPrepare) == 0);
  CHECK(sent(early.tick(2), MessageKind::kPrepare) == 0);
  CHECK(sent(early.tick(1), MessageKind::kPrepare) == 1);

  Case same;
  same.propose(same.b1);
  e = same.propose(same.members.block(Height(2), same.members.id_of(same.b1), kNow));
  CHECK(ignored(e, Ignored::kTimeNotAfterParent));
}

TEST_CASE("an item must expire after the block and within E_max (F1)") {
  const auto refusal = [](std::int64_t expiry) {
    Case c;
    const ItemFacts item = Members::item(1, expiry);
    const Block b = c.members.block(Height(1), BlockId{}, kNow, {item});
    c.propose(b);
    return c.bodies(b, {item});
  };
  const std::int64_t e_max = Config{}.max_expiry_ms;
  CHECK(ignored(refusal(kNow), Ignored::kItemExpired));
  CHECK(sent(refusal(kNow + 1), MessageKind::kPrepare) == 1);
  CHECK(sent(refusal(kNow + e_max), MessageKind::kPrepare) == 1);
  CHECK(ignored(refusal(kNow + e_max + 1), Ignored::kItemExpiryTooFar));
}

TEST_CASE("an id repeated in the block or an uncommitted ancestor is not PREPAREd (F2)") {
  Case c;
  const ItemFacts item = Members::item(1, kNow + 5'000);
  ItemFacts other = Members::item(2, kNow + 5'000);
  const Block b = c.members.block(Height(1), BlockId{}, kNow, {item, other});
  c.propose(b);
  ItemFacts copy = other;
  copy.id = item.id;  // the same submission under another signature (B3)
  CHECK(ignored(c.bodies(b, {item, copy}), Ignored::kItemRepeated));

  Case d;
  const Block first = d.members.block(Height(1), BlockId{}, kNow, {item});
  const Block second = d.members.block(Height(2), d.members.id_of(first), kNow + 1, {other});
  d.propose(first);
  d.propose(second);
  d.bodies(first, {item});
  CHECK(ignored(d.bodies(second, {copy}), Ignored::kItemRepeated));
}

TEST_CASE("facts that are not the block's, or invalid bodies, are not voted for (B4)") {
  Case c;
  const ItemFacts item = Members::item(1, kNow + 5'000);
  const Block b = c.members.block(Height(1), BlockId{}, kNow, {item});
  c.propose(b);
  CHECK(ignored(c.bodies(b, {}), Ignored::kFactsMismatch));
  CHECK(ignored(c.bodies(b, {Members::item(2, kNow + 5'000)}), Ignored::kFactsMismatch));
  const Effects e = c.replica().step(BodiesInvalid{Height(1), c.members.id_of(b)});
  CHECK(ignored(e, Ignored::kBodiesInvalid));
  CHECK(sent(e, MessageKind::kPrepare) == 0);
}

TEST_CASE("heights beyond the window wait in a bounded buffer, further ones are dropped (A5)") {
  Case c;
  const std::uint32_t window = c.members.config.window();
  const auto at = [&](std::uint64_t h) {
    return c.members.commit(MemberId(2), View(0), Height(h), c.members.id_of(c.b1));
  };
  CHECK(c.receive(at(2 * window)).ignored.empty());
  CHECK(ignored(c.receive(at(2 * window + 1)), Ignored::kHeightBeyondWindow));
}

TEST_CASE("the primary proposes while the pipeline has a free slot, and never a repeated item") {
  Config config;
  config.pipeline = 2;
  Case c(4, 0, config);
  CHECK(c.replica().proposal_slots() == 2);
  const ItemFacts a = Members::item(1, c.now_ms + 5'000);
  const ItemFacts b = Members::item(2, c.now_ms + 5'000);
  const ItemFacts old = Members::item(3, c.now_ms);
  const ItemFacts far = Members::item(4, c.now_ms + 10'000'000);
  Effects e = c.replica().step(Propose{{a, a, old, far}, false, TimeMs(c.now_ms)});
  const auto* p = sent_payload<PrePrepare>(e);
  REQUIRE(p != nullptr);
  CHECK(p->items == std::vector{a.content});
  REQUIRE(e.persist.blocks.size() == 1);
  CHECK(e.persist.blocks[0].block->items == p->items);
  REQUIRE(e.returned.size() == 3);
  CHECK(e.returned[0].reason == ReturnReason::kRepeated);
  CHECK(e.returned[1].reason == ReturnReason::kExpired);
  CHECK(e.returned[2].reason == ReturnReason::kExpiryTooFar);
  e = c.replica().step(Propose{{a, b}, false, TimeMs(c.now_ms)});
  p = sent_payload<PrePrepare>(e);
  REQUIRE(p != nullptr);
  CHECK(p->header.height == Height(2));
  CHECK(p->header.time.value == c.now_ms + 1);  // max(clock, parent + 1 ms)
  CHECK(p->items == std::vector{b.content});
  CHECK(c.replica().proposal_slots() == 0);
  e = c.replica().step(Propose{{b}, false, TimeMs(c.now_ms)});
  REQUIRE(e.returned.size() == 1);
  CHECK(e.returned[0].reason == ReturnReason::kNoSlot);
}

TEST_CASE("a decision against the accepted proposal returns its items and moves on") {
  Case c;
  const ItemFacts item = Members::item(1, kNow + 5'000);
  const Block mine = c.members.block(Height(1), BlockId{}, kNow, {item});
  c.propose(mine);
  c.bodies(mine, {item});
  Effects e = c.commits(c.b1, {0, 2, 3});
  REQUIRE(e.returned.size() == 1);
  CHECK(e.returned[0].item == item.content);
  CHECK(sent(e, MessageKind::kFetchBlock) == 2);  // f + 1 members: the block is not known here
  e = c.receive(c.members.wrap(MemberId(2), BlockData{c.b1}));
  REQUIRE(e.execute.size() == 1);
  CHECK(e.execute[0].id == c.members.id_of(c.b1));
}

TEST_CASE("a block that was not asked for is not kept") {
  Case c;
  CHECK(ignored(c.receive(c.members.wrap(MemberId(2), BlockData{c.b1})), Ignored::kNotWanted));
  CHECK(
      ignored(c.receive(c.members.wrap(MemberId(3), FetchBlock{Height(1), c.members.id_of(c.b1)})),
              Ignored::kNotWanted));
}

TEST_CASE("two decisions for one height stop the node by name (A4)") {
  Case c;
  const Block x = c.members.block(Height(1), BlockId{}, kNow + 7);
  c.run_block(View(0), c.b1, c.members.genesis_head());
  const Effects e = c.receive(
      c.members.wrap(MemberId(2), CommitNotice{{x.header, c.members.committed(View(0), x)}}));
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kConflictingDecision);
  CHECK(e.send.empty());
  CHECK(c.replica().halted());
  CHECK(c.tick().send.empty());
}
