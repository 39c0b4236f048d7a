// The node's one public port: JSON-RPC 2.0 over HTTP POST and WebSocket, REST GET for the common
// reads, health, metrics and the OpenRPC document.
//
//   POST /               JSON-RPC, one call or a batch (Content-Type: application/json, no
//                        Content-Encoding)
//   GET  / + Upgrade     WebSocket: the same JSON-RPC, and subscriptions
//   GET  /v1/...         REST, see rpc/methods.h; ?prove=true
//   GET  /healthz        200 while the process serves at all
//   GET  /readyz         200 when the node can answer and commit, else 503 with the reason
//   GET  /metrics        Prometheus text
//   GET  /openrpc.json   the OpenRPC document
//
// HEAD works wherever GET does, and OPTIONS everywhere; queries on paths that take none are
// ignored. What two programs could read differently (the framing of a request above all) is refused
// and the connection closed, see node/net/http_request.h. WebSocket clients may offer the
// subprotocols `jsonrpc` and `jsonrpc-2.0`.
//
// Parameters are checked against rpc/methods.h before a handler sees them; methods that are not
// there are refused here. `rpc.discover`, `subscribe` and `unsubscribe` are answered here.
//
// A call's own error is answered with the HTTP status of the error table; a batch with 200.
// Requests whose Host is a DNS name that is not allowed are refused (a page on another site could
// otherwise reach this port by DNS rebinding), and so are requests with an Origin that is neither
// this server's own nor configured. CORS headers go to configured origins by name, never to "*".
//
// Threads: one I/O thread of its own. Handlers run on that thread, or, if handler_threads > 0,
// reads on that many threads of a pool and submissions on one more, so that reads cannot hold them
// up; health and metrics callbacks always on the I/O thread. A handler on the I/O thread must not
// block. Clients get equal shares of the pool's time (and connections of their client's), and with
// more than one thread one of them takes only short calls, so that long reads do not delay
// others (node/net/fair_queue.h). A Responder may be called from any thread, at once or later,
// exactly once; later calls are ignored; one that is dropped uncalled answers `internal`, so that
// no client waits indefinitely. Outcomes are turned to text on the thread that calls the Responder.
//
// Bounds: everything in RpcLimits. A call whose client has gone, or whose deadline passed, while it
// waited is not begun; one for whose answer there is no memory is answered `server-busy`. A client
// that exceeds one is answered with the named error where the protocol still allows an answer,
// and disconnected otherwise.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node/latency.h"
#include "node/net/net_error.h"
#include "rpc/json.h"
#include "rpc/methods.h"

namespace imi::node {

struct RpcLimits {
  std::size_t max_body_bytes = 6u << 20;  // of one request: 4 MiB of submission in base64url
  std::size_t max_header_bytes = 16u << 10;
  std::size_t max_target_bytes = 2048;  // of a GET's path and query
  rpc::JsonLimits json;                 // max_bytes is taken from max_body_bytes
  std::size_t max_connections = 1024;
  std::size_t max_connections_per_address = 512;  // IPv6: a /64
  // Of all requests being read or in work and all answers not taken; reads are begun up to three
  // quarters of it, the rest is for submissions.
  std::size_t max_buffered_bytes = 96u << 20;
  std::size_t max_pipelined = 64;  // calls of one connection in work at a time
  std::size_t max_answer_bytes =
      32u << 20;  // answers of one connection not yet taken; then no more is read or begun for it
  std::size_t max_subscriptions = 16;        // of one WebSocket
  std::size_t max_subscription_keys = 4096;  // of one subscription
  std::size_t max_push_queue = 256;  // notifications that wait for one WebSocket; then it is closed

  std::chrono::milliseconds header_deadline{10'000};   // first byte of a request to end of headers
  std::chrono::milliseconds body_deadline{30'000};     // end of headers to end of body
  std::chrono::milliseconds handler_deadline{75'000};  // a handler's answer; then `timeout`
  std::chrono::milliseconds write_deadline{30'000};    // a client that takes no byte for so long
  std::chrono::milliseconds idle_timeout{
      120'000};  // keep-alive without a request; WebSocket: no pong

  // Per client address; each call of a batch counts. 0: no limit. What an answer cost is counted
  // when it is made: another call for each so many bytes of it, and for each so much time that a
  // thread of the pool worked for it.
  double calls_per_second = 20'000;
  std::size_t bytes_per_call = 16u << 10;
  std::chrono::microseconds work_per_call{400};
  double calls_burst = 40'000;
  std::size_t max_rate_entries = 65'536;  // addresses remembered
};

struct RpcServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free port, see RpcServer::port()
  // DNS names besides localhost that a Host header may have. Literal addresses are always allowed:
  // rebinding needs a name.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;  // full origins, "https://portal.example"
  // Reverse proxies that are trusted to name their clients (node/net/forwarded.h): addresses, or
  // networks as "10.0.0.0/8". Clients behind them have limits of their own.
  std::vector<std::string> proxies;
  std::string bearer_token;  // if not empty: needed for all but /healthz, /readyz
  unsigned handler_threads = 0;
  RpcLimits limits;
  NetLog log;
};

enum class RpcTransport : std::uint8_t { kHttpPost, kRest, kWebSocket };

struct RpcRequest {
  const rpc::MethodSpec* method = nullptr;  // never null
  boost::json::object params;               // bound: declared names, types and ranges
  RpcTransport transport{};
  std::string client;  // address, for logs; behind a proxy the one that it names
};

// Answers one call. Copyable; all copies answer the same call. Thread-safe.
class RpcResponder {
 public:
  class Target;  // internal
  explicit RpcResponder(std::shared_ptr<Target> target) : target_(std::move(target)) {}
  void operator()(rpc::Outcome outcome) const;
  void result(boost::json::value v) const { (*this)(rpc::Outcome(rpc::Result(std::move(v)))); }
  void raw(std::string json_text) const {
    (*this)(rpc::Outcome(rpc::Result(rpc::RawJson{std::move(json_text)})));
  }
  void error(rpc::RpcError e) const { (*this)(rpc::Outcome(std::unexpected(std::move(e)))); }
  // Runs `work`, which answers the call, on the pool, as a part of the call: in its client's turn
  // and at its cost. On this thread if the server has no pool. Not run once the server stops.
  void later(std::function<void()> work) const;
  // True once the client has gone or the deadline passed: an answer would not be read.
  [[nodiscard]] bool abandoned() const;
  // To be asked where work that was queued for the call begins, and between its steps. False, with
  // the call answered if its client still waits, where the work would be for nothing: the client
  // has gone, the deadline passed, or there is no memory for another answer (`server-busy`). The
  // server asks before it calls a handler.
  [[nodiscard]] bool begin() const;

 private:
  std::shared_ptr<Target> target_;
};

using RpcHandler = std::function<void(RpcRequest, RpcResponder)>;

struct Readiness {
  bool ready = false;
  std::string why;  // a sentence if not ready
};

struct RpcCallbacks {
  RpcHandler handler;                    // every method of rpc/methods.h but those answered here
  std::function<Readiness()> readiness;  // for /readyz; absent: ready
  std::function<std::string()> metrics;  // Prometheus text; the server appends its own counters
};

// What a WebSocket client can subscribe to: subscribe {"topic": "heads"} or
// {"topic": "submissions", "keys": [id, ...]} -> {"subscription": n}; notifications are
// {"jsonrpc":"2.0","method":"subscription","params":{"subscription":n,"topic":...,"value":...}}.
enum class RpcTopic : std::uint8_t { kHeads, kSubmissions };

struct RpcStats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t connections_refused = 0;  // over a limit
  std::uint64_t websockets_open = 0;
  std::uint64_t calls_total = 0;
  std::uint64_t errors_total = 0;  // calls and requests answered with an error
  std::uint64_t timed_out = 0;     // connections closed by a deadline
  std::uint64_t slow_clients = 0;  // closed because they did not read
  std::uint64_t pushes_total = 0;
  std::uint64_t buffered_bytes = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  LatencyHistogram latency;  // of requests, to the answer
};

class RpcServer {
 public:
  // Listens and serves until destroyed. The callbacks must outlive the server or own what they
  // use; none is called after stop() has returned (handlers of the pool included).
  [[nodiscard]] static std::expected<std::unique_ptr<RpcServer>, NetError> start(
      RpcServerOptions options, RpcCallbacks callbacks);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string address() const;  // "127.0.0.1:8645"

  // Thread-safe. Sends `value_json` to those who subscribed to the topic, and, for kSubmissions,
  // to those who named `key` or no key at all. Costs nothing without subscribers.
  void publish(RpcTopic topic, std::string_view key, std::string value_json);
  // Thread-safe and cheap: whether publish() would reach anyone.
  [[nodiscard]] bool has_subscribers(RpcTopic topic) const;

  [[nodiscard]] RpcStats stats() const;  // thread-safe

  // Stops listening, answers what is in work with `shutting-down`, closes. Idempotent. Not to be
  // called from a callback.
  void stop();

  class Impl;  // internal

 private:
  explicit RpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::node
