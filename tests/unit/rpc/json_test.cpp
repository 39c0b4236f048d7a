#include "rpc/json.h"

#include <doctest/doctest.h>

#include <string>

using namespace imi::rpc;

namespace {

Error refused(std::string_view text, const JsonLimits& limits = {}) {
  const auto v = parse_json(text, limits);
  REQUIRE_FALSE(v);
  return v.error().error;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

const Call& only_call(const RequestBody& body) {
  REQUIRE(body.calls.size() == 1);
  return std::get<Call>(body.calls[0]);
}

const BadCall& only_bad(const RequestBody& body) {
  REQUIRE(body.calls.size() == 1);
  return std::get<BadCall>(body.calls[0]);
}

}  // namespace

TEST_CASE("JSON is read and written back") {
  const auto v = parse_json(R"( {"a": [1, -2, 2.5, true, null, "\u00e9\n"], "b": {}} )");
  REQUIRE(v);
  CHECK(to_text(*v) == "{\"a\":[1,-2,2.5E0,true,null,\"\u00e9\\n\"],\"b\":{}}");
  CHECK(parse_json(pretty(*v)) == *v);
}

TEST_CASE("integers of 64 bits are exact and larger ones are refused") {
  CHECK(parse_json("9223372036854775807")->as_int64() == INT64_MAX);
  CHECK(parse_json("-9223372036854775808")->as_int64() == INT64_MIN);
  CHECK(parse_json("18446744073709551615")->as_uint64() == UINT64_MAX);
  CHECK(refused("18446744073709551616") == Error::kBadNumber);
  CHECK(refused("-9223372036854775809") == Error::kBadNumber);
  CHECK(refused("{\"id\":" + std::string(400, '9') + "}") == Error::kBadNumber);
  CHECK(refused("1e400") == Error::kBadNumber);
  CHECK(refused("-1e999999999") == Error::kBadNumber);
  CHECK(refused("0." + std::string(100'000, '1')) == Error::kBadNumber);
}

TEST_CASE("what is not JSON is refused") {
  for (const char* text :
       {"",          "  ",    "{",        "[1,]",     "{\"a\":1,}",  "NaN",       "Infinity",
        "-Infinity", "[NaN]", "01",       "+1",       ".5",          "'a'",       "{a:1}",
        "1 2",       "{} x",  "\"\x01\"", "\"\xff\"", "\"\\ud800\"", "/* c */ 1", "nul"}) {
    CAPTURE(text);
    CHECK(refused(text) == Error::kParse);
  }
}

TEST_CASE(
    "a key that appears twice in one object is refused, also when it is written differently") {
  CHECK(refused(R"({"a":1,"a":1})") == Error::kDuplicateKey);
  CHECK(refused(R"({"a":1,"\u0061":2})") == Error::kDuplicateKey);
  CHECK(refused(R"([{"x":{"method":1,"b":2,"method":3}}])") == Error::kDuplicateKey);
  CHECK(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
  const auto e = parse_json(R"({"left":1,"right":{"up":1,"up":2}})");
  REQUIRE_FALSE(e);
  CHECK(e.error().data.at("key") == "up");
}

TEST_CASE("depth, size, number of values and length of keys are bounded") {
  CHECK(parse_json(nested(32)));
  CHECK(refused(nested(33)) == Error::kTooDeep);
  CHECK(refused(nested(1'000'000)) == Error::kTooDeep);
  CHECK(refused(std::string(100, ' '), {.max_bytes = 99}) == Error::kTooLarge);
  CHECK(parse_json("[1,2,3]", {.max_values = 4}));
  CHECK(refused("[1,2,3]", {.max_values = 3}) == Error::kTooLarge);
  CHECK(refused("{\"" + std::string(300, 'k') + "\":1}") == Error::kTooLarge);
}

TEST_CASE("a call is read with every form of id") {
  const auto a =
      parse_request(R"({"jsonrpc":"2.0","id":7,"method":"head","params":{"prove":true}})");
  REQUIRE(a);
  CHECK_FALSE(a->is_batch);
  CHECK(only_call(*a).id == Id(std::int64_t{7}));
  CHECK(only_call(*a).method == "head");
  CHECK(only_call(*a).params.at("prove") == true);
  const auto b = parse_request(R"({"jsonrpc":"2.0","id":"x","method":"head","params":[true]})");
  CHECK(only_call(*b).id == Id(std::string("x")));
  const auto c = parse_request(R"({"jsonrpc":"2.0","id":null,"method":"head"})");
  CHECK(only_call(*c).id == Id(nullptr));
  CHECK_FALSE(only_call(*c).is_notification());
  const auto d = parse_request(R"({"jsonrpc":"2.0","method":"head"})");
  CHECK(only_call(*d).is_notification());
}

TEST_CASE("a malformed call is answered with its id where that can be read") {
  for (const char* text :
       {R"({"id":3,"method":"head"})", R"({"jsonrpc":"1.0","id":3,"method":"head"})",
        R"({"jsonrpc":"2.0","id":3})", R"({"jsonrpc":"2.0","id":3,"method":5})",
        R"({"jsonrpc":"2.0","id":3,"method":"head","params":1})",
        R"({"jsonrpc":"2.0","id":3,"method":"head","params":"prove"})"}) {
    CAPTURE(text);
    const auto r = parse_request(text);
    REQUIRE(r);
    CHECK(only_bad(*r).error.error == Error::kInvalidRequest);
    CHECK(only_bad(*r).id == Id(std::int64_t{3}));
  }
  for (const char* text : {R"(5)", R"({"jsonrpc":"2.0","id":true,"method":"head"})",
                           R"({"jsonrpc":"2.0","id":{},"method":"head"})",
                           R"({"jsonrpc":"2.0","id":[7],"method":"head"})",
                           R"({"jsonrpc":"2.0","id":{"id":7},"method":"head"})"}) {
    CAPTURE(text);
    const auto r = parse_request(text);
    REQUIRE(r);
    CHECK(only_bad(*r).error.error == Error::kInvalidRequest);
    CHECK(only_bad(*r).id == Id(nullptr));
  }
  const std::string long_id(kMaxIdBytes + 1, 'i');
  const auto r = parse_request(R"({"jsonrpc":"2.0","id":")" + long_id + R"(","method":"head"})");
  CHECK(only_bad(*r).error.error == Error::kInvalidRequest);
}

TEST_CASE("any legal id is echoed as it was written") {
  for (const std::string id :
       {"0", "7", "-1", "-0", "1.5", "1.0", "1e2", "-2.5E-3", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0",
        "null", "\"\"", "\"x\"", "\"a\\\"b\"", "\"\u00e9\"", "\"1.5\""}) {
    CAPTURE(id);
    const std::string call = R"({"jsonrpc":"2.0","method":"head","id":)" + id + "}";
    const std::string answer = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":1})";
    const auto one = parse_request(call);
    REQUIRE(one);
    CHECK(response_text(only_call(*one).id, Result(RawJson{"1"})) == answer);
    const auto batch = parse_request("[" + call + "," + call + "]");
    REQUIRE(batch);
    for (const auto& c : batch->calls) {
      CHECK(response_text(std::get<Call>(c).id, Result(RawJson{"1"})) == answer);
    }
  }
  const std::string long_id(1000, 'i');
  const auto r = parse_request(R"({"jsonrpc":"2.0","id":")" + long_id + R"(","method":"head"})");
  CHECK(only_call(*r).id == Id(long_id));
}

TEST_CASE("numbers that are not a call's id stay bounded") {
  const std::string huge = "18446744073709551616";
  for (const std::string& text :
       {R"({"jsonrpc":"2.0","id":1,"method":"head","params":{"id":)" + huge + "}}",
        R"({"jsonrpc":"2.0","id":1,"method":"head","params":[{"id":)" + huge + "}]}",
        R"([{"jsonrpc":"2.0","id":1,"method":"head","params":{"id":)" + huge + "}}]",
        R"({"jsonrpc":"2.0","method":)" + huge + R"(,"id":1})", "[" + huge + "]"}) {
    CAPTURE(text);
    const auto r = parse_request(text);
    REQUIRE_FALSE(r);
    CHECK(r.error().error == Error::kBadNumber);
  }
  CHECK(refused(R"({"id":)" + huge + "}") == Error::kBadNumber);
}

TEST_CASE("params that are null count as absent, and extra members are ignored") {
  const auto none = parse_request(R"({"jsonrpc":"2.0","id":1,"method":"head","params":null})");
  CHECK(only_call(*none).params.is_null());
  const auto traced = parse_request(
      R"({"jsonrpc":"2.0","id":1,"method":"head","traceparent":"00-0af7-b7ad-01","x":{"id":9}})");
  CHECK(only_call(*traced).id == Id(std::int64_t{1}));
}

TEST_CASE("a byte order mark in front of JSON is ignored, and only there") {
  CHECK(parse_json("\xEF\xBB\xBF{\"a\":1}")->at("a") == 1);
  CHECK(refused("\xEF\xBB\xBF\xEF\xBB\xBF{}") == Error::kParse);
  CHECK(refused("{}\xEF\xBB\xBF") == Error::kParse);
  CHECK(refused("\xEF\xBB\xBF") == Error::kParse);
}

TEST_CASE("a batch has 1 to 64 calls and bad ones among them are answered alone") {
  const auto r = parse_request(R"([{"jsonrpc":"2.0","id":1,"method":"head"},7])");
  REQUIRE(r);
  CHECK(r->is_batch);
  REQUIRE(r->calls.size() == 2);
  CHECK(std::holds_alternative<Call>(r->calls[0]));
  CHECK(std::holds_alternative<BadCall>(r->calls[1]));
  const auto empty = parse_request("[]");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().error == Error::kInvalidRequest);
  std::string text = "[1";
  for (std::size_t i = 1; i < kMaxBatch; ++i) text += ",1";
  CHECK(parse_request(text + "]"));
  const auto long_batch = parse_request(text + ",1]");
  REQUIRE_FALSE(long_batch);
  CHECK(long_batch.error().error == Error::kBatchTooLong);
}

TEST_CASE("responses are written as JSON-RPC and as REST") {
  const Outcome ok = Result(json::value{{"height", 3}});
  CHECK(response_text(Id(std::int64_t{1}), ok) ==
        R"({"jsonrpc":"2.0","id":1,"result":{"height":3}})");
  CHECK(response_text(Id(std::string("a\"b")), ok) ==
        R"({"jsonrpc":"2.0","id":"a\"b","result":{"height":3}})");
  CHECK(response_text(Id(nullptr), Result(RawJson{"[1]"})) ==
        R"({"jsonrpc":"2.0","id":null,"result":[1]})");
  CHECK(rest_text(ok) == R"({"height":3})");
  const Outcome bad = std::unexpected(make_error(Error::kPurposeRequired));
  CHECK(parse_json(rest_text(bad))->at("error").at("code") == 2003);
  CHECK(notification_text("subscription", Result(RawJson{"{}"})) ==
        R"({"jsonrpc":"2.0","method":"subscription","params":{}})");
}

TEST_CASE("long results are written whole") {
  json::array a;
  for (int i = 0; i < 20'000; ++i) a.emplace_back("text number " + std::to_string(i));
  const json::value v(a);
  const auto r = parse_response(response_text(Id(std::int64_t{1}), Result(v)));
  REQUIRE(r);
  REQUIRE(r->outcome);
  CHECK(*r->outcome == v);
}

TEST_CASE("a client refuses answers that are not JSON-RPC") {
  for (const char* text :
       {"", "<html>", "[]", "{}", R"({"jsonrpc":"2.0","id":1})", R"({"id":1,"result":1})",
        R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}})",
        R"({"jsonrpc":"2.0","id":1,"error":"no"})"}) {
    CAPTURE(text);
    const auto r = parse_response(text);
    REQUIRE_FALSE(r);
    CHECK(r.error().error == Error::kBadResponse);
  }
  const auto batch = parse_batch_response(R"([{"jsonrpc":"2.0","id":1,"result":5}])");
  REQUIRE(batch);
  CHECK(batch->at(0).outcome.value() == 5);
  const auto whole = parse_batch_response(response_text(
      Id(nullptr), std::unexpected(make_error(Error::kRateLimited, {{"retry_after_ms", 5}}))));
  REQUIRE_FALSE(whole);
  CHECK(whole.error().error == Error::kRateLimited);
}

TEST_CASE("a request text is what parse_request reads") {
  const auto r = parse_request(request_text(Id(std::int64_t{9}), "event", {{"eid", "ab"}}));
  REQUIRE(r);
  CHECK(only_call(*r).method == "event");
  CHECK(only_call(*r).params.at("eid") == "ab");
  CHECK(request_text(Id(NoId{}), "status", nullptr) == R"({"jsonrpc":"2.0","method":"status"})");
}
