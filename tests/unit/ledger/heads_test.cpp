// The history of heads: any earlier head is proved under the newest, and an answer saved then can
// be checked under it.
#include <doctest/doctest.h>

#include "crypto/merkle_log.h"
#include "ledger/db/rows.h"
#include "ledger/proof/bundle.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/reader.h"
#include "ledger/proof/verify.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::ledger {
namespace {
using test::TestChain;
using Reason = ProofError::Reason;

ProofBundle prove(const LedgerDb& db, const Question& q) {
  const auto reply = answer(*db.reader(), q, true);
  REQUIRE_MESSAGE(reply.has_value(), describe(reply.error()));
  return *reply->proof;
}

// A chain that grows after an answer was saved.
struct World {
  TestChain chain;
  std::unique_ptr<LedgerDb> db = chain.open(MemStore::create());
  std::vector<chain::LedgerHead> heads{*db->head(chain::Height(0))};
  Question question = AskEnterprise{TestChain::uscc(1), {}, {}};
  ProofBundle saved;

  World() {
    grow({chain.submit({TestChain::enterprise(1)})});
    grow({chain.submit({chain.event(1)})});
    saved = prove(*db, question);
    grow({chain.submit({chain.event(1)})});
    for (int i = 0; i < 5; ++i) grow({});
  }
  void grow(const std::vector<std::shared_ptr<const Submission>>& bodies) {
    heads.push_back(chain.add(*db, bodies));
  }
  std::expected<VerifiedAnswer, ProofError> check(const ProofBundle& b, const Question& asked,
                                                  bool earlier) const {
    VerifyOptions options;
    options.asked = asked;
    options.trusted = heads.back();
    options.earlier = earlier;
    return verify(b, chain.genesis(), options);
  }
  Reason reason(const ProofBundle& b, const Question& asked, bool earlier = true) const {
    const auto told = check(b, asked, earlier);
    REQUIRE_FALSE(told.has_value());
    return told.error().reason;
  }
};

TEST_CASE("the heads root is that of RFC 6962 over the encoded heads below") {
  const World w;
  crypto::LogFrontier history(crypto::Domain::kHeadsNode);
  for (const chain::LedgerHead& head : w.heads) {
    CHECK(head.heads_root == history.root());
    history.append(head.heads_leaf());
  }
}

TEST_CASE("every earlier head is proved under the newest, and a later one is not invented") {
  const World w;
  for (const chain::LedgerHead& head : w.heads) {
    const Question ask = AskHead{head.height};
    const auto told = w.check(prove(*w.db, ask), ask, false);
    REQUIRE_MESSAGE(told.has_value(), describe(told.error()));
    CHECK(told->head == head);
    CHECK(told->certified == w.heads.back());
  }
  const auto later = answer(*w.db->reader(), AskHead{w.heads.back().height.next()}, true);
  CHECK(later.error().reason == QueryError::Reason::kBadRange);
}

TEST_CASE("an answer saved before is taken under a newer trusted head once it is renewed") {
  const World w;
  CHECK(w.reason(w.saved, w.question) == Reason::kBehindTrusted);
  const auto renewed = renew(w.saved, prove(*w.db, AskHead{w.heads[2].height}));
  REQUIRE(renewed.has_value());
  const auto bytes = decode_proof(encode_proof(*renewed));
  REQUIRE(bytes.has_value());
  const auto told = w.check(*bytes, w.question, true);
  REQUIRE_MESSAGE(told.has_value(), describe(told.error()));
  CHECK(told->head == w.heads[2]);
  CHECK(told->certified == w.heads.back());
  CHECK(std::get<DossierAnswer>(told->answer).total == 1);  // as of its own block
  // Again, from the renewed file.
  CHECK(renew(*renewed, prove(*w.db, AskHead{w.heads[2].height})).has_value());
}

TEST_CASE("a client that asks for the newest state gets no older one, however it is certified") {
  const World w;
  const auto renewed = renew(w.saved, prove(*w.db, AskHead{w.heads[2].height}));
  REQUIRE(renewed.has_value());
  CHECK(w.reason(*renewed, w.question, false) == Reason::kBehindTrusted);
  VerifyOptions options;
  options.asked = w.question;
  options.now = chain::TimeMs(w.heads[2].time.value + 60'001);
  CHECK(verify(*renewed, w.chain.genesis(), options).error().reason == Reason::kTooOld);
}

TEST_CASE("a proof is renewed only under the head that it is of") {
  const World w;
  CHECK_FALSE(renew(w.saved, prove(*w.db, AskHead{w.heads[3].height})).has_value());
  CHECK_FALSE(renew(w.saved, prove(*w.db, AskHead{})).has_value());
  CHECK_FALSE(renew(w.saved, prove(*w.db, w.question)).has_value());
  ProofBundle other = w.saved;
  other.certificate.head.state_root.bytes[0] ^= 1;
  CHECK_FALSE(renew(other, prove(*w.db, AskHead{w.heads[2].height})).has_value());
}

TEST_CASE("an earlier head that is not in the certified history is refused by name") {
  const World w;
  const Question ask = AskHead{w.heads[2].height};
  const ProofBundle good = prove(*w.db, ask);
  REQUIRE(w.check(good, ask, false).has_value());
  ProofBundle b = good;
  b.earlier->head.state_root.bytes[7] ^= 1;
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier->head = w.heads[3];  // another one of the history, at this one's place
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier->path[0].bytes[0] ^= 1;
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier->path.pop_back();
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier->path.emplace_back();
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier.reset();  // the newest head, where an earlier one was asked for
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  b = good;
  b.earlier->head = w.heads.back();  // the certified head is not in its own history
  b.earlier->path.clear();
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
  // An honest path for another height than asked for.
  const Question another = AskHead{w.heads[4].height};
  b = prove(*w.db, another);
  b.question = ask;
  CHECK(w.reason(b, ask) == Reason::kWrongHistory);
}

TEST_CASE("a head at the trusted height that differs from the trusted one is a fork") {
  const World w;
  const Question ask = AskHead{w.heads[2].height};
  VerifyOptions options;
  options.asked = ask;
  options.trusted = w.heads[2];
  CHECK(verify(prove(*w.db, ask), w.chain.genesis(), options).has_value());
  options.trusted->state_root.bytes[0] ^= 1;
  CHECK(verify(prove(*w.db, ask), w.chain.genesis(), options).error().reason == Reason::kForked);
}

TEST_CASE("the history survives a restart, over whole tiles, and a lost row is noticed") {
  TestChain chain;
  const auto store = MemStore::create();
  constexpr std::uint64_t kBlocks = 600;
  {
    const auto db = chain.open(store);
    for (std::uint64_t i = 0; i < kBlocks; ++i) chain.add(*db, {});
  }
  {
    const auto db = chain.open(store);
    chain.add(*db, {});
    for (const std::uint64_t h : {0, 1, 255, 256, 511, 512, 599, 600}) {
      const Question ask = AskHead{chain::Height(h)};
      VerifyOptions options;
      options.asked = ask;
      const auto told = verify(prove(*db, ask), chain.genesis(), options);
      REQUIRE_MESSAGE(told.has_value(), describe(told.error()));
      CHECK(told->head == *db->head(chain::Height(h)));
    }
  }
  WriteBatch lost;
  lost.erase(rows::heads_key({0, 520}));
  REQUIRE(store->write(lost).has_value());
  const auto opened = LedgerDb::open(store, chain.genesis(), TestChain::small());
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().reason == LedgerError::Reason::kDamaged);
}

}  // namespace
}  // namespace imi::ledger
