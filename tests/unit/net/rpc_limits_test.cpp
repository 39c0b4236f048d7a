// What hostile and broken clients do to the RPC port, each against its limit.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <future>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;

namespace {

const std::string kHash(64, 'a');

RpcServerOptions with(const std::function<void(RpcLimits&)>& change) {
  RpcServerOptions o;
  change(o.limits);
  return o;
}

std::string post_head(std::size_t length) {
  return "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(length) + "\r\n\r\n";
}

std::string http_post(std::string_view body) {
  return imi::cli::post_text({"127.0.0.1", 1}, "", body);
}

std::string batch_of(std::string_view method, int n) {
  std::string out = "[";
  for (int i = 0; i < n; ++i) out += (i > 0 ? "," : "") + call_text(method, {}, i);
  return out + "]";
}

std::pair<int, int> results_and_busy(const boost::json::value& answers) {
  std::pair<int, int> n{0, 0};
  for (const auto& a : answers.as_array()) {
    if (a.as_object().contains("result")) ++n.first;
    const auto* e = a.as_object().if_contains("error");
    if (e != nullptr && e->at("data").at("name") == "server-busy") ++n.second;
  }
  return n;
}

// Uses so much of this thread's processor time.
void burn(std::chrono::microseconds time) {
  const auto used = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  };
  const auto end = used() + time;
  while (used() < end) {
  }
}

// One thread for calls, which `genesis` occupies until release().
struct BusyThread {
  static RpcServerOptions options(std::chrono::milliseconds deadline) {
    RpcServerOptions o;
    o.handler_threads = 1;
    o.limits.handler_deadline = deadline;
    return o;
  }
  explicit BusyThread(std::chrono::milliseconds deadline = 75s)
      : net(options(deadline), [this](const RpcRequest& q) { on_call(q); }) {
    blocker.send(http_post(call_text("genesis")));
    REQUIRE(eventually([&] { return is_busy.load(); }));
  }
  ~BusyThread() { release(); }
  void on_call(const RpcRequest& q) {
    if (q.method->name == "validators") ++begun;
    if (q.method->name != "genesis") return;
    is_busy = true;
    go.get_future().wait();
  }
  void release() {
    if (!std::exchange(released, true)) go.set_value();
  }

  std::atomic<bool> is_busy{false};
  std::atomic<int> begun{0};  // of the method `validators`
  std::promise<void> go;
  bool released = false;
  RpcNet net;
  RawHttp blocker{net};
};

}  // namespace

TEST_CASE("a body above the limit is refused on its announcement, and when it lies, on arrival") {
  RpcNet net(with([](RpcLimits& l) { l.max_body_bytes = 10'000; }));
  RawHttp announced(net);
  const auto a = announced.ask(post_head(10'001));
  CHECK(a.status == 413);
  CHECK(a.error_name() == "too-large");
  CHECK(announced.is_closed());
  RawHttp chunked(net);
  std::string text =
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) text += "400\r\n" + std::string(0x400, ' ') + "\r\n";
  CHECK(chunked.ask(text).error_name() == "too-large");
  RawHttp fits(net);
  CHECK(fits.post(call_text("status") + std::string(5000, ' ')).status == 200);
}

TEST_CASE("a length of 4 GiB and malformed lengths are refused and allocate nothing") {
  RpcNet net;
  for (const char* length : {"4294967296", "18446744073709551616", "-1", "x", "1, 2"}) {
    CAPTURE(length);
    RawHttp http(net);
    const auto a =
        http.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::string(length) +
                 "\r\n\r\n");
    CHECK((a.status == 413 || a.status == 400));
    CHECK(http.is_closed());
  }
  CHECK(net.server->stats().buffered_bytes == 0);
}

TEST_CASE("deep JSON, duplicate keys, huge numbers and long batches are refused by name") {
  RpcNet net;
  RawHttp http(net);
  const auto with_params = [](const std::string& p) {
    return R"({"jsonrpc":"2.0","id":1,"method":"status","params":)" + p + "}";
  };
  CHECK(http.post(with_params(std::string(100'000, '['))).error_name() == "too-deep");
  CHECK(http.post(with_params(R"({"a":1,"a":2})")).error_name() == "duplicate-key");
  CHECK(http.post(with_params("[1e999]")).error_name() == "bad-number");
  CHECK(http.post(with_params(R"({"id":99999999999999999999})")).error_name() == "bad-number");
  CHECK(http.post(with_params("[NaN]")).error_name() == "parse-error");
  std::string batch = "[0";
  for (int i = 0; i < 64; ++i) batch += ",0";
  CHECK(http.post(batch + "]").error_name() == "batch-too-long");
  std::string values = "[0";
  for (int i = 0; i < 70'000; ++i) values += ",0";
  CHECK(http.post(with_params(values + "]")).error_name() == "too-large");
  CHECK(http.post(call_text("status")).status == 200);
}

TEST_CASE("long headers, long paths and what is not HTTP are refused") {
  RpcNet net;
  RawHttp headers(net);
  CHECK(headers
            .ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') +
                 "\r\n\r\n")
            .error_name() == "too-large");
  RawHttp path(net);
  CHECK(path.ask("GET /v1/" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .error_name() == "too-large");
  for (const char* text : {"\x16\x03\x01\x02\x00\x01", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"}) {
    CAPTURE(text);
    RawHttp http(net);
    CHECK(http.ask(text).status >= 400);
    CHECK(http.is_closed());
  }
}

TEST_CASE("headers are bounded even if each comes in a separate piece") {
  RpcNet net;
  RawHttp http(net);
  std::size_t sent = 0;
  const auto send = [&](const std::string& piece) {
    sent += piece.size();
    return http.send(piece) && eventually([&] { return net.server->stats().bytes_in >= sent; });
  };
  // Each ends with the first letter of the next header.
  REQUIRE(send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nA"));
  for (int i = 0; i < 40; ++i) REQUIRE(send(": " + std::string(1000, 'x') + "\r\nA"));
  CHECK(http.receive().error_name() == "too-large");
  CHECK(http.is_closed());
}

TEST_CASE("other methods, other paths and other content types are refused by name") {
  RpcNet net;
  RawHttp http(net);
  CHECK(http.ask("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").error_name() ==
        "http-method-not-allowed");
  CHECK(http.ask("POST /v1/head HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            .error_name() == "http-method-not-allowed");
  CHECK(http.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                 "Content-Length: 2\r\n\r\n{}")
            .error_name() == "unsupported-media");
  CHECK(
      http.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}").error_name() ==
      "unsupported-media");
}

TEST_CASE("a client that trickles its headers is cut off at the deadline") {
  RpcNet net(with([](RpcLimits& l) { l.header_deadline = 80ms; }));
  RawHttp http(net);
  // One byte at a time, without end: progress does not extend the deadline. Paced, so that the
  // headers do not reach their length limit before the deadline.
  bool open = http.send("GET /healthz HTTP/1.1\r\nX: ");
  const auto begun = std::chrono::steady_clock::now();
  while (open && std::chrono::steady_clock::now() - begun < 20s) {
    open = http.send("x");
    std::this_thread::sleep_for(1ms);
    if (net.server->stats().timed_out > 0) break;
  }
  CHECK(net.server->stats().timed_out == 1);
  CHECK(http.is_closed());
}

TEST_CASE("a client that does not finish its body is cut off at the deadline") {
  RpcNet net(with([](RpcLimits& l) { l.body_deadline = 60ms; }));
  RawHttp http(net);
  http.send(post_head(1000) + "{");
  CHECK(http.is_closed());
  CHECK(net.server->stats().timed_out == 1);
}

TEST_CASE("an idle connection is closed after a while, one that waits for its answer is not") {
  RpcNet net(with([](RpcLimits& l) { l.idle_timeout = 60ms; }));
  RawHttp waits(net);
  waits.send(imi::cli::post_text({"127.0.0.1", 1}, "", call_text("submission", {{"id", kHash}})));
  auto held = net.gate.wait_for(1);
  RawHttp idle(net);
  CHECK(idle.is_closed());
  held[0].result("patience");
  CHECK(waits.receive().status == 200);
}

TEST_CASE("a call whose handler does not answer is answered at the deadline") {
  RpcNet net(with([](RpcLimits& l) { l.handler_deadline = 50ms; }));
  RawHttp http(net);
  const auto a = http.post(call_text("submission", {{"id", kHash}}, 9));
  CHECK(a.status == 504);
  CHECK(a.error_name() == "timeout");
  CHECK(a.json().at("id") == 9);
  net.gate.wait_for(1)[0].result("too late");
  CHECK(http.post(call_text("status", {}, 10)).json().at("id") == 10);
}

TEST_CASE("a client that never reads is cut off and what it holds is bounded") {
  RpcNet net(with([](RpcLimits& l) {
    l.write_deadline = 150ms;
    l.max_answer_bytes = 4 << 20;
  }));
  RawHttp http(net);
  const int small = 4096;
  ::setsockopt(http.socket().fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  std::string many;
  for (int i = 0; i < 64; ++i) {
    many += imi::cli::post_text({"127.0.0.1", 1}, "", call_text("peers", {}, i));
  }
  http.send(many);  // 64 MiB of answers
  CHECK(eventually([&] { return net.server->stats().slow_clients == 1; }));
  CHECK(eventually([&] { return net.server->stats().buffered_bytes == 0; }));
  RawHttp other(net);
  CHECK(other.post(call_text("status")).status == 200);
}

TEST_CASE("requests of one connection in work are bounded and all are answered in the end") {
  RpcNet net(with([](RpcLimits& l) { l.max_pipelined = 4; }));
  RawHttp http(net);
  std::string many;
  for (int i = 0; i < 12; ++i) {
    many += imi::cli::post_text({"127.0.0.1", 1}, "", call_text("submission", {{"id", kHash}}, i));
  }
  http.send(many);
  int answered = 0;
  while (answered < 12) {
    for (auto& r : net.gate.wait_for(4)) r.result("done");
    for (int k = 0; k < 4; ++k) CHECK(http.receive().json().at("id") == answered++);
  }
}

TEST_CASE("a flood of connections is refused with a reason and leaves existing ones alone") {
  RpcNet net(with([](RpcLimits& l) { l.max_connections = 8; }));
  RawHttp first(net);
  CHECK(first.post(call_text("status")).status == 200);
  std::vector<std::unique_ptr<RawHttp>> flood;
  for (int i = 0; i < 30; ++i) flood.push_back(std::make_unique<RawHttp>(net));
  CHECK(eventually([&] { return net.server->stats().connections_refused == 23; }));
  CHECK(flood.back()->receive().error_name() == "server-busy");
  CHECK(first.post(call_text("status")).status == 200);
  flood.clear();
  CHECK(eventually([&] { return net.server->stats().connections_open == 1; }));
  RawHttp later(net);
  CHECK(later.post(call_text("status")).status == 200);
}

// To tell whether an object has its type, the undefined-behaviour sanitizer opens a pipe: without
// descriptors it reports every virtual call.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IMI_CHECKS_WITH_PIPES
#endif
#endif
#ifdef IMI_CHECKS_WITH_PIPES
constexpr bool kChecksWithPipes = true;
#else
constexpr bool kChecksWithPipes = false;
#endif

TEST_CASE("a server without a descriptor for a client waits until there is one" *
          doctest::skip(kChecksWithPipes)) {
  std::atomic<int> refusals{0};
  RpcServerOptions o;
  o.log = [&refusals](NetLogLevel, std::string_view line) {
    if (line.starts_with("cannot accept")) ++refusals;
  };
  RpcNet net(std::move(o));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 200;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  std::vector<int> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.push_back(fd);
  ::close(taken.back());  // for the client's end
  taken.pop_back();
  RawHttp http(net);
  CHECK(eventually([&] { return refusals > 0; }));
  CHECK(net.server->stats().connections_total == 0);
  for (const int fd : taken) ::close(fd);
  CHECK(http.post(call_text("status")).status == 200);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("one address has its own share of the connections") {
  RpcNet net(with([](RpcLimits& l) { l.max_connections_per_address = 2; }));
  RawHttp a(net);
  RawHttp b(net);
  RawHttp c(net);
  CHECK(c.receive().status == 503);
  CHECK(a.post(call_text("status")).status == 200);
}

TEST_CASE("calls above a client's rate are refused with the time to wait, batches count whole") {
  RpcNet net(with([](RpcLimits& l) {
    l.calls_per_second = 0.001;
    l.calls_burst = 5;
  }));
  RawHttp http(net);
  std::string batch = "[" + call_text("status");
  for (int i = 0; i < 3; ++i) batch += "," + call_text("status");
  CHECK(http.post(batch + "]").status == 200);
  CHECK(http.post(call_text("status")).status == 200);
  const auto a = http.post(call_text("status"));
  CHECK(a.status == 429);
  CHECK(a.error_name() == "rate-limited");
  CHECK(a.json().at("error").at("data").at("retry_after_ms").as_int64() > 0);
  CHECK(http.get("/v1/status").status == 429);
  CHECK(http.get("/healthz").status == 200);
}

TEST_CASE("all requests together are bounded in memory") {
  RpcNet net(with([](RpcLimits& l) { l.max_buffered_bytes = 1 << 20; }));
  RawHttp a(net);
  const auto r = a.ask(post_head(4 << 20) + std::string(4 << 20, ' '));
  CHECK(r.error_name() == "server-busy");
  CHECK(eventually([&] { return net.server->stats().buffered_bytes == 0; }));
  RawHttp b(net);
  CHECK(b.post(call_text("status")).status == 200);
}

TEST_CASE("calls that wait for a thread are not begun once their client has gone") {
  BusyThread busy;
  {
    RawHttp leaves(busy.net);
    leaves.send(http_post(batch_of("validators", 40)));
    REQUIRE(eventually([&] { return busy.net.server->stats().calls_total == 41; }));
  }
  REQUIRE(eventually([&] { return busy.net.server->stats().connections_open == 1; }));
  busy.release();
  RawHttp after(busy.net);  // in the same queue, behind them
  CHECK(after.post(call_text("status")).status == 200);
  CHECK(busy.begun == 0);
}

TEST_CASE("calls that wait for a thread beyond their deadline are answered and not begun") {
  BusyThread busy(50ms);
  RawHttp late(busy.net);
  CHECK(late.post(call_text("validators")).error_name() == "timeout");
  busy.release();
  CHECK(late.post(call_text("status")).status == 200);
  CHECK(busy.begun == 0);
}

TEST_CASE("reads that occupy every thread hold up no submission") {
  BusyThread busy;
  RawHttp reader(busy.net);
  reader.send(http_post(batch_of("validators", 40)));
  RawHttp author(busy.net);
  CHECK(author.post(call_text("submit", {{"submission", "AQID"}})).status == 200);
  CHECK(busy.begun == 0);
}

TEST_CASE("a batch's answers are bounded in memory: the calls beyond are told that it is full") {
  const auto outcome = [](const RpcServerOptions& options) {
    RpcNet net(options);
    RawHttp http(net);
    const auto n = results_and_busy(http.post(batch_of("peers", 32)).json());  // 1 MiB each
    CHECK(n.first + n.second == 32);
    CHECK(eventually([&] { return net.server->stats().buffered_bytes == 0; }));
    CHECK(http.post(call_text("peers")).status == 200);
    return n.first;
  };
  CHECK(outcome({}) == 32);
  // All connections together: reads have three quarters.
  CHECK(outcome(with([](RpcLimits& l) { l.max_buffered_bytes = 8 << 20; })) == 6);
  // One connection.
  CHECK(outcome(with([](RpcLimits& l) { l.max_answer_bytes = 3 << 20; })) == 3);
}

TEST_CASE("answers of a batch that is not complete count as held") {
  RpcNet net;
  RawHttp http(net);
  std::string batch = batch_of("peers", 4);
  batch.back() = ',';
  http.send(http_post(batch + call_text("submission", {{"id", kHash}}, 9) + "]"));
  auto held = net.gate.wait_for(1);
  CHECK(eventually([&] { return net.server->stats().buffered_bytes > 4u << 20; }));
  held[0].result("done");
  CHECK(http.receive().json().as_array().size() == 5);
  CHECK(eventually([&] { return net.server->stats().buffered_bytes == 0; }));
}

TEST_CASE("an answer is charged by its size: a large one is not one call") {
  RpcNet net(with([](RpcLimits& l) {
    l.calls_per_second = 0.001;
    l.calls_burst = 50;
    l.bytes_per_call = 1'000;
  }));
  net.big_text = std::string(41'000, 'p');
  RawHttp http(net);
  CHECK(http.post(call_text("peers")).status == 200);  // 1 and 41 calls
  CHECK(http.post(batch_of("status", 8)).status == 200);
  CHECK(http.post(call_text("status")).status == 429);
}

TEST_CASE("a read is charged by the time that it took on a worker") {
  RpcServerOptions o;
  o.handler_threads = 1;
  o.limits.calls_per_second = 0.001;
  o.limits.calls_burst = 50;
  o.limits.work_per_call = std::chrono::microseconds(100);
  RpcNet net(o, [](const RpcRequest& q) {
    if (q.method->name == "head") burn(20ms);  // 200 calls' worth
  });
  RawHttp http(net);
  CHECK(http.post(call_text("head")).status == 200);
  // The time is charged after the answer.
  CHECK(eventually([&] { return http.post(call_text("status")).status == 429; }));
}

TEST_CASE("reads known to be long leave one worker to short ones") {
  RpcServerOptions o;
  o.handler_threads = 2;
  std::atomic<bool> blocks{false};
  std::atomic<int> begun{0};
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  RpcNet net(o, [&](const RpcRequest& q) {
    if (q.method->name != "head") return;
    burn(5ms);
    if (!blocks) return;
    ++begun;
    gone.wait();
  });
  RawHttp teaches(net);
  CHECK(teaches.post(call_text("head")).status == 200);
  CHECK(teaches.post(call_text("head")).status == 200);  // now it is known to be long
  blocks = true;
  RawHttp heavy(net);
  heavy.send(http_post(batch_of("head", 40)));
  REQUIRE(eventually([&] { return begun == 1; }));
  RawHttp light(net);
  for (int i = 0; i < 20; ++i) CHECK(light.post(call_text("status")).status == 200);
  CHECK(begun == 1);
  go.set_value();
  CHECK(heavy.receive().status == 200);
}

TEST_CASE("clients of reads that wait get their turns, however many another has waiting") {
  RpcServerOptions o;
  o.handler_threads = 1;
  o.proxies = {"127.0.0.1"};
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<bool> is_busy{false};
  std::mutex mutex;
  std::vector<std::string> order;
  RpcNet net(o, [&](const RpcRequest& q) {
    if (q.method->name == "genesis") {
      is_busy = true;
      gone.wait();
    } else {
      const std::lock_guard lock(mutex);
      order.push_back(q.client);
    }
  });
  const auto post_for = [](std::string_view client, std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           "X-Forwarded-For: " +
           std::string(client) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
  };
  RawHttp blocker(net);
  blocker.send(post_for("203.0.113.9", call_text("genesis")));
  REQUIRE(eventually([&] { return is_busy.load(); }));
  RawHttp greedy(net);
  greedy.send(post_for("203.0.113.1", batch_of("status", 60)));
  REQUIRE(eventually([&] { return net.server->stats().calls_total == 61; }));
  RawHttp modest(net);
  modest.send(post_for("203.0.113.2", call_text("status")));
  REQUIRE(eventually([&] { return net.server->stats().calls_total == 62; }));
  go.set_value();
  CHECK(modest.receive().status == 200);
  CHECK(greedy.receive().status == 200);
  const auto at = std::find(order.begin(), order.end(), "203.0.113.2");
  REQUIRE(at != order.end());
  CHECK(at - order.begin() <= 2);  // in order of arrival it would be the last of 61
}
