// Catch-up over links of any speed, and from peers of any honesty.
#include <doctest/doctest.h>

#include <algorithm>

#include "node/pace.h"
#include "node/wire.h"
#include "tests/unit/node/running.h"

namespace imi::node::test {
namespace {

bool is(const Bytes& frame, FrameKind kind) { return frame[0] == static_cast<std::uint8_t>(kind); }

// A network that went on without one node, which has a link of its own speed.
struct Behind : Running {
  explicit Behind(bool observer, std::uint32_t blocks = 120) : Running(observer ? 1 : 0) {
    commit(0, 0, 1);
    me = observer ? 4 : (primary().index + 2) % 4;
    node(me).kill();
    const std::uint32_t via = primary().index;
    for (std::uint32_t n = 0; n < blocks; ++n) commit(via, 100 + 3 * n, 1);
    height = node(via).driver->status().executed.height.value;
  }
  // Blocks and bodies to it pass one after the other, each after `fixed_us` and `us_per_byte`.
  void slow_link(std::uint64_t fixed_us, std::uint64_t us_per_byte) {
    filter = [this, fixed_us, us_per_byte](std::uint32_t from, std::uint32_t to,
                                           const Bytes& frame) {
      if (to != me || !(is(frame, FrameKind::kRuns) || is(frame, FrameKind::kBodies))) return true;
      ++answers;
      bytes += frame.size();
      if (silent.contains(from)) return false;
      free_at_us = std::max(free_at_us, now_us) + frame.size() * us_per_byte;
      schedule(free_at_us - now_us + fixed_us,
               [this, from, f = std::make_shared<const Bytes>(frame)] {
                 if (node(me).up()) node(me).driver->on_message(PeerIndex(from), f);
               });
      return false;
    };
  }
  bool catches_up(std::uint64_t ms) {
    node(me).start();
    return run_until([this] { return node(me).driver->status().executed.height.value >= height; },
                     ms);
  }

  std::uint32_t me = 0;
  std::uint64_t height = 0;
  std::uint64_t free_at_us = 0;
  std::size_t answers = 0;
  std::size_t bytes = 0;
  std::set<std::uint32_t> silent;
};

}  // namespace

TEST_CASE("a node catches up however long an answer takes, and disconnects no peer for it") {
  for (const bool observer : {false, true}) {
    for (const std::uint64_t delay_us : {1'500'000U, 3'400'000U, 20'000'000U}) {
      CAPTURE(observer);
      CAPTURE(delay_us);
      Behind c(observer);
      c.slow_link(delay_us, 0);
      CHECK(c.catches_up(40 * delay_us / 1'000));
      CHECK(c.node(c.me).disconnected.empty());
      CHECK(c.node(c.me).driver->counters().blocks_synced > 60);
    }
  }
}

TEST_CASE("a node catches up over a link that takes minutes for a mebibyte") {
  for (const bool observer : {false, true}) {
    CAPTURE(observer);
    Behind c(observer);
    c.slow_link(100'000, 300);  // five minutes
    CHECK(c.catches_up(600'000));
    CHECK(c.node(c.me).disconnected.empty());
    CHECK(c.node(c.me).driver->counters().sync_late > 0);
    // What was sent several times over is bounded.
    Behind fast(observer);
    fast.slow_link(0, 0);
    CHECK(fast.catches_up(10'000));
    CHECK(fast.node(fast.me).driver->counters().sync_late == 0);
    CHECK(c.bytes < 6 * fast.bytes);
  }
}

TEST_CASE("peers that never answer hold catch-up up a little and do not stop it") {
  Behind c(true);
  c.slow_link(1'000, 0);
  c.silent = {0, 1, 2};
  CHECK(c.catches_up(60'000));
  CHECK(c.node(c.me).disconnected.empty());
}

TEST_CASE("unrequested answers are dropped unread, however many there are") {
  Running c;
  c.commit(0, 0, 3);
  TestNode& n = c.node(0);
  const SharedBytes unasked = make_frame(FrameKind::kRuns, RunsFrame{chain::Height(1), {}, {}});
  const SharedBytes garbage = std::make_shared<const Bytes>(Bytes{6, 0xff, 0xff});
  for (int i = 0; i < 1'000; ++i) {
    n.driver->on_message(PeerIndex(2), unasked);
    n.driver->on_message(PeerIndex(2), garbage);
  }
  c.run_for(50);
  CHECK(n.driver->counters().sync_unasked == 2'000);
  CHECK(n.disconnected.empty());
  c.commit(0, 10, 2);
}

TEST_CASE("blocks that their certificates do not cover cost the connection, and another is asked") {
  Behind c(false, 40);
  std::optional<std::uint32_t> liar;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to != c.me || !is(frame, FrameKind::kRuns)) return true;
    if (!liar) liar = from;
    if (from != *liar) return true;
    auto answer = *read_frame<RunsFrame>(frame);
    if (answer.runs.empty()) return true;
    answer.runs[0].blocks[0].header.time = chain::TimeMs(1);
    c.schedule(0, [&c, from, f = make_frame(FrameKind::kRuns, answer)] {
      c.node(c.me).driver->on_message(PeerIndex(from), f);
    });
    return false;
  };
  CHECK(c.catches_up(20'000));
  REQUIRE(liar);
  CHECK(c.node(c.me).disconnected == std::set<std::uint32_t>{*liar});
}

TEST_CASE("patience grows and requests shrink with each late answer, and both come back") {
  Pace pace({2'000, 100'000, 1'024, 16});
  for (int i = 0; i < 20; ++i) pace.late();
  CHECK(pace.patience_us() == 100'000);
  CHECK(pace.size() == 16);
  pace.answered(90'000);
  CHECK(pace.size() == 32);  // not more than may take twice as long
  CHECK(pace.patience_us() == 100'000);
  pace.answered(1'000);
  CHECK(pace.size() == 64);
  CHECK(pace.patience_us() == 8'000);
  pace.answered(10);
  CHECK(pace.size() == 1'024);
  CHECK(pace.patience_us() == 2'000);
}

}  // namespace imi::node::test
