#include "node/net/fair_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using namespace imi::node;

namespace {

using Micros = FairQueue::Micros;

ClientKey key_of(std::size_t n) {
  ClientKey k{};
  k[14] = static_cast<std::uint8_t>(n >> 8);
  k[15] = static_cast<std::uint8_t>(n);
  return k;
}

// Workers and clients in virtual time: a client keeps `window` calls of `cost` each in flight.
class Machine {
 public:
  explicit Machine(unsigned workers) : workers_(workers) {}

  struct Load {
    std::string_view method;
    Micros cost = 0;
    std::size_t window = 1;
    std::size_t shared_address = 0;  // 0: one of its own
    std::size_t done = 0;
    Micros worked = 0;
  };
  std::size_t add(Load load) {
    loads_.push_back(load);
    return loads_.size() - 1;
  }

  void run_until(Micros end) {
    for (; begun_ < loads_.size(); ++begun_) {
      for (std::size_t i = 0; i < loads_[begun_].window; ++i) call(begun_);
    }
    while (step(end)) {
    }
  }
  [[nodiscard]] const Load& load(std::size_t n) const { return loads_[n]; }

 private:
  struct Worker {
    std::optional<FairQueue::Turn> turn;
    std::size_t client = 0;
    Micros ready_at = 0;
  };

  void call(std::size_t client) {
    const Load& l = loads_[client];
    const ClientKey key = key_of(l.shared_address == 0 ? client : l.shared_address);
    queue_.push({key, client, l.method}, [this, client] { taken_ = client; });
  }
  void fill() {
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      if (workers_[w].turn) continue;
      auto turn = queue_.pop(w > 0 && w + 1 == workers_.size());
      if (!turn) continue;
      turn->task();
      workers_[w] = {std::move(turn), taken_, now_ + loads_[taken_].cost};
    }
  }
  // The next call ends; false at `end`.
  bool step(Micros end) {
    fill();
    Worker* next = nullptr;
    for (Worker& w : workers_) {
      if (w.turn && (next == nullptr || w.ready_at < next->ready_at)) next = &w;
    }
    if (next == nullptr || next->ready_at > end) return false;
    now_ = next->ready_at;
    Load& l = loads_[next->client];
    queue_.done(*next->turn, l.cost);
    next->turn.reset();
    ++l.done;
    l.worked += l.cost;
    call(next->client);
    return true;
  }

  FairQueue queue_;
  std::vector<Load> loads_;
  std::vector<Worker> workers_;
  std::size_t begun_ = 0;
  std::size_t taken_ = 0;
  Micros now_ = 0;
};

constexpr Micros kSecond = 1'000'000;
constexpr Machine::Load kHeavy{"enterprise", 35'000, 64};
constexpr Machine::Load kLight{"status", 100, 1};

std::size_t light_reads(unsigned workers, std::size_t heavy_clients, const Machine::Load& heavy,
                        const Machine::Load& light_load = kLight) {
  Machine m(workers);
  for (std::size_t i = 0; i < heavy_clients; ++i) m.add(heavy);
  const std::size_t light = m.add(light_load);
  m.run_until(20 * kSecond);
  return m.load(light).done;
}

}  // namespace

TEST_CASE("eight clients of heavy reads slow another's light reads by less than two") {
  for (const unsigned workers : {2U, 3U, 8U}) {
    CAPTURE(workers);
    const std::size_t alone = light_reads(workers, 0, kHeavy);
    CHECK(alone == 200'000);
    CHECK(light_reads(workers, 8, kHeavy) * 2 > alone);
    CHECK(light_reads(workers, 8, {"enterprise", 200'000, 512}) * 2 > alone);
    CHECK(light_reads(workers, 100, kHeavy) * 2 > alone);
  }
}

TEST_CASE("light reads are not slowed more if the heavy ones use the same method") {
  const std::size_t alone = light_reads(2, 0, kHeavy);
  CHECK(light_reads(2, 8, {"status", 35'000, 64}) * 2 > alone);
}

TEST_CASE(
    "clients get equal shares of the time, whatever their calls cost and how many they send") {
  Machine m(1);
  const std::size_t one = m.add({"enterprise", 35'000, 1});
  const std::size_t many = m.add({"enterprise", 35'000, 500});
  const std::size_t longer = m.add({"blocks", 70'000, 8});
  const std::size_t shorter = m.add({"event", 500, 8});
  m.run_until(60 * kSecond);
  for (const std::size_t c : {one, many, longer, shorter}) {
    CAPTURE(c);
    CHECK(m.load(c).worked > 14 * kSecond);
    CHECK(m.load(c).worked < 16 * kSecond);
  }
}

TEST_CASE(
    "a client that comes late or comes back has no claim to the time that others used before") {
  Machine m(1);
  const std::size_t first = m.add({"enterprise", 10'000, 4});
  m.run_until(30 * kSecond);
  const std::size_t second = m.add({"enterprise", 10'000, 4});
  m.run_until(40 * kSecond);
  CHECK(m.load(first).worked > 34 * kSecond);
  CHECK(m.load(second).worked > 4 * kSecond);
  CHECK(m.load(second).worked < 6 * kSecond);
}

TEST_CASE("light reads from the address of the heavy ones are not slowed more either") {
  const std::size_t alone = light_reads(2, 0, kHeavy);
  CHECK(light_reads(2, 8, {"enterprise", 35'000, 64, 500}, {"status", 100, 1, 500}) * 2 > alone);
  CHECK(light_reads(2, 8, {"status", 35'000, 64, 500}, {"status", 100, 1, 500}) * 2 > alone);
}

TEST_CASE("an address has one share, and its connections equal parts of that") {
  Machine m(1);
  std::vector<std::size_t> together;
  for (int i = 0; i < 4; ++i) {
    together.push_back(m.add({"enterprise", 10'000, i == 0 ? 200U : 1U, 500}));
  }
  const std::size_t single = m.add({"enterprise", 10'000, 1});
  m.run_until(40 * kSecond);
  CHECK(m.load(single).worked > 19 * kSecond);
  for (const std::size_t c : together) {
    CAPTURE(c);
    CHECK(m.load(c).worked > 4 * kSecond);
    CHECK(m.load(c).worked < 6 * kSecond);
  }
}

TEST_CASE("a call that turned out long is not taken for a short one when it comes again") {
  FairQueue q;
  const auto nothing = [] {};
  const auto take = [&](bool only_short) {
    auto turn = q.pop(only_short);
    REQUIRE(turn);
    return std::move(*turn);
  };
  q.push({key_of(1), 1, "enterprise"}, nothing);
  q.push({key_of(1), 1, "enterprise"}, nothing);
  q.push({key_of(1), 2, "enterprise"}, nothing);
  const auto unknown = take(true);
  CHECK_FALSE(q.pop(true));  // one at a time until it is known
  q.done(unknown, 50'000);
  CHECK_FALSE(q.pop(true));  // nor on a new connection
  const auto other = take(false);
  CHECK(other.asker.connection == 2);
  q.done(other, 100);
  const auto known = take(false);
  CHECK(known.asker.connection == 1);
  q.done(known, 100);  // one short call does not make it short
  q.push({key_of(1), 1, "enterprise"}, nothing);
  CHECK_FALSE(q.pop(true));
  q.push({key_of(1), 2, "enterprise"}, nothing);  // a connection on which it is known to be short
  CHECK(take(true).asker.connection == 2);
  q.push({key_of(1), 1, "status"}, nothing);  // another method of the same client
  CHECK(take(true).asker.method == "status");
  q.push({key_of(2), 1, "enterprise"}, nothing);  // the same of another client
  CHECK(take(true).asker.client == key_of(2));
}

TEST_CASE("calls of one connection that may run are taken in the order in which they came") {
  FairQueue q;
  std::string order;
  for (const char* m : {"a", "b", "a", "c"}) {
    q.push({key_of(1), 1, m}, [&order, m] { order += m; });
  }
  while (auto turn = q.pop(false)) {
    turn->task();
    q.done(*turn, 100);
  }
  CHECK(order == "abac");
  CHECK(q.waiting() == 0);
}

TEST_CASE("the clients and connections of which figures are kept are bounded") {
  FairQueue q;
  for (std::size_t i = 0; i < 3 * FairQueue::kRemembered; ++i) {
    q.push({key_of(i), i, "status"}, [] {});
    const auto turn = q.pop(false);
    REQUIRE(turn);
    q.done(*turn, 100);
  }
  CHECK(q.clients() <= FairQueue::kRemembered);
  CHECK(q.waiting() == 0);
}
