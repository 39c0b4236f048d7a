#include "node/net/forwarded.h"

#include <doctest/doctest.h>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;

namespace {

ProxyList proxies(const std::vector<std::string>& texts) {
  auto list = ProxyList::parse(texts);
  REQUIRE(list);
  return std::move(*list);
}

// As text, for a connection from `peer`.
std::string client(std::string_view peer, std::string_view forwarded, std::string_view usual) {
  static const ProxyList kProxies = proxies({"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"});
  return forwarded_client(asio::ip::make_address(std::string(peer)), forwarded, usual, kProxies)
      .to_string();
}

}  // namespace

TEST_CASE("a peer that is not a named proxy speaks for itself, whatever it says") {
  CHECK(client("198.51.100.1", "for=203.0.113.9", "203.0.113.9") == "198.51.100.1");
  CHECK(client("192.0.2.8", "", "203.0.113.9") == "192.0.2.8");
  CHECK(client("2001:db8:2::1", "for=203.0.113.9", "") == "2001:db8:2::1");
}

TEST_CASE("a named proxy speaks for the last address that is not one, read from the right") {
  CHECK(client("192.0.2.7", "", "203.0.113.9") == "203.0.113.9");
  CHECK(client("192.0.2.7", "", "1.1.1.1, 203.0.113.9") == "203.0.113.9");
  CHECK(client("192.0.2.7", "", "1.1.1.1, 203.0.113.9, 10.1.2.3,10.9.9.9") == "203.0.113.9");
  CHECK(client("192.0.2.7", "", "10.1.2.3, 10.1.2.4") == "10.1.2.3");
  CHECK(client("192.0.2.7", "", "") == "192.0.2.7");
  CHECK(client("::ffff:192.0.2.7", "", "203.0.113.9") == "203.0.113.9");
  CHECK(client("2001:db8:1::5", "", "2001:db8:9::1") == "2001:db8:9::1");
}

TEST_CASE("every form of an address is read") {
  for (const char* text : {"203.0.113.9", " 203.0.113.9:4711 ", "\"203.0.113.9\""}) {
    CAPTURE(text);
    CHECK(client("10.0.0.1", "", text) == "203.0.113.9");
  }
  for (const char* text : {"2001:db8:9::1", "[2001:db8:9::1]", "[2001:DB8:9::1]:80"}) {
    CAPTURE(text);
    CHECK(client("10.0.0.1", "", text) == "2001:db8:9::1");
  }
  for (const char* text :
       {"for=203.0.113.9", "For=\"203.0.113.9:80\"", "proto=https; for=203.0.113.9 ;by=_x",
        "for=1.1.1.1, for=203.0.113.9", "for=\"a,b;for=9.9.9.9\", for=203.0.113.9",
        "for=\"\\\",for=1.1.1.1\", for=203.0.113.9"}) {
    CAPTURE(text);
    CHECK(client("10.0.0.1", text, "") == "203.0.113.9");
  }
  CHECK(client("10.0.0.1", "for=\"[2001:db8:9::1]:4711\"", "") == "2001:db8:9::1");
}

TEST_CASE("an address that is hidden or unreadable ends the search at the proxy that reported it") {
  for (const char* text : {"unknown", "_hidden", "203.0.113", "203.0.113.9:", "203.0.113.9:x",
                           "[::1", "203.0.113.9 1.1.1.1", "localhost", "1.1.1.1,"}) {
    CAPTURE(text);
    CHECK(client("10.0.0.1", "", text) == "10.0.0.1");
    CHECK(client("10.0.0.1", "for=" + std::string(text), "") == "10.0.0.1");
  }
  CHECK(client("10.0.0.1", "", "203.0.113.9, unknown, 10.2.2.2") == "10.2.2.2");
  CHECK(client("10.0.0.1", "by=203.0.113.9", "") == "10.0.0.1");
  CHECK(client("10.0.0.1", "for=203.0.113.9;for=1.1.1.1", "") == "10.0.0.1");
}

TEST_CASE("if both headers are present and disagree, the proxy itself counts") {
  CHECK(client("10.0.0.1", "for=203.0.113.9", "203.0.113.9") == "203.0.113.9");
  CHECK(client("10.0.0.1", "for=1.1.1.1", "203.0.113.9") == "10.0.0.1");
}

TEST_CASE("what is neither an address nor a network is named") {
  for (const char* text : {"", "proxy.example", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x",
                           "10.0.0", "10.0.0.1:80", "*"}) {
    CAPTURE(text);
    const auto list = ProxyList::parse({"10.0.0.1", text});
    REQUIRE_FALSE(list);
    CHECK(list.error() == text);
  }
  const ProxyList all = proxies({"0.0.0.0/0"});
  CHECK(all.contains(asio::ip::make_address("203.0.113.9")));
  CHECK_FALSE(all.contains(asio::ip::make_address("2001:db8::1")));
}

namespace {

std::string for_client(std::string_view address) {
  return "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 9.9.9.9, " +
         std::string(address) + "\r\n\r\n";
}

RpcServerOptions one_call(std::vector<std::string> named) {
  RpcServerOptions o;
  o.proxies = std::move(named);
  o.limits.calls_per_second = 0.001;
  o.limits.calls_burst = 1;
  return o;
}

}  // namespace

TEST_CASE("behind a named proxy each client has its own limit, on one connection too") {
  RpcNet net(one_call({"127.0.0.1"}));
  RawHttp proxy(net);
  const auto first = proxy.ask(for_client("203.0.113.1"));
  CHECK(first.status == 200);
  CHECK(first.json().at("client") == "203.0.113.1");
  CHECK(proxy.ask(for_client("203.0.113.1")).status == 429);
  CHECK(proxy.ask(for_client("203.0.113.2")).status == 200);
  CHECK(proxy.ask(for_client("2001:db8::1")).status == 200);
  CHECK(proxy.ask(for_client("2001:db8::2")).status == 429);  // a /64 is one client
}

TEST_CASE("repeated headers are one list, and an IPv4 address in IPv6 is the same client") {
  RpcNet net(one_call({"127.0.0.1"}));
  RawHttp proxy(net);
  const auto status = [&](std::string_view headers) {
    return proxy
        .ask("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n")
        .status;
  };
  CHECK(status("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 203.0.113.1\r\n") == 200);
  CHECK(status("X-Forwarded-For: 203.0.113.1\r\n") == 429);
  CHECK(status("X-Forwarded-For: ::ffff:203.0.113.1\r\n") == 429);
  CHECK(status("X-Forwarded-For: [::ffff:cb00:7101]:80\r\n") == 429);
  CHECK(status("Forwarded: for=9.9.9.9\r\nForwarded: for=\"203.0.113.1:4\"\r\n") == 429);
  CHECK(status("x-forwarded-for:\t203.0.113.1:65535\t\r\n") == 429);
  CHECK(status("X-Forwarded-For: 9.9.9.9\r\n") == 200);
}

TEST_CASE("what others than named proxies forward is ignored") {
  RpcNet net(one_call({"10.0.0.1"}));
  RawHttp http(net);
  CHECK(http.ask(for_client("203.0.113.1")).json().at("client") == "127.0.0.1");
  CHECK(http.ask(for_client("203.0.113.2")).status == 429);
}

TEST_CASE("a proxy's connections are not bounded as one client's") {
  RpcServerOptions o;
  o.limits.max_connections_per_address = 1;
  o.proxies = {"127.0.0.1"};
  RpcNet net(o);
  RawHttp a(net);
  RawHttp b(net);
  CHECK(a.ask(for_client("203.0.113.1")).status == 200);
  CHECK(b.ask(for_client("203.0.113.1")).status == 200);
}

TEST_CASE("a client cannot hide behind its proxy by what it wrote before the proxy did") {
  for (const char* written : {"\"", "for=\"", "for=\"\\", "\\\"", "for=1.1.1.1;by=\"x", ",,\"",
                              "\"\"\"", "for=\"[::1", "unknown, \"for=1.1.1.1"}) {
    CAPTURE(written);
    const std::string before = std::string(written) + ", ";
    CHECK(client("10.0.0.1", before + "for=203.0.113.9", "") == "203.0.113.9");
    CHECK(client("10.0.0.1", before + "for=\"[2001:db8:9::1]:4711\";proto=https", "") ==
          "2001:db8:9::1");
    CHECK(client("10.0.0.1", before + "for=203.0.113.9, for=10.1.2.3;by=\"_a,b\"", "") ==
          "203.0.113.9");
    CHECK(client("10.0.0.1", "", before + "203.0.113.9") == "203.0.113.9");
    CHECK(client("10.0.0.1", "", before + "203.0.113.9, 10.1.2.3") == "203.0.113.9");
  }
}

TEST_CASE("WebSockets whose proxy names no client are bounded as one client's") {
  RpcServerOptions o;
  o.limits.max_connections_per_address = 2;
  o.proxies = {"127.0.0.1"};
  RpcNet net(o);
  const auto upgrade = [](std::string_view headers) {
    return "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           std::string(headers) + "\r\n";
  };
  const std::string contradiction = "Forwarded: for=9.9.9.9\r\nX-Forwarded-For: 203.0.113.1\r\n";
  std::vector<std::unique_ptr<RawHttp>> open;
  const auto open_one = [&](const std::string& headers) {
    open.push_back(std::make_unique<RawHttp>(net));
    open.back()->send(upgrade(headers));
    return open.back()->raw_until("\r\n").substr(9, 3);
  };
  CHECK(open_one(contradiction) == "101");
  CHECK(open_one("") == "101");
  CHECK(open_one(contradiction) == "503");
  CHECK(open_one("X-Forwarded-For: unknown\r\n") == "503");
  CHECK(open_one("X-Forwarded-For: 203.0.113.1\r\n") == "101");
}

TEST_CASE("a server whose proxies are not addresses does not start") {
  RpcServerOptions o;
  o.proxies = {"proxy.example"};
  const auto r = RpcServer::start(o, {});
  REQUIRE_FALSE(r);
  CHECK(describe(r.error()).find("proxy.example") != std::string::npos);
}
