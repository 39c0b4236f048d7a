// Evidence of equivocation: what counts as such, what is kept, what survives a restart.
#include "node/evidence.h"

#include <doctest/doctest.h>

#include "consensus/messages.h"
#include "node/wire.h"
#include "tests/unit/node/cluster.h"

namespace imi::node::test {
namespace {

using consensus::MessageKind;

constexpr chain::MemberId kLiar{3};

// A vote of member 3, by its own key.
template <class Vote>
consensus::SignedMessage vote(Cluster& c, const Vote& v, const Hash256& digest) {
  consensus::SignedMessage m;
  m.epoch = c.chain.genesis().validators.epoch;
  m.sender = kLiar;
  m.payload = v;
  m.signature = c.chain.validators()[kLiar.value].sign(digest);
  return m;
}
consensus::SignedMessage prepare(Cluster& c, std::uint64_t height) {
  const consensus::Prepare p{chain::View(0), chain::Height(height),
                             c.chain.random().fixed<chain::BlockId>()};
  return vote(c, p,
              consensus::prepare_digest(c.chain.id(), c.chain.genesis().validators.epoch, kLiar,
                                        p.view, p.height, p.id));
}
consensus::SignedMessage commit(Cluster& c, std::uint64_t height) {
  const consensus::Commit p{chain::View(0), chain::Height(height),
                            c.chain.random().fixed<chain::BlockId>()};
  return vote(c, p,
              consensus::commit_digest(c.chain.id(), c.chain.genesis().validators.epoch, kLiar,
                                       p.view, p.height, p.id));
}
consensus::SignedMessage pre_prepare(Cluster& c) {
  consensus::PrePrepare p;
  p.header.height = chain::Height(1);
  p.header.time = chain::TimeMs(c.chain.genesis().time.value + 5);
  p.header.body_root = c.chain.random().fixed<Hash256>();
  return vote(
      c, p,
      consensus::pre_prepare_digest(c.chain.id(), c.chain.genesis().validators.epoch, kLiar, p.view,
                                    p.header.height, chain::block_id(c.chain.id(), p.header)));
}
consensus::SignedMessage checkpoint(Cluster& c, std::uint8_t byte) {
  chain::LedgerHead head;
  head.genesis = c.chain.id();
  head.epoch = c.chain.genesis().validators.epoch;
  head.height = chain::Height(7);
  head.state_root.bytes[0] = byte;
  return vote(c, consensus::Checkpoint{head}, chain::checkpoint_digest(head, kLiar));
}
consensus::SignedMessage view_change(Cluster& c, std::uint64_t height) {
  consensus::ViewChange v;
  v.view = chain::View(1);
  v.stable = chain::CheckpointCertificate{};
  v.stable->head.height = chain::Height(height);
  return vote(
      c, v,
      consensus::view_change_digest(c.chain.id(), c.chain.genesis().validators.epoch, kLiar, v));
}

EvidencePair pair_of(Cluster& c, const consensus::SignedMessage& a,
                     const consensus::SignedMessage& b) {
  return make_evidence(c.chain.id(),
                       {a.kind(), kLiar, std::make_shared<const consensus::SignedMessage>(a),
                        std::make_shared<const consensus::SignedMessage>(b)});
}

struct Kept {
  Cluster c;
  MemFiles files;
  std::unique_ptr<EvidenceStore> open() {
    auto store = EvidenceStore::open(files, "evidence", c.chain.id(), c.chain.genesis().validators);
    REQUIRE(store);
    return std::move(*store);
  }
  bool holds(const EvidencePair& p) {
    return check(p, c.chain.id(), c.chain.genesis().validators).has_value();
  }
};

void send(TestNode& to, const consensus::SignedMessage& m) {
  Bytes frame{static_cast<std::uint8_t>(FrameKind::kConsensus)};
  append(frame, encode(m));
  to.driver->on_message(PeerIndex(kLiar.value), std::make_shared<const Bytes>(std::move(frame)));
}

}  // namespace

TEST_CASE("two different signed messages about the same thing are evidence, and nothing else is") {
  Kept k;
  CHECK(k.holds(pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1))));
  CHECK(k.holds(pair_of(k.c, commit(k.c, 1), commit(k.c, 1))));
  CHECK(k.holds(pair_of(k.c, pre_prepare(k.c), pre_prepare(k.c))));
  CHECK(k.holds(pair_of(k.c, checkpoint(k.c, 1), checkpoint(k.c, 2))));
  CHECK(k.holds(pair_of(k.c, view_change(k.c, 1), view_change(k.c, 2))));

  const auto same = prepare(k.c, 1);
  CHECK_FALSE(k.holds(pair_of(k.c, same, same)));
  CHECK_FALSE(k.holds(pair_of(k.c, prepare(k.c, 1), prepare(k.c, 2))));
  CHECK_FALSE(k.holds(pair_of(k.c, prepare(k.c, 1), commit(k.c, 1))));
  auto forged = prepare(k.c, 1);
  forged.signature.bytes[5] ^= 1;
  CHECK_FALSE(k.holds(pair_of(k.c, prepare(k.c, 1), forged)));
  EvidencePair other = pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1));
  other.member = chain::MemberId(2);
  CHECK_FALSE(k.holds(other));
  other = pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1));
  other.genesis.bytes[0] ^= 1;
  CHECK_FALSE(k.holds(other));
  consensus::SignedMessage unsigned_kind;
  unsigned_kind.sender = kLiar;
  unsigned_kind.payload = consensus::FetchBlock{};
  CHECK_FALSE(k.holds(pair_of(k.c, unsigned_kind, unsigned_kind)));
}

TEST_CASE("one pair per member, kind and epoch is kept, through restarts and power cuts") {
  Kept k;
  const EvidencePair first = pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1));
  const EvidencePair second = pair_of(k.c, commit(k.c, 1), commit(k.c, 1));
  {
    const auto store = k.open();
    CHECK(store->keep(first).value());
    CHECK_FALSE(store->keep(pair_of(k.c, prepare(k.c, 2), prepare(k.c, 2))).value());
    CHECK(store->keep(second).value());
  }
  k.files.power_cut();
  const auto store = k.open();
  CHECK(store->size() == 2);
  CHECK(store->removed() == 0);
  CHECK_FALSE(store->keep(first).value());
  CHECK(store->pairs(0, 10) == std::vector{first, second});
  CHECK(store->pairs(1, 10) == std::vector{second});
  CHECK(store->pairs(0, 1) == std::vector{first});
}

TEST_CASE("a torn file of evidence is dropped at start, and the pair can be kept again") {
  Kept k;
  const EvidencePair pair = pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1));
  REQUIRE(k.open()->keep(pair).value());
  Bytes& bytes = k.files.only("evidence").bytes;
  SUBCASE("cut") { bytes.resize(bytes.size() - 9); }
  SUBCASE("zeros at the end") { std::fill(bytes.end() - 20, bytes.end(), std::uint8_t{0}); }
  SUBCASE("empty") { bytes.clear(); }
  const auto store = k.open();
  CHECK(store->size() == 0);
  CHECK(store->removed() == 1);
  CHECK(store->keep(pair).value());
  CHECK(k.open()->size() == 1);
}

TEST_CASE("a write that fails loses the pair and no more") {
  Kept k;
  const auto store = k.open();
  const EvidencePair pair = pair_of(k.c, prepare(k.c, 1), prepare(k.c, 1));
  k.files.fail_sync = IoError::Reason::kNoSpace;
  CHECK_FALSE(store->keep(pair).has_value());
  CHECK(store->size() == 0);
  k.files.fail_sync.reset();
  CHECK(store->keep(pair).value());
}

TEST_CASE("a node keeps what an equivocating member signed, once, also over a restart") {
  Cluster c;
  for (const auto& n : c.nodes) n->init();
  for (const auto& n : c.nodes) n->start();
  TestNode& n = c.node(0);
  const auto a = prepare(c, 1);
  const auto b = prepare(c, 1);
  for (int life = 0; life < 2; ++life) {
    send(n, a);
    send(n, b);
    REQUIRE(c.run_until([&] { return n.driver->counters().evidence == 1; }));
    REQUIRE(c.run_until([&] { return n.evidence->size() == 1; }));
    c.run_for(20);
    CHECK(n.evidence->pairs(0, 10) == std::vector{pair_of(c, a, b)});
    n.kill();
    n.files.power_cut();
    n.start();
    CHECK(n.evidence->size() == 1);
  }
}

}  // namespace imi::node::test
