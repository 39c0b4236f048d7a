#include "rpc/errors.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "rpc/json.h"

using namespace imi::rpc;

TEST_CASE("every error has a code, a name and a sentence of its own") {
  std::set<std::int32_t> codes;
  std::set<std::string_view> names;
  for (const ErrorSpec& e : error_table()) {
    CAPTURE(e.name);
    CHECK(codes.insert(e.code()).second);
    CHECK(names.insert(e.name).second);
    CHECK(e.sentence.size() > 20);
    CHECK(e.http_status >= 400);
    CHECK(e.http_status < 600);
    CHECK(e.exit_code != ExitCode::kOk);
    CHECK(e.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
    CHECK(error_from_code(e.code()) == e.error);
    CHECK(error_from_name(e.name) == e.error);
    CHECK(&spec(e.error) == &e);
  }
}

TEST_CASE("codes and exit codes that programs rely on stay as they are") {
  CHECK(spec(Error::kParse).code() == -32700);
  CHECK(spec(Error::kInvalidRequest).code() == -32600);
  CHECK(spec(Error::kMethodNotFound).code() == -32601);
  CHECK(spec(Error::kInvalidParams).code() == -32602);
  CHECK(spec(Error::kInternal).code() == -32603);
  CHECK(spec(Error::kSubmissionExpired).code() == 1007);
  CHECK(spec(Error::kBadSignature).code() == 1009);
  CHECK(spec(Error::kNotFound).code() == 2001);
  CHECK(to_int(spec(Error::kNotFound).exit_code) == 6);
  CHECK(to_int(spec(Error::kUnreachable).exit_code) == 4);
  CHECK(to_int(spec(Error::kVerificationFailed).exit_code) == 5);
  CHECK(to_int(spec(Error::kUnknownAuthor).exit_code) == 1);
  CHECK(to_int(spec(Error::kSubmissionMalformed).exit_code) == 3);
  CHECK(to_int(ExitCode::kInterrupted) == 130);
  CHECK_FALSE(error_from_code(4711));
  CHECK_FALSE(error_from_name("no-such-error"));
}

TEST_CASE("an error's sentence carries the numbers it was made with") {
  const RpcError e = make_error(Error::kExpiryTooFar, {{"expiry_ms", 90}, {"latest_ms", 60}});
  CHECK(e.message.find("90") != std::string::npos);
  CHECK(e.message.find("60") != std::string::npos);
  CHECK(e.message.find('{') == std::string::npos);
  CHECK(e.data.at("name") == "expiry-too-far");
  CHECK(e.data.at("latest_ms") == 60);
}

TEST_CASE("a sentence made without its numbers says so and does not break") {
  for (const ErrorSpec& s : error_table()) {
    const RpcError e = make_error(s.error);
    CHECK(e.message.find('{') == std::string::npos);
    CHECK(e.message.find('}') == std::string::npos);
  }
}

TEST_CASE("an error goes over the wire and comes back the same") {
  const RpcError e = make_error(Error::kPoolFull, {{"retry_after_ms", 250}});
  const std::string text = response_text(Id(std::int64_t{4}), std::unexpected(e));
  const auto back = parse_response(text);
  REQUIRE(back);
  REQUIRE_FALSE(back->outcome);
  CHECK(back->id == Id(std::int64_t{4}));
  CHECK(back->outcome.error().error == Error::kPoolFull);
  CHECK(back->outcome.error().message == e.message);
  CHECK(back->outcome.error().data == e.data);
}

TEST_CASE("an error code of a newer node keeps its message and becomes internal") {
  const auto r = parse_response(
      R"({"jsonrpc":"2.0","id":1,"error":{"code":1999,"message":"the moon is wrong"}})");
  REQUIRE(r);
  REQUIRE_FALSE(r->outcome);
  CHECK(r->outcome.error().error == Error::kInternal);
  CHECK(r->outcome.error().message == "the moon is wrong");
  CHECK(r->outcome.error().data.at("code") == 1999);
}
