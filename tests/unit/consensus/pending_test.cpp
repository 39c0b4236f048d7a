// Which submissions a primary could propose now (C2), and which it leaves out (C6).
#include <doctest/doctest.h>

#include "consensus/pending.h"
#include "tests/unit/consensus/members.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

struct Held {
  Config config;
  PendingSubmissions pending{config};
  Ticks tick = 0;
  std::int64_t now_ms = kNow;

  Held() { pending.update(TimeMs(now_ms), tick); }
  void run(Ticks ticks) {
    for (Ticks i = 0; i < ticks; ++i) {
      now_ms += config.tick_ms;
      pending.update(TimeMs(now_ms), ++tick);
    }
  }
  ItemFacts add(std::uint64_t n, std::int64_t to_live_ms, bool in_block = false) {
    const ItemFacts item = Members::item(n, now_ms + to_live_ms);
    pending.add(item, in_block);
    return item;
  }
};

}  // namespace

TEST_CASE("a submission that fits the next block waits from when it was announced (C2)") {
  Held h;
  h.run(5);
  h.add(1, 60'000);
  h.run(100);
  REQUIRE(h.pending.waiting_since());
  CHECK(*h.pending.waiting_since() == 5);
}

TEST_CASE("submissions that live too short to be proposed do not wait, however many come (C2)") {
  for (const std::int64_t to_live_ms : {1, 15, 999}) {
    Held h;
    for (std::uint64_t n = 0; n < 500; ++n) {
      h.add(n, to_live_ms);
      h.run(1);
      CHECK_FALSE(h.pending.waiting_since());
    }
  }
}

TEST_CASE("short lives in a row do not add up to a long wait (C2)") {
  Held h;
  for (std::uint64_t n = 0; n < 100; ++n) {
    h.add(n, 1'500);  // half a second of it counts
    h.run(10);
    if (const auto since = h.pending.waiting_since()) CHECK(h.tick - *since <= 50);
  }
}

TEST_CASE("a submission that is not due yet waits from when it is due (C2)") {
  Held h;
  h.add(1, h.config.max_expiry_ms + 4'000);
  h.run(499);
  CHECK_FALSE(h.pending.waiting_since());
  h.run(100);
  REQUIRE(h.pending.waiting_since());
  CHECK(*h.pending.waiting_since() == 500);  // 4 s and the difference that clocks may have
}

TEST_CASE(
    "a clock that is set back makes submissions wait that seemed to expire, and the reverse") {
  Held h;
  h.add(1, 500);
  h.add(2, h.config.max_expiry_ms - 2'000);
  CHECK(h.pending.waiting_since() == Ticks{0});
  h.now_ms -= 60'000;
  h.run(1);
  REQUIRE(h.pending.waiting_since());
  CHECK(*h.pending.waiting_since() == 1);  // the first; the second is no longer due
  h.now_ms += 60'000;
  h.run(1);
  REQUIRE(h.pending.waiting_since());
  CHECK(*h.pending.waiting_since() == 2);  // the second again
}

TEST_CASE("what is in a block does not wait, and starts to wait again when it comes back") {
  Held h;
  const ItemFacts a = h.add(1, 60'000);
  h.pending.set_in_block(a.content, true);
  CHECK_FALSE(h.pending.waiting_since());
  h.run(50);
  h.pending.set_in_block(a.id, false);
  CHECK(h.pending.waiting_since() == Ticks{50});
  h.add(2, 60'000, true);
  h.pending.remove(a.id);
  CHECK_FALSE(h.pending.waiting_since());
}

TEST_CASE("a second signature of a submission shares the fate of the first (C2)") {
  Held h;
  ItemFacts a = h.add(1, 60'000);
  ItemFacts twin = a;
  twin.content = Members::item(99, 0).content;
  h.pending.add(twin, false);
  CHECK(h.pending.size() == 1);
  h.pending.set_in_block(twin.content, true);  // unknown by this content: the id decides
  CHECK(h.pending.waiting_since());
  h.pending.set_in_block(twin.id, true);
  CHECK_FALSE(h.pending.waiting_since());
  h.pending.remove(twin.id);
  CHECK(h.pending.empty());
}

TEST_CASE("what expired by block time is forgotten (F1)") {
  Held h;
  h.add(1, 5'000);
  h.add(2, 6'000);
  h.pending.expire(TimeMs(kNow + 4'999));
  CHECK(h.pending.size() == 2);
  h.pending.expire(TimeMs(kNow + 5'000));
  CHECK(h.pending.size() == 1);
  h.pending.expire(TimeMs(kNow + 6'000));
  CHECK(h.pending.empty());
}

TEST_CASE("submissions that do not fit shield nothing that the primary leaves out (C6)") {
  Held h;
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    h.pending.set_at_primary(h.add(1'000 + n, h.config.max_expiry_ms + 500'000).content);
    h.pending.set_at_primary(h.add(3'000 + n, 500).content);
  }
  h.run(10);
  const ItemFacts victim = h.add(1, 300'000);
  h.run(5);
  h.pending.set_at_primary(victim.content);
  h.run(100);
  const auto waiting = h.pending.longest_at_primary();
  REQUIRE(waiting);
  CHECK(waiting->id == victim.id);
  CHECK(waiting->since == 15);  // since the primary has it
  CHECK(h.pending.is_left_out(victim.id));
  h.pending.forget_primary();
  CHECK_FALSE(h.pending.longest_at_primary());
  CHECK_FALSE(h.pending.is_left_out(victim.id));
  CHECK(h.pending.waiting_since() == Ticks{10});
}
