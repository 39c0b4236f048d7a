// What a call costs its client, refused or not, and that it costs no other client.
#include <doctest/doctest.h>

#include <future>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;

namespace {

std::string http_post(std::string_view body) {
  return imi::cli::post_text({"127.0.0.1", 1}, "", body);
}

// A call of a method that there is not, of at least so many bytes.
std::string refused_call(std::size_t bytes) {
  return call_text("nothing", {{"x", std::string(bytes, 'x')}});
}

RpcServerOptions with_burst(double calls, double per_second = 0.001) {
  RpcServerOptions o;
  o.limits.calls_per_second = per_second;
  o.limits.calls_burst = calls;
  return o;
}

}  // namespace

TEST_CASE("a long request is parsed on its client's account, not where all requests are read") {
  RpcServerOptions o;
  o.handler_threads = 1;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<bool> is_busy{false};
  RpcNet net(o, [&](const RpcRequest& q) {
    if (q.method->name != "genesis") return;
    is_busy = true;
    gone.wait();
  });
  RawHttp blocker(net);
  blocker.send(http_post(call_text("genesis")));
  REQUIRE(eventually([&] { return is_busy.load(); }));
  RawHttp large(net);
  large.send(http_post(refused_call(1u << 20)));
  REQUIRE(eventually([&] { return net.server->stats().bytes_in > 1u << 20; }));
  RawHttp small(net);
  CHECK(small.post(refused_call(1)).status == 404);
  CHECK(net.server->stats().errors_total == 1);
  go.set_value();
  CHECK(large.receive().error_name() == "method-not-found");
}

TEST_CASE("a long request whose turn to be parsed does not come is answered at the deadline") {
  RpcServerOptions o;
  o.handler_threads = 1;
  o.limits.handler_deadline = 100ms;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  RpcNet net(o, [&](const RpcRequest&) { gone.wait(); });
  RawHttp blocker(net);
  blocker.send(http_post(call_text("genesis")));
  RawHttp large(net);
  CHECK(large.post(refused_call(1u << 20)).error_name() == "timeout");
  go.set_value();
  CHECK(large.post(refused_call(1u << 20)).error_name() == "method-not-found");
}

TEST_CASE("long requests are answered, in order over HTTP, when they are parsed elsewhere") {
  RpcServerOptions o;
  o.handler_threads = 2;
  RpcNet net(o);
  RawHttp http(net);
  const std::string text(100'000, 'A');
  http.send(http_post(call_text("submit", {{"submission", text}})) +
            http_post(call_text("status")) + http_post(std::string(100'000, '{')) +
            http_post("[" + call_text("submit", {{"submission", text}}) + "," +
                      call_text("status") + "]"));
  CHECK(http.receive().json().at("result").at("size") == 100'000);
  CHECK(http.receive().json().at("result").at("height") == 7);
  CHECK(http.receive().status == 400);
  CHECK(http.receive().json().as_array().size() == 2);
}

TEST_CASE("a request is charged by its size") {
  RpcNet net(with_burst(5));
  RawHttp http(net);
  CHECK(http.post(refused_call(4 * (16u << 10))).status == 404);  // 1 + 4
  CHECK(http.post(call_text("status")).status == 429);
}

TEST_CASE("each submission of a batch is charged") {
  RpcNet net(with_burst(6));
  RawHttp http(net);
  const auto submit = [&](std::size_t n) {
    const boost::json::array all(n, boost::json::value("AQID"));
    return http.post(call_text("submit_batch", {{"submissions", all}}));
  };
  CHECK(submit(3).error_name() == "not-ready");  // the handler's
  CHECK(submit(4).error_name() == "rate-limited");
}

TEST_CASE("requests that are refused before any method are charged") {
  for (const std::string_view request :
       {"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: another.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"}) {
    CAPTURE(request);
    RpcNet net(with_burst(2));
    RawHttp http(net);
    CHECK(http.ask(request).status != 429);
    CHECK(http.ask(request).status != 429);
    CHECK(http.ask(request).status == 429);
    CHECK(http.get("/healthz").status == 200);
  }
}

TEST_CASE("a client that exceeds its rate is not read from until it has calls again") {
  RpcNet net(with_burst(1, 20));
  RawHttp http(net);
  std::string all;
  for (int i = 0; i < 20; ++i) all += http_post(call_text("status"));
  http.send(all);
  int refused = 0;
  for (int i = 0; i < 20; ++i) refused += http.receive().status == 429 ? 1 : 0;
  CHECK(refused > 0);
  CHECK(refused <= 10);  // each refusal is followed by a call that is served
}

TEST_CASE("a proxy's connection is read on when one of its clients exceeds its rate") {
  RpcServerOptions o = with_burst(1);
  o.proxies = {"127.0.0.1"};
  RpcNet net(o);
  RawHttp http(net);
  const auto get = [&](std::string_view client) {
    return http.ask("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " +
                    std::string(client) + "\r\n\r\n");
  };
  CHECK(get("203.0.113.1").status == 200);
  for (int i = 0; i < 100; ++i) CHECK(get("203.0.113.1").status == 429);
  CHECK(get("203.0.113.2").status == 200);
}
