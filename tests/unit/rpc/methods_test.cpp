#include "rpc/methods.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "rpc/schema.h"

using namespace imi::rpc;

namespace {

const std::string kHash(64, 'a');

const MethodSpec& method(std::string_view name) {
  const MethodSpec* m = find_method(name);
  REQUIRE(m != nullptr);
  return *m;
}

std::string why(std::string_view name, json::value params) {
  const auto r = bind_params(method(name), std::move(params));
  REQUIRE_FALSE(r);
  CHECK(r.error().error == Error::kInvalidParams);
  return r.error().message;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every method of the interface is declared") {
  std::set<std::string_view> names;
  for (const MethodSpec& m : methods()) CHECK(names.insert(m.name).second);
  for (const char* name :
       {"submit",    "submit_batch", "submission", "enterprise", "person",  "attestation",
        "event",     "agency",       "agencies",   "block",      "blocks",  "head",
        "log_proof", "status",       "validators", "genesis",    "catalog", "peers",
        "evidence",  "rpc.discover", "subscribe",  "unsubscribe"}) {
    CAPTURE(name);
    CHECK(names.contains(name));
  }
  CHECK(find_method("no_such_method") == nullptr);
}

TEST_CASE("every method's example fits its own parameters and result schema") {
  for (const MethodSpec& m : methods()) {
    CAPTURE(m.name);
    const auto params = parse_json(m.example_params);
    REQUIRE(params);
    CHECK(bind_params(m, *params));
    const auto result = parse_json(m.example_result);
    REQUIRE(result);
    CHECK(result_mismatch(m.name, *result).value_or("") == "");
  }
}

TEST_CASE("parameters are bound by name and by position") {
  const auto named = bind_params(method("event"), json::object{{"eid", kHash}, {"prove", true}});
  const auto placed = bind_params(method("event"), json::array{kHash, true});
  REQUIRE(named);
  REQUIRE(placed);
  CHECK(*named == *placed);
  const auto gap = bind_params(method("log_proof"), json::array{nullptr, 1, 2});
  REQUIRE(gap);
  CHECK_FALSE(gap->contains("id"));
  CHECK(gap->at("from") == 2);
  CHECK(bind_params(method("status"), nullptr)->empty());
}

TEST_CASE("a parameter that is null counts as absent, and 7.0 as 7") {
  const auto some = bind_params(method("blocks"), json::object{{"from", 7.0}, {"limit", nullptr}});
  REQUIRE(some);
  CHECK(*some == json::object{{"from", 7}});
  CHECK(bind_params(method("event"), json::object{{"eid", kHash}, {"prove", nullptr}}));
  CHECK(says(why("event", json::object{{"eid", nullptr}}), "is missing"));
  CHECK(says(why("event", json::array{nullptr}), "is missing"));
  CHECK(says(why("blocks", json::object{{"from", 1e300}}), "an integer"));
}

TEST_CASE("wrong parameters are refused with the parameter's name and what was expected") {
  CHECK(says(why("event", nullptr), "eid"));
  CHECK(says(why("event", json::object{{"eid", "xyz"}}), "64 hexadecimal"));
  CHECK(says(why("event", json::object{{"eid", 5}}), "a string"));
  CHECK(says(why("event", json::object{{"eid", kHash}, {"proof", true}}), "no such parameter"));
  CHECK(says(why("event", json::object{{"eid", kHash}, {"prove", "yes"}}), "true or false"));
  CHECK(says(why("event", json::array{kHash, true, 3}), "only 2"));
  CHECK(says(why("enterprise", json::object{{"uscc", "91350100M000100Y43"}, {"events", true}}),
             "no such parameter"));  // they always come
  CHECK(says(why("blocks", json::object{{"from", 1}, {"limit", 101}}), "1 to 100"));
  CHECK(says(why("blocks", json::object{{"from", -1}}), "0 to"));
  CHECK(says(why("blocks", json::object{{"from", 1.5}}), "an integer"));
  CHECK(says(why("blocks", json::object{{"from", UINT64_MAX}}), "0 to"));
  CHECK(says(why("submit", json::object{{"submission", "AQ=="}}), "base64url"));
  CHECK(says(why("submit", json::object{{"submission", ""}}), "at least 1"));
  CHECK(says(why("submit", json::object{{"submission", "AQID"}, {"wait", "soon"}}), "certified"));
  CHECK(says(why("submit_batch", json::object{{"submissions", json::array{}}}), "at least 1"));
  CHECK(says(why("submit_batch", json::object{{"submissions", json::array{"AQID", 1}}}),
             "element 1"));
  CHECK(says(why("status", json::value(5)), "object or an array"));
}

TEST_CASE("a submission of 4 MiB in base64url fits") {
  const std::string text((4u << 20) / 3 * 4 + 2, 'A');
  CHECK(bind_params(method("submit"), json::object{{"submission", text}}));
}

TEST_CASE("GET targets are bound to the methods they stand for") {
  const auto head = bind_rest("/v1/head?prove=true");
  REQUIRE(head);
  CHECK(head->method->name == "head");
  CHECK(head->params.at("prove") == true);
  const auto block = bind_rest("/v1/blocks/7");
  REQUIRE(block);
  CHECK(block->method->name == "block");
  CHECK(block->params.at("height") == 7);
  const auto blocks = bind_rest("/v1/blocks?from=3&limit=2");
  REQUIRE(blocks);
  CHECK(blocks->method->name == "blocks");
  const auto firm = bind_rest("/v1/enterprises/91350100M000100Y43?kind=food%2Ehygiene&prove=1");
  REQUIRE(firm);
  CHECK(firm->params.at("kind") == "food.hygiene");
  CHECK(firm->params.at("prove") == true);
  CHECK(firm->params.at("uscc") == "91350100M000100Y43");
  CHECK(bind_rest("/v1/submissions/" + kHash));
  CHECK(bind_rest("/v1/attestations/" + kHash + "?prove=false"));
}

TEST_CASE("GET targets that match nothing are refused by name") {
  const auto error = [](std::string_view target) {
    const auto r = bind_rest(target);
    REQUIRE_FALSE(r);
    return r.error().error;
  };
  CHECK(error("/") == Error::kMethodNotFound);
  CHECK(error("/v1/nothing") == Error::kMethodNotFound);
  CHECK(error("/v1/blocks/") == Error::kMethodNotFound);
  CHECK(error("/v1/blocks/7/8") == Error::kMethodNotFound);
  CHECK(error("/v1/blocks/seven") == Error::kInvalidParams);
  CHECK(error("/v1/blocks/%") == Error::kInvalidParams);
  CHECK(error("/v1/head?proof=true") == Error::kInvalidParams);
  CHECK(error("/v1/head?prove=maybe") == Error::kInvalidParams);
  CHECK(error("/v1/head?prove=true&prove=false") == Error::kDuplicateKey);
  CHECK(error("/v1/blocks/7?height=8") == Error::kDuplicateKey);
  CHECK(error("/v1/events/abc") == Error::kInvalidParams);
}

TEST_CASE("the OpenRPC document describes every method and every error") {
  const auto doc = parse_json(openrpc_text());
  REQUIRE(doc);
  CHECK(doc->at("openrpc").as_string().starts_with("1."));
  CHECK(doc->at("methods").as_array().size() == methods().size());
  CHECK(doc->at("components").at("errors").as_object().size() == error_table().size());
  for (const auto& m : doc->at("methods").as_array()) {
    CAPTURE(m.at("name").as_string());
    for (const auto& e : m.at("errors").as_array()) {
      const std::string_view ref = e.at("$ref").as_string();
      const std::string_view name = ref.substr(ref.rfind('/') + 1);
      CHECK(doc->at("components").at("errors").as_object().contains(name));
    }
    for (const auto& p : m.at("params").as_array()) CHECK(p.at("schema").is_object());
  }
  CHECK(result_mismatch("rpc.discover", *doc).value_or("") == "");
  CHECK(openrpc_text() == openrpc_text());
}

TEST_CASE("the schema check finds what does not fit and where") {
  const auto mismatch = [](std::string_view name, std::string_view text) {
    const auto v = parse_json(text);
    REQUIRE(v);
    return result_mismatch(name, *v).value_or("fits");
  };
  CHECK(says(mismatch("submission", R"({"fate": "pending"})"), "lacks id"));
  CHECK(says(mismatch("submission", R"({"id": "00", "fate": "pending"})"), "$.id"));
  CHECK(says(mismatch("submission", "[]"), "expected \"object\""));
  CHECK(says(mismatch("submission", R"({"id": ")" + kHash + R"(", "fate": "lost"})"), "$.fate"));
  CHECK(says(mismatch("peers", R"([{"name": "a", "connected": true}, {"name": "b"}])"), "$[1]"));
  CHECK(says(mismatch("block", R"({"height": -1, "id": ")" + kHash +
                                   R"(", "time_ms": 1, "submissions": []})"),
             "too small"));
  CHECK(says(mismatch("submit_batch", R"([{"error": {"code": 1}}])"), "oneOf"));
  CHECK(says(mismatch("no_such", "1"), "no method"));
}
