// Four nodes with real threads, TLS connections over loopback and safety logs on a real disk, in
// one process: what the simulator leaves out. Run under ThreadSanitizer in CI (label node).
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <latch>

#include "node/driver.h"
#include "node/real/peer_network.h"
#include "node/real/posix_files.h"
#include "node/real/threads.h"
#include "node/startup.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::node::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "imi-node-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path path;
};

struct Network {
  ledger::test::TestChain chain{1};
  TempFolder folder;
  std::vector<TlsIdentity> identities;
  std::vector<PeerInfo> peers;

  Network() {
    for (int i = 0; i < 4; ++i) {
      auto identity = generate_tls_identity("v" + std::to_string(i));
      REQUIRE(identity);
      peers.push_back({"v" + std::to_string(i), identity->pin, {}, true});
      identities.push_back(std::move(*identity));
    }
  }
  // Valid by the machine's clock, which the drivers use.
  [[nodiscard]] std::shared_ptr<const Bytes> submission(std::uint32_t n) {
    const chain::TimeMs expiry(SystemClock().now().value + 120'000);
    return std::make_shared<const Bytes>(
        encode(*chain.submit_at({ledger::test::TestChain::enterprise(n)}, expiry)));
  }
};

class RealNode {
 public:
  RealNode(Network& network, std::uint32_t index)
      : db_(network.chain.open(ledger::MemStore::create())), port_(*db_) {
    const crypto::SecretKey& key = network.chain.validators()[index];
    const std::string safety = (network.folder.path / std::to_string(index)).string();
    const WalHeader header{kWalFormat, network.chain.id(), key.public_key()};
    REQUIRE(init_safety(disk_, safety, header, crypto::system_random(), false));
    auto opened = open_safety(disk_, safety, header, crypto::system_random());
    REQUIRE(opened);
    wal_ = std::move(opened->wal);
    DriverOptions o;
    o.parameters = network.chain.genesis().parameters;
    o.consensus = consensus_config(network.chain.id(), o.parameters);
    o.set = network.chain.genesis().validators;
    o.peers = 4;
    o.me = chain::MemberId(static_cast<std::uint16_t>(index));
    o.key = key.clone();
    const Ports ports{loop_,       clock_, peers_,     verify_,     executor_,
                      log_writer_, port_,  wal_.get(), signatures_, crypto::system_random()};
    auto started = Driver::start(std::move(o), ports);
    REQUIRE(started);
    driver_ = std::move(*started);
    peers_.attach(*driver_);
    PeerTransportOptions t;
    t.identity = network.identities[index];
    t.genesis_id = chain::retag<Hash256>(network.chain.id());
    t.peers = network.peers;
    REQUIRE(peers_.start(std::move(t)));
    network.peers[index].address = "127.0.0.1:" + std::to_string(peers_.port());
    thread_ = std::thread([this] { loop_.run(milliseconds(10), [this] { driver_->tick(); }); });
  }
  ~RealNode() { stop(); }
  RealNode(const RealNode&) = delete;
  RealNode& operator=(const RealNode&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    peers_.stop();
    loop_.stop();
    thread_.join();
    driver_->stop();
    for (ThreadWorker* w : {&verify_, &log_writer_, &executor_}) w->stop();
  }
  void submit(std::shared_ptr<const Bytes> bytes, WaitFor wait,
              std::function<void(SubmitResult)> done) {
    loop_.post([this, bytes = std::move(bytes), wait, done = std::move(done)] {
      driver_->submit(bytes, wait, 30'000, done);
    });
  }
  [[nodiscard]] NodeStatus status() {
    std::promise<NodeStatus> promise;
    loop_.post([&] { promise.set_value(driver_->status()); });
    return promise.get_future().get();
  }
  [[nodiscard]] SubmitResult submit_and_wait(std::shared_ptr<const Bytes> bytes) {
    auto promise = std::make_shared<std::promise<SubmitResult>>();
    submit(std::move(bytes), WaitFor::kCertified,
           [promise](SubmitResult r) { promise->set_value(std::move(r)); });
    return promise->get_future().get();
  }
  [[nodiscard]] chain::LedgerHead certified() const { return db_->certified(); }

 private:
  PosixFileSystem disk_;
  SystemClock clock_;
  ThreadLoop loop_;
  SharedSignatureCache signatures_;
  std::unique_ptr<ledger::LedgerDb> db_;
  LedgerDbPort port_;
  std::unique_ptr<Wal> wal_;
  ThreadWorker verify_{loop_, 2, "verify"};
  ThreadWorker executor_{loop_, 1, "executor"};
  ThreadWorker log_writer_{loop_, 1, "safety-log"};
  TransportNetwork peers_{loop_};
  std::unique_ptr<Driver> driver_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("four nodes with threads, TLS and disks commit, lose their primary, and commit on") {
  Network network;
  std::vector<std::unique_ptr<RealNode>> nodes;
  for (std::uint32_t i = 0; i < 4; ++i) {
    nodes.push_back(std::make_unique<RealNode>(network, i));
  }
  // Each connection is dialled by the later one, which knows the earlier one's port.
  std::vector<std::int64_t> latencies_us;
  for (std::uint32_t n = 0; n < 40; ++n) {
    const auto bytes = network.submission(n);
    const auto began = std::chrono::steady_clock::now();
    const SubmitResult r = nodes[n % 4]->submit_and_wait(bytes);
    REQUIRE(r);
    CHECK(r->certified);
    latencies_us.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::steady_clock::now() - began)
                               .count());
  }
  std::sort(latencies_us.begin(), latencies_us.end());
  MESSAGE("one entry, idle, certified: p50 " << latencies_us[20] << " us, max "
                                             << latencies_us.back() << " us");

  constexpr std::uint32_t kMany = 400;
  std::vector<std::shared_ptr<const Bytes>> many;
  for (std::uint32_t n = 0; n < kMany; ++n) many.push_back(network.submission(1000 + n));
  std::latch all(kMany);
  std::atomic<std::uint32_t> committed = 0;
  for (std::uint32_t n = 0; n < kMany; ++n) {
    nodes[n % 4]->submit(many[n], WaitFor::kCertified, [&](const SubmitResult& r) {
      if (r) ++committed;
      all.count_down();
    });
  }
  all.wait();
  CHECK(committed == kMany);

  const std::uint32_t primary = nodes[0]->status().primary.value;
  nodes[primary]->stop();
  const std::uint32_t via = (primary + 1) % 4;
  for (std::uint32_t n = 0; n < 3; ++n) {
    CHECK(nodes[via]->submit_and_wait(network.submission(5000 + n)));
  }
  const auto head = nodes[via]->certified();
  CHECK(head.log_size >= 40 + kMany + 3);
  for (const auto& n : nodes) n->stop();
}

}  // namespace imi::node::test
