// Checks the checkers: each planted defect (consensus/defects.h) must be noticed by the oracle of
// the in-process cluster, or by a directed attack. The same attack on the sound library passes.
#include <doctest/doctest.h>

#include "consensus/defects.h"
#include "consensus/new_view.h"
#include "tests/unit/consensus/cluster.h"
#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

struct Plant {
  explicit Plant(std::optional<Defect> d) {
    planted_defects().clear();
    if (d) planted_defects().insert(*d);
  }
  ~Plant() { planted_defects().clear(); }
};

// True if the oracle complained in any of some random runs.
bool oracle_complains(std::optional<Defect> defect) {
  const Plant plant(defect);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Dice dice(seed * 31);
    ClusterOptions o;
    o.seed = seed;
    o.drop_percent = 15;
    o.max_delay_ticks = 12;
    o.executor_delay_ticks = 20;
    o.config.progress_timeout_ms = 200;
    o.config.heartbeat_ms = 500;
    Cluster c(o);
    for (int round = 0; round < 10; ++round) {
      c.submit(10);
      c.run(dice.below(40));
      const std::size_t victim = dice.below(o.n);
      if (round % 3 == 0) c.restart(victim);
      c.isolate(round % 3 == 1 ? std::set{victim} : std::set<std::size_t>{});
    }
    if (!c.violations.empty()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the sound library passes where the planted ones fail") {
  CHECK_FALSE(oracle_complains(std::nullopt));
}

TEST_CASE("the oracle notices defects of durability, promises and order") {
  CHECK(oracle_complains(Defect::kVoteBeforePersist));
  CHECK(oracle_complains(Defect::kForgetVoteOnRestart));
  CHECK(oracle_complains(Defect::kVoteBelowPromised));
  CHECK(oracle_complains(Defect::kCommitWithoutPrepared));
  CHECK(oracle_complains(Defect::kForgetPrepared));
  CHECK(oracle_complains(Defect::kExecuteOutOfOrder));
}

TEST_CASE("quorum-one-short: two members of four decide alone") {
  const auto decides = [](std::optional<Defect> d) {
    const Plant plant(d);
    Solo s;
    const Block b = s.members.block(Height(1), BlockId{}, kNow);
    const BlockId id = s.members.id_of(b);
    s.receive(s.members.pre_prepare(View(0), b));
    s.receive(s.members.commit(MemberId(0), View(0), Height(1), id));
    s.receive(s.members.commit(MemberId(2), View(0), Height(1), id));
    return s.replica().decided_height() == Height(1);
  };
  CHECK_FALSE(decides(std::nullopt));
  CHECK(decides(Defect::kQuorumOneShort));
}

TEST_CASE("new-view-not-recomputed: a new primary drops a prepared block") {
  const auto enters = [](std::optional<Defect> d) {
    const Plant plant(d);
    Solo s(4, 3);
    const Block b = s.members.block(Height(1), BlockId{}, kNow);
    std::vector<SignedMessage> changes;
    for (std::uint16_t i = 0; i < 3; ++i) {
      changes.push_back(
          s.members.view_change(MemberId(i), {View(1), {}, {{s.members.prepared(View(0), b)}}}));
    }
    s.receive(s.members.new_view(View(1), changes, {}));
    return s.replica().view() == View(1);
  };
  CHECK_FALSE(enters(std::nullopt));
  CHECK(enters(Defect::kNewViewNotRecomputed));
}

TEST_CASE("count-signatures, no-kind-in-digest, nested-unverified: forgeries pass the door") {
  const auto twice = [](std::optional<Defect> d) {
    const Plant plant(d);
    Members m(4);
    BoundedSignatureCache cache;
    const Verifier v(m.config, m.set, cache);
    const Block b = m.block(Height(1), BlockId{}, kNow);
    CommitCertificate c = m.committed(View(0), b);
    c.signatures[2] = c.signatures[1] = c.signatures[0];
    return v.holds(c);
  };
  CHECK_FALSE(twice(std::nullopt));
  CHECK(twice(Defect::kCountSignatures));

  const auto replay = [](std::optional<Defect> d) {
    const Plant plant(d);
    Members m(4);
    BoundedSignatureCache cache;
    const Verifier v(m.config, m.set, cache);
    SignedMessage p = m.prepare(MemberId(1), View(0), Height(1), BlockId{});
    p.payload = Commit{View(0), Height(1), BlockId{}};
    return v.verify(p, MemberId(1)).has_value();
  };
  CHECK_FALSE(replay(std::nullopt));
  CHECK(replay(Defect::kNoKindInDigest));

  const auto nested = [](std::optional<Defect> d) {
    const Plant plant(d);
    Members m(4);
    BoundedSignatureCache cache;
    const Verifier v(m.config, m.set, cache);
    PreparedCertificate forged = m.prepared(View(0), m.block(Height(1), BlockId{}, kNow));
    forged.header.time = TimeMs(kNow + 1);
    return v.verify(m.view_change(MemberId(2), {View(1), {}, {{forged}}}), {}).has_value();
  };
  CHECK_FALSE(nested(std::nullopt));
  CHECK(nested(Defect::kNestedUnverified));
}

TEST_CASE("no-prefix-rule: a COMMIT above a height that is not prepared") {
  const auto commits = [](std::optional<Defect> d) {
    const Plant plant(d);
    Solo s;
    const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
    const Block b2 = s.members.block(Height(2), s.members.id_of(b1), kNow + 1);
    s.receive(s.members.pre_prepare(View(0), b1));
    s.receive(s.members.pre_prepare(View(0), b2));
    return sent(s.receive(s.members.prepare(MemberId(2), View(0), Height(2), s.members.id_of(b2))),
                MessageKind::kCommit) > 0;
  };
  CHECK_FALSE(commits(std::nullopt));
  CHECK(commits(Defect::kNoPrefixRule));
}

TEST_CASE("parent, time and repeats unchecked: a backup PREPAREs what it must refuse") {
  const auto prepares = [](std::optional<Defect> d, auto&& attack) {
    const Plant plant(d);
    Solo s;
    return sent(attack(s), MessageKind::kPrepare) > 0;
  };
  const auto parent = [](Solo& s) {
    const Block b1 = s.members.block(Height(1), BlockId{}, kNow);
    s.receive(s.members.pre_prepare(View(0), b1));
    return s.receive(
        s.members.pre_prepare(View(0), s.members.block(Height(2), BlockId{}, kNow + 1)));
  };
  CHECK_FALSE(prepares(std::nullopt, parent));
  CHECK(prepares(Defect::kParentUnchecked, parent));
  const auto time = [](Solo& s) {
    return s.receive(s.members.pre_prepare(View(0), s.members.block(Height(1), BlockId{}, 5)));
  };
  CHECK_FALSE(prepares(std::nullopt, time));
  CHECK(prepares(Defect::kTimeUnchecked, time));
  const auto repeats = [](Solo& s) {
    ItemFacts a = Members::item(1, kNow + 1'000);
    ItemFacts b = Members::item(2, kNow + 1'000);
    const Block block = s.members.block(Height(1), BlockId{}, kNow, {a, b});
    s.receive(s.members.pre_prepare(View(0), block));
    b.id = a.id;
    return s.bodies(block, {a, b});
  };
  CHECK_FALSE(prepares(std::nullopt, repeats));
  CHECK(prepares(Defect::kAcceptRepeats, repeats));
}

TEST_CASE("ignore-head-mismatch: a node goes on although the certified head is not its own") {
  const auto halts = [](std::optional<Defect> d) {
    const Plant plant(d);
    Solo s;
    const Block b = s.members.block(Height(1), BlockId{}, kNow);
    LedgerHead head = s.run_block(View(0), b, s.members.genesis_head());
    head.log_size = 9;
    for (const MemberId m : ids({0, 2, 3})) s.receive(s.members.checkpoint(MemberId(m), head));
    return s.replica().halted();
  };
  CHECK(halts(std::nullopt));
  CHECK_FALSE(halts(Defect::kIgnoreHeadMismatch));
}

TEST_CASE("highest-only: a half-finished re-preparation loses the heights above it") {
  const auto length = [](std::optional<Defect> d) {
    const Plant plant(d);
    Members m(4);
    const Block b1 = m.block(Height(1), BlockId{}, kNow);
    const Block b2 = m.block(Height(2), m.id_of(b1), kNow + 1);
    const std::vector<SignedViewChange> changes = {
        {MemberId(0), {View(2), {}, {{m.prepared(View(1), b1)}, {m.prepared(View(0), b2)}}}, {}}};
    return choose(m.config.genesis, changes).headers.size();
  };
  CHECK(length(std::nullopt) == 2);
  CHECK(length(Defect::kHighestOnly) == 1);
}

TEST_CASE("own-votes-uncompared: a validator signs on although a certificate shows its lost vote") {
  const auto signs_on = [](std::optional<Defect> defect) {
    const Plant plant(defect);
    Solo s;
    s.members.absent.reset();  // the certificate is by members 0, 1, 2: with its signature
    const Block lost = s.members.block(Height(1), BlockId{}, s.now_ms);
    s.receive(
        s.members.view_change(MemberId(2), {View(1), {}, {{s.members.prepared(View(0), lost)}}}));
    const Block b = s.members.block(Height(1), BlockId{}, s.now_ms + 1);
    return sent(s.receive(s.members.pre_prepare(View(0), b)), MessageKind::kPrepare) == 1;
  };
  CHECK(signs_on(Defect::kOwnVotesUncompared));
  CHECK_FALSE(signs_on(std::nullopt));
}
