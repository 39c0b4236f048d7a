// RPC methods over a real ledger and a driver that knows nothing: what the ledger alone can tell.
#include "node/handlers/handlers.h"

#include "base/hex.h"
#include "consensus/messages.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/verify.h"
#include "node/real/threads.h"
#include "rpc/methods.h"
#include "rpc/schema.h"
#include "tests/unit/ledger/test_chain.h"
#include "tests/unit/net/rpc_net.h"
#include "tests/unit/node/mem_files.h"

namespace imi::node::test {
namespace {

using ledger::test::TestChain;

constexpr Hash256 kThisNode{{1}};

// The driver has forgotten everything, as after a restart.
class Forgetful final : public NodeAccess {
 public:
  void submit(SharedBytes, WaitFor, std::uint32_t,
              std::function<void(SubmitResult)> done) override {
    done(std::unexpected(refusal));
  }
  void submit_batch(std::vector<SharedBytes>,
                    std::function<void(std::vector<SubmitResult>)> done) override {
    done({});
  }
  void submission(const chain::SubmissionId& id,
                  std::function<void(SubmissionReport)> done) override {
    SubmissionReport f;
    f.id = id;
    done(f);
  }
  [[nodiscard]] NodeStatus status() const override { return {}; }
  [[nodiscard]] DriverCounters counters() const override { return {}; }
  [[nodiscard]] NodeHealth health() const override { return {}; }
  [[nodiscard]] std::vector<PeerRow> peers() const override { return {}; }

  SubmitError refusal = NodeRefusal{NodeRefusal::Reason::kStopping, {}};
};

struct World {
  TestChain chain{1};
  std::unique_ptr<ledger::LedgerDb> db = chain.open(ledger::MemStore::create());
  Forgetful node;
  SystemClock clock;
  MemFiles files;
  std::unique_ptr<EvidenceStore> evidence =
      EvidenceStore::open(files, "evidence", chain.id(), chain.genesis().validators).value();
  Handlers handlers{
      {.node_name = "node-0", .node_id = kThisNode, .version = "test", .evidence = evidence.get()},
      node,
      *db,
      clock};
  std::unique_ptr<RpcServer> server;

  World() {
    auto s = RpcServer::start({}, handlers.callbacks());
    REQUIRE(s);
    server = std::move(*s);
  }
  ~World() { server->stop(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  boost::json::object call(std::string_view method, boost::json::object params) {
    RawHttp http(cli::NodeAddress{"127.0.0.1", server->port()});
    return http.post(call_text(method, std::move(params))).json().as_object();
  }
  boost::json::object result(std::string_view method, boost::json::object params) {
    const boost::json::object answer = call(method, std::move(params));
    REQUIRE(answer.contains("result"));
    CHECK(rpc::result_mismatch(method, answer.at("result")).value_or("") == "");
    return answer.at("result").as_object();
  }
  std::string error(std::string_view method, boost::json::object params) {
    const boost::json::object answer = call(method, std::move(params));
    REQUIRE(answer.contains("error"));
    return std::string(answer.at("error").at("data").at("name").as_string());
  }
  ledger::VerifiedAnswer verified(const boost::json::object& result, ledger::Question question) {
    const auto bytes = from_base64url(std::string(result.at("proof").as_string()));
    REQUIRE(bytes);
    const auto bundle = ledger::decode_proof(*bytes);
    REQUIRE(bundle);
    ledger::VerifyOptions options;
    options.asked = std::move(question);
    auto v = ledger::verify(*bundle, chain.genesis(), options);
    REQUIRE(v);
    return std::move(*v);
  }
};

std::string fate_of(const boost::json::object& o) { return std::string(o.at("fate").as_string()); }

}  // namespace

TEST_CASE("a caller that gives the signed expiry learns that a submission expired, with proof") {
  World w;
  const auto never = w.chain.submit({TestChain::enterprise(1)});  // is never sent
  const chain::TimeMs expiry = never->header.expiry;
  const auto id = ledger::digests(*never)->id;
  const std::string hex = to_hex(id);
  w.chain.add(*w.db, {});
  CHECK(fate_of(w.result("submission", {{"id", hex}, {"expiry_ms", expiry.value}})) == "unknown");

  w.chain.certify(*w.db, w.chain.commit(*w.db, {}, expiry.value - w.db->applied().time.value));
  CHECK(fate_of(w.result("submission", {{"id", hex}})) == "unknown");
  CHECK(fate_of(w.result("submission", {{"id", hex}, {"expiry_ms", expiry.value}})) == "expired");
  const auto proved =
      w.result("submission", {{"id", hex}, {"expiry_ms", expiry.value}, {"prove", true}});
  CHECK(fate_of(proved) == "expired");
  const auto v = w.verified(proved, ledger::AskSubmission{id, expiry});
  CHECK(std::get<ledger::SubmissionAnswer>(v.answer).status == SubmissionStatus::kExpired);

  // Once its record would have been pruned, absence proves nothing.
  w.chain.certify(*w.db, w.chain.commit(*w.db, {}, w.chain.genesis().parameters.grace_ms + 1));
  CHECK(fate_of(w.result("submission", {{"id", hex}, {"expiry_ms", expiry.value}})) ==
        "too-long-ago");
}

TEST_CASE("an entry's place in the log can be proved long after its fate was pruned") {
  World w;
  const auto s = w.chain.submit({TestChain::enterprise(1), TestChain::enterprise(2)});
  const auto id = ledger::digests(*s)->id;
  const chain::LedgerHead head = w.chain.add(*w.db, {s});
  const boost::json::object plain{{"id", to_hex(id)}, {"index", 1}};
  boost::json::object placed = plain;
  placed["height"] = head.height.value;
  const ledger::AskEntry ask{id, 1, head.height};
  CHECK(std::get<ledger::EntryAnswer>(w.verified(w.result("log_proof", plain), ask).answer)
            .log_index == 1);

  const auto& p = w.chain.genesis().parameters;
  w.chain.commit(*w.db, {}, std::int64_t{p.max_expiry_ms} + p.grace_ms + 1);
  w.chain.add(*w.db, {});
  CHECK(w.error("log_proof", plain) == "not-found");
  CHECK(std::get<ledger::EntryAnswer>(w.verified(w.result("log_proof", placed), ask).answer)
            .log_index == 1);
  placed["height"] = head.height.value + 1;
  CHECK(w.error("log_proof", placed) == "not-found");
}

TEST_CASE("a submission that the state contradicts is refused by name") {
  World w;
  const auto told = [&](ledger::RefusalCode code, std::optional<std::uint32_t> entry) {
    w.node.refusal = ledger::EarlyRefusal{{code}, entry};
    return w.error("submit", {{"submission", "AQID"}});
  };
  using R = ledger::RefusalCode;
  CHECK(told(R::kNoSuchAuthor, {}) == "unknown-author");
  CHECK(told(R::kKeyNotAuthorised, {}) == "key-not-authorised");
  CHECK(told(R::kAuthorSuspended, {}) == "author-suspended");
  CHECK(told(R::kPlaintextForPerson, 3) == "entry-invalid");
}

TEST_CASE("a submission's fate tells nobody the ids of persons and of their events") {
  World w;
  const auto key = crypto::SecretKey::generate(w.chain.random());
  const ledger::SubjectPerson person = w.chain.person(key);
  const auto s = w.chain.submit({TestChain::enterprise(1), person});
  w.chain.add(*w.db, {s});
  for (const bool prove : {false, true}) {
    const auto fate =
        w.result("submission", {{"id", to_hex(ledger::digests(*s)->id)}, {"prove", prove}});
    const auto& outcomes = fate.at("outcomes").as_array();
    REQUIRE(outcomes.size() == 2);
    CHECK(outcomes[0].as_object().contains("id"));
    CHECK(outcomes[1].at("ok") == true);
    CHECK_FALSE(outcomes[1].as_object().contains("id"));
    CHECK(rpc::to_text(fate).find(to_hex(person.id)) == std::string::npos);
  }
}

TEST_CASE("a signed query is answered once, by the node that it names, and by no other") {
  World w;
  const auto key = crypto::SecretKey::generate(w.chain.random());
  const ledger::SubjectPerson person = w.chain.person(key);
  w.chain.add(*w.db, {w.chain.submit({person})});
  const chain::TimeMs start = w.clock.now();
  const auto query_for = [&](const Hash256& node, std::optional<chain::TimeMs> at = {}) {
    const ledger::SignedQueryBody body{{},
                                       {person.id, {}},
                                       w.chain.random().fixed<ledger::Nonce>(),
                                       at.value_or(w.clock.now()),
                                       node};
    return boost::json::object{
        {"query", to_base64url(encode(ledger::sign_query(w.chain.id(), body, key)))}};
  };
  const std::string id(w.result("status", {}).at("id").as_string());
  CHECK(id == to_hex(kThisNode));
  const auto told = fixed_from_hex<Hash256>(id);
  REQUIRE(told);
  const auto query = query_for(*told);
  CHECK(w.result("person", query).contains("person"));
  CHECK(w.error("person", query) == "query-expired");
  CHECK(w.result("person", query_for(*told)).contains("person"));
  CHECK(w.error("person", query_for(Hash256{{2}})) == "wrong-audience");
  CHECK(w.error("person", query_for(Hash256{})) == "wrong-audience");

  // The process before this one may have answered what was signed while it ran.
  const chain::TimeMs earlier(start.value - ledger::kQueryWindowMs / 2);
  CHECK(w.error("person", query_for(*told, earlier)) == "query-expired");
}

TEST_CASE("evidence is shown in pages as it was signed, and counted in the status") {
  World w;
  CHECK(w.result("status", {}).at("evidence") == 0);
  CHECK(w.result("evidence", {}).at("pairs").as_array().empty());
  const auto vote = [&](std::uint16_t member) {
    consensus::SignedMessage m;
    m.sender = chain::MemberId(member);
    const consensus::Prepare p{chain::View(0), chain::Height(1),
                               w.chain.random().fixed<chain::BlockId>()};
    m.payload = p;
    m.signature = w.chain.validators()[member].sign(
        consensus::prepare_digest(w.chain.id(), m.epoch, m.sender, p.view, p.height, p.id));
    return std::make_shared<const consensus::SignedMessage>(std::move(m));
  };
  std::vector<EvidencePair> pairs;
  for (const std::uint16_t member : {std::uint16_t{1}, std::uint16_t{3}}) {
    pairs.push_back(make_evidence(
        w.chain.id(),
        {consensus::MessageKind::kPrepare, chain::MemberId(member), vote(member), vote(member)}));
    REQUIRE(w.evidence->keep(pairs.back()).value());
  }
  CHECK(w.result("status", {}).at("evidence") == 2);
  const auto page = w.result("evidence", {{"from", 1}, {"limit", 3}});
  CHECK(page.at("total") == 2);
  REQUIRE(page.at("pairs").as_array().size() == 1);
  const auto& shown = page.at("pairs").as_array()[0].as_object();
  CHECK(shown.at("name") == "v3");
  CHECK(shown.at("kind") == "PREPARE");
  CHECK(shown.at("first") == boost::json::value(to_base64url(pairs[1].first)));
  CHECK(shown.at("second") == boost::json::value(to_base64url(pairs[1].second)));
}

TEST_CASE("a page of blocks ends by bytes too, never before its first block") {
  ledger::test::TestChain chain{1};
  const auto db = chain.open(ledger::MemStore::create());
  for (std::uint32_t n = 0; n < 6; ++n) {
    chain.add(*db, {chain.submit({ledger::test::TestChain::enterprise(n)})});
  }
  const std::size_t one = db->block(chain::Height(1))->bodies.at(0).size();
  const auto heights = [&](std::size_t page_bytes, std::string_view target) {
    Forgetful node;
    const SystemClock clock;
    Handlers handlers({.node_name = "node", .version = "1", .blocks_page_bytes = page_bytes}, node,
                      *db, clock);
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

}  // namespace imi::node::test
