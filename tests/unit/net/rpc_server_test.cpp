#include "node/net/rpc_server.h"

#include <doctest/doctest.h>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;
using imi::rpc::Error;
using imi::rpc::openrpc_text;
using imi::rpc::parse_json;

namespace {
const std::string kHash(64, 'a');
}

TEST_CASE("a call is answered over HTTP and the connection stays open") {
  RpcNet net;
  RawHttp http(net);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto a = http.post(call_text("status", {}, i));
    CHECK(a.status == 200);
    CHECK(a.keep_alive);
    CHECK(a.json().at("id") == i);
    CHECK(a.json().at("result").at("height") == 7);
    CHECK(a.json().at("result").at("client") == "127.0.0.1");
  }
  CHECK(http.post(call_text("head")).json().at("result").at("head").at("height") == 7);
}

TEST_CASE("errors carry the table's code, name and HTTP status") {
  RpcNet net;
  RawHttp http(net);
  const auto missing = http.post(call_text("event", {{"eid", kHash}}));
  CHECK(missing.status == 404);
  CHECK(missing.error_name() == "not-found");
  CHECK(missing.json().at("error").at("code") == 2001);
  CHECK(http.post(call_text("nonsense")).error_name() == "method-not-found");
  CHECK(http.post(call_text("event", {{"eid", 5}})).error_name() == "invalid-params");
  CHECK(http.post(call_text("subscribe", {{"topic", "heads"}})).error_name() == "method-not-found");
  CHECK(http.post("{").error_name() == "parse-error");
  CHECK(http.post(R"({"id":1,"method":"status"})").error_name() == "invalid-request");
  CHECK(http.post(call_text("genesis")).status == 503);
  CHECK(http.post(call_text("status")).status == 200);
}

TEST_CASE("a batch is answered in order, notifications are not answered") {
  RpcNet net;
  RawHttp http(net);
  const auto a =
      http.post("[" + call_text("status", {}, 1) + "," + call_text("nonsense", {}, 2) +
                R"(,{"jsonrpc":"2.0","method":"status"},)" + call_text("head", {}, 3) + "]");
  CHECK(a.status == 200);
  const auto list = a.json();
  REQUIRE(list.as_array().size() == 3);
  CHECK(list.at(0).at("id") == 1);
  CHECK(list.at(1).at("error").at("code") == -32601);
  CHECK(list.at(2).at("id") == 3);
  const auto silent = http.post(R"({"jsonrpc":"2.0","method":"status"})");
  CHECK(silent.status == 204);
  CHECK(silent.body.empty());
  CHECK(http.post(R"([{"jsonrpc":"2.0","method":"status"}])").status == 204);
  CHECK(http.post(call_text("status")).status == 200);
}

TEST_CASE("pipelined requests are answered in their order though later ones are done first") {
  RpcNet net;
  RawHttp http(net);
  const imi::cli::NodeAddress host{"127.0.0.1", 1};
  http.send(imi::cli::post_text(host, "", call_text("submission", {{"id", kHash}}, 1)) +
            imi::cli::post_text(host, "", call_text("status", {}, 2)) +
            imi::cli::get_text(host, "", "/healthz"));
  auto held = net.gate.wait_for(1);
  held[0].result("late");
  CHECK(http.receive().json().at("id") == 1);
  CHECK(http.receive().json().at("id") == 2);
  CHECK(http.receive().body == "ok\n");
}

TEST_CASE("REST answers the same reads") {
  RpcNet net;
  RawHttp http(net);
  CHECK(http.get("/v1/status").json().at("height") == 7);
  CHECK(http.get("/v1/blocks/12").json().at("height") == 12);
  CHECK(http.get("/v1/head?prove=true").status == 200);
  const auto missing = http.get("/v1/events/" + kHash);
  CHECK(missing.status == 404);
  CHECK(missing.error_name() == "not-found");
  CHECK(http.get("/v1/blocks/x").status == 400);
  CHECK(http.get("/v1/nothing").status == 404);
  CHECK(http.get("/elsewhere").error_name() == "method-not-found");
}

TEST_CASE("health, readiness, metrics and the interface document are served") {
  RpcNet net;
  RawHttp http(net);
  CHECK(http.get("/healthz").status == 200);
  CHECK(http.get("/readyz").json().at("ready") == true);
  net.is_ready = false;
  const auto not_ready = http.get("/readyz");
  CHECK(not_ready.status == 503);
  CHECK(not_ready.json().at("why") == "it is catching up");
  const auto metrics = http.get("/metrics");
  CHECK(metrics.body.find("imi_height 7\n") != std::string::npos);
  CHECK(metrics.body.find("imi_rpc_connections_open 1\n") != std::string::npos);
  CHECK(http.get("/openrpc.json").body == openrpc_text());
  CHECK(http.post(call_text("rpc.discover")).json().at("result") == *parse_json(openrpc_text()));
}

TEST_CASE(
    "a responder may be called later from any thread, once, and one that is dropped answers") {
  RpcNet net;
  RawHttp http(net);
  http.send(imi::cli::post_text({"127.0.0.1", 1}, "", call_text("submission", {{"id", kHash}})));
  auto held = net.gate.wait_for(1);
  std::thread other([r = held[0]] {
    r.result("first");
    r.result("second");
  });
  CHECK(http.receive().json().at("result") == "first");
  other.join();
  CHECK(held[0].abandoned());
  const auto dropped = http.post(call_text("validators"));
  CHECK(dropped.status == 500);
  CHECK(dropped.error_name() == "internal");
  CHECK(http.post(call_text("catalog")).error_name() == "internal");
  CHECK(http.post(call_text("status")).status == 200);
}

TEST_CASE("a responder whose client has gone says so and its answer goes nowhere") {
  RpcNet net;
  auto http = std::make_unique<RawHttp>(net);
  http->send(imi::cli::post_text({"127.0.0.1", 1}, "", call_text("submission", {{"id", kHash}})));
  auto held = net.gate.wait_for(1);
  CHECK_FALSE(held[0].abandoned());
  http.reset();
  CHECK(eventually([&] { return held[0].abandoned(); }));
  held[0].result("nobody");
  CHECK(eventually([&] { return net.server->stats().connections_open == 0; }));
}

TEST_CASE("handlers can run on a pool") {
  RpcServerOptions o;
  o.handler_threads = 2;
  RpcNet net(o);
  RawHttp http(net);
  for (std::int64_t i = 0; i < 50; ++i) CHECK(http.post(call_text("status", {}, i)).status == 200);
}

TEST_CASE("a stopping server answers what is in work") {
  RpcNet net;
  RawHttp http(net);
  http.send(imi::cli::post_text({"127.0.0.1", 1}, "", call_text("submission", {{"id", kHash}})));
  auto held = net.gate.wait_for(1);
  net.server->stop();
  CHECK(http.receive().error_name() == "shutting-down");
  CHECK(http.is_closed());
  held[0].result("too late");
}

TEST_CASE("a port in use and an invalid address are named errors") {
  RpcNet net;
  RpcServerOptions o;
  o.port = net.server->port();
  auto r = RpcServer::start(o, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kPortInUse);
  CHECK(describe(r.error()).find(std::to_string(o.port)) != std::string::npos);
  o.address = "300.1.1.1";
  r = RpcServer::start(o, {});
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == NetError::Reason::kBadAddress);
}

TEST_CASE("only configured hosts, origins and tokens get in") {
  RpcServerOptions o;
  o.allowed_hosts = {"ledger.example"};
  o.allowed_origins = {"https://portal.example"};
  o.bearer_token = "secret";
  RpcNet net(o);
  const auto ask = [&](std::string_view headers, std::string_view path = "/v1/status") {
    RawHttp http(net);
    return http.ask("GET " + std::string(path) + " HTTP/1.1\r\n" + std::string(headers) + "\r\n");
  };
  const std::string token = "Authorization: Bearer secret\r\n";
  CHECK(ask("Host: ledger.example\r\n" + token).status == 200);
  CHECK(ask("Host: evil.example\r\n" + token).error_name() == "host-not-allowed");
  CHECK(ask(token).error_name() == "invalid-request");
  CHECK(ask("Host: localhost\r\nHost: localhost\r\n" + token).error_name() == "invalid-request");
  CHECK(ask("Host: localhost\r\n").error_name() == "unauthorised");
  CHECK(ask("Host: localhost\r\nAuthorization: Bearer wrong\r\n").status == 401);
  CHECK(ask("Host: localhost\r\n", "/healthz").status == 200);
  CHECK(ask("Host: localhost\r\nOrigin: https://evil.example\r\n" + token).error_name() ==
        "origin-not-allowed");
  CHECK(ask("Host: localhost\r\nOrigin: https://portal.example\r\n" + token).status == 200);
  RawHttp http(net);
  http.send("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://portal.example\r\n\r\n");
  const std::string head = http.raw_until("\r\n\r\n");
  CHECK(head.find("Access-Control-Allow-Origin: https://portal.example") != std::string::npos);
  CHECK(head.find('*') == std::string::npos);
}

TEST_CASE("a large body announced with Expect: 100-continue is asked for and taken") {
  RpcNet net;
  RawHttp http(net);
  const std::string body = call_text("submit", {{"submission", std::string(3 << 20, 'A')}});
  http.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  CHECK(http.raw_until("\r\n\r\n").starts_with("HTTP/1.1 100"));
  CHECK(http.ask(body).json().at("result").at("size") == 3 << 20);
}

TEST_CASE("a chunked body, HTTP/1.0 and Connection: close are understood") {
  RpcNet net;
  RawHttp http(net);
  const std::string body = call_text("status");
  char size[16];
  std::snprintf(size, sizeof(size), "%zx", body.size());
  CHECK(http.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n" +
                 std::string(size) + "\r\n" + body + "\r\n0\r\n\r\n")
            .status == 200);
  CHECK_FALSE(
      http.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").keep_alive);
  CHECK(http.is_closed());
  RawHttp old(net);
  CHECK(old.ask("GET /healthz HTTP/1.0\r\n\r\n").status == 200);
  CHECK(old.is_closed());
}
