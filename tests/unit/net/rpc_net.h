// A real RPC server on a free port, with simple handlers, and a raw client.
#pragma once

#include <doctest/doctest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/client/http_codec.h"
#include "cli/client/socket.h"
#include "node/net/rpc_server.h"

namespace imi::node {

using namespace std::chrono_literals;

// Holds responders until a test lets them answer.
class Gate {
 public:
  void hold(RpcResponder r) {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(r));
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<RpcResponder> wait_for(std::size_t n) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 20s, [&] { return held_.size() >= n; }));
    return std::exchange(held_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RpcResponder> held_;
};

// Handlers: `status` answers at once; `submission` waits in the gate; `submit` echoes the length;
// `event` is not found; `peers` answers with much text; `validators` drops its responder; `catalog`
// throws.
class RpcNet {
 public:
  // `on_call` is called first, on the thread of the handler.
  explicit RpcNet(RpcServerOptions options = {},
                  std::function<void(const RpcRequest&)> on_call = {})
      : on_call_(std::move(on_call)) {
    RpcCallbacks callbacks;
    callbacks.handler = [this](const RpcRequest& q, const RpcResponder& r) { handle(q, r); };
    callbacks.readiness = [this] {
      return is_ready ? Readiness{true, ""} : Readiness{false, "it is catching up"};
    };
    callbacks.metrics = [] { return std::string("imi_height 7\n"); };
    auto s = RpcServer::start(std::move(options), std::move(callbacks));
    REQUIRE(s);
    server = std::move(*s);
  }

  std::function<void(const RpcRequest&)> on_call_;
  std::atomic<bool> is_ready{true};
  Gate gate;
  std::string big_text = std::string(1 << 20, 'p');
  std::unique_ptr<RpcServer> server;  // goes first

  [[nodiscard]] cli::NodeAddress address() const { return {"127.0.0.1", server->port()}; }

 private:
  void handle(const RpcRequest& q, const RpcResponder& r) {
    if (on_call_) on_call_(q);
    const std::string_view m = q.method->name;
    if (m == "status") return r.result({{"height", 7}, {"client", q.client}});
    if (m == "submission") return gate.hold(r);
    if (m == "submit") return r.result({{"size", q.params.at("submission").as_string().size()}});
    if (m == "head") return r.raw(R"({"head":{"height":7}})");
    if (m == "block") return r.result({{"height", q.params.at("height")}});
    if (m == "peers") return r.result(boost::json::value(big_text));
    if (m == "validators") return;  // dropped
    if (m == "catalog") throw std::runtime_error("a handler's mistake");
    if (m == "event") {
      return r.error(
          rpc::make_error(rpc::Error::kNotFound, {{"what", "event"}, {"id", q.params.at("eid")}}));
    }
    r.error(rpc::make_error(rpc::Error::kNotReady, {{"why", "a test"}}));
  }
};

// Bytes in, responses out.
class RawHttp {
 public:
  explicit RawHttp(const cli::NodeAddress& to) : reader_(64u << 20) {
    auto s = cli::Socket::connect(to, deadline(), {});
    REQUIRE(s);
    socket_ = std::move(*s);
  }
  explicit RawHttp(const RpcNet& net) : RawHttp(net.address()) {}

  // False if the other side has closed.
  bool send(std::string_view bytes) { return socket_.send_all(bytes, deadline(), {}).has_value(); }

  struct Answer {
    int status = 0;  // 0: closed without one
    bool keep_alive = false;
    std::string body;
    [[nodiscard]] boost::json::value json() const {
      auto v = rpc::parse_json(body, rpc::kResponseLimits);
      REQUIRE(v);
      return *v;
    }
    [[nodiscard]] std::string error_name() const {
      const auto v = json();
      const auto* e = v.as_object().if_contains("error");
      return e == nullptr ? "" : std::string(e->at("data").at("name").as_string().c_str());
    }
  };
  Answer receive() {
    while (!reader_.is_done()) {
      if (pending_.empty() && !fill()) {
        if (!reader_.end_of_bytes()) return {};
        break;
      }
      const auto used = reader_.feed(pending_);
      REQUIRE(used);
      pending_.erase(0, *used);
    }
    auto t = reader_.take();
    return {t.status, t.keep_alive, std::move(t.body)};
  }
  Answer ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  Answer post(std::string_view body) { return ask(cli::post_text({"127.0.0.1", 1}, "", body)); }
  Answer get(std::string_view path) { return ask(cli::get_text({"127.0.0.1", 1}, "", path)); }

  // True if the other side closes (what it still sends is thrown away).
  [[nodiscard]] bool is_closed() {
    while (fill()) pending_.clear();
    return closed_;
  }
  // Exactly n raw bytes, for protocols that are not HTTP.
  std::string raw(std::size_t n) {
    while (pending_.size() < n) {
      if (!fill()) return {};
    }
    std::string out = pending_.substr(0, n);
    pending_.erase(0, n);
    return out;
  }
  // Raw bytes up to and including `end`.
  std::string raw_until(std::string_view end) {
    std::size_t at = 0;
    while ((at = pending_.find(end)) == std::string::npos) {
      if (!fill()) return {};
    }
    return raw(at + end.size());
  }
  cli::Socket& socket() { return socket_; }

 private:
  static cli::Socket::Deadline deadline() { return cli::Socket::Clock::now() + 20s; }
  bool fill() {
    char buffer[65536];
    const auto n = socket_.receive(buffer, sizeof(buffer), deadline(), {});
    closed_ = !n ? n.error().why != "no answer in time" : *n == 0;
    if (!n || *n == 0) return false;
    pending_.append(buffer, *n);
    return true;
  }
  cli::Socket socket_;
  cli::ResponseReader reader_;
  std::string pending_;
  bool closed_ = false;
};

inline std::string call_text(std::string_view method, boost::json::object params = {},
                             std::int64_t id = 1) {
  return rpc::request_text(rpc::Id(id), method, boost::json::value(std::move(params)));
}

// Waits for something that a thread of the server does.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace imi::node
