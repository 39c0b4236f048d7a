// The pool: bounded, fair, each id once, first in first out for each author.
#include <doctest/doctest.h>

#include <algorithm>

#include "node/pool.h"

namespace imi::node::test {
namespace {

constexpr std::int64_t kMaxExpiry = 600'000;
constexpr BatchLimits kBatch{1000, 1'000'000, std::size_t{1} << 30};

// A body with the digests that the pool uses; its signature is not checked here.
Body make(std::uint8_t author, std::uint32_t n, std::int64_t expiry = 1000, std::size_t size = 100,
          std::uint8_t signature = 0) {
  auto s = std::make_shared<ledger::Submission>();
  s->header.author.bytes[0] = author;
  s->header.nonce.bytes = {static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(n >> 8), author};
  s->header.expiry = chain::TimeMs(expiry);
  s->header.count = 1;
  s->signature.bytes[0] = signature;
  auto d = std::make_shared<ledger::SubmissionDigests>();
  d->id = ledger::submission_id(s->header);
  d->content = ledger::content_hash(s->header, s->signature);
  s->digests = d;
  return {s, std::make_shared<const Bytes>(size)};
}
Pool::Batch take(Pool& pool, const BatchLimits& limits = kBatch, std::int64_t time = 10) {
  return pool.take(limits, chain::TimeMs(time), kMaxExpiry, 0);
}
std::vector<chain::ContentHash> contents(const Pool::Batch& batch) {
  std::vector<chain::ContentHash> out;
  for (const auto& i : batch.items) out.push_back(i.content);
  return out;
}

}  // namespace

TEST_CASE("items of one author leave in the order they came") {
  Pool pool({});
  std::vector<chain::ContentHash> order;
  for (std::uint32_t n = 0; n < 20; ++n) {
    const Body b = make(1, n);
    order.push_back(b.content());
    REQUIRE(pool.add(b, n, true) == Pool::Added::kNew);
  }
  CHECK(contents(take(pool)) == order);
  CHECK(pool.queued() == 0);
  CHECK(pool.items() == 20);
}

TEST_CASE("authors take turns, so a flood by one does not exclude another from the next block") {
  Pool pool({});
  for (std::uint32_t n = 0; n < 500; ++n) REQUIRE(pool.add(make(1, n), n, true));
  const Body quiet = make(2, 0);
  REQUIRE(pool.add(quiet, 501, true));
  const auto batch = contents(take(pool, {10, 1'000'000, std::size_t{1} << 30}));
  CHECK(batch.size() == 10);
  CHECK(std::find(batch.begin(), batch.end(), quiet.content()) != batch.end());
}

TEST_CASE("the same content is known, another signature under the same id is a conflict") {
  Pool pool({});
  REQUIRE(pool.add(make(1, 1), 0, true) == Pool::Added::kNew);
  CHECK(pool.add(make(1, 1), 0, false) == Pool::Added::kKnown);
  CHECK(pool.add(make(1, 1, 1000, 100, 9), 0, false).error() == PoolRefusal::kConflict);
  CHECK(pool.items() == 1);
}

TEST_CASE("count, bytes and each author's share are bounded, and a share leaves space for others") {
  PoolLimits limits;
  SUBCASE("count") {
    limits.max_items = 3;
    Pool pool(limits);
    for (std::uint32_t n = 0; n < 3; ++n) REQUIRE(pool.add(make(1, n), 0, true));
    CHECK(pool.add(make(2, 9), 0, true).error() == PoolRefusal::kFull);
    CHECK(pool.remove(make(1, 0).id()));
    CHECK(pool.add(make(2, 9), 0, true));
  }
  SUBCASE("bytes") {
    limits.max_bytes = 250;
    Pool pool(limits);
    REQUIRE(pool.add(make(1, 0), 0, true));
    REQUIRE(pool.add(make(1, 1), 0, true));
    CHECK(pool.add(make(1, 2), 0, true).error() == PoolRefusal::kFull);
    CHECK(pool.bytes() == 200);
  }
  SUBCASE("share") {
    limits.max_author_items = 2;
    Pool pool(limits);
    REQUIRE(pool.add(make(1, 0), 0, true));
    REQUIRE(pool.add(make(1, 1), 0, true));
    CHECK(pool.add(make(1, 2), 0, true).error() == PoolRefusal::kAuthorFull);
    CHECK(pool.add(make(2, 0), 0, true));
    CHECK(pool.author_items(make(1, 0).submission->header.author) == 2);
  }
}

TEST_CASE("a batch keeps to its limits and says whether something was left out") {
  Pool pool({});
  for (std::uint32_t n = 0; n < 5; ++n) REQUIRE(pool.add(make(1, n), n, true));
  const auto by_bytes = take(pool, {100, 100, 250});
  CHECK(by_bytes.items.size() == 2);
  CHECK(by_bytes.full);
  const auto rest = take(pool, {100, 3, 10'000});
  CHECK(rest.items.size() == 3);
  CHECK_FALSE(rest.full);
  CHECK(rest.entries == 3);
}

TEST_CASE("an item larger than the batch's bytes still goes, alone") {
  Pool pool({});
  REQUIRE(pool.add(make(1, 0, 1000, 5000), 0, true));
  REQUIRE(pool.add(make(2, 0), 0, true));
  CHECK(take(pool, {100, 100, 1000}).items.size() == 1);
}

TEST_CASE("what cannot satisfy F1 at the block's time is not proposed") {
  Pool pool({});
  const Body late = make(1, 0, 10);
  const Body far = make(2, 0, 10 + kMaxExpiry + 1);
  const Body good = make(3, 0, 500);
  for (const Body& b : {late, far, good}) REQUIRE(pool.add(b, 0, true));
  CHECK(contents(take(pool)) == std::vector{good.content()});
  // A moment later the far one is due; the expired one never again.
  CHECK(contents(take(pool, kBatch, 11)) == std::vector{far.content()});
  const auto expired = pool.expire(chain::TimeMs(10));
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].id == late.id());
  CHECK(pool.find(late.content()) == nullptr);
}

TEST_CASE("expiry follows the chain's time and frees the author's share") {
  PoolLimits limits;
  limits.max_author_items = 2;
  Pool pool(limits);
  REQUIRE(pool.add(make(1, 0, 100), 0, true));
  REQUIRE(pool.add(make(1, 1, 200), 0, true));
  CHECK(pool.expire(chain::TimeMs(99)).empty());
  CHECK(pool.expire(chain::TimeMs(100)).size() == 1);
  CHECK(pool.add(make(1, 2, 300), 0, true));
}

TEST_CASE("items of an abandoned block go back to the front, in order") {
  Pool pool({});
  std::vector<chain::ContentHash> order;
  for (std::uint32_t n = 0; n < 6; ++n) {
    const Body b = make(1, n);
    order.push_back(b.content());
    REQUIRE(pool.add(b, n, true));
  }
  const auto first = contents(take(pool, {3, 100, 10'000}));
  for (auto c = first.rbegin(); c != first.rend(); ++c) pool.requeue(*c);
  CHECK(contents(take(pool)) == order);
}

TEST_CASE("what is in another member's block is not proposed, unless that block is forgotten") {
  Pool pool({});
  const Body b = make(1, 0);
  REQUIRE(pool.add(b, 0, true));
  pool.mark_taken(b.content(), 50);
  CHECK(take(pool).items.empty());
  pool.requeue_taken_before(50);
  CHECK(take(pool).items.empty());
  pool.requeue_taken_before(51);
  CHECK(take(pool).items.size() == 1);
}

TEST_CASE("a new view voids what the last one proposed, except what was decided") {
  Pool pool({});
  const Body decided = make(1, 0);
  const Body proposed = make(1, 1);
  REQUIRE(pool.add(decided, 0, true));
  REQUIRE(pool.add(proposed, 0, true));
  REQUIRE(take(pool).items.size() == 2);
  pool.requeue_taken_except({decided.content()});
  CHECK(contents(take(pool)) == std::vector{proposed.content()});
}

TEST_CASE("it is remembered which member holds what, for the push to a primary that lacks it") {
  Pool pool({});
  const Body a = make(1, 0);
  const Body b = make(1, 1);
  REQUIRE(pool.add(a, 10, true));
  REQUIRE(pool.add(b, 20, true));
  pool.mark_held(a.content(), 70);
  CHECK(pool.held_by(70, 10) == std::vector{a.content()});
  CHECK(pool.held_by(6, 10).empty());
  Pool::Unheld next{70, 100, false, 0, 10, 1 << 20};
  const auto missing = pool.not_held(next);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].content() == b.content());
  CHECK(next.after == 0);
  Pool::Unheld older{70, 15, false, 0, 10, 1 << 20};
  CHECK(pool.not_held(older).empty());
  CHECK(pool.forget_held(70));
  CHECK_FALSE(pool.forget_held(70));
  CHECK(pool.held_by(70, 10).empty());
}

TEST_CASE("what a member never acknowledges does not keep what came later from it") {
  Pool pool({});
  std::vector<Body> bodies;
  for (std::uint32_t n = 0; n < 10; ++n) {
    bodies.push_back(make(1, n));
    REQUIRE(pool.add(bodies.back(), n, n % 2 == 0));
  }
  std::vector<chain::ContentHash> seen;
  Pool::Unheld next{3, 100, false, 0, 4, 1 << 20};
  for (int round = 0; round < 3; ++round) {
    for (const Body& b : pool.not_held(next)) seen.push_back(b.content());
    CHECK((next.after == 0) == (round == 2));
  }
  REQUIRE(seen.size() == 10);
  for (std::size_t n = 0; n < 10; ++n) CHECK(seen[n] == bodies[n].content());
  Pool::Unheld local{3, 100, true, 0, 100, 1 << 20};
  CHECK(pool.not_held(local).size() == 5);
}

TEST_CASE("pushes to the present primary are counted until there is another") {
  Pool pool({});
  const Body a = make(1, 0);
  REQUIRE(pool.add(a, 10, true));
  CHECK(pool.count_push(a.content()) == 1);
  CHECK(pool.count_push(a.content()) == 2);
  pool.forget_pushes();
  CHECK(pool.count_push(a.content()) == 1);
  CHECK(pool.count_push(make(1, 1).content()) == 0);
}

}  // namespace imi::node::test
