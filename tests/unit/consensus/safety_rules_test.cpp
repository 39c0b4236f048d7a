// The keeper of the key. Goal: every refusal by its name, from durable state alone, and the same
// answer after a restart.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;
using R = SafetyRefusal;

namespace {

struct Keeper {
  Members m{4};
  Block b1 = m.block(Height(1), BlockId{}, 2'000);
  Block b1x = m.block(Height(1), BlockId{}, 2'005);
  Block b2 = m.block(Height(2), m.id_of(b1), 2'010);

  SafetyRules rules(std::uint16_t me, SafetyState state = {}) const {
    return {m.config, m.set, MemberId(me), m.keys[me].clone(), std::move(state)};
  }
  crypto::Signature proposal(View v, const Block& b) const { return m.pre_prepare(v, b).signature; }
};

R refusal(const SignResult& r) { return r ? R::kNone : r.error(); }

// What a restart gives back: the records through their bytes.
SafetyState reload(const std::vector<SafetyRecord>& records) {
  SafetyState s;
  for (const SafetyRecord& r : records) {
    auto back = decode<SafetyRecord>(encode(r));
    REQUIRE(back);
    s.apply(*back);
  }
  auto whole = decode<SafetyState>(encode(s));
  REQUIRE(whole);
  CHECK(*whole == s);
  return s;
}

}  // namespace

TEST_CASE("an observer signs nothing (I19)") {
  Keeper k;
  SafetyRules o = SafetyRules::observer(k.m.config, k.m.set);
  CHECK_FALSE(o.can_sign());
  CHECK(refusal(o.sign_prepare(View(0), k.b1, {})) == R::kObserver);
  CHECK(refusal(o.sign_pre_prepare(View(0), k.b1)) == R::kObserver);
  CHECK(refusal(o.sign_commit(View(0), Height(1), {})) == R::kObserver);
  CHECK(refusal(o.sign_checkpoint(k.m.genesis_head())) == R::kObserver);
  CHECK(refusal(o.sign_view_change(View(1))) == R::kObserver);
  CHECK(refusal(o.sign_new_view(View(1), {}, {})) == R::kObserver);
}

TEST_CASE("one id is signed per view and height, also after a restart (I1)") {
  Keeper k;
  SafetyRules r = k.rules(1);
  auto first = r.sign_prepare(View(0), k.b1, k.proposal(View(0), k.b1));
  REQUIRE(first);
  REQUIRE(first->records.size() == 1);
  CHECK(refusal(r.sign_prepare(View(0), k.b1x, k.proposal(View(0), k.b1x))) == R::kConflict);
  SafetyRules again = k.rules(1, reload(first->records));
  CHECK(refusal(again.sign_prepare(View(0), k.b1x, k.proposal(View(0), k.b1x))) == R::kConflict);
  auto resent = again.sign_prepare(View(0), k.b1, k.proposal(View(0), k.b1));
  REQUIRE(resent);
  CHECK(resent->records.empty());
  CHECK(resent->message == first->message);  // C5: the same bytes
}

TEST_CASE("the primary signs one PRE-PREPARE per height and no PREPARE (A0)") {
  Keeper k;
  SafetyRules r = k.rules(0);
  REQUIRE(r.sign_pre_prepare(View(0), k.b1));
  CHECK(refusal(r.sign_pre_prepare(View(0), k.b1x)) == R::kConflict);
  CHECK(refusal(r.sign_prepare(View(0), k.b1, {})) == R::kIsPrimary);
  SafetyRules backup = k.rules(1);
  CHECK(refusal(backup.sign_pre_prepare(View(0), k.b1)) == R::kNotPrimary);
}

TEST_CASE("votes stay in the entered view and the window") {
  Keeper k;
  SafetyRules r = k.rules(2);
  CHECK(refusal(r.sign_prepare(View(1), k.b1, {})) == R::kNotInView);
  Block far = k.b1;
  far.header.height = Height(k.m.config.window() + 1);
  CHECK(refusal(r.sign_prepare(View(0), far, {})) == R::kOutsideWindow);
  REQUIRE(r.sign_view_change(View(2)));
  CHECK(refusal(r.sign_prepare(View(0), k.b1, {})) == R::kBelowPromised);  // I5
  CHECK(refusal(r.sign_prepare(View(2), k.b1, {})) == R::kNotInView);
  CHECK(refusal(r.sign_commit(View(1), Height(1), {})) == R::kBelowPromised);
  const LedgerHead head = k.m.execute(k.m.genesis_head(), k.b1);
  SafetyRules s = k.rules(2);
  REQUIRE(s.note_stable(k.m.certified(head)));
  CHECK(refusal(s.sign_prepare(View(0), k.b1, {})) == R::kOutsideWindow);
}

TEST_CASE("a COMMIT needs the accepted proposal, its certificate, and its whole prefix (A2, I9)") {
  Keeper k;
  SafetyRules r = k.rules(1);
  const BlockId id1 = k.m.id_of(k.b1);
  const BlockId id2 = k.m.id_of(k.b2);
  CHECK(refusal(r.sign_commit(View(0), Height(1), id1)) == R::kNotAccepted);
  REQUIRE(r.sign_prepare(View(0), k.b1, k.proposal(View(0), k.b1)));
  REQUIRE(r.sign_prepare(View(0), k.b2, k.proposal(View(0), k.b2)));
  CHECK(refusal(r.sign_commit(View(0), Height(1), id2)) == R::kNotAccepted);
  CHECK(refusal(r.sign_commit(View(0), Height(1), id1)) == R::kNotPrepared);
  REQUIRE(r.note_prepared(k.m.prepared(View(0), k.b2)));
  CHECK(refusal(r.sign_commit(View(0), Height(2), id2)) == R::kPrefixNotPrepared);
  REQUIRE(r.note_decided({k.b1.header, k.m.committed(View(0), k.b1)}));
  CHECK(r.sign_commit(View(0), Height(2), id2));  // a decision covers the prefix too
  REQUIRE(r.note_prepared(k.m.prepared(View(0), k.b1)));
  CHECK(r.sign_commit(View(0), Height(1), id1));
}

TEST_CASE("one head is signed per height, ascending, never below the last (I2, D3)") {
  Keeper k;
  SafetyRules r = k.rules(1);
  const LedgerHead h1 = k.m.execute(k.m.genesis_head(), k.b1);
  const LedgerHead h2 = k.m.execute(h1, k.b2);
  auto first = r.sign_checkpoint(h2);
  REQUIRE(first);
  CHECK(refusal(r.sign_checkpoint(h1)) == R::kCheckpointBelow);
  LedgerHead wrong = h2;
  wrong.log_size = 99;
  CHECK(refusal(r.sign_checkpoint(wrong)) == R::kConflict);
  SafetyRules again = k.rules(1, reload(first->records));
  CHECK(refusal(again.sign_checkpoint(wrong)) == R::kConflict);
  auto resent = again.sign_checkpoint(h2);
  REQUIRE(resent);
  CHECK(resent->records.empty());
  SafetyRules other = k.rules(2);
  REQUIRE(other.note_stable(k.m.certified(h2)));
  CHECK(refusal(other.sign_checkpoint(wrong)) == R::kHeadMismatch);
}

TEST_CASE("one VIEW-CHANGE per view, re-sent byte-identical, with all it must show (I3, A4, A7)") {
  Keeper k;
  SafetyRules r = k.rules(1);
  std::vector<SafetyRecord> log;
  const auto keep = [&log](std::vector<SafetyRecord> records) {
    log.insert(log.end(), records.begin(), records.end());
  };
  keep(r.sign_prepare(View(0), k.b1, k.proposal(View(0), k.b1))->records);
  log.push_back(*r.note_prepared(k.m.prepared(View(0), k.b1)));
  auto first = r.sign_view_change(View(1));
  REQUIRE(first);
  keep(first->records);
  const auto& v = std::get<ViewChange>(first->message.payload);
  REQUIRE(v.certificates.size() == 1);
  CHECK(v.certificates[0].header() == k.b1.header);
  SafetyRules again = k.rules(1, reload(log));
  auto resent = again.sign_view_change(View(1));
  REQUIRE(resent);
  CHECK(resent->records.empty());
  CHECK(encode(resent->message) == encode(first->message));
  CHECK(refusal(again.sign_view_change(View(0))) == R::kAlreadyChanged);
  // Entering the view forgets nothing.
  REQUIRE(again.sign_view_change(View(2)));
  auto third = again.sign_view_change(View(3));
  REQUIRE(third);
  CHECK(std::get<ViewChange>(third->message.payload).certificates.size() == 1);
  CHECK(refusal(again.sign_view_change(View(2))) == R::kAlreadyChanged);
}

TEST_CASE("one NEW-VIEW per view, by its primary, and it binds what follows (I3, I1)") {
  Keeper k;
  std::vector<SignedViewChange> changes;
  for (std::uint16_t i = 0; i < 3; ++i) {
    const SignedMessage c = k.m.view_change(MemberId(i), {View(1), {}, {}});
    changes.push_back({c.sender, std::get<ViewChange>(c.payload), c.signature});
  }
  SafetyRules r = k.rules(1);
  CHECK(refusal(r.sign_new_view(View(1), changes, {})) == R::kNotInView);
  REQUIRE(r.sign_view_change(View(1)));
  REQUIRE(r.sign_new_view(View(1), changes, {k.b1.header}));
  CHECK(refusal(r.sign_new_view(View(1), changes, {})) == R::kNewViewSigned);
  CHECK(refusal(r.sign_pre_prepare(View(1), k.b1x)) == R::kConflict);
  CHECK(r.sign_pre_prepare(View(1), k.b1));
  SafetyRules backup = k.rules(2);
  REQUIRE(backup.sign_view_change(View(1)));
  CHECK(refusal(backup.sign_new_view(View(1), changes, {})) == R::kNotPrimary);
}

TEST_CASE("stopping is for good and survives a restart (B6)") {
  Keeper k;
  SafetyRules r = k.rules(1);
  const auto record = r.stop(R::kOwnUnknownSignature);
  REQUIRE(record);
  CHECK_FALSE(r.can_sign());
  CHECK(refusal(r.sign_view_change(View(1))) == R::kStopped);
  SafetyRules again = k.rules(1, reload({*record}));
  CHECK(refusal(again.sign_checkpoint(k.m.genesis_head())) == R::kStopped);
}

TEST_CASE("blocks once voted for are kept until stable, also when a later view votes for others") {
  Keeper k;
  SafetyState s;
  s.apply(AcceptedProposal{View(0), k.b1, {}});
  s.apply(AcceptedProposal{View(1), k.b1x, {}});
  REQUIRE(s.heights[Height(1)].voted.size() == 1);
  CHECK(s.heights[Height(1)].voted[0] == k.b1);
  s.apply(AcceptedProposal{View(2), k.b1, {}});
  REQUIRE(s.heights[Height(1)].voted.size() == 1);
  CHECK(s.heights[Height(1)].voted[0] == k.b1x);
  for (std::int64_t i = 0; i < 100; ++i) {
    s.apply(AcceptedProposal{
        View(3 + std::uint64_t(i)), k.m.block(Height(1), BlockId{}, 3'000 + i), {}});
  }
  CHECK(s.heights[Height(1)].voted.size() == 101);  // none was dropped
  s.apply(StableCheckpoint{k.m.certified(k.m.execute(k.m.genesis_head(), k.b1))});
  CHECK(s.heights.empty());
}
