#include "cli/client/client.h"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "cli/client/load_client.h"
#include "tests/unit/net/rpc_net.h"

using namespace imi::node;
using namespace imi::cli;
using imi::rpc::Error;
using imi::rpc::ExitCode;

namespace {

// An address where nothing listens: it was free a moment ago.
NodeAddress nobody() {
  RpcNet gone;
  return gone.address();
}

// Accepts connections and never answers.
class Deaf {
 public:
  Deaf() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&a), sizeof(a)) == 0);
    REQUIRE(::listen(listener_, 16) == 0);
  }
  ~Deaf() { ::close(listener_); }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  [[nodiscard]] NodeAddress address() const {
    sockaddr_in a{};
    socklen_t n = sizeof(a);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &n);
    return {"127.0.0.1", ntohs(a.sin_port)};
  }

 private:
  int listener_ = -1;
};

Client client_of(std::vector<NodeAddress> nodes, std::chrono::milliseconds timeout = 20s) {
  ClientOptions o;
  o.nodes = std::move(nodes);
  o.call_timeout = timeout;
  return Client(std::move(o));
}

const std::string kHash(64, 'a');

}  // namespace

TEST_CASE("node addresses are read in every form people write") {
  CHECK(parse_node_address("node0") == NodeAddress{"node0", kDefaultRpcPort});
  CHECK(parse_node_address("127.0.0.1:9000") == NodeAddress{"127.0.0.1", 9000});
  CHECK(parse_node_address("[::1]:9000") == NodeAddress{"::1", 9000});
  CHECK(parse_node_address("[::1]") == NodeAddress{"::1", kDefaultRpcPort});
  CHECK(parse_node_address("http://ledger.example:80/") == NodeAddress{"ledger.example", 80});
  CHECK(parse_node_address("[::1]:9000")->text() == "[::1]:9000");
  for (const char* bad : {"", ":80", "a:", "a:0", "a:70000", "a:x", "::1", "[::1", "[::1]x",
                          "https://a", "a/b", "a b", "user@a"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_node_address(bad));
  }
}

TEST_CASE("calls, batches and pages are answered over one connection") {
  RpcNet net;
  Client c = client_of({net.address()});
  for (int i = 0; i < 3; ++i) {
    const auto r = c.call("status", {});
    REQUIRE(r);
    CHECK(r->at("height") == 7);
  }
  const auto batch = c.call_batch({{"status", {}}, {"event", {{"eid", kHash}}}, {"head", {}}});
  REQUIRE(batch);
  CHECK(batch->at(0));
  CHECK(batch->at(1).error().error == Error::kNotFound);
  CHECK(batch->at(2)->at("head").at("height") == 7);
  CHECK(c.get("/healthz")->body == "ok\n");
  CHECK(net.server->stats().connections_total == 1);
}

TEST_CASE("the ledger's own errors come back as they are, with their exit codes") {
  RpcNet net;
  Client c = client_of({net.address(), nobody()});
  const auto r = c.call("event", {{"eid", kHash}});
  REQUIRE_FALSE(r);
  CHECK(r.error().error == Error::kNotFound);
  CHECK(r.error().exit_code() == ExitCode::kNotFound);
  CHECK(c.call("event", {{"eid", "x"}}).error().error == Error::kInvalidParams);
}

TEST_CASE(
    "a node that is down, unresponsive or not ready is passed over, and the good one remembered") {
  RpcNet good;
  Deaf deaf;
  SUBCASE("refused") {
    Client c = client_of({nobody(), good.address()});
    CHECK(c.call("status", {}));
    CHECK(c.current() == good.address());
  }
  SUBCASE("no answer") {
    Client c = client_of({deaf.address(), good.address()}, 150ms);
    CHECK(c.call("status", {}));
    CHECK(c.current() == good.address());
    CHECK(c.call("status", {}));
  }
  SUBCASE("a read does not wait for an unresponsive node as long as for the last one") {
    Deaf other;
    Client c = client_of({deaf.address(), other.address(), good.address()}, 20s);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(c.call("status", {}));
    CHECK(std::chrono::steady_clock::now() - begin < 15s);
    CHECK(c.current() == good.address());
  }
  SUBCASE("the time to wait is that of all nodes together") {
    Deaf other;
    Client c = client_of({deaf.address(), other.address()}, 400ms);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(c.call("status", {}).error().error == Error::kUnreachable);
    CHECK(std::chrono::steady_clock::now() - begin < 790ms);
  }
  SUBCASE("not ready") {
    RpcServerOptions o;
    RpcCallbacks busy;
    busy.handler = [](const RpcRequest&, const RpcResponder& r) {
      r.error(imi::rpc::make_error(Error::kNotReady, {{"why", "it starts"}}));
    };
    auto starting = RpcServer::start(o, busy);
    REQUIRE(starting);
    const NodeAddress first{"127.0.0.1", (*starting)->port()};
    Client c = client_of({first, good.address()});
    CHECK(c.call("status", {}));
    CHECK(c.current() == good.address());
    // If all are, the node's own reason is reported.
    Client only = client_of({first, nobody()});
    const auto r = only.call("status", {});
    REQUIRE_FALSE(r);
    CHECK(r.error().error == Error::kNotReady);
    CHECK(r.error().data.contains("tried"));
  }
}

TEST_CASE("if no node answers, the error says what each one did") {
  Client c = client_of({nobody(), {"no-such-host.invalid", 1}});
  const auto r = c.call("status", {});
  REQUIRE_FALSE(r);
  CHECK(r.error().error == Error::kUnreachable);
  CHECK(r.error().exit_code() == ExitCode::kUnreachable);
  CHECK(r.error().message.find("refused") != std::string::npos);
  CHECK(r.error().message.find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("a connection that the node closed meanwhile is silently re-established") {
  RpcServerOptions o;
  o.limits.idle_timeout = 40ms;
  RpcNet net(o);
  Client c = client_of({net.address()});
  REQUIRE(c.call("status", {}));
  REQUIRE(eventually([&] { return net.server->stats().connections_open == 0; }));
  CHECK(c.call("status", {}));
  CHECK(net.server->stats().connections_total == 2);
}

TEST_CASE("a call can be interrupted while it waits") {
  RpcNet net;
  std::atomic<bool> stop{false};
  ClientOptions o;
  o.nodes = {net.address()};
  o.interrupted = [&] { return stop.load(); };
  Client c(std::move(o));
  std::vector<RpcResponder> held;
  std::thread presser([&] {
    held = net.gate.wait_for(1);
    stop = true;
  });
  const auto r = c.call("submission", {{"id", kHash}});
  presser.join();
  REQUIRE_FALSE(r);
  CHECK(r.error().data.at("interrupted") == true);
}

TEST_CASE("a server that is not an IMI node is reported as such") {
  RpcServerOptions o;
  RpcNet net(o);
  Client c = client_of({net.address()});
  // A page that is not JSON-RPC: what a web server at a wrong port would say.
  ResponseReader reader(1000);
  CHECK_FALSE(reader.feed("SSH-2.0-OpenSSH_9.2\r\n"));
  for (const std::string& text :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"),
        std::string("HTTP/1.1 2x0 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\n: x\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x')}) {
    CAPTURE(text);
    ResponseReader r(1000);
    CHECK_FALSE(r.feed(text));
  }
  ResponseReader to_end(1000);
  REQUIRE(to_end.feed("HTTP/1.0 200 OK\r\n\r\nabc"));
  CHECK_FALSE(to_end.is_done());
  REQUIRE(to_end.end_of_bytes());
  CHECK(to_end.take().body == "abc");
}

TEST_CASE("an answer whose headers or trailers never end is given up") {
  const auto given_up = [](std::string begin, const std::string& more) {
    ResponseReader r(1000);
    if (!r.feed(begin)) return false;
    for (int i = 0; i < 100'000; ++i) {
      if (!r.feed(more)) return true;
    }
    return false;
  };
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
  CHECK(given_up("HTTP/1.1 200 OK\r\n", "A: b\r\n"));
  CHECK(given_up("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"));
  CHECK(given_up(chunked, "A: b\r\n"));
}

TEST_CASE("the response reader takes answers in any pieces, one after the other") {
  const std::string two =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
      "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= two.size(); ++step) {
    ResponseReader r(1000);
    std::vector<ResponseReader::Taken> got;
    for (std::size_t at = 0; at < two.size(); at += step) {
      std::string_view piece = std::string_view(two).substr(at, step);
      while (!piece.empty()) {
        const auto used = r.feed(piece);
        CAPTURE(step);
        CAPTURE(at);
        CAPTURE((used ? "" : used.error()));
        REQUIRE(used);
        piece.remove_prefix(*used);
        if (r.is_done()) got.push_back(r.take());
      }
    }
    REQUIRE(got.size() == 2);
    CHECK(got[0].body == "ab");
    CHECK(got[1].status == 404);
    CHECK(got[1].body == "xyz");
  }
}

TEST_CASE("the load client keeps many calls in flight and accounts for every one") {
  RpcNet net;
  std::vector<int> answers(5000, 0);
  LoadClientOptions o;
  o.nodes = {net.address()};
  o.connections = 4;
  auto load = LoadClient::connect(o, [&](LoadClient::Done& d) {
    CHECK(d.http_status == 200);
    CHECK(d.answered >= d.sent);
    CHECK(d.sent >= d.queued);
    ++answers[d.tag];
  });
  REQUIRE(load);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(load->start(i, call_text("submit", {{"submission", std::string(300, 'A')}},
                                     static_cast<std::int64_t>(i))));
  }
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (load->under_way() != 0 && std::chrono::steady_clock::now() < end) load->poll(10ms);
  CHECK(std::all_of(answers.begin(), answers.end(), [](int n) { return n == 1; }));
}

TEST_CASE("when a node goes, its calls fail by name and later ones wait for it to come back") {
  auto net = std::make_unique<RpcNet>();
  const std::uint16_t port = net->server->port();
  std::vector<LoadClient::Done> done;
  LoadClientOptions o;
  o.nodes = {net->address()};
  o.connections = 1;
  auto load = LoadClient::connect(o, [&](LoadClient::Done& d) { done.push_back(std::move(d)); });
  REQUIRE(load);
  REQUIRE(load->start(1, call_text("submission", {{"id", kHash}})));
  load->poll(1ms);
  auto held = net->gate.wait_for(1);
  net.reset();
  held.clear();
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (done.empty() && std::chrono::steady_clock::now() < end) load->poll(10ms);
  REQUIRE(done.size() == 1);
  CHECK(done[0].tag == 1);
  CHECK(done[0].http_status != 200);
  RpcServerOptions again;
  again.port = port;
  RpcNet back(again);
  // The first may still go to the connection that has died, and is then told so.
  std::uint64_t tag = 1;
  while (done.back().http_status != 200 && std::chrono::steady_clock::now() < end) {
    REQUIRE(load->start(++tag, call_text("status")));
    while (load->under_way() != 0 && std::chrono::steady_clock::now() < end) load->poll(10ms);
    CHECK(done.back().tag == tag);
    CHECK_FALSE(done.back().body.empty());
  }
  CHECK(done.back().http_status == 200);
  CHECK(tag <= 3);
  LoadClientOptions nowhere;
  nowhere.nodes = {nobody()};
  CHECK_FALSE(LoadClient::connect(nowhere, [](LoadClient::Done&) {}));
}

TEST_CASE("one node is asked without failover, and its kinds of failure are distinguished") {
  RpcNet good;
  Deaf deaf;
  Client c = client_of({nobody(), deaf.address(), good.address()});
  CHECK(c.call_node(0, "status", {}, 1s).error().error == Error::kUnreachable);
  CHECK(c.call_node(1, "status", {}, 50ms).error().error == Error::kTimeout);
  CHECK(c.call_node(2, "status", {}, 20s));
  CHECK(c.call_node(2, "event", {{"eid", kHash}}, 20s).error().error == Error::kNotFound);
  CHECK(c.current_index() == 0);
  c.prefer(2);
  CHECK(c.current() == good.address());
}

TEST_CASE("a connection is made to the first node that takes one") {
  RpcNet good;
  Client c = client_of({nobody(), good.address()});
  CHECK(c.connect());
  Client none = client_of({nobody()});
  const auto r = none.connect();
  REQUIRE_FALSE(r);
  CHECK(r.error().error == Error::kUnreachable);
}

TEST_CASE("a call for one node goes to that node, and fails if that node is down") {
  RpcNet one;
  RpcNet two;
  LoadClientOptions o;
  o.nodes = {nobody(), one.address(), two.address()};
  o.connections = 3;
  o.may_be_down = true;
  std::map<std::uint64_t, LoadClient::Done> done;
  auto load = LoadClient::connect(o, [&](LoadClient::Done& d) { done[d.tag] = d; });
  REQUIRE(load);
  for (std::uint64_t tag = 0; tag < 9; ++tag) {
    CHECK(load->start_at(
        tag < 3 ? 0 : 2, tag,
        imi::rpc::request_text(static_cast<std::int64_t>(tag), "status", boost::json::object())));
  }
  while (done.size() < 9) load->poll(10ms);
  for (std::uint64_t tag = 0; tag < 9; ++tag) {
    CHECK(done[tag].http_status == (tag < 3 ? 0 : 200));
    CHECK((done[tag].sent == LoadClient::Clock::time_point{}) == (tag < 3));
  }
  CHECK(load->under_way() == 0);
  CHECK(one.server->stats().calls_total == 0);
}
