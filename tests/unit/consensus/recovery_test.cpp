// Checkpoints, catch-up, observers, restarts, retransmission, one replica at a time.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

std::vector<Block> make_chain(const Members& m, std::uint64_t length) {
  std::vector<Block> blocks;
  BlockId parent;
  for (std::uint64_t h = 1; h <= length; ++h) {
    blocks.push_back(m.block(Height(h), parent, kNow + std::int64_t(h)));
    parent = m.id_of(blocks.back());
  }
  return blocks;
}

LedgerHead head_of(const Members& m, const std::vector<Block>& blocks) {
  LedgerHead h = m.genesis_head();
  for (const Block& b : blocks) h = m.execute(h, b);
  return h;
}

Effects synced(Solo& s, SyncedBlocks blocks) {
  auto v = s.verifier().verify(std::move(blocks));
  IMI_CHECK(v.has_value());
  return s.replica().step(Synced{*v});
}

}  // namespace

TEST_CASE("q CHECKPOINTs over one head make it stable and forget what lies below") {
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  const LedgerHead head = s.run_block(View(0), blocks[0], s.members.genesis_head());
  CHECK_FALSE(s.receive(s.members.checkpoint(MemberId(0), head)).stable);
  const Effects e = s.receive(s.members.checkpoint(MemberId(3), head));
  REQUIRE(e.stable);
  CHECK(s.verifier().holds(*e.stable));
  CHECK(s.replica().stable_height() == Height(1));
  CHECK(s.replica().safety_state().heights.empty());
  CHECK(ignored(s.receive(s.members.prepare(MemberId(2), View(0), Height(1), head.block)),
                Ignored::kHeightStable));
}

TEST_CASE("a certified head that is not ours stops the node; f+1 differing heads raise an alarm") {
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  LedgerHead head = s.run_block(View(0), blocks[0], s.members.genesis_head());
  head.log_size = 77;
  CHECK_FALSE(s.receive(s.members.checkpoint(MemberId(0), head)).alarm);
  Effects e = s.receive(s.members.checkpoint(MemberId(2), head));
  REQUIRE(e.alarm);
  CHECK(e.alarm->differing == 2);
  CHECK_FALSE(e.halt);
  e = s.receive(s.members.checkpoint(MemberId(3), head));
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kHeadMismatch);
}

TEST_CASE("the executor's answer for another block stops the node") {
  Solo s;
  const auto blocks = make_chain(s.members, 2);
  const Effects e = s.executed(head_of(s.members, blocks));
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kWrongExecution);
}

TEST_CASE(
    "a lagging replica fetches, votes for nothing, and votes again when it has caught up (D2)") {
  Solo s;
  const auto blocks = make_chain(s.members, 6);
  const std::vector<Block> five(blocks.begin(), blocks.begin() + 5);
  const LedgerHead h5 = head_of(s.members, five);
  Effects e = s.receive(s.members.wrap(MemberId(2), CheckpointNotice{s.members.certified(h5)}));
  REQUIRE(e.fetch_blocks);
  CHECK(e.fetch_blocks->from == Height(1));
  CHECK(e.fetch_blocks->to == Height(5));
  CHECK(s.replica().lagging());
  e = s.receive(s.members.pre_prepare(View(0), blocks[5]));
  CHECK(sent(e, MessageKind::kPrepare) == 0);
  // Asked again while it holds.
  CHECK(s.tick_until([](const Effects& x) { return x.fetch_blocks.has_value(); }, 20));
  const std::vector<Block> gap(blocks.begin() + 2, blocks.begin() + 5);
  CHECK(ignored(synced(s, {gap, s.members.certified(h5)}), Ignored::kSyncGap));
  e = synced(s, {five, s.members.certified(h5)});
  REQUIRE(e.execute.size() == 5);
  LedgerHead head = s.members.genesis_head();
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(e.execute[i].block->header.height == Height(i + 1));
    CHECK_FALSE(e.execute[i].commit);
  }
  for (std::size_t i = 0; i < 5; ++i) {
    head = s.members.execute(head, five[i]);
    const Effects done = s.executed(head);
    CHECK(sent(done, MessageKind::kCheckpoint) == 0);  // at or below stable: nothing to sign
    CHECK(sent(done, MessageKind::kPrepare) == (i == 4 ? 1 : 0));
  }
  CHECK_FALSE(s.replica().lagging());
}

TEST_CASE("above stable, catch-up goes block by block with commit certificates (D2)") {
  Solo s;
  const auto blocks = make_chain(s.members, 2);
  Effects e = synced(s, {{blocks[0]}, s.members.committed(View(3), blocks[0])});
  REQUIRE(e.execute.size() == 1);
  CHECK(e.execute[0].commit);
  e = s.receive(s.members.wrap(
      MemberId(0), CommitNotice{{blocks[1].header, s.members.committed(View(3), blocks[1])}}));
  CHECK(e.execute.empty());
  CHECK(sent(e, MessageKind::kFetchBlock) > 0);
  e = s.receive(s.members.wrap(MemberId(0), BlockData{blocks[1]}));
  CHECK(e.execute.size() == 1);
  CHECK(s.replica().decided_height() == Height(2));
}

TEST_CASE("executing to another head than the certified one is noticed at catch-up (D3)") {
  Solo s;
  const auto blocks = make_chain(s.members, 2);
  synced(s, {blocks, s.members.certified(head_of(s.members, blocks))});
  LedgerHead h1 = s.members.execute(s.members.genesis_head(), blocks[0]);
  h1.log_size = 5;  // a wrong execution
  CHECK_FALSE(s.executed(h1).halt);
  const Effects e = s.executed(s.members.execute(h1, blocks[1]));
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kHeadMismatch);
}

TEST_CASE("an observer advances on checkpoint certificates only, and sends nothing (D6)") {
  Members m(4);
  Replica observer(m.config, m.set, SafetyRules::observer(m.config, m.set),
                   {m.genesis_head(), {}, {}});
  CHECK(observer.start().send.empty());
  BoundedSignatureCache cache;
  const Verifier verifier(m.config, m.set, cache);
  const auto blocks = make_chain(m, 2);
  const auto give = [&](SyncedBlocks b) {
    return observer.step(Synced{*verifier.verify(std::move(b))});
  };
  CHECK(ignored(give({{blocks[0]}, m.committed(View(0), blocks[0])}), Ignored::kSyncNotCertified));
  CHECK(ignored(observer.step(Receive{*verifier.verify(m.pre_prepare(View(0), blocks[0]), {})}),
                Ignored::kObserver));
  const Effects e = give({blocks, m.certified(head_of(m, blocks))});
  CHECK(e.execute.size() == 2);
  CHECK(e.persist.empty());
  LedgerHead h = m.genesis_head();
  for (const Block& b : blocks) {
    h = m.execute(h, b);
    CHECK(observer.step(Executed{h}).send.empty());
  }
  for (std::int64_t i = 0; i < 5'000; ++i) {
    CHECK(observer.step(Tick{TimeMs(kNow + i * 10)}).send.empty());
  }
}

TEST_CASE(
    "a restarted backup sends its durable votes again and signs nothing that contradicts them") {
  SafetyState durable;
  const auto fold = [&durable](const Effects& e) {
    for (const SafetyRecord& r : e.persist.records) durable.apply(r);
  };
  Solo s;
  const auto blocks = make_chain(s.members, 2);
  fold(s.receive(s.members.pre_prepare(View(0), blocks[0])));
  fold(s.receive(s.members.prepare(MemberId(2), View(0), Height(1), s.members.id_of(blocks[0]))));
  fold(s.receive(s.members.pre_prepare(View(0), blocks[1])));
  CHECK(durable == s.replica().safety_state());

  Solo again(4, 1, {}, durable);
  CHECK(again.started.persist.empty());
  CHECK(sent(again.started, MessageKind::kPrepare) == 2);
  CHECK(sent(again.started, MessageKind::kCommit) == 1);
  const Block x = again.members.block(Height(1), BlockId{}, kNow + 77);
  const Effects e = again.receive(again.members.pre_prepare(View(0), x));
  CHECK(sent(e, MessageKind::kPrepare) == 0);
  CHECK(e.evidence.size() == 1);
  // The COMMITs of the others complete what was begun before the crash.
  for (const MemberId m : ids({0, 2})) {
    again.receive(
        again.members.commit(MemberId(m), View(0), Height(1), again.members.id_of(blocks[0])));
  }
  CHECK(again.replica().decided_height() == Height(1));
}

TEST_CASE("a member that crashed while changing views sends the same VIEW-CHANGE again (A7, C5)") {
  SafetyState durable;
  Solo s;
  s.receive(s.members.view_change(MemberId(0), {View(4), {}, {}}));
  const Effects e = s.receive(s.members.view_change(MemberId(2), {View(4), {}, {}}));
  for (const SafetyRecord& r : e.persist.records) durable.apply(r);
  REQUIRE(sent(e, MessageKind::kViewChange) == 1);
  Solo again(4, 1, {}, durable);
  CHECK(again.replica().changing());
  CHECK(again.replica().view() == View(4));
  CHECK(again.replica().backoff() == 0);
  REQUIRE(sent(again.started, MessageKind::kViewChange) == 1);
  CHECK(*sent_payload<ViewChange>(again.started) == *sent_payload<ViewChange>(e));
}

TEST_CASE("a new primary that crashed relays the same NEW-VIEW and knows what it settled") {
  SafetyState durable;
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  const HeightCertificate c{s.members.prepared(View(0), blocks[0])};
  Effects all;
  for (const MemberId m : ids({0, 2})) {
    const Effects e = s.receive(s.members.view_change(MemberId(m), {View(1), {}, {c}}));
    for (const SafetyRecord& r : e.persist.records) durable.apply(r);
    all = e;
  }
  REQUIRE(sent(all, MessageKind::kNewView) == 1);
  Solo again(4, 1, {}, durable);
  REQUIRE(sent(again.started, MessageKind::kNewView) == 1);
  CHECK(*sent_payload<NewView>(again.started) == *sent_payload<NewView>(all));
  CHECK(sent(again.started, MessageKind::kFetchBlock) > 0);
  CHECK(again.replica().proposal_slots() == 0);  // the block it must build on is not here yet
  again.receive(again.members.wrap(MemberId(0), BlockData{blocks[0]}));
  CHECK(again.replica().proposal_slots() > 0);
}

TEST_CASE(
    "after a restart the CHECKPOINT of the last executed block is signed if the crash came first") {
  Members m(4);
  m.absent = MemberId(1);
  const auto blocks = make_chain(m, 1);
  RestartFacts facts{m.execute(m.genesis_head(), blocks[0]),
                     {},
                     {{blocks[0], m.committed(View(0), blocks[0])}},
                     0};
  Solo s(4, 1, {}, {}, facts);
  CHECK(sent(s.started, MessageKind::kCheckpoint) == 1);
  CHECK(std::ranges::count_if(s.started.persist.records, [](const SafetyRecord& r) {
          return std::holds_alternative<CheckpointVote>(r);
        }) == 1);
  CHECK(s.replica().executed_height() == Height(1));
}

TEST_CASE("a store whose head is not the certified one does not start (D3)") {
  Members m(4);
  m.absent = MemberId(1);
  const auto blocks = make_chain(m, 1);
  const LedgerHead good = m.execute(m.genesis_head(), blocks[0]);
  LedgerHead bad = good;
  bad.log_size = 3;
  Replica r(m.config, m.set, SafetyRules(m.config, m.set, MemberId(1), m.keys[1].clone(), {}),
            {bad, m.certified(good), {}});
  const Effects e = r.start();
  REQUIRE(e.halt);
  CHECK(e.halt->reason == HaltReason::kHeadMismatch);
}

TEST_CASE("seeing its own newer signature, a key stops signing for good (B6)") {
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  const BlockId id = s.members.id_of(blocks[0]);
  Effects e = s.receive(s.members.prepare(MemberId(1), View(0), Height(1), id));
  REQUIRE(e.signing_stop);
  CHECK(e.persist.records.size() == 1);
  CHECK_FALSE(s.replica().is_voter());
  CHECK(sent(s.receive(s.members.pre_prepare(View(0), blocks[0])), MessageKind::kPrepare) == 0);

  Solo known;  // its own known vote coming back is nothing
  known.receive(known.members.pre_prepare(View(0), blocks[0]));
  e = known.receive(known.members.prepare(MemberId(1), View(0), Height(1), id));
  CHECK(ignored(e, Ignored::kDuplicate));
  CHECK(known.replica().is_voter());

  Solo wiped;  // a certificate with its signature, which the lost state does not know
  wiped.members.absent.reset();
  const LedgerHead head = wiped.members.execute(wiped.members.genesis_head(), blocks[0]);
  e = wiped.receive(
      wiped.members.wrap(MemberId(2), CheckpointNotice{wiped.members.certified(head)}));
  CHECK(e.signing_stop);
  Solo copied;
  copied.members.absent.reset();
  e = copied.receive(copied.members.wrap(
      MemberId(2), CommitNotice{{blocks[0].header, copied.members.committed(View(0), blocks[0])}}));
  CHECK(e.signing_stop);
  CHECK(e.committed.size() == 1);  // what is proved is still followed
}

// The new primary signs its re-proposals before it can vote for them: it may lack the block.
TEST_CASE("a re-proposal's signature that comes back as a PRE-PREPARE is known (B6)") {
  Solo s;  // member 1: the primary of view 1, which never got the block that others prepared
  SafetyState durable;
  const auto blocks = make_chain(s.members, 2);
  const HeightCertificate c{s.members.prepared(View(0), blocks[0])};
  for (const MemberId m : ids({0, 2})) {
    const Effects e = s.receive(s.members.view_change(MemberId(m), {View(1), {}, {c}}));
    for (const SafetyRecord& r : e.persist.records) durable.apply(r);
  }
  REQUIRE(s.replica().view() == View(1));
  REQUIRE_FALSE(s.replica().changing());
  const SignedMessage wrapped = s.members.pre_prepare(View(1), blocks[0]);
  CHECK(durable.heights.empty());  // signed, and not accepted yet
  Effects e = s.receive(wrapped);
  CHECK_FALSE(e.signing_stop);
  CHECK(ignored(e, Ignored::kDuplicate));

  Solo again(4, 1, {}, durable);
  CHECK_FALSE(again.receive(wrapped).signing_stop);
  e = again.receive(again.members.wrap(MemberId(0), BlockData{blocks[0]}));
  CHECK(again.replica().is_voter());
  CHECK(e.persist.records.size() == 1);  // it accepts the block and goes on
  CHECK_FALSE(again.receive(wrapped).signing_stop);

  // What the NEW-VIEW does not hold is still unknown: another block, another height.
  Block other = blocks[0];
  other.header.time = TimeMs(other.header.time.value + 1);
  Solo first(4, 1, {}, durable);
  CHECK(first.receive(first.members.pre_prepare(View(1), other)).signing_stop);
  Solo second(4, 1, {}, durable);
  CHECK(second.receive(second.members.pre_prepare(View(1), blocks[1])).signing_stop);
}

TEST_CASE("STATUS is answered with what its sender lacks, and not too often (A8)") {
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  s.receive(s.members.pre_prepare(View(0), blocks[0]));
  s.receive(s.members.prepare(MemberId(2), View(0), Height(1), s.members.id_of(blocks[0])));
  s.tick(30);  // older than the status period
  const SignedMessage empty = s.members.wrap(MemberId(3), Status{});
  Effects e = s.receive(empty);
  CHECK(sent(e, MessageKind::kPrepare) == 1);
  CHECK(sent(e, MessageKind::kCommit) == 1);
  for (const Send& x : e.send) CHECK(x.to == MemberId(3));
  CHECK(ignored(s.receive(empty), Ignored::kRateLimited));
  s.tick(30);
  HeightStatus has;
  has.proposal = true;
  has.prepares.set(MemberId(1));
  e = s.receive(s.members.wrap(MemberId(3), Status{View(0), false, {}, {}, {}, {has}}));
  CHECK(sent(e, MessageKind::kPrepare) == 0);
  CHECK(sent(e, MessageKind::kCommit) == 1);
}

TEST_CASE("blocks voted for are given to any member that asks by id") {
  Solo s;
  const auto blocks = make_chain(s.members, 1);
  s.receive(s.members.pre_prepare(View(0), blocks[0]));
  const SignedMessage ask =
      s.members.wrap(MemberId(3), FetchBlock{Height(1), s.members.id_of(blocks[0])});
  const Effects e = s.receive(ask);
  REQUIRE(sent(e, MessageKind::kBlockData) == 1);
  CHECK(sent_payload<BlockData>(e)->block == blocks[0]);
  CHECK(ignored(s.receive(ask), Ignored::kRateLimited));
}

// A FETCH is small and its answer is not: nothing that a member invents may win it a second one.
TEST_CASE(
    "a FETCH is answered for its own height alone, once per interval, member and block (A8)") {
  Solo s;
  const auto blocks = make_chain(s.members, 2);
  for (const Block& b : blocks) s.receive(s.members.pre_prepare(View(0), b));
  const auto ask = [&](std::uint16_t from, std::uint64_t height, const Block& block) {
    return s.receive(
        s.members.wrap(MemberId(from), FetchBlock{Height(height), s.members.id_of(block)}));
  };
  const auto answers = [](const Effects& e) { return sent(e, MessageKind::kBlockData); };
  CHECK(answers(ask(3, 1, blocks[0])) == 1);
  CHECK(answers(ask(3, 2, blocks[1])) == 1);
  CHECK(answers(ask(2, 1, blocks[0])) == 1);
  CHECK(ignored(ask(3, 1, blocks[0]), Ignored::kRateLimited));
  // Other heights for a block that is here; heights out of the window.
  const std::uint64_t window = s.members.config.window();
  for (std::uint64_t h = 2; h <= 2 * window; ++h) CHECK(answers(ask(3, h, blocks[0])) == 0);
  CHECK(ignored(ask(3, 2 * window + 1, blocks[0]), Ignored::kHeightBeyondWindow));
  CHECK(ignored(ask(3, kMaxHeight, blocks[0]), Ignored::kHeightBeyondWindow));
  s.tick(10);
  CHECK(answers(ask(3, 1, blocks[0])) == 1);
  // What is executed here and certified is not asked for in this way.
  LedgerHead head = s.members.genesis_head();
  for (const Block& b : blocks) head = s.run_block(View(0), b, head);
  s.receive(s.members.wrap(MemberId(2), CheckpointNotice{s.members.certified(head)}));
  REQUIRE(s.replica().stable_height() == Height(2));
  s.tick(10);
  CHECK(ignored(ask(3, 2, blocks[1]), Ignored::kHeightStable));
}

TEST_CASE("the same inputs give the same effects to the byte") {
  const auto run = [] {
    Solo s;
    const auto blocks = make_chain(s.members, 3);
    LedgerHead head = s.members.genesis_head();
    for (const Block& b : blocks) head = s.run_block(View(0), b, head);
    Bytes all = encode(s.replica().safety_state());
    for (const Send& x : s.tick(25).send) append(all, x.bytes());
    return all;
  };
  CHECK(run() == run());
}
