// Whose clock is wrong, and whether a node can answer and commit.
#include "node/health.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace imi::node {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;
constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kTolerance = 1'000;

ClockReport judged(std::vector<std::int64_t> ahead, std::int64_t block_ahead = 0) {
  std::vector<PeerClock> peers;
  for (std::size_t i = 0; i < ahead.size(); ++i) {
    peers.push_back({"validator-" + std::to_string(i + 1), ahead[i], 1});
  }
  return judge_clocks(kNow, kNow + block_ahead, peers, kTolerance);
}
bool says(const ClockReport& r, std::string_view words) {
  return r.problem.find(words) != std::string::npos;
}

// A clock that only moves when told.
struct TestClock final : Clock {
  std::int64_t wall = kNow;
  std::uint64_t us = 1'000'000'000;
  [[nodiscard]] chain::TimeMs now() const override { return chain::TimeMs(wall); }
  [[nodiscard]] std::uint64_t monotonic_us() const override { return us; }
  void pass(std::int64_t ms) {
    wall += ms;
    us += static_cast<std::uint64_t>(ms) * 1000;
  }
};

struct Watched {
  TestClock clock;
  DiskSpace disk{std::uint64_t{1} << 30, true};
  std::vector<std::string> lines;
  NodeStatus status;
  std::vector<PeerRow> peers;
  HealthWatch watch{{clock, ledger::Parameters{}, [this] { return disk; },
                     [this](LogLevel, std::string_view line) { lines.emplace_back(line); }}};

  // A validator in a network that commits.
  Watched() {
    status.role = NodeRole::kValidator;
    status.ready = true;
    commit();
    for (int i = 1; i < 4; ++i) {
      PeerRow p;
      p.name = "validator-" + std::to_string(i);
      p.validator = p.connected = true;
      p.clock_ahead_us = 0;
      peers.push_back(std::move(p));
    }
    REQUIRE(look().ready());
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void commit() {
    status.certified = status.certified.next();
    status.executed.height = status.certified;
    status.executed.time = chain::TimeMs(clock.wall);
  }
  NodeHealth look() { return watch.look(status, peers); }
  // Looks every 100 ms, as blocks are committed or not.
  NodeHealth look_for(std::int64_t ms, bool committing = true) {
    for (std::int64_t t = 0; t < ms; t += 100) {
      clock.pass(100);
      if (committing && t % 5'000 == 0) commit();
      (void)look();
    }
    return look();
  }
  [[nodiscard]] std::ptrdiff_t told(std::string_view words) const {
    return std::ranges::count_if(
        lines, [&](const std::string& l) { return l.find(words) != std::string::npos; });
  }
};

}  // namespace

TEST_CASE("clocks that agree within the tolerance and the measurement's error are not a problem") {
  CHECK(judged({0, 500, -900}).problem.empty());
  CHECK(judged({}).problem.empty());
  CHECK(judged({}).own_ahead_ms == std::nullopt);
  // Measured over a slow link: it may be a second off, and so nothing is known.
  CHECK(judge_clocks(kNow, kNow, {{"far", 1'900, 1'000}}, kTolerance).problem.empty());
}

TEST_CASE("the majority says whose clock is wrong") {
  const ClockReport own = judged({-kHour, -kHour + 20, -kHour - 300});
  CHECK(own.own_is_off);
  CHECK(own.own_ahead_ms == kHour);
  CHECK(own.off.empty());
  CHECK(says(own, "this node's clock is 1 h 0 min ahead of the clocks of most validators"));

  const ClockReport slow = judged({kHour, kHour, 0});
  CHECK_FALSE(slow.own_is_off);  // two against two
  CHECK(slow.own_ahead_ms == std::nullopt);
  CHECK(says(slow, "no majority agrees"));

  const ClockReport peer = judged({0, kHour, 10});
  CHECK_FALSE(peer.own_is_off);
  CHECK(peer.off == std::vector<std::string>{"validator-2"});
  CHECK(says(peer, "the clock of validator-2 is wrong (validator-2: 1 h 0 min ahead of"));

  // Two different wrong clocks, this node's among them.
  const ClockReport two = judged({kHour, kHour, kHour, -kHour});
  CHECK(two.own_is_off);
  CHECK(two.off == std::vector<std::string>{"validator-4"});

  CHECK(says(judged({kHour}), "no majority"));
}

TEST_CASE("block times ahead of clocks that agree are explained") {
  CHECK(judged({0, 0, 0}, 1'500).problem.empty());
  CHECK(says(judged({0, 0, 0}, kHour), "the clocks agree now, so they were fast when it was made"));
  CHECK(says(judged({}, kHour), "this clock is slow, or"));
  // An idle chain's last block is behind: not a matter of clocks.
  CHECK(judged({0, 0, 0}, -kHour).problem.empty());
}

TEST_CASE("what peers claim cannot overflow") {
  const auto r = judge_clocks(INT64_MIN, INT64_MAX,
                              {{"a", INT64_MAX, INT64_MAX / 4}, {"b", INT64_MIN, 0}}, kTolerance);
  CHECK(r.known == 2);
}

TEST_CASE(
    "a node is ready only while heads are certified, its clock is right and its disk has space") {
  Watched w;
  CHECK(w.look_for(60'000).ready());

  SUBCASE("nothing is certified any more") {
    const NodeHealth h = w.look_for(20'000, false);
    CHECK_FALSE(h.ready());
    CHECK(h.answers);
    CHECK_FALSE(h.commits);
    CHECK(h.why().find("no block was certified for 2") != std::string::npos);
    CHECK(w.told("not ready: no block was certified for") == 1);
    CHECK(w.look_for(10'000).ready());
    CHECK(w.told("ready: it answers and commits") == 1);
  }
  SUBCASE("its own clock is wrong") {
    for (PeerRow& p : w.peers) p.clock_ahead_us = -kHour * 1000;
    CHECK(w.look().why().find("this node's clock is 1 h 0 min ahead") != std::string::npos);
    (void)w.look_for(60'000);
    CHECK(w.told("this node's clock is 1 h 0 min ahead") >= 1);
    for (PeerRow& p : w.peers) p.clock_ahead_us = 0;
    CHECK(w.look().ready());
    CHECK(w.told("clocks of this node and its peers agree again") == 1);
  }
  SUBCASE("another's clock is wrong: that does not prevent this node from committing") {
    w.peers[1].clock_ahead_us = kHour * 1000;
    const NodeHealth h = w.look_for(10'000);
    CHECK(h.ready());
    CHECK(h.clocks.off == std::vector<std::string>{"validator-2"});
    CHECK(w.told("the clock of validator-2 is wrong") == 1);
  }
  SUBCASE("the disk is almost full, or read-only") {
    w.disk.free_bytes = 5u << 20;
    CHECK(w.look_for(2'000).why().find("the disk is almost full: 5 MiB") != std::string::npos);
    w.disk = {std::uint64_t{1} << 30, false};
    CHECK(w.look_for(2'000).why().find("read-only") != std::string::npos);
  }
  SUBCASE("it signs nothing") {
    w.status.role = NodeRole::kSilentValidator;
    w.status.silent_because = "the safety log is missing";
    const NodeHealth h = w.look_for(2'000);
    CHECK(h.answers);
    CHECK_FALSE(h.ready());
    CHECK(h.why() == "this validator signs nothing: the safety log is missing");
    CHECK(w.told("this validator signs nothing: the safety log is missing") == 1);
  }
  SUBCASE("it observes") {
    w.status.role = NodeRole::kObserver;
    CHECK(w.look().answers);
    CHECK_FALSE(w.look().ready());
  }
  SUBCASE("it halted on a full disk and still serves reads") {
    w.status.halted = HaltReport{HaltCode::kLedgerFull, "no space"};
    CHECK(w.look().answers);
    CHECK(w.look().why() == "halted (ledger-full): no space");
    w.status.halted = HaltReport{HaltCode::kHeadMismatch, "another head"};
    CHECK_FALSE(w.look().answers);
  }
}

TEST_CASE("a node that was reported as not ready and then halts is not called ready") {
  Watched w;
  w.disk.free_bytes = 5u << 20;
  (void)w.look_for(10'000);
  REQUIRE(w.told("not ready: the disk is almost full") == 1);
  w.status.halted = HaltReport{HaltCode::kLedgerFull, "no space"};
  (void)w.look_for(2'000);
  CHECK(w.told("ready: it answers and commits") == 0);
}

TEST_CASE("a node that starts on an old head is not ready before a new one is certified") {
  Watched fresh;
  HealthWatch watch({fresh.clock, ledger::Parameters{}, [&] { return fresh.disk; },
                     [](LogLevel, std::string_view) {}});
  fresh.status.executed.time = chain::TimeMs(kNow - kHour);
  CHECK(watch.look(fresh.status, fresh.peers).why().find("since this node started") !=
        std::string::npos);
  fresh.commit();
  CHECK(watch.look(fresh.status, fresh.peers).ready());
  NodeStatus none;
  none.role = NodeRole::kValidator;
  CHECK(watch.look(none, fresh.peers).why().find("no head is certified yet") != std::string::npos);
}

TEST_CASE("a node restarted on a fresh head stays ready until its first heartbeat is due") {
  Watched w;
  HealthWatch restarted{
      {w.clock, ledger::Parameters{}, [&w] { return w.disk; }, [](LogLevel, std::string_view) {}}};
  w.clock.pass(8'000);  // nearly as old as an idle head may be
  REQUIRE(restarted.look(w.status, w.peers).ready());
  w.clock.pass(6'000);
  CHECK(restarted.look(w.status, w.peers).ready());
  w.clock.pass(6'000);
  CHECK_FALSE(restarted.look(w.status, w.peers).ready());
}

}  // namespace imi::node
