// What one peer does costs that peer: floods, forgeries and frames of a newer version.
#include <doctest/doctest.h>

#include "node/wire.h"
#include "tests/unit/node/running.h"

namespace imi::node::test {
namespace {

// Clients that submit to one node, and what they were told.
struct Clients {
  int accepted = 0;
  int busy = 0;
  int other = 0;
  std::uint32_t next = 10'000;
  void submit(Cluster& c, TestNode& n, int count) {
    for (int i = 0; i < count; ++i) {
      n.submit_later(*c.submission(next++), WaitFor::kAccepted, 60'000, [this](SubmitResult r) {
        if (r) {
          ++accepted;
          return;
        }
        const auto* refusal = std::get_if<NodeRefusal>(&r.error());
        ++(refusal != nullptr && refusal->reason == NodeRefusal::Reason::kBusy ? busy : other);
      });
    }
  }
};

ledger::Submission forged(Cluster& c, std::uint32_t n) {
  ledger::Submission s = *c.submission(n);
  s.signature.bytes[10] ^= 1;
  return s;
}
// As `from` would send it, over and over.
class Flood {
 public:
  Flood(Cluster& c, TestNode& to, std::uint32_t from, SharedBytes frame)
      : c_(c), to_(to), from_(from), frame_(std::move(frame)) {
    again();
  }
  void stop() { on_ = false; }
  std::size_t sent = 0;

 private:
  void again() {
    if (!on_) return;
    to_.driver->on_message(PeerIndex(from_), frame_);
    ++sent;
    c_.schedule(1'000, [this] { again(); });
  }
  Cluster& c_;
  TestNode& to_;
  std::uint32_t from_;
  SharedBytes frame_;
  bool on_ = true;
};

constexpr std::uint32_t kMember = 3;
constexpr std::uint32_t kObserver = 4;

}  // namespace

TEST_CASE("a peer that pushes forged submissions is cut off and turns no client away") {
  for (const std::uint32_t liar : {kMember, kObserver}) {
    CAPTURE(liar);
    Running c(1);
    c.commit(0, 0, 1);
    TestNode& n = c.node(0);
    const std::vector<SharedBytes> many(4'096, encoded(forged(c, 1)));
    n.verify_us = 1'280;  // 40 us per signature
    Flood flood(c, n, liar, make_push_frame(7, many));
    Clients clients;
    for (int i = 0; i < 10; ++i) {
      c.run_for(20);
      clients.submit(c, n, 20);
    }
    flood.stop();
    c.run_for(2'000);
    CHECK(clients.accepted == 200);
    CHECK(clients.busy == 0);
    CHECK(n.disconnected == std::set<std::uint32_t>{liar});
    CHECK(n.driver->counters().submissions_forged > 0);
    // A piece of each frame was verified, and the rest dropped.
    CHECK(n.driver->counters().submissions_forged < flood.sent * 1'100);
  }
}

TEST_CASE("a peer whose valid pushes fill its share is not cut off, and displaces no one else") {
  for (const std::uint32_t busy : {kMember, kObserver}) {
    CAPTURE(busy);
    Running c(1);
    c.commit(0, 0, 1);
    TestNode& n = c.node(0);
    // Signed by keys unknown to the chain: each has to be verified, and the state refuses it.
    const auto unknown = c.chain.submit_as(
        ledger::AuthorId{}, crypto::SecretKey::generate(c.chain.random()),
        {ledger::test::TestChain::enterprise(9)}, chain::TimeMs(n.now().value + 60'000));
    std::vector<SharedBytes> many(4'096, encoded(*unknown));
    // Nor is a peer cut off for what is known, or expired when it comes.
    many[0] = encoded(*c.chain.submit_at({ledger::test::TestChain::enterprise(8)},
                                         chain::TimeMs(c.chain.genesis().time.value + 1)));
    n.verify_us = 1'280;
    Flood flood(c, n, busy, make_push_frame(7, many));
    bool acknowledged = false;
    c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
      if (from == 0 && to == 2 && frame[0] == static_cast<std::uint8_t>(FrameKind::kAck)) {
        acknowledged = true;
      }
      return true;
    };
    Clients clients;
    for (int i = 0; i < 10; ++i) {
      c.run_for(20);
      clients.submit(c, n, 60);
    }
    c.node(2).submit_later(*c.submission(99), WaitFor::kAccepted, 1'000, [](SubmitResult) {});
    c.run_for(500);
    CHECK(acknowledged);  // another peer's push
    flood.stop();
    c.run_for(3'000);
    CHECK(clients.accepted == 600);
    CHECK(clients.busy == 0);
    CHECK(n.disconnected.empty());
    CHECK(n.driver->counters().pushes_dropped > 0);
    CHECK(n.driver->counters().submissions_forged == 0);
  }
}

TEST_CASE("one peer's backlog delays no other's work, and neither does that of all observers") {
  constexpr std::uint32_t kObservers = 8;
  Running c(kObservers);
  c.commit(0, 0, 1);
  TestNode& n = c.node(0);
  n.verify_us = 1'000;
  std::vector<std::uint32_t> answered;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (from == 0 && frame[0] == static_cast<std::uint8_t>(FrameKind::kAck)) answered.push_back(to);
    return true;
  };
  const std::vector<SharedBytes> many(4'000, encoded(*c.submission(1)));
  for (std::uint32_t o = 4; o < 4 + kObservers; ++o) {
    n.driver->on_message(PeerIndex(o), make_push_frame(1, many));
  }
  n.driver->on_message(PeerIndex(2), make_push_frame(1, std::span(many).first(200)));
  bool client = false;
  n.submit_later(*c.submission(2), WaitFor::kAccepted, 1'000, [&](SubmitResult r) {
    CHECK(r);
    CHECK(answered.empty());
    client = true;
  });
  REQUIRE(c.run_until([&] { return answered.size() == 1 + kObservers; }, 5'000));
  CHECK(client);
  CHECK(answered.front() == 2);
}

TEST_CASE("forged bodies cost a peer the connection, and the block gets its bodies") {
  Running c;
  c.commit(0, 0, 1);
  const std::uint32_t victim = (c.primary().index + 1) % 4;
  const std::uint32_t liar = (c.primary().index + 2) % 4;
  TestNode& n = c.node(victim);
  const std::vector<SharedBytes> many(4'096, encoded(forged(c, 1)));
  const SharedBytes lies = make_bodies_frame(many);
  // It never gets a push; the liar answers its requests with forgeries.
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to == victim && frame[0] == static_cast<std::uint8_t>(FrameKind::kPush)) return false;
    if (to == victim && from == liar && frame[0] == static_cast<std::uint8_t>(FrameKind::kBodies)) {
      c.schedule(0, [&] { n.driver->on_message(PeerIndex(liar), lies); });
      return false;
    }
    return true;
  };
  for (std::uint32_t i = 0; i < 6; ++i) c.commit(c.primary().index, 50 + 10 * i, 10);
  REQUIRE(c.run_until([&] { return n.entries_executed >= 61; }));
  CHECK(n.driver->counters().bodies_fetched > 0);
  CHECK(n.disconnected == std::set<std::uint32_t>{liar});
  CHECK(n.driver->status().view == chain::View(0));
}

TEST_CASE("frames and messages of kinds that a newer version may have are skipped and counted") {
  Running c;
  std::optional<Bytes> vote;  // one that node 2 signed
  c.filter = [&vote](std::uint32_t from, std::uint32_t, const Bytes& frame) {
    if (from == 2 && frame[0] == 0 && frame.size() < 200) vote = frame;
    return true;
  };
  c.commit(0, 0, 2);
  REQUIRE(vote);
  TestNode& n = c.node(0);
  for (int kind = 8; kind < 256; ++kind) {
    n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(
                                           Bytes{static_cast<std::uint8_t>(kind), 1, 2, 3}));
  }
  CHECK(n.driver->counters().frames_unknown == 248);
  // After kind of frame, version, epoch and sender comes the kind of message.
  Bytes newer = *vote;
  newer[4] = consensus::kMessageKinds;
  n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(newer));
  newer[4] = 200;
  newer.resize(5);
  n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(newer));
  c.run_for(20);
  CHECK(n.driver->counters().messages_unknown == 2);
  CHECK(n.disconnected.empty());
  c.commit(0, 10, 2);
  // What it does know must be right all the same.
  Bytes cut_short = *vote;
  cut_short.pop_back();
  n.driver->on_message(PeerIndex(2), std::make_shared<const Bytes>(cut_short));
  c.run_for(20);
  CHECK(n.disconnected == std::set<std::uint32_t>{2});
}

TEST_CASE("a submission with an entry of a later version costs its sender nothing but a refusal") {
  Running c;
  c.commit(0, 0, 1);
  TestNode& n = c.node(0);
  Bytes bytes = encode(*c.submission(1));
  const std::size_t entry = encode(c.submission(1)->header).size() + 64 + 1;
  REQUIRE(entry < bytes.size());
  bytes[entry] = 250;  // the kind of the first entry
  const SharedBytes body = std::make_shared<const Bytes>(bytes);
  std::optional<AckFrame> answer;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (from == 0 && to == 2 && frame[0] == static_cast<std::uint8_t>(FrameKind::kAck)) {
      answer = *read_frame<AckFrame>(frame);
    }
    return true;
  };
  n.driver->on_message(PeerIndex(2), make_push_frame(5, std::span(&body, 1)));
  REQUIRE(c.run_until([&] { return answer.has_value(); }));
  CHECK(answer->refused == std::vector<std::uint32_t>{0});
  CHECK(n.disconnected.empty());
}

TEST_CASE("a flood of frames of unknown kinds holds up only its sender's credit") {
  Running c;
  c.run_for(50);
  TestNode& n = c.node(0);
  const SharedBytes unknown = std::make_shared<const Bytes>(Bytes{99});
  std::vector<std::weak_ptr<void>> credits;
  constexpr std::size_t kFrames = 20'000;
  for (std::size_t i = 0; i < kFrames; ++i) {
    auto credit = std::make_shared<int>(0);
    credits.emplace_back(credit);
    n.driver->on_message(PeerIndex(2), unknown, credit);
  }
  auto other = std::make_shared<int>(0);
  const std::weak_ptr<int> of_another = other;
  n.driver->on_message(PeerIndex(3), unknown, std::exchange(other, nullptr));
  const auto held = [&] {
    return std::count_if(credits.begin(), credits.end(),
                         [](const auto& w) { return !w.expired(); });
  };
  CHECK(held() == kFrames);
  c.run_for(1'000);
  CHECK(held() > kFrames / 2);
  CHECK(of_another.expired());
  REQUIRE(c.run_until([&] { return held() == 0; }, 60'000));
  CHECK(n.disconnected.empty());
}

}  // namespace imi::node::test
