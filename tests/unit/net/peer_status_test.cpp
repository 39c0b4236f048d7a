// What the transport reports about peers: their clocks, and why one is not connected.
#include <algorithm>
#include <thread>

#include "tests/unit/net/peer_net.h"

namespace imi::node {
namespace {

PeerStats stats_of(const PeerTransport& t, std::string_view name) {
  const PeerTransportStats all = t.stats();
  const auto it = std::ranges::find(all.peers, name, &PeerStats::name);
  REQUIRE(it != all.peers.end());
  return *it;
}

// Dials until `why` was logged; the logged line.
std::string logged(PeerNet& net, std::size_t node, std::string_view why) {
  std::string line;
  Witness& w = net.witness(node);
  CHECK(w.wait([&] {
    const auto it = std::ranges::find_if(
        w.log, [&](const std::string& l) { return l.find(why) != std::string::npos; });
    if (it != w.log.end()) line = *it;
    return !line.empty();
  }));
  return line;
}

}  // namespace

TEST_CASE("the clock of a connected peer is measured against one's own") {
  constexpr std::int64_t kHourUs = 3'600'000'000;
  constexpr std::int64_t kStart = 1'800'000'000'000'000;
  PeerNet net(3, {.ping_interval = std::chrono::milliseconds(20)});
  for (std::size_t i = 0; i < 3; ++i) {
    PeerTransportOptions o = net.options(i);
    // Clocks that stand still: then the measurement is wrong by half a round trip at most.
    o.wall_us = [i] { return kStart + (i == 2 ? kHourUs : 0); };
    net.start(i, std::move(o));
  }
  net.link(0, 1);
  net.link(0, 2);
  const auto measured = [&](std::string_view name) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!stats_of(net.node(0), name).clock_ahead_us &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
    const PeerStats s = stats_of(net.node(0), name);
    REQUIRE(s.clock_ahead_us);
    return std::pair(*s.clock_ahead_us, static_cast<std::int64_t>(s.round_trip_us));
  };
  const auto [same, same_trip] = measured("node-1");
  CHECK(same >= 0);
  CHECK(same <= same_trip / 2 + 1);
  const auto [ahead, trip] = measured("node-2");
  CHECK(ahead >= kHourUs);
  CHECK(ahead <= kHourUs + trip / 2 + 1);

  net.kill(2);
  CHECK(net.witness(0).wait([&] { return !net.witness(0).connected.contains(2); }));
  CHECK_FALSE(stats_of(net.node(0), "node-2").clock_ahead_us);
}

TEST_CASE("the reason why a peer is not connected is named and logged once, not at each attempt") {
  PeerNet net(2, {.backoff_min = std::chrono::milliseconds(1),
                  .backoff_max = std::chrono::milliseconds(2)});
  net.start(1);
  const std::string dead = net.address(1);
  net.kill(1);
  net.start(0);

  net.node(0).set_address(PeerId(1), "nosuch.invalid:7000");
  const std::string line = logged(net, 0, "does not resolve");
  CHECK(line.find("node-1 at nosuch.invalid:7000") != std::string::npos);
  PeerStats s = stats_of(net.node(0), "node-1");
  CHECK(s.last_end == PeerRefusal::kUnresolved);
  CHECK(s.last_detail.find("nosuch.invalid:7000") != std::string::npos);

  net.node(0).set_address(PeerId(1), dead);
  CHECK(logged(net, 0, "nothing listens there").find(dead) != std::string::npos);
  CHECK(stats_of(net.node(0), "node-1").last_end == PeerRefusal::kConnectionRefused);
  // Another node answers there: this is logged after many attempts at the dead address.
  net.start(1, [&] {
    PeerTransportOptions o = net.options(1);
    o.identity = test_identity(5);
    return o;
  }());
  net.node(0).set_address(PeerId(1), net.address(1));
  (void)logged(net, 0, "is not the one pinned for this peer");
  CHECK(stats_of(net.node(0), "node-1").last_end == PeerRefusal::kWrongKey);
  const auto refused = net.witness(0).read([&] {
    return std::ranges::count_if(net.witness(0).log, [](const std::string& l) {
      return l.find("nothing listens there") != std::string::npos;
    });
  });
  CHECK(refused == 1);
}

}  // namespace imi::node
