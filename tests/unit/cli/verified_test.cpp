// Proved reads: no node is trusted, and no state older than one seen before is shown.
#include "cli/read/verified.h"

#include "tests/unit/cli/nodes.h"

using namespace imi;             // NOLINT
using namespace imi::cli;        // NOLINT
using namespace imi::cli::test;  // NOLINT

namespace {

// Answers every call with a head and no proof.
std::unique_ptr<node::RpcServer> unproving_node() {
  node::RpcCallbacks callbacks;
  callbacks.handler = [](const node::RpcRequest&, const node::RpcResponder& r) {
    r.raw(R"({"head":{"height":7}})");
  };
  callbacks.readiness = [] { return node::Readiness{true, ""}; };
  callbacks.metrics = [] { return std::string(); };
  auto s = node::RpcServer::start({}, std::move(callbacks));
  REQUIRE(s);
  return std::move(*s);
}

std::uint64_t height_read(Session& s) {
  return read_verified(s, "head", {}, ledger::AskHead{}).answer.head.height.value;
}

}  // namespace

TEST_CASE("a read is what its proof says, and the head is kept for the reads after it") {
  ClientWorld w;
  TestNode node(w.chain);
  const auto head = w.add_block(node);
  auto s = w.session({node.address()});
  const Verified v = read_verified(*s, "head", {}, ledger::AskHead{});
  CHECK(v.answer.head == head);
  CHECK(v.answer.signers.size() == 3);
  CHECK(v.node == node.address());
  CHECK(newest_head(*s) == head);
}

TEST_CASE("that there is nothing is believed with a proof alone") {
  ClientWorld w;
  TestNode node(w.chain);
  w.add_block(node);
  auto s = w.session({node.address()});
  const ledger::EventId none;
  const Verified v =
      read_verified(*s, "event", {{"eid", std::string(64, '0')}}, ledger::AskEvent{none});
  CHECK_FALSE(std::get<ledger::EventAnswer>(v.answer.answer).event);
}

TEST_CASE("a node that gives no proof is passed over, and named where there is no other") {
  ClientWorld w;
  const auto bad = unproving_node();
  const std::string bad_address = "127.0.0.1:" + std::to_string(bad->port());
  TestNode good(w.chain);
  w.add_block(good);
  auto both = w.session({bad_address, good.address()});
  CHECK(read_verified(*both, "head", {}, ledger::AskHead{}).node == good.address());

  auto alone = w.session({bad_address});
  const Failure f = failure_of([&] { height_read(*alone); });
  CHECK(f.exit == ExitCode::kVerificationFailed);
  CHECK(f.name == "no-proof");
  CHECK(f.what.find(bad_address) != std::string::npos);
  bad->stop();
}

TEST_CASE("a node that answers from an older state than one seen before is not believed") {
  ClientWorld w;
  TestNode ahead(w.chain);
  w.add_block(ahead);
  w.add_block(ahead);
  TestNode behind(w.chain);
  w.add_block(behind);
  CHECK(height_read(*w.session({ahead.address()})) == 2);
  // A new process knows it, too; the node that is behind is asked first.
  auto s = w.session({behind.address(), ahead.address()});
  CHECK(read_verified(*s, "head", {}, ledger::AskHead{}).node == ahead.address());
  auto alone = w.session({behind.address()});
  const Failure f = failure_of([&] { height_read(*alone); });
  CHECK(f.exit == ExitCode::kVerificationFailed);
  CHECK(f.name == ledger::name(ledger::ProofError::Reason::kBehindTrusted));
  CHECK(newest_head(*alone)->height.value == 2);
}

TEST_CASE("two heads of one height, each signed by a quorum, are a fork and refused by name") {
  ClientWorld w;
  TestNode one(w.chain);
  const auto first = w.add_block(one);
  TestNode other(w.chain);
  w.add_block(other, {w.chain.submit({TestChain::enterprise(1)})});
  CHECK(height_read(*w.session({one.address()})) == 1);
  auto s = w.session({other.address()});
  const Failure f = failure_of([&] { height_read(*s); });
  CHECK(f.exit == ExitCode::kVerificationFailed);
  CHECK(f.name == ledger::name(ledger::ProofError::Reason::kForked));
  CHECK(newest_head(*s) == first);
}

TEST_CASE("a head older than --max-age is refused, and taken where an older one is asked for") {
  ClientWorld w;
  TestNode node(w.chain);
  const std::int64_t age = ClientWorld::until_now(*node.db) - 120'000;
  w.chain.certify(*node.db, w.chain.commit(*node.db, {}, age));
  auto s = w.session({node.address()});
  const Failure f = failure_of([&] { height_read(*s); });
  CHECK(f.name == ledger::name(ledger::ProofError::Reason::kTooOld));
  auto patient = w.session({node.address()});
  patient->options.max_age = "1h";
  CHECK(height_read(*patient) == 1);
}

TEST_CASE("a damaged file of the newest head is kept under another name, never overwritten") {
  ClientWorld w;
  TestNode node(w.chain);
  w.add_block(node);
  std::ofstream(w.dir / "trusted-head") << "IMIHEAD1 cut short";
  std::string problem;
  CHECK_FALSE(load_head(w.dir / "trusted-head", &problem));
  CHECK(problem.find("trusted-head") != std::string::npos);
  auto s = w.session({node.address()});
  CHECK(height_read(*s) == 1);
  CHECK(std::filesystem::exists(w.dir / "trusted-head.damaged"));
  CHECK(newest_head(*s)->height.value == 1);
}

TEST_CASE("the newest head is not taken for one of another network") {
  ClientWorld w;
  chain::LedgerHead foreign;
  foreign.height = chain::Height(1'000);
  foreign.genesis.bytes[0] = 7;
  REQUIRE(save_head(w.dir / "trusted-head", foreign));
  CHECK(load_head(w.dir / "trusted-head") == foreign);
  TestNode node(w.chain);
  w.add_block(node);
  auto s = w.session({node.address()});
  CHECK_FALSE(newest_head(*s));
  CHECK(height_read(*s) == 1);
  CHECK(newest_head(*s)->height.value == 1);
}

TEST_CASE("without a genesis file nothing is verified, and nothing is shown unless asked for") {
  ClientWorld w;
  std::filesystem::remove(w.dir / "genesis.imi");
  auto s = w.session({"127.0.0.1:1"});
  CHECK(failure_of([&] { (void)must_verify(*s); }).name == "no-genesis");
  s->options.no_verify = true;
  CHECK_FALSE(must_verify(*s));
  // A proof cannot be had of what is not verified.
  CHECK(failure_of([&] { (void)must_verify(*s, {.prove = true, .out = {}}); }).exit ==
        ExitCode::kUsage);
}
