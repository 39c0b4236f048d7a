// Whose turn it is in the pool: compared with a simple model, over many random histories,
// and counted, so that a block costs what it takes and not how many wait.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "node/pool.h"

namespace imi::node::test {
namespace {

constexpr std::int64_t kMaxExpiry = 1'000;

Body make(std::uint32_t author, std::uint32_t n, std::int64_t expiry, std::size_t size = 100) {
  auto s = std::make_shared<ledger::Submission>();
  std::memcpy(s->header.author.bytes.data(), &author, sizeof author);
  std::memcpy(s->header.nonce.bytes.data(), &n, sizeof n);
  s->header.expiry = chain::TimeMs(expiry);
  s->header.count = 1;
  auto d = std::make_shared<ledger::SubmissionDigests>();
  d->id = ledger::submission_id(s->header);
  d->content = ledger::content_hash(s->header, s->signature);
  s->digests = d;
  return {s, std::make_shared<const Bytes>(size)};
}
Pool::Batch take(Pool& pool, std::uint32_t max_items, std::int64_t time) {
  return pool.take({max_items, 100'000'000, std::size_t{1} << 40}, chain::TimeMs(time), kMaxExpiry,
                   0);
}

// What waits, author by author, in the order in which it may be proposed; and nothing else.
class Model {
 public:
  struct Entry {
    std::uint32_t n;
    std::int64_t expiry;
    chain::ContentHash content;
    bool due_from_start = true;  // else it may come at any place once it is due
  };
  std::map<std::uint32_t, std::deque<Entry>> queues;
  std::map<chain::ContentHash, std::pair<std::uint32_t, Entry>> taken;

  // What may be proposed at `time`: all of an author's items that are due; those that are not hold
  // nothing up.
  std::map<std::uint32_t, std::vector<Entry>> takeable(std::int64_t time) const {
    std::map<std::uint32_t, std::vector<Entry>> out;
    for (const auto& [author, queue] : queues) {
      for (const Entry& e : queue) {
        if (e.expiry > time && e.expiry <= time + kMaxExpiry) out[author].push_back(e);
      }
    }
    return out;
  }
  void remove(const chain::ContentHash& content) {
    taken.erase(content);
    for (auto& [author, queue] : queues) {
      std::erase_if(queue, [&](const Entry& e) { return e.content == content; });
    }
  }
  // What is at the head and expired leaves the queue when a batch reaches it; it does not matter
  // here, because it may never be proposed again.
  void take(const std::vector<consensus::ItemFacts>& items) {
    for (const auto& item : items) {
      for (auto& [author, queue] : queues) {
        const auto at = std::find_if(queue.begin(), queue.end(),
                                     [&](const Entry& e) { return e.content == item.content; });
        if (at == queue.end()) continue;
        taken.emplace(at->content, std::pair(author, *at));
        queue.erase(at);
      }
    }
  }
};

// One batch against the model. Returns what each author got.
void check_batch(const Model& model, const Pool::Batch& batch, std::uint32_t max,
                 std::int64_t time) {
  const auto takeable = model.takeable(time);
  std::size_t all = 0;
  for (const auto& [author, items] : takeable) all += items.size();
  CHECK(batch.items.size() == std::min<std::size_t>(all, max));
  std::set<chain::ContentHash> got;
  for (const auto& item : batch.items) CHECK(got.insert(item.content).second);
  std::size_t known = 0;
  std::size_t most = 0;
  std::map<std::uint32_t, std::size_t> served;
  for (const auto& [author, items] : takeable) {
    // In order: of what was due when it came, an author got the beginning.
    std::size_t n = 0;
    bool left_out = false;
    for (const auto& e : items) {
      if (got.contains(e.content)) ++n;
      if (!e.due_from_start) continue;
      if (!got.contains(e.content)) left_out = true;
      if (left_out) CHECK_FALSE(got.contains(e.content));
    }
    served[author] = n;
    known += n;
    most = std::max(most, n);
  }
  CHECK(known == batch.items.size());  // nothing undue, expired or unknown
  for (const auto& [author, items] : takeable) {
    // In turn: no author gets two more than one that still has something.
    if (served[author] < items.size()) CHECK(served[author] + 1 >= most);
  }
}

}  // namespace

TEST_CASE(
    "over random histories each batch is as large as it can be, in order, and shared evenly") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 rng(seed);
    const auto pick = [&rng](std::uint32_t n) { return static_cast<std::uint32_t>(rng() % n); };
    Pool pool({});
    Model model;
    std::int64_t time = 1'000;
    std::uint32_t next = 0;
    for (int step = 0; step < 400; ++step) {
      const std::uint32_t what = pick(10);
      if (what < 5) {
        const std::uint32_t author = pick(1 + seed % 12);
        // Some expired or soon, most due, some far.
        const std::int64_t expiry = time - 5 + static_cast<std::int64_t>(pick(1'300));
        const Body b = make(author, next++, expiry);
        REQUIRE(pool.add(b, 0, true));
        model.queues[author].push_back(
            {next - 1, expiry, b.content(), expiry <= time + kMaxExpiry});
      } else if (what == 5) {
        time += pick(60);
      } else if (what == 6 && !model.taken.empty()) {  // a block was abandoned: all of it back
        std::vector<std::pair<std::uint32_t, Model::Entry>> back;
        for (const auto& [content, entry] : model.taken) back.push_back(entry);
        std::ranges::sort(back, {}, [](const auto& e) { return e.second.n; });
        for (auto e = back.rbegin(); e != back.rend(); ++e) {
          pool.requeue(e->second.content);
          model.queues[e->first].push_front(e->second);
        }
        model.taken.clear();
      } else if (what == 7 && next != 0) {  // committed, or in another member's block
        const auto& queue = model.queues[pick(1 + seed % 12)];
        if (queue.empty()) continue;
        const chain::ContentHash content = queue[pick(std::uint32_t(queue.size()))].content;
        const chain::SubmissionId id = pool.find(content)->id();
        if (pick(2) == 0) {
          CHECK(pool.remove(id));
        } else {
          pool.mark_taken(content, 0);
        }
        model.remove(content);
      } else {
        const std::uint32_t max = 1 + pick(12);
        const auto batch = take(pool, max, time);
        check_batch(model, batch, max, time);
        model.take(batch.items);
      }
    }
  }
}

TEST_CASE("every author with something due is served within one round of all authors") {
  Pool pool({});
  constexpr std::uint32_t kAuthors = 100;
  for (std::uint32_t n = 0; n < 5 * kAuthors; ++n) {
    REQUIRE(pool.add(make(n % kAuthors, n, 500), 0, true));
  }
  for (int round = 0; round < 5; ++round) {
    std::map<ledger::AuthorId, int> served;
    for (std::uint32_t n = 0; n < kAuthors; n += 10) {
      for (const auto& item : take(pool, 10, 10).items) {
        ++served[pool.find(item.content)->submission->header.author];
      }
    }
    CHECK(served.size() == kAuthors);
  }
  CHECK(pool.queued() == 0);
}

TEST_CASE("a block costs what it takes, however many authors wait, are not due or have expired") {
  constexpr std::uint32_t kAuthors = 60'000;
  Pool pool({});
  for (std::uint32_t n = 0; n < kAuthors; ++n) {
    const std::int64_t expiry = n % 3 == 0 ? 500 : n % 3 == 1 ? 50'000 : 20;
    REQUIRE(pool.add(make(n, n, expiry), 0, true));
  }
  // A third is due, a third is not and a third has expired: each is looked at once, in bounded
  // pieces, and never again.
  std::size_t looked_at = 0;
  std::size_t taken = 0;
  int calls = 0;
  for (; taken < kAuthors / 3; ++calls) {
    REQUIRE(calls < 1'000);
    const auto batch = take(pool, 100, 20);
    CHECK(batch.looked_at <= 100 + Pool::kMaxPassedOver);
    looked_at += batch.looked_at;
    taken += batch.items.size();
  }
  CHECK(looked_at <= kAuthors);
  CHECK(take(pool, 100, 21).looked_at <= Pool::kMaxPassedOver);
  CHECK(take(pool, 100, 22).looked_at == 0);
  // When they come due, they are not all looked at for one block either.
  const auto late = take(pool, 100, 49'500);
  CHECK(late.looked_at <= 100 + Pool::kMaxPassedOver);
}

TEST_CASE("an item that did not fit is the first of the next block, not starved by small ones") {
  Pool pool({});
  const Body large = make(7, 0, 500, 950);
  for (std::uint32_t n = 0; n < 5; ++n) REQUIRE(pool.add(make(1, n, 500), 0, true));
  REQUIRE(pool.add(large, 0, true));
  for (std::uint32_t n = 5; n < 50; ++n) REQUIRE(pool.add(make(n % 3, n, 500), 0, true));
  const BatchLimits limits{100, 1'000, 1'000};
  const auto at = [](std::int64_t time) { return chain::TimeMs(time); };
  const auto first = pool.take(limits, at(10), kMaxExpiry, 0);
  CHECK(first.full);
  CHECK(first.bytes == 1'000);  // small ones fill what the large one could not
  const auto second = pool.take(limits, at(10), kMaxExpiry, 0);
  REQUIRE_FALSE(second.items.empty());
  CHECK(second.items[0].content == large.content());
}

TEST_CASE("an item that is not due holds up nothing behind it, and comes first once it is due") {
  Pool pool({});
  const Body far = make(1, 0, 5'000);
  const Body behind = make(1, 1, 500);
  const Body other = make(2, 0, 500);
  for (const Body& b : {far, behind, other}) REQUIRE(pool.add(b, 0, true));
  const auto first = take(pool, 10, 10);
  CHECK(first.items.size() == 2);
  CHECK(take(pool, 10, 10).looked_at == 0);
  CHECK(pool.queued() == 1);
  SUBCASE("it comes due") {
    REQUIRE(pool.add(make(1, 2, 4'500), 0, true));
    const auto due = take(pool, 10, 4'000);
    REQUIRE(due.items.size() == 2);
    CHECK(due.items[0].content == far.content());
  }
  SUBCASE("it is removed") { CHECK(pool.remove(far.id())); }
  SUBCASE("it is in another member's block, which is abandoned") {
    pool.mark_taken(far.content(), 0);
    CHECK(pool.queued() == 0);
    pool.requeue(far.content());
    CHECK(pool.queued() == 1);
    CHECK(pool.remove(far.id()));
  }
  SUBCASE("it expires") { CHECK(pool.expire(chain::TimeMs(5'000)).size() == 3); }
  CHECK(pool.queued() == 0);
  CHECK(take(pool, 10, 4'000).items.empty());
}

}  // namespace imi::node::test
