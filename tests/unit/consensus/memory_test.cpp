// Memory that was lost is noticed (B6): by what peers last saw a validator sign, and by its own
// signatures in others' certificates.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

// A replica that has not been answered yet.
struct Starting {
  Members m{4};
  BoundedSignatureCache cache;
  Verifier verifier{m.config, m.set, cache};
  Replica replica;
  Effects started;
  std::int64_t now_ms = 1'000'000;

  explicit Starting(const SafetyState& state = {}, std::uint64_t start = 5)
      : replica(m.config, m.set,
                SafetyRules(m.config, m.set, MemberId(1), m.keys[1].clone(), state),
                RestartFacts{m.genesis_head(), {}, {}, start}) {
    started = replica.start();
  }
  Effects receive(const SignedMessage& message) {
    auto verified = verifier.verify(message, message.sender);
    REQUIRE(verified);
    return replica.step(Receive{*verified});
  }
  Effects answer(int from, std::vector<Statement> seen = {}, std::uint64_t start = 5) {
    return receive(m.wrap(MemberId(static_cast<std::uint16_t>(from)),
                          LastSeen{start, MemberId(1), std::move(seen)}));
  }
  Effects tick() {
    now_ms += 10;
    return replica.step(Tick{TimeMs(now_ms)});
  }
  [[nodiscard]] Signing::State state() const { return replica.signing().state; }
};

std::size_t signed_sent(const Effects& e) {
  return static_cast<std::size_t>(
      std::ranges::count_if(e.send, [](const Send& s) { return is_signed(s.message->kind()); }));
}

const LastSeen* answer_in(const Effects& e) { return sent_payload<LastSeen>(e); }

}  // namespace

TEST_CASE("a validator that starts asks its peers, and signs nothing before q - f have answered") {
  Starting s;
  CHECK(sent(s.started, MessageKind::kAskLastSeen) == 3);
  CHECK(s.state() == Signing::State::kAwaitingPeers);
  CHECK(describe(s.replica.signing()) ==
        "asking peers what they last saw this validator sign: 0 of 2 answered");
  CHECK_FALSE(s.replica.is_voter());
  const Block b = s.m.block(Height(1), BlockId{}, s.now_ms);
  CHECK(signed_sent(s.receive(s.m.pre_prepare(View(0), b))) == 0);
  // It asks again, and only those that have not answered.
  CHECK(signed_sent(s.answer(2)) == 0);
  CHECK(s.replica.signing().answers == 1);
  std::size_t asked = 0;
  for (int i = 0; i < 10; ++i) asked += sent(s.tick(), MessageKind::kAskLastSeen);
  CHECK(asked == 2);
  // The same peer again does not count twice; nor does an answer to an earlier start's question.
  s.answer(2);
  s.answer(3, {}, 4);
  CHECK(s.state() == Signing::State::kAwaitingPeers);
  const Effects e = s.answer(3);
  CHECK(e.signing_begins);
  CHECK(s.state() == Signing::State::kSigns);
  CHECK(sent(e, MessageKind::kPrepare) == 1);  // what waited is voted for now
}

TEST_CASE("what peers saw beyond its memory, under its own signature, silences it for good") {
  const auto shown = [](const SignedMessage& m) {
    Starting s;
    const Effects e = s.answer(2, s.m.statements(m));
    REQUIRE(e.signing_stop);
    CHECK(s.replica.signing().stopped == SafetyRefusal::kOwnUnknownSignature);
    s.answer(3);
    s.answer(0);
    CHECK(s.state() == Signing::State::kStopped);
    // For good: the record survives.
    SafetyState kept;
    for (const SafetyRecord& r : e.persist.records) kept.apply(r);
    CHECK(kept.stopped);
    Starting again(kept);
    CHECK(again.state() == Signing::State::kStopped);
    CHECK(sent(again.started, MessageKind::kAskLastSeen) == 0);
  };
  const Members m(4);
  const Block b = m.block(Height(1), BlockId{}, 1'000'000);
  const MemberId me(1);
  shown(m.pre_prepare(me, View(1), b));
  shown(m.prepare(me, View(0), Height(1), m.id_of(b)));
  shown(m.commit(me, View(0), Height(1), m.id_of(b)));
  shown(m.checkpoint(me, m.execute(m.genesis_head(), b)));
  shown(m.view_change(me, ViewChange{View(1), {}, {}}));
  std::vector<SignedMessage> changes;
  for (const int who : {0, 2, 3}) {
    changes.push_back(m.view_change(MemberId(static_cast<std::uint16_t>(who)), {View(1), {}, {}}));
  }
  shown(m.new_view(View(1), changes, {}));
}

TEST_CASE(
    "a statement that it remembers changes nothing, and a bare or forged claim silences nobody") {
  const Members m(4);
  const Block b = m.block(Height(1), BlockId{}, 1'000'000);
  SafetyState state;
  state.apply(AcceptedProposal{View(0), b, m.pre_prepare(View(0), b).signature});
  Starting s(state);
  s.answer(2, m.statements(m.prepare(MemberId(1), View(0), Height(1), m.id_of(b))));
  CHECK(s.state() == Signing::State::kAwaitingPeers);
  s.answer(3);
  CHECK(s.state() == Signing::State::kSigns);

  std::vector<Statement> forged =
      m.statements(m.commit(MemberId(1), View(9), Height(1), m.id_of(b)));
  forged[0].signature.bytes[7] ^= 1;
  CHECK_FALSE(
      s.verifier.verify(m.wrap(MemberId(2), LastSeen{5, MemberId(1), forged}), MemberId(2)));
  // Another member's statement in our name, malformed ones, and two of one kind.
  CHECK_FALSE(s.verifier.verify(
      m.wrap(MemberId(2),
             LastSeen{5, MemberId(1),
                      m.statements(m.commit(MemberId(2), View(9), Height(1), m.id_of(b)))}),
      MemberId(2)));
  std::vector<Statement> twice =
      m.statements(m.commit(MemberId(1), View(0), Height(1), m.id_of(b)));
  twice.push_back(twice[0]);
  CHECK_FALSE(s.verifier.verify(m.wrap(MemberId(2), LastSeen{5, MemberId(1), twice}), MemberId(2)));
  std::vector<Statement> misshapen =
      m.statements(m.checkpoint(MemberId(1), m.execute(m.genesis_head(), b)));
  misshapen[0].height = Height(2);
  CHECK_FALSE(
      s.verifier.verify(m.wrap(MemberId(2), LastSeen{5, MemberId(1), misshapen}), MemberId(2)));
}

TEST_CASE("each member keeps the last of each kind that it saw others sign, and answers with it") {
  Solo s;
  const Members& m = s.members;
  const Block b1 = m.block(Height(1), BlockId{}, s.now_ms);
  const LedgerHead head = s.run_block(View(0), b1, m.genesis_head());
  s.receive(m.checkpoint(MemberId(2), head));
  s.receive(m.checkpoint(MemberId(3), head));
  REQUIRE(s.replica().stable_height() == Height(1));
  s.tick(20);
  Effects e = s.receive(m.wrap(MemberId(2), AskLastSeen{77}));
  const LastSeen* answer = answer_in(e);
  REQUIRE(answer != nullptr);
  CHECK(answer->start == 77);
  CHECK(answer->member == MemberId(2));
  REQUIRE(answer->statements.size() == 3);  // though the height is stable and its votes are gone
  CHECK(answer->statements[0].kind == StatementOf::kPrepare);
  CHECK(answer->statements[1].kind == StatementOf::kCommit);
  CHECK(answer->statements[2].kind == StatementOf::kCheckpoint);
  CHECK(s.verifier().verify(m.wrap(s.me(), *answer), s.me()));
  // Not too often.
  e = s.receive(m.wrap(MemberId(2), AskLastSeen{78}));
  CHECK(answer_in(e) == nullptr);
  CHECK(ignored(e, Ignored::kRateLimited));
}

TEST_CASE(
    "what was seen is written with records that are synced anyway, and alone on an idle chain") {
  Solo s;
  const Members& m = s.members;
  SafetyState durable;
  const auto fold = [&](const Effects& e) {
    for (const SafetyRecord& r : e.persist.records) durable.apply(r);
    return std::ranges::count_if(e.persist.records, [](const SafetyRecord& r) {
      return std::holds_alternative<PeersSeen>(r);
    });
  };
  const Block b1 = m.block(Height(1), BlockId{}, s.now_ms);
  fold(s.started);
  // A vote alone does not cause a sync.
  const Effects vote = s.receive(m.prepare(MemberId(2), View(0), Height(1), m.id_of(b1)));
  CHECK(vote.persist.empty());
  CHECK(durable.seen.empty());
  // Its own PREPARE is, and nothing it rests on is left out.
  CHECK(fold(s.receive(m.pre_prepare(View(0), b1))) == 1);
  REQUIRE(durable.seen.contains(MemberId(0)));
  REQUIRE(durable.seen.contains(MemberId(2)));
  CHECK(durable.seen.at(MemberId(2))[0].order() == std::pair(View(0), Height(1)));
  // The last vote before silence is written after a while, once.
  CHECK(fold(s.receive(m.commit(MemberId(3), View(0), Height(1), m.id_of(b1)))) == 0);
  std::ptrdiff_t records = 0;
  for (int i = 0; i < 200; ++i) records += fold(s.tick());
  CHECK(records == 1);
  REQUIRE(durable.seen.contains(MemberId(3)));
  // After a restart it still answers.
  Solo again(4, 1, {}, durable);
  const Effects e = again.receive(m.wrap(MemberId(3), AskLastSeen{1}));
  REQUIRE(answer_in(e) != nullptr);
  REQUIRE(answer_in(e)->statements.size() == 1);
  CHECK(answer_in(e)->statements[0].kind == StatementOf::kCommit);
}

TEST_CASE("its own votes in others' certificates are compared, wherever they come") {
  const auto silenced_by = [](auto&& make) {
    Solo s;
    s.members.absent.reset();  // certificates are by members 0, 1, 2: with its signature
    const Block b = s.members.block(Height(1), BlockId{}, s.now_ms);
    const Effects e = make(s, b);
    CHECK(e.signing_stop);
    CHECK_FALSE(s.replica().is_voter());
  };
  const auto change = [](const Members& m, int who, View view,
                         std::vector<HeightCertificate> certificates,
                         std::optional<CheckpointCertificate> stable = {}) {
    return m.view_change(MemberId(static_cast<std::uint16_t>(who)),
                         ViewChange{view, std::move(stable), std::move(certificates)});
  };
  SUBCASE("a PREPARE in a VIEW-CHANGE's prepared certificate") {
    silenced_by([&](Solo& s, const Block& b) {
      return s.receive(change(s.members, 2, View(1), {{s.members.prepared(View(0), b)}}));
    });
  }
  SUBCASE("a PRE-PREPARE in one of a view that it led") {
    silenced_by([&](Solo& s, const Block& b) {
      s.members.absent = MemberId(1);
      return s.receive(change(s.members, 2, View(2), {{s.members.prepared(View(1), b)}}));
    });
  }
  SUBCASE("a COMMIT in a VIEW-CHANGE's decided certificate") {
    silenced_by([&](Solo& s, const Block& b) {
      const DecidedCertificate d{b.header, s.members.committed(View(0), b)};
      return s.receive(change(s.members, 2, View(1), {{d}}));
    });
  }
  SUBCASE("a CHECKPOINT in a VIEW-CHANGE's stable certificate") {
    silenced_by([&](Solo& s, const Block& b) {
      const LedgerHead head = s.members.execute(s.members.genesis_head(), b);
      return s.receive(change(s.members, 2, View(1), {}, s.members.certified(head)));
    });
  }
  SUBCASE("a PREPARE nested in a NEW-VIEW") {
    silenced_by([&](Solo& s, const Block& b) {
      return s.receive(
          s.members.new_view(View(2),
                             {change(s.members, 0, View(2), {{s.members.prepared(View(0), b)}}),
                              change(s.members, 2, View(2), {}), change(s.members, 3, View(2), {})},
                             {b.header}));
    });
  }
  SUBCASE("its VIEW-CHANGE in a NEW-VIEW") {
    silenced_by([&](Solo& s, const Block&) {
      return s.receive(
          s.members.new_view(View(2),
                             {change(s.members, 0, View(2), {}), change(s.members, 1, View(2), {}),
                              change(s.members, 3, View(2), {})},
                             {}));
    });
  }
  SUBCASE("a COMMIT in catch-up") {
    silenced_by([&](Solo& s, const Block& b) {
      auto run = s.verifier().verify(SyncedBlocks{{b}, s.members.committed(View(0), b)});
      REQUIRE(run);
      return s.give(Synced{*run});
    });
  }
  SUBCASE("a CHECKPOINT in catch-up") {
    silenced_by([&](Solo& s, const Block& b) {
      const LedgerHead head = s.members.execute(s.members.genesis_head(), b);
      auto run = s.verifier().verify(SyncedBlocks{{b}, s.members.certified(head)});
      REQUIRE(run);
      return s.give(Synced{*run});
    });
  }
}

TEST_CASE(
    "votes that a later view's replaced, or that are below stable, are its own all the same") {
  Solo s;
  const Members& m = s.members;
  const Block b = m.block(Height(1), BlockId{}, s.now_ms);
  const BlockId id = m.id_of(b);
  s.receive(m.pre_prepare(View(0), b));
  s.receive(m.prepare(MemberId(2), View(0), Height(1), id));
  s.receive(m.prepare(MemberId(3), View(0), Height(1), id));  // prepared; own COMMIT sent
  std::vector<SignedMessage> changes;
  for (const int who : {0, 2, 3}) {
    changes.push_back(m.view_change(MemberId(static_cast<std::uint16_t>(who)),
                                    {View(2), {}, {{m.prepared(View(0), b)}}}));
  }
  s.receive(m.new_view(View(2), changes, {b.header}));
  REQUIRE(s.replica().view() == View(2));
  REQUIRE(s.replica().safety_state().heights.at(Height(1)).accepted->view == View(2));
  for (const View v : {View(0), View(2)}) {
    CHECK_FALSE(
        s.receive(m.wrap(MemberId(3),
                         LastSeen{0, s.me(), m.statements(m.prepare(s.me(), v, Height(1), id))}))
            .signing_stop);
  }
  CHECK_FALSE(
      s.receive(m.wrap(MemberId(3),
                       LastSeen{0, s.me(), m.statements(m.commit(s.me(), View(0), Height(1), id))}))
          .signing_stop);
  // But not another block of the lower view, nor a COMMIT of this one.
  const Block x = m.block(Height(1), BlockId{}, s.now_ms + 1);
  CHECK(s.receive(m.wrap(MemberId(3),
                         LastSeen{0, s.me(),
                                  m.statements(m.prepare(s.me(), View(0), Height(1), m.id_of(x)))}))
            .signing_stop);
}

TEST_CASE("a ledger that is newer than the safety log silences its validator at the start") {
  Members m(4);
  const Block b = m.block(Height(1), BlockId{}, 1'000'000);
  const LedgerHead head = m.execute(m.genesis_head(), b);
  Solo decided(4, 1, {}, {}, RestartFacts{head, {}, {{b, m.committed(View(0), b)}}, 0});
  CHECK_FALSE(decided.replica().is_voter());
  CHECK(decided.replica().safety_state().stopped);
  Solo certified(4, 1, {}, {}, RestartFacts{head, m.certified(head), {}, 0});
  CHECK(certified.replica().safety_state().stopped);
}
