// Nodes that a client asks: the real RPC handlers over a real ledger, on free ports. What they do
// with a submission, truthfully or not, is up to the test.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>  // mkdtemp

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cli/session.h"
#include "ledger/db/mem_store.h"
#include "node/handlers/handlers.h"
#include "node/net/rpc_server.h"
#include "node/real/threads.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::cli::test {

using ledger::test::TestChain;

// What a node answers to `submit`; called on the threads of its RPC server.
using OnSubmit = std::function<node::SubmitResult(const ledger::Submission&)>;

class TestNode final : public node::NodeAccess {
 public:
  TestNode(const TestChain& chain, OnSubmit on_submit = {})
      : db(chain.open(ledger::MemStore::create())), on_submit_(std::move(on_submit)) {
    auto s = node::RpcServer::start({}, handlers_.callbacks());
    REQUIRE(s);
    server_ = std::move(*s);
  }
  ~TestNode() override { stop(); }
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  // From here on no call is answered.
  void stop() {
    if (server_ != nullptr) server_->stop();
  }
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(server_->port());
  }
  // The submissions that it was given, encoded, in order.
  [[nodiscard]] std::vector<Bytes> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }

  void submit(node::SharedBytes bytes, node::WaitFor, std::uint32_t,
              std::function<void(node::SubmitResult)> done) override {
    const auto submission = decode<ledger::Submission>(*bytes);
    const std::lock_guard lock(mutex_);
    received_.push_back(*bytes);
    done(on_submit_(*submission));
  }
  void submit_batch(std::vector<node::SharedBytes>,
                    std::function<void(std::vector<node::SubmitResult>)> done) override {
    done({});
  }
  void submission(const chain::SubmissionId& id,
                  std::function<void(node::SubmissionReport)> done) override {
    node::SubmissionReport r;
    r.id = id;
    done(r);
  }
  [[nodiscard]] node::NodeStatus status() const override { return {}; }
  [[nodiscard]] node::DriverCounters counters() const override { return {}; }
  [[nodiscard]] node::NodeHealth health() const override { return {}; }
  [[nodiscard]] std::vector<node::PeerRow> peers() const override { return {}; }

  std::unique_ptr<ledger::LedgerDb> db;

 private:
  OnSubmit on_submit_;
  mutable std::mutex mutex_;
  std::vector<Bytes> received_;  // guarded by mutex_
  node::SystemClock clock_;
  node::Handlers handlers_{{.node_name = "node", .version = "test"}, *this, *db, clock_};
  std::unique_ptr<node::RpcServer> server_;
};

// A folder of its own with the network's genesis file, and sessions in it.
class ClientWorld {
 public:
  ClientWorld() {
    std::string name = (std::filesystem::temp_directory_path() / "imi-client-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    dir = name;
    const Bytes genesis = ledger::encode_genesis_file(chain.genesis());
    std::ofstream(dir / "genesis.imi", std::ios::binary) << as_text(genesis);
  }
  ~ClientWorld() {
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
  }
  ClientWorld(const ClientWorld&) = delete;
  ClientWorld& operator=(const ClientWorld&) = delete;

  // How far the chain's time is behind this machine's clock: a block made so much later is new.
  [[nodiscard]] static std::int64_t until_now(const ledger::LedgerDb& db) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count() -
           db.applied().time.value;
  }
  chain::LedgerHead add_block(TestNode& node,
                              std::vector<std::shared_ptr<const ledger::Submission>> bodies = {}) {
    const auto head =
        chain.commit(*node.db, bodies, std::max<std::int64_t>(1, until_now(*node.db)));
    chain.certify(*node.db, head);
    return head;
  }

  // Asks these nodes, the first one first.
  [[nodiscard]] std::unique_ptr<Session> session(const std::vector<std::string>& addresses) const {
    auto s = std::make_unique<Session>();
    s->options.quiet = true;
    s->options.dir = dir.string();
    s->options.timeout = "20s";
    for (const std::string& a : addresses) s->options.nodes += a + ",";
    return s;
  }

  TestChain chain{1};
  std::filesystem::path dir;
};

// What a call fails with.
template <class Call>
Failure failure_of(Call call) {
  try {
    call();
  } catch (const Failure& f) {
    return f;
  }
  FAIL("it did not fail");
  return {};
}

}  // namespace imi::cli::test
