#include "node/net/peer_transport.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/net/peer_net.h"

using namespace imi;
using namespace imi::node;

TEST_CASE("four nodes that dial each other at once end with one connection per pair") {
  PeerNet net(4);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(net.node(i).self() == PeerId(static_cast<std::uint32_t>(i)));
    net.node(i).broadcast(TrafficClass::kVote, message_of("vote " + std::to_string(i)));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const PeerTransportStats stats = net.node(i).stats();
    CHECK(stats.peers.size() == 3);
    for (const PeerStats& p : stats.peers) CHECK(p.connected);
  }
}

TEST_CASE("messages arrive whole and, within a class, in order") {
  PeerNet net(2);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  Witness& w = net.witness(1);
  const auto big = std::make_shared<const Bytes>(kMaxMessageBytes, 0x5a);
  REQUIRE(net.node(0).send(PeerId(1), TrafficClass::kBulk, big));
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(net.node(0).send(PeerId(1), TrafficClass::kVote, message_of(std::to_string(i))));
  }
  REQUIRE(w.wait([&] { return w.messages.size() == 2001; }));
  int next = 0;
  for (const PeerMessage& m : w.messages) {
    CHECK(m.from == PeerId(0));
    if (m.traffic_class == TrafficClass::kBulk) {
      CHECK(m.payload == *big);
    } else {
      CHECK(as_text(m.payload) == std::to_string(next++));
    }
  }
  CHECK(next == 2000);
  const PeerStats s = net.node(1).stats().peers.at(0);
  CHECK(s.messages_in == 2001);
  CHECK(s.bytes_in > kMaxMessageBytes);
}

TEST_CASE("a message to an unknown peer, to oneself, empty or too large is not queued") {
  PeerNet net(2);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  PeerTransport& t = net.node(0);
  CHECK_FALSE(t.send(PeerId(0), TrafficClass::kVote, message_of("x")));
  CHECK_FALSE(t.send(PeerId(9), TrafficClass::kVote, message_of("x")));
  CHECK_FALSE(t.send(PeerId(1), TrafficClass::kVote, message_of("")));
  CHECK_FALSE(t.send(PeerId(1), TrafficClass::kVote, nullptr));
  CHECK_FALSE(
      t.send(PeerId(1), TrafficClass::kBulk, std::make_shared<const Bytes>(kMaxMessageBytes + 1)));
}

TEST_CASE("a node that restarts is connected again and its old run's connection is given up") {
  PeerNet net(3);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  net.kill(2);
  REQUIRE(
      net.witness(0).wait([&] { return net.witness(0).connected == std::set<std::uint32_t>{1}; }));
  CHECK_FALSE(net.node(0).is_connected(PeerId(2)));
  CHECK_FALSE(net.node(0).send(PeerId(2), TrafficClass::kVote, message_of("x")));
  net.start(2);  // another port: it dials, the others learn nothing
  net.link(2, 0);
  net.link(2, 1);
  REQUIRE(net.wait_connected());
  REQUIRE(net.node(2).send(PeerId(0), TrafficClass::kVote, message_of("back")));
  Witness& w = net.witness(0);
  REQUIRE(w.wait([&] { return !w.messages.empty(); }));
  CHECK(as_text(w.messages.back().payload) == "back");
}

TEST_CASE("two processes with one identity are named, and take turns ever more slowly") {
  PeerNet net(2);
  net.start(0);
  net.start(1);
  net.link(1, 0);
  REQUIRE(net.wait_connected());
  auto twin = PeerTransport::start(net.options(1), {});
  REQUIRE(twin);
  const auto begin = std::chrono::steady_clock::now();
  (*twin)->set_address(PeerId(0), net.address(0));
  Witness& w = net.witness(0);
  REQUIRE(w.wait([&] { return w.ends.size() >= 10; }));
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(700));
  CHECK(w.read([&] {
    return std::ranges::any_of(w.log, [](const std::string& line) {
      return line.find("node-1 is in use by two processes") != std::string::npos;
    });
  }));
}

TEST_CASE("a peer that is not there yet is dialled until it is") {
  PeerNet net(2);
  net.start(1);
  const std::string address = net.address(1);
  const std::uint16_t port = net.node(1).port();
  net.kill(1);
  net.infos()[1].address = address;
  net.start(0);
  CHECK_FALSE(net.node(0).is_connected(PeerId(1)));
  PeerTransportOptions later = net.options(1);
  later.listen_port = port;
  net.start(1, later);
  REQUIRE(net.wait_connected());
  CHECK(net.node(0).stats().peers.at(0).we_dialled);
}

TEST_CASE("a receiver that does not release what it got stops the sender until it does") {
  PeerLimits limits;
  limits.max_unreleased_bytes = 1 << 20;
  limits.bulk_queue_bytes = 4 << 20;
  PeerNet net(2, limits);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  Witness& w = net.witness(1);
  const auto body = std::make_shared<const Bytes>(256 << 10, 7);
  std::size_t sent = 0;
  // Until the queue stays full although the receiver had time to take what the kernel holds.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::size_t held = 0;
  for (int full_in_a_row = 0; full_in_a_row < 50;) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    if (net.node(0).send(PeerId(1), TrafficClass::kBulk, body)) {
      ++sent;
      full_in_a_row = 0;
    } else {
      ++full_in_a_row;
      (void)w.read([&] { return held = w.messages.size(); });
      std::this_thread::yield();
    }
    REQUIRE(sent < 400);
  }
  CHECK(net.node(0).stats().peers.at(0).dropped > 0);
  // Releasing lets the rest through.
  std::size_t got = 0;
  REQUIRE(w.wait([&] {
    got += w.messages.size();
    w.messages.clear();
    return got == sent;
  }));
}

TEST_CASE("votes pass while bodies fill their queue, and bodies are dropped") {
  PeerLimits limits;
  limits.bulk_queue_bytes = 8 << 20;
  PeerNet net(2, limits);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  const auto body = std::make_shared<const Bytes>(4 << 20, 7);
  bool dropped = false;
  for (int i = 0; i < 64 && !dropped; ++i) {
    dropped = !net.node(0).send(PeerId(1), TrafficClass::kBulk, body);
  }
  REQUIRE(dropped);
  REQUIRE(net.node(0).send(PeerId(1), TrafficClass::kVote, message_of("vote")));
  Witness& w = net.witness(1);
  std::size_t bodies_before = 0;
  REQUIRE(w.wait([&] {
    bodies_before = 0;
    for (const PeerMessage& m : w.messages) {
      if (m.traffic_class == TrafficClass::kVote) return true;
      ++bodies_before;
    }
    return false;
  }));
  CHECK(bodies_before <= 4);
}

TEST_CASE("a peer whose process is suspended is noticed, and so is one that reads nothing") {
  // Node 1's I/O thread blocks in a callback: it neither reads nor answers.
  PeerLimits limits;
  limits.ping_interval = std::chrono::milliseconds(40);
  limits.silence_deadline = std::chrono::milliseconds(300);
  limits.write_deadline = std::chrono::milliseconds(300);
  PeerNet net(2, limits);
  net.start(0);
  std::mutex gate;
  gate.lock();
  PeerCallbacks stuck;
  stuck.on_message = [&](PeerMessage) { const std::lock_guard wait_here(gate); };
  auto other = PeerTransport::start(net.options(1), std::move(stuck));
  REQUIRE(other);
  (*other)->set_address(PeerId(0), net.address(0));
  Witness& w = net.witness(0);
  REQUIRE(w.wait([&] { return w.connected.contains(1); }));
  REQUIRE(net.node(0).send(PeerId(1), TrafficClass::kVote, message_of("stop here")));
  REQUIRE(w.wait([&] { return !w.ends.empty(); }));
  const PeerRefusal why = w.read([&] { return w.ends.front().second; });
  CHECK((why == PeerRefusal::kSilent || why == PeerRefusal::kNotReading));
  gate.unlock();
}

TEST_CASE("an idle connection stays up by pings and measures the round trip") {
  PeerLimits limits;
  limits.ping_interval = std::chrono::milliseconds(20);
  limits.silence_deadline = std::chrono::milliseconds(2000);
  PeerNet net(2, limits);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (net.node(0).stats().peers.at(0).round_trip_us == 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
  CHECK(net.node(0).stats().peers.at(0).round_trip_us < 5'000'000);
  CHECK(net.witness(0).read([&] { return net.witness(0).ends.empty(); }));
}

TEST_CASE("a vote queue that overflows cuts the peer off instead of losing votes silently") {
  PeerLimits limits;
  limits.vote_queue_bytes = 1 << 20;
  PeerNet net(2, limits);
  net.start(0);
  std::mutex gate;
  gate.lock();
  PeerCallbacks stuck;
  stuck.on_message = [&](PeerMessage) { const std::lock_guard wait_here(gate); };
  auto other = PeerTransport::start(net.options(1), std::move(stuck));
  REQUIRE(other);
  (*other)->set_address(PeerId(0), net.address(0));
  Witness& w = net.witness(0);
  REQUIRE(w.wait([&] { return w.connected.contains(1); }));
  const auto vote = std::make_shared<const Bytes>(512 << 10, 1);
  bool queued = true;
  for (int i = 0; i < 1000 && queued; ++i) {
    queued = net.node(0).send(PeerId(1), TrafficClass::kVote, vote);
  }
  CHECK_FALSE(queued);
  CHECK(w.wait_end(PeerRefusal::kNotReading));
  gate.unlock();
}

TEST_CASE("a peer that was cut off does not come back at once") {
  PeerLimits limits;
  limits.bar_min = std::chrono::milliseconds(900);
  PeerNet net(2, limits);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  net.node(0).disconnect(PeerId(1));
  CHECK(net.witness(0).wait_end(PeerRefusal::kCutOff));
  CHECK(net.witness(0).wait_refused(PeerRefusal::kCutOff));
  REQUIRE(net.wait_connected());  // and does later
}

TEST_CASE("a peer that is cut off again is barred for longer, and is so once per connection") {
  PeerLimits limits;
  limits.bar_min = std::chrono::milliseconds(40);
  limits.bar_max = std::chrono::milliseconds(160);
  PeerNet net(2, limits);
  net.start_all_linked();
  std::vector<std::chrono::milliseconds> away;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    REQUIRE(net.wait_connected());
    const auto since = std::chrono::steady_clock::now();
    // What came of it before it was gone counts together.
    for (int i = 0; i < 50; ++i) net.node(0).disconnect(PeerId(1));
    REQUIRE(net.witness(0).wait([&] { return net.witness(0).ends.size() == n; }));
    REQUIRE(net.wait_connected());
    away.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - since));
    CHECK(net.node(0).stats().peers[0].cut_off == n);
  }
  CHECK(away[0].count() >= 39);  // at least the bar; how much more is not specified
  CHECK(away[1].count() >= 79);
  CHECK(away[2].count() >= 159);
  CHECK(away[3].count() >= 159);
}

TEST_CASE("each side learns the other's features, those it does not know included") {
  PeerNet net(2);
  auto newer = net.options(1);
  newer.features = 0x8000'0000'0000'0005;
  net.start(0);
  net.start(1, newer);
  net.link(0, 1);
  REQUIRE(net.wait_connected());
  CHECK(net.node(0).features(PeerId(1)) == 0x8000'0000'0000'0005);
  CHECK(net.node(0).stats().peers[0].features == 0x8000'0000'0000'0005);
  CHECK(net.node(1).features(PeerId(0)) == 0);
  CHECK(net.node(0).features(PeerId(7)) == 0);
  net.kill(1);
  REQUIRE(net.witness(0).wait([&] { return net.witness(0).connected.empty(); }));
  CHECK(net.node(0).features(PeerId(1)) == 0);
}

TEST_CASE("messages that are not processed yet are bounded in number too, however small") {
  PeerLimits limits;
  limits.max_unreleased_bytes = 100 * kMessageCost;
  PeerNet net(2, limits);
  net.start_all_linked();
  REQUIRE(net.wait_connected());
  Witness& w = net.witness(1);
  // The witness keeps every credit. One read may bring in some more before reading stops.
  constexpr std::size_t kSent = 100'000;
  for (std::size_t i = 0; i < kSent; ++i) {
    (void)net.node(0).send(PeerId(1), TrafficClass::kControl, message_of("x"));
  }
  REQUIRE(w.wait([&] { return w.messages.size() > 100; }));
  const std::uint64_t in = net.node(1).stats().peers[0].messages_in;
  CHECK(in < kSent / 2);
  // Once they are dealt with it goes on.
  std::size_t seen = 0;
  while (seen < kSent) {
    REQUIRE(w.wait([&] { return !w.messages.empty(); }));
    seen += w.read([&] { return std::exchange(w.messages, {}).size(); });
  }
}

TEST_CASE("observers are taken up to their limit and validators always") {
  PeerLimits limits;
  limits.max_observers = 1;
  PeerNet net(4, limits);
  net.infos()[1].validator = false;
  net.infos()[2].validator = false;
  for (std::size_t i = 0; i < 4; ++i) net.start(i);
  Witness& w = net.witness(0);
  net.link(1, 0);
  REQUIRE(w.wait([&] { return w.connected.contains(1); }));
  net.link(2, 0);
  CHECK(w.wait_refused(PeerRefusal::kObserversFull));
  net.link(3, 0);
  REQUIRE(w.wait([&] { return w.connected.contains(3); }));
  CHECK_FALSE(net.node(0).is_connected(PeerId(2)));
}

TEST_CASE("a port in use, a pin given twice and a bad address are named errors") {
  PeerNet net(2);
  net.start(0);
  PeerTransportOptions taken = net.options(1);
  taken.listen_port = net.node(0).port();
  auto r = PeerTransport::start(taken, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kPortInUse);
  CHECK(describe(r.error()).find("another port") != std::string::npos);
  PeerTransportOptions twice = net.options(1);
  twice.peers[0].tls_key_pin = twice.peers[1].tls_key_pin;
  r = PeerTransport::start(twice, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kBadConfiguration);
  PeerTransportOptions bad = net.options(1);
  bad.peers[0].address = "nowhere";
  r = PeerTransport::start(bad, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kBadAddress);
  bad.peers[0].address.clear();
  bad.listen_address = "not-an-ip";
  r = PeerTransport::start(bad, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kBadAddress);
}
