// What a node says of itself, across restarts.
#include <doctest/doctest.h>

#include "consensus/messages.h"
#include "node/wire.h"
#include "tests/unit/node/cluster.h"

namespace imi::node::test {

TEST_CASE("the reason why a validator signs nothing survives a restart") {
  Cluster c;
  for (const auto& n : c.nodes) n->init();
  for (const auto& n : c.nodes) n->start();
  c.run_for(50);
  TestNode& node = c.node(2);
  // Its own key signed what it does not remember: a copy of the key is in use.
  consensus::SignedMessage m;
  m.sender = chain::MemberId(2);
  const consensus::Prepare p{node.driver->status().view, node.driver->status().decided.next(),
                             c.chain.random().fixed<chain::BlockId>()};
  m.payload = p;
  m.signature = c.chain.validators()[2].sign(
      consensus::prepare_digest(c.chain.id(), m.epoch, m.sender, p.view, p.height, p.id));
  node.driver->on_message(PeerIndex(0), make_frame(FrameKind::kConsensus, m));
  REQUIRE(
      c.run_until([&] { return node.driver->status().role == NodeRole::kSilentValidator; }, 2'000));
  const std::string reason = node.driver->status().silent_because;
  CHECK_FALSE(reason.empty());

  for (int restart = 0; restart < 2; ++restart) {
    c.run_for(50);
    node.kill();
    node.files.power_cut();
    node.start();
    CHECK(node.driver->status().role == NodeRole::kSilentValidator);
    CHECK(node.driver->status().silent_because == reason);
  }
}

}  // namespace imi::node::test
