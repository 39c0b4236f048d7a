#include "tests/unit/node/cluster.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace imi::node::test {

namespace {
constexpr std::uint64_t kLatencyUs = 200;
constexpr std::uint64_t kTickUs = 10'000;
constexpr std::uint64_t kExecuteUs = 400;  // a block
const std::string kSafety = "safety";

// Of a member that lets everything into its pool.
class CarelessPort final : public LedgerDbPort {
 public:
  using LedgerDbPort::LedgerDbPort;
  std::expected<ledger::LedgerDb::Precheck, ledger::LedgerError> precheck(
      const ledger::Submission& /*submission*/) const override {
    return ledger::LedgerDb::Precheck{};
  }
};
}  // namespace

// Work runs after its delay, one piece after another, in the order given.
class TestNode::DelayedWorker final : public Worker {
 public:
  enum class Kind { kVerify, kExecute, kLog };
  DelayedWorker(TestNode& node, Kind kind) : node_(node), kind_(kind) {}
  void run(Priority, Task work, Task done) override {
    if (kind_ == Kind::kLog && !node_.sync_us) return;
    const std::uint64_t delay = kind_ == Kind::kLog      ? *node_.sync_us
                                : kind_ == Kind::kVerify ? node_.verify_us
                                                         : kExecuteUs;
    free_at_us_ = std::max(free_at_us_, node_.cluster.now_us) + delay;
    node_.cluster.schedule(
        free_at_us_ - node_.cluster.now_us,
        [&node = node_, life = node_.life_, work = std::move(work), done = std::move(done)] {
          if (life != node.life_) return;
          work();
          done();
        });
  }

 private:
  TestNode& node_;
  Kind kind_;
  std::uint64_t free_at_us_ = 0;
};

TestNode::TestNode(Cluster& c, std::uint32_t i, std::optional<chain::MemberId> m)
    : cluster(c), index(i), member(m) {}

TestNode::~TestNode() { kill(); }

void TestNode::init() {
  REQUIRE(member);
  crypto::SeededRandom random(index);
  const WalHeader header{kWalFormat, cluster.chain.id(),
                         cluster.chain.validators()[index].public_key()};
  REQUIRE(init_safety(files, kSafety, header, random, false));
}

void TestNode::start() {
  REQUIRE_FALSE(up());
  ++life_;
  halted.reset();
  verify_ = std::make_unique<DelayedWorker>(*this, DelayedWorker::Kind::kVerify);
  executor_ = std::make_unique<DelayedWorker>(*this, DelayedWorker::Kind::kExecute);
  log_writer_ = std::make_unique<DelayedWorker>(*this, DelayedWorker::Kind::kLog);
  db = cluster.chain.open(store);
  port = careless ? std::make_unique<CarelessPort>(*db) : std::make_unique<LedgerDbPort>(*db);
  DriverOptions o;
  o.consensus = consensus_config(cluster.chain.id(), cluster.chain.genesis().parameters);
  o.set = cluster.chain.genesis().validators;
  o.peers = static_cast<std::uint32_t>(cluster.nodes.size());
  o.me = member;
  o.parameters = cluster.chain.genesis().parameters;
  o.limits = cluster.limits;
  o.events = this;
  if (member) {
    const crypto::SecretKey& key = cluster.chain.validators()[index];
    auto safety = open_safety(files, kSafety, {kWalFormat, cluster.chain.id(), key.public_key()},
                              crypto::system_random());
    REQUIRE(safety);
    wal = std::move(safety->wal);
    silent_because = safety->silent_because;
    if (wal) o.key = key.clone();
    o.silent_because = silent_because;
    o.safety = std::move(safety->state);
    o.bodies = std::move(safety->bodies);
  }
  auto opened = EvidenceStore::open(files, "evidence", cluster.chain.id(),
                                    cluster.chain.genesis().validators);
  REQUIRE(opened);
  evidence = std::move(*opened);
  const Ports ports{*this,         *this, *this,     *verify_,    *executor_,
                    *log_writer_,  *port, wal.get(), signatures_, crypto::system_random(),
                    evidence.get()};
  auto started = Driver::start(std::move(o), ports);
  REQUIRE(started);
  driver = std::move(*started);
  const auto tick = [this, life = life_](const auto& self) -> void {
    if (life != life_ || !driver) return;
    driver->tick();
    cluster.schedule(kTickUs, [self] { self(self); });
  };
  tick(tick);
  for (const auto& other : cluster.nodes) {
    if (other.get() == this || !other->up()) continue;
    driver->on_peer(PeerIndex(other->index), true);
    other->driver->on_peer(PeerIndex(index), true);
  }
}

void TestNode::kill() {
  ++life_;
  driver.reset();
  evidence.reset();
  wal.reset();
  port.reset();
  db.reset();
}

void TestNode::submit_later(const ledger::Submission& s, WaitFor wait, std::uint32_t timeout_ms,
                            std::function<void(SubmitResult)> done) {
  driver->submit(std::make_shared<const Bytes>(encode(s)), wait, timeout_ms, std::move(done));
}

SubmitResult TestNode::submit(const ledger::Submission& s, WaitFor wait, std::uint32_t timeout_ms) {
  std::optional<SubmitResult> result;
  submit_later(s, wait, timeout_ms, [&result](SubmitResult r) { result = std::move(r); });
  REQUIRE(cluster.run_until([&result] { return result.has_value(); }, timeout_ms + 1'000));
  return *result;
}

void TestNode::post(Task task) {
  cluster.schedule(0, [this, life = life_, task = std::move(task)] {
    if (life == life_) task();
  });
}

chain::TimeMs TestNode::now() const {
  return chain::TimeMs(cluster.chain.genesis().time.value + 60'000 + cluster.clock_ahead_ms +
                       static_cast<std::int64_t>(cluster.now_us / 1000));
}
std::uint64_t TestNode::monotonic_us() const { return cluster.now_us; }

bool TestNode::send(PeerIndex to, Urgency, SharedBytes frame) {
  if (!is_connected(to)) return false;
  if (cluster.filter && !cluster.filter(index, to.value, *frame)) return true;
  TestNode& receiver = cluster.node(to.value);
  cluster.schedule(kLatencyUs, [&receiver, from = PeerIndex(index), life = receiver.life_, frame] {
    if (life == receiver.life_ && receiver.driver) receiver.driver->on_message(from, frame);
  });
  return true;
}

bool TestNode::is_connected(PeerIndex peer) const {
  return peer.value != index && peer.value < cluster.nodes.size() &&
         cluster.node(peer.value).up() && !cluster.cut.contains({index, peer.value});
}

void TestNode::on_durable(const std::vector<consensus::SafetyRecord>&) {}

void TestNode::check_vote(int kind, chain::View view, chain::Height height, const Hash256& id) {
  const auto [it, fresh] = signed_.try_emplace({kind, view.value, height.value}, id);
  CHECK(it->second == id);
}

void TestNode::on_sent(const consensus::SignedMessage& m, std::optional<chain::MemberId>) {
  if (!consensus::is_signed(m.kind()) || m.sender != *member) return;
  ++votes_sent;
  if (const auto* p = std::get_if<consensus::PrePrepare>(&m.payload)) {
    check_vote(0, p->view, p->header.height,
               chain::retag<Hash256>(chain::block_id(cluster.chain.id(), p->header)));
  } else if (const auto* v = std::get_if<consensus::Prepare>(&m.payload)) {
    check_vote(1, v->view, v->height, chain::retag<Hash256>(v->id));
  } else if (const auto* c = std::get_if<consensus::Commit>(&m.payload)) {
    check_vote(2, c->view, c->height, chain::retag<Hash256>(c->id));
  } else if (const auto* k = std::get_if<consensus::Checkpoint>(&m.payload)) {
    check_vote(3, chain::View(0), k->head.height, k->head.digest());
  }
}

void TestNode::on_executed(const chain::LedgerHead& head, const chain::Block&,
                           const LedgerPort::Bodies& bodies) {
  for (const auto& b : bodies) entries_executed += b->entries.size();
  const auto [it, fresh] = cluster.heads.try_emplace(head.height.value, head.digest(), head.block);
  CHECK(it->second.first == head.digest());
  CHECK(it->second.second == head.block);
}

Cluster::Cluster(std::uint32_t observers) {
  const auto members = static_cast<std::uint32_t>(chain.validators().size());
  for (std::uint32_t i = 0; i < members + observers; ++i) {
    std::optional<chain::MemberId> member;
    if (i < members) member = chain::MemberId(static_cast<std::uint16_t>(i));
    nodes.push_back(std::make_unique<TestNode>(*this, i, member));
  }
}

void Cluster::schedule(std::uint64_t delay_us, Task task) {
  events_.emplace(std::pair(now_us + delay_us, next_event_++), std::move(task));
}

bool Cluster::run_until(const std::function<bool()>& reached, std::uint64_t ms) {
  const std::uint64_t end = now_us + ms * 1000;
  while (!reached()) {
    if (events_.empty() || events_.begin()->first.first > end) {
      now_us = end;
      return false;
    }
    const auto next = events_.begin();
    now_us = next->first.first;
    const Task task = std::move(next->second);
    events_.erase(next);
    task();
  }
  return true;
}

void Cluster::run_for(std::uint64_t ms) {
  (void)run_until([] { return false; }, ms);
}

TestNode& Cluster::primary() {
  for (const auto& n : nodes) {
    if (!n->up() || !n->member) continue;
    const NodeStatus s = n->driver->status();
    if (!s.changing) return node(s.primary.value);
  }
  FAIL("no node is in a view");
  return node(0);
}

bool Cluster::certified_everywhere(std::uint64_t height) const {
  const chain::LedgerHead* first = nullptr;
  for (const auto& n : nodes) {
    if (!n->up()) continue;
    if (n->certified.height.value < height) return false;
    if (first != nullptr && *first != n->certified) return false;
    first = &n->certified;
  }
  return first != nullptr;
}

std::shared_ptr<const ledger::Submission> Cluster::submission(std::uint32_t n) {
  // As clients do: from the later of the clock and the newest head's time (C1).
  std::int64_t now = node(0).now().value;
  for (const auto& each : nodes) now = std::max(now, each->certified.time.value);
  const chain::TimeMs expiry(now + 60'000);
  return chain.submit_at({ledger::test::TestChain::enterprise(n)}, expiry);
}

}  // namespace imi::node::test
