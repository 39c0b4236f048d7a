// The RPC's methods over a ledger, as a client meets them.
#include "node/handlers/handlers.h"

#include <doctest/doctest.h>

#include "node/real/threads.h"
#include "tests/unit/ledger/test_chain.h"
#include "tests/unit/net/rpc_net.h"

namespace imi::node {
namespace {

// A node that is never asked.
class NoNode final : public NodeAccess {
 public:
  void submit(SharedBytes, WaitFor, std::uint32_t, std::function<void(SubmitResult)>) override {}
  void submit_batch(std::vector<SharedBytes>,
                    std::function<void(std::vector<SubmitResult>)>) override {}
  void fate(const chain::SubmissionId&, std::function<void(Fate)>) override {}
  [[nodiscard]] NodeStatus status() const override { return {}; }
  [[nodiscard]] DriverCounters counters() const override { return {}; }
  [[nodiscard]] std::vector<PeerRow> peers() const override { return {}; }
};

}  // namespace

TEST_CASE("a page of blocks ends by bytes too, never before its first block") {
  ledger::test::TestChain chain{1};
  const auto db = chain.open(ledger::MemStore::create());
  for (std::uint32_t n = 0; n < 6; ++n) {
    chain.add(*db, {chain.submit({ledger::test::TestChain::enterprise(n)})});
  }
  const std::size_t one = db->block(chain::Height(1))->bodies.at(0).size();
  const auto heights = [&](std::size_t page_bytes, std::string_view target) {
    NoNode node;
    const SystemClock clock;
    Handlers handlers({"node", "1", page_bytes}, node, *db, clock);
    const auto server = RpcServer::start({}, handlers.callbacks());
    REQUIRE(server);
    RawHttp http(cli::NodeAddress{"127.0.0.1", (*server)->port()});
    std::vector<std::int64_t> out;
    const auto answer = http.get(target).json();
    for (const auto& b : answer.as_array()) out.push_back(b.at("height").as_int64());
    return out;
  };
  using Heights = std::vector<std::int64_t>;
  const std::string_view all = "/v1/blocks?from=1";
  CHECK(heights(rpc::kMaxBlocksPageBytes, all) == Heights{1, 2, 3, 4, 5, 6});
  CHECK(heights(2 * one + 1, all) == Heights{1, 2, 3});
  CHECK(heights(1, all) == Heights{1});
  CHECK(heights(2 * one + 1, "/v1/blocks?from=4&limit=2") == Heights{4, 5});
  CHECK(heights(1, "/v1/blocks?from=7").empty());
}

}  // namespace imi::node
