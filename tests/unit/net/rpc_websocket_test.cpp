#include <doctest/doctest.h>
#include <sys/socket.h>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;

namespace {

// A WebSocket client (RFC 6455) as small as a test needs it.
class RawSocket {
 public:
  explicit RawSocket(const RpcNet& net, std::string_view extra = "") : http_(net) {
    http_.send(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        std::string(extra) + "\r\n");
    head = http_.raw_until("\r\n\r\n");
  }
  std::string head;

  void send(std::string_view text, std::uint8_t opcode = 1) {
    std::string f{static_cast<char>(0x80 | opcode)};
    if (text.size() < 126) {
      f += static_cast<char>(0x80 | text.size());
    } else if (text.size() < 65'536) {
      f += static_cast<char>(0x80 | 126);
      for (int i = 1; i >= 0; --i) f += static_cast<char>(text.size() >> (8 * i));
    } else {
      f += static_cast<char>(0x80 | 127);
      for (int i = 7; i >= 0; --i) f += static_cast<char>(text.size() >> (8 * i));
    }
    f += std::string(4, '\0');  // a mask of zeros masks nothing
    f += text;
    http_.send(f);
  }
  // The next text message; empty once closed.
  std::string receive() {
    for (;;) {
      const std::string start = http_.raw(2);
      if (start.empty()) return {};
      std::size_t n = static_cast<unsigned char>(start[1]) & 0x7f;
      if (n >= 126) {
        const std::string more = http_.raw(n == 126 ? 2 : 8);
        n = 0;
        for (const char c : more) n = n << 8 | static_cast<unsigned char>(c);
      }
      std::string payload = n == 0 ? "" : http_.raw(n);
      const int opcode = start[0] & 0x0f;
      if (opcode == 1) return payload;
      if (opcode == 8) {
        closed_with = payload;
        return {};
      }
    }
  }
  std::string closed_with;  // the close frame's payload: a code of two bytes and a reason

  // The start of a text message of `size` bytes, at least 65,536.
  void send_start(std::size_t size, std::string_view payload) {
    std::string f("\x81\xff", 2);
    for (int i = 7; i >= 0; --i) f += static_cast<char>(size >> (8 * i));
    http_.send(f + std::string(4, '\0') + std::string(payload));
  }
  boost::json::value ask(std::string_view text) {
    send(text);
    const auto v = imi::rpc::parse_json(receive(), imi::rpc::kResponseLimits);
    REQUIRE(v);
    return *v;
  }
  boost::json::value next() {
    const auto v = imi::rpc::parse_json(receive());
    REQUIRE(v);
    return *v;
  }
  RawHttp& http() { return http_; }

 private:
  RawHttp http_;
};

const std::string kA(64, 'a');
const std::string kB(64, 'b');

}  // namespace

TEST_CASE("calls go over a WebSocket, and late answers do not hold up others") {
  RpcNet net;
  RawSocket ws(net);
  CHECK(ws.head.starts_with("HTTP/1.1 101"));
  CHECK(ws.ask(call_text("status", {}, 5)).at("result").at("height") == 7);
  ws.send(call_text("submission", {{"id", kA}}, 6));
  auto held = net.gate.wait_for(1);
  CHECK(ws.ask(call_text("status", {}, 7)).at("id") == 7);
  held[0].result("late");
  CHECK(ws.next().at("id") == 6);
  CHECK(ws.ask("{").at("error").at("code") == -32700);
  CHECK(ws.ask("[" + call_text("status") + "]").as_array().size() == 1);
  CHECK(net.server->stats().websockets_open == 1);
}

TEST_CASE("subscribers get heads, and the submissions they named, until they unsubscribe") {
  RpcNet net;
  RawSocket ws(net);
  CHECK_FALSE(net.server->has_subscribers(RpcTopic::kHeads));
  const auto heads = ws.ask(call_text("subscribe", {{"topic", "heads"}}))
                         .at("result")
                         .at("subscription")
                         .as_int64();
  const auto mine =
      ws.ask(call_text("subscribe", {{"topic", "submissions"}, {"keys", boost::json::array{kA}}}))
          .at("result")
          .at("subscription")
          .as_int64();
  CHECK(net.server->has_subscribers(RpcTopic::kHeads));
  net.server->publish(RpcTopic::kSubmissions, kB, R"({"id":"b"})");
  net.server->publish(RpcTopic::kSubmissions, kA, R"({"id":"a"})");
  net.server->publish(RpcTopic::kHeads, "", R"({"height":8})");
  auto n = ws.next();
  CHECK(n.at("method") == "subscription");
  CHECK(n.at("params").at("subscription") == mine);
  CHECK(n.at("params").at("value").at("id") == "a");
  n = ws.next();
  CHECK(n.at("params").at("topic") == "heads");
  CHECK(n.at("params").at("value").at("height") == 8);
  CHECK(ws.ask(call_text("unsubscribe", {{"subscription", heads}})).at("result") == true);
  CHECK(ws.ask(call_text("unsubscribe", {{"subscription", heads}})).at("result") == false);
  CHECK_FALSE(net.server->has_subscribers(RpcTopic::kHeads));
}

TEST_CASE("subscriptions are bounded and end with the connection; no client can end another's") {
  RpcServerOptions o;
  o.limits.max_subscriptions = 2;
  RpcNet net(o);
  {
    RawSocket a(net);
    RawSocket b(net);
    const std::string subscribe = call_text("subscribe", {{"topic", "heads"}});
    const auto id = a.ask(subscribe).at("result").at("subscription");
    CHECK(b.ask(call_text("unsubscribe", {{"subscription", id}})).at("result") == false);
    CHECK(a.ask(subscribe).as_object().contains("result"));
    CHECK(a.ask(subscribe).at("error").at("data").at("name") == "too-many-subscriptions");
  }
  CHECK(eventually([&] { return !net.server->has_subscribers(RpcTopic::kHeads); }));
  CHECK(eventually([&] { return net.server->stats().websockets_open == 0; }));
}

TEST_CASE("a subscriber that does not read is dropped and others get everything") {
  RpcServerOptions o;
  o.limits.max_push_queue = 16;
  RpcNet net(o);
  RawSocket slow(net);
  RawSocket good(net);
  const int small = 4096;
  ::setsockopt(slow.http().socket().fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  (void)slow.ask(call_text("subscribe", {{"topic", "heads"}}));
  (void)good.ask(call_text("subscribe", {{"topic", "heads"}}));
  const std::string value = "\"" + std::string(256 << 10, 'v') + "\"";
  int sent = 0;
  while (net.server->stats().slow_clients == 0) {
    REQUIRE(sent < 400);
    net.server->publish(RpcTopic::kHeads, "", value);
    ++sent;
    CHECK(good.receive().size() > value.size());
  }
  CHECK(net.server->has_subscribers(RpcTopic::kHeads));
  net.server->publish(RpcTopic::kHeads, "", "1");
  CHECK(good.next().at("params").at("value") == 1);
}

TEST_CASE("a page of another site cannot open a WebSocket, and broken frames end one") {
  RpcServerOptions o;
  o.limits.header_deadline = std::chrono::milliseconds(100);  // also of closing handshakes
  RpcNet net(o);
  RawSocket evil(net, "Origin: https://evil.example\r\n");
  CHECK(evil.head.starts_with("HTTP/1.1 403"));
  RawSocket huge(net);
  huge.http().send(std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14));
  CHECK(huge.receive().empty());
  RawSocket broken(net);
  broken.http().send(std::string(14, '\xff'));
  CHECK(broken.receive().empty());
  CHECK(eventually([&] { return net.server->stats().websockets_open == 0; }));
}

TEST_CASE("the first supported subprotocol is agreed to, and none if none is supported") {
  RpcNet net;
  const auto agreed = [&](std::string_view offer) {
    const RawSocket ws(net, "Sec-WebSocket-Protocol: " + std::string(offer) + "\r\n");
    CHECK(ws.head.starts_with("HTTP/1.1 101"));
    const std::string_view name = "\r\nSec-WebSocket-Protocol: ";
    const std::size_t at = ws.head.find(name);
    if (at == std::string::npos) return std::string();
    const std::string rest = ws.head.substr(at + name.size());
    return rest.substr(0, rest.find('\r'));
  };
  CHECK(agreed("jsonrpc") == "jsonrpc");
  CHECK(agreed("chat, jsonrpc-2.0 ,jsonrpc") == "jsonrpc-2.0");
  CHECK(agreed("chat\r\nSec-WebSocket-Protocol: jsonrpc") == "jsonrpc");
  CHECK(agreed("chat") == "");
  CHECK(agreed("JSONRPC") == "");  // names are compared exactly
  CHECK(RawSocket(net).head.find("Sec-WebSocket-Protocol") == std::string::npos);
  CHECK(RawSocket(net, "Sec-WebSocket-Protocol: a b\r\n").head.starts_with("HTTP/1.1 400"));
}

TEST_CASE("a WebSocket is opened at / alone, and not without the token") {
  RpcServerOptions o;
  o.bearer_token = "secret";
  RpcNet net(o);
  const auto status = [&](std::string_view path, std::string_view extra) {
    RawHttp http(net);
    http.send("GET " + std::string(path) +
              " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
              std::string(extra) + "\r\n");
    return http.raw_until("\r\n\r\n").substr(9, 3);
  };
  CHECK(status("/healthz", "") == "200");
  CHECK(status("/", "") == "401");
  CHECK(status("/?x=1", "Authorization: Bearer secret\r\n") == "101");
  CHECK(status("/elsewhere", "Authorization: Bearer secret\r\n") == "404");
}

TEST_CASE("a stopping server closes its WebSockets") {
  RpcNet net;
  RawSocket ws(net);
  ws.send(call_text("submission", {{"id", kA}}, 6));
  auto held = net.gate.wait_for(1);
  net.server->stop();
  CHECK(ws.next().at("error").at("data").at("name") == "shutting-down");
  CHECK(ws.receive().empty());
}

TEST_CASE("a WebSocket's message counts while it comes, and no more once it is answered") {
  RpcNet net;
  RawSocket ws(net);
  const std::string call = call_text("status");
  const std::string filler(2 << 20, ' ');
  ws.send_start(call.size() + filler.size() * 2, filler);
  CHECK(eventually([&] { return net.server->stats().buffered_bytes >= filler.size(); }));
  ws.http().send(filler + call);
  CHECK(ws.next().at("result").at("height") == 7);
  CHECK(eventually([&] { return net.server->stats().buffered_bytes < 8192; }));
  CHECK(ws.ask(call_text("status", {}, 2)).at("id") == 2);
}

TEST_CASE("a WebSocket's message beyond the memory for requests ends it with the reason") {
  RpcServerOptions o;
  o.limits.max_buffered_bytes = 1 << 20;
  RpcNet net(o);
  RawSocket good(net);
  RawSocket ws(net);
  ws.send_start(4 << 20, std::string(2 << 20, ' '));
  CHECK(ws.receive().empty());
  CHECK(ws.closed_with.starts_with("\x03\xf5"));  // 1013, try again later
  CHECK(ws.closed_with.find("no memory") != std::string::npos);
  CHECK(good.ask(call_text("status")).at("result").at("height") == 7);
}

TEST_CASE("a WebSocket's message that does not end is cut off at the deadline, with the reason") {
  RpcServerOptions o;
  o.limits.body_deadline = 60ms;
  o.limits.header_deadline = 60ms;  // also of the closing handshake
  RpcNet net(o);
  RawSocket ws(net);
  CHECK(ws.ask(call_text("status")).at("id") == 1);
  ws.send_start(100'000, "{");
  CHECK(ws.receive().empty());
  CHECK(ws.closed_with.starts_with("\x03\xf0"));  // 1008, policy
  CHECK(ws.closed_with.find("longer than 60 ms") != std::string::npos);
  CHECK(net.server->stats().timed_out == 1);
  CHECK(eventually([&] { return net.server->stats().websockets_open == 0; }));
}

TEST_CASE("a WebSocket's message may take its time in many frames, others go between") {
  RpcNet net;
  RawSocket ws(net);
  const std::string call = call_text("status", {}, 3);
  const auto frame = [](char first, std::string_view text) {
    std::string f{first, static_cast<char>(0x80 | text.size())};
    return f + std::string(4, '\0') + std::string(text);
  };
  ws.http().send(frame('\x01', call.substr(0, 10)));
  ws.http().send(frame('\x89', "ping"));
  ws.http().send(frame('\x00', ""));
  ws.http().send(frame('\x80', call.substr(10)));
  CHECK(ws.next().at("id") == 3);
}
