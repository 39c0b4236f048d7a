// Internal to node/net: the classes behind RpcServer. All run on the server's I/O thread unless
// noted otherwise.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "node/net/asio.h"
#include "node/net/forwarded.h"
#include "node/net/http_text.h"
#include "node/net/log_limiter.h"
#include "node/net/read_pool.h"
#include "node/net/rpc_server.h"

namespace imi::node {

class CallHost;
class RpcWebSocket;

// The client that a call belongs to: for limits and logs.
struct RpcClient {
  ClientKey key{};
  std::string text;
};

// One answer on its way from whichever thread made it to the connection it belongs to.
struct Completion {
  std::weak_ptr<CallHost> host;
  std::uint64_t request = 0;  // of that host, counted from 0
  std::size_t part = 0;       // within a batch
  FairQueue::Asker asker;
  std::string text;
  int status = 200;
};

// What a connection shares with the responders of its calls, which may outlive it. Any thread.
struct Caller {
  std::atomic<bool> gone{false};
  std::atomic<std::size_t> answer_bytes{0};  // answers made and not taken by the client
};

// Where answers from any thread wait for the I/O thread: one wake-up for all that have come. It
// also counts the memory of requests and answers, because responders may outlive the server.
class Inbox {
 public:
  Inbox(asio::io_context& io, const RpcLimits& l) : limits(l), io_(&io) {}
  void put(Completion c);  // any thread; dropped after close()
  void close();
  std::vector<Completion> take();
  std::function<void()> on_wake;  // set before the first put

  // Any thread.
  void hold(std::size_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }
  void let_go(std::size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  const RpcLimits limits;

 private:
  std::atomic<std::uint64_t> held_{0};
  std::mutex mutex_;
  asio::io_context* io_;
  std::vector<Completion> waiting_;
};

// The one call that copies of a responder answer.
class RpcResponder::Target {
 public:
  Target(std::shared_ptr<Inbox> inbox, std::shared_ptr<ReadPool> reads,
         std::shared_ptr<Caller> caller, Completion address, rpc::Id id, const RpcRequest& request,
         SteadyClock::time_point deadline)
      : inbox_(std::move(inbox)),
        reads_(std::move(reads)),
        caller_(std::move(caller)),
        address_(std::move(address)),
        id_(std::move(id)),
        is_rest_(request.transport == RpcTransport::kRest),
        submits_(request.method->submits),
        deadline_(deadline) {}
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  void answer(rpc::Outcome outcome);
  [[nodiscard]] bool abandoned() const { return answered_.load() || caller_->gone || is_late(); }
  [[nodiscard]] bool begin();
  void later(std::function<void()> work);

 private:
  [[nodiscard]] bool is_late() const { return SteadyClock::now() >= deadline_; }
  [[nodiscard]] bool has_room() const;

  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<ReadPool> reads_;  // null: none
  std::shared_ptr<Caller> caller_;
  Completion address_;
  rpc::Id id_;
  bool is_rest_;
  bool submits_;
  SteadyClock::time_point deadline_;
  std::atomic<bool> answered_{false};
};

// A request and its answer. A batch has several parts.
struct RequestSlot {
  std::vector<std::string> parts;
  std::vector<bool> part_done;
  std::vector<rpc::Id> ids;  // to answer what runs into the deadline
  std::size_t open = 0;      // parts not answered
  std::size_t part_bytes = 0;
  bool is_batch = false;
  bool is_rest = false;
  bool done = false;
  bool sent = false;  // WebSocket: out of order
  bool close_after = false;
  bool head_only = false;  // HTTP: of a HEAD request, whose answer's body is not sent
  int status = 200;
  std::string content_type = "application/json";
  std::string extra_headers;
  std::string head;  // HTTP: made when it is written
  std::string body;  // the answer
  std::size_t request_bytes = 0;
  SteadyClock::time_point started;
};

// What HTTP connections and WebSockets share: requests in work.
class CallHost : public std::enable_shared_from_this<CallHost> {
 public:
  // `client`: who the connection counts for.
  CallHost(RpcServer::Impl& server, RpcClient client);
  virtual ~CallHost();
  CallHost(const CallHost&) = delete;
  CallHost& operator=(const CallHost&) = delete;

  void complete(Completion&& c);
  virtual void check_time(SteadyClock::time_point now) = 0;
  virtual void close() = 0;
  // Answers everything in work with `e`, takes nothing more, and closes when that is written.
  virtual void wind_up(const rpc::RpcError& e) = 0;
  [[nodiscard]] const RpcClient& client() const { return client_; }
  [[nodiscard]] virtual bool is_websocket() const { return false; }

 protected:
  // Of a request that came, to be charged before it costs anything: a refusal where its client has
  // no calls left. Then nothing more is read for a while from a connection that is that client's
  // alone: a refused call costs its own client time, not the others.
  [[nodiscard]] std::optional<rpc::RpcError> charge_request(std::size_t bytes);
  [[nodiscard]] bool is_paused() const { return paused_; }
  virtual void on_resumed() = 0;

  // Each begins a request, in order; on_answers() is called when something is done.
  RequestSlot& begin(std::size_t request_bytes);
  void run_json_rpc(std::string body, RpcTransport transport);
  void run_rest(std::string_view target);
  void answer_now(RequestSlot& slot, int status, std::string body);
  void answer_error(RequestSlot& slot, const rpc::RpcError& e);
  void forget_front();
  [[nodiscard]] std::string take_body(RequestSlot& slot);
  void fail_open_calls(const rpc::RpcError& e);
  void expire_calls(SteadyClock::time_point now);
  void mark_gone();
  // Answers made (in part, or waiting to be written), as told to the server.
  [[nodiscard]] std::size_t answer_bytes() const { return answer_bytes_; }
  void hold_answer(std::size_t bytes);
  void let_go_answer(std::size_t bytes);
  // The subscribe methods, if this host has them.
  virtual std::optional<rpc::Outcome> own_method(std::string_view method,
                                                 const boost::json::object& params);
  virtual void on_answers() = 0;

  RpcServer::Impl& server_;
  RpcClient asker_;         // of the request being begun; a proxy's connection has those of many
  bool is_shared_ = false;  // a proxy's: by its clients
  std::deque<RequestSlot> slots_;
  std::uint64_t first_request_ = 0;  // number of slots_.front()

 private:
  using Parsed = std::expected<rpc::RequestBody, rpc::RpcError>;
  void run_parsed(std::uint64_t request, Parsed parsed, RpcTransport transport);
  void run_call(std::uint64_t request, std::size_t part, rpc::Call call, RpcTransport transport);
  void dispatch(std::uint64_t request, std::size_t part, rpc::Id id, const rpc::MethodSpec& method,
                boost::json::object params, RpcTransport transport);
  void answer_part(std::uint64_t request, std::size_t part, std::string text, int status);
  void answer_part_error(std::uint64_t request, std::size_t part, const rpc::Id& id,
                         const rpc::RpcError& e, bool is_rest);
  void finish(RequestSlot& slot);

  RpcClient client_;
  std::uint64_t number_;  // of the connection
  std::shared_ptr<Caller> caller_ = std::make_shared<Caller>();
  std::size_t answer_bytes_ = 0;
  std::optional<asio::steady_timer> pause_timer_;
  bool paused_ = false;
};

[[nodiscard]] ClientKey client_key(const asio::ip::address& a);

enum class RpcLogKind : std::uint8_t {
  kRefusedConnection,
  kRateLimited,
  kSlowClient,
  kTimedOut,
  kBadRequest,
  kAcceptFailed,
  kHandlerFailed,
};

class RpcServer::Impl {
 public:
  Impl(RpcServerOptions options, RpcCallbacks callbacks);
  ~Impl();
  std::expected<void, NetError> open();
  void run();
  void stop();

  void publish(RpcTopic topic, std::string_view key, std::string value_json);  // any thread

  // For hosts.
  [[nodiscard]] std::optional<rpc::RpcError> charge(const ClientKey& client, std::uint64_t calls);
  void owe(const ClientKey& client, std::uint64_t calls);  // any thread
  [[nodiscard]] RpcClient client_at(const asio::ip::address& a) const {
    return {client_key(a), a.to_string()};
  }
  [[nodiscard]] std::size_t connections_of(const ClientKey& client) const;
  [[nodiscard]] std::size_t websockets_of(const ClientKey& client) const;
  void log(RpcLogKind kind, NetLogLevel level, std::string_view line);
  void hold(std::size_t bytes) { inbox_->hold(bytes); }
  void let_go(std::size_t bytes) { inbox_->let_go(bytes); }
  [[nodiscard]] bool is_full() const { return inbox_->held() > options_.limits.max_buffered_bytes; }
  void add(const std::shared_ptr<CallHost>& host);
  void remove(const std::shared_ptr<CallHost>& host);
  void run_handler(RpcRequest request, const FairQueue::Asker& asker, RpcResponder responder);
  void call_handler(RpcRequest request, RpcResponder responder);  // I/O thread or pool
  [[nodiscard]] std::string metrics_text();

  RpcServerOptions options_;
  RpcCallbacks callbacks_;
  ProxyList proxies_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  std::uint64_t next_host_ = 0;

  struct Subscription {
    std::weak_ptr<RpcWebSocket> socket;
    RpcTopic topic{};
    std::set<std::string, std::less<>> keys;  // empty: all
  };
  std::map<std::uint64_t, Subscription> subscriptions_;
  std::uint64_t next_subscription_ = 1;
  std::array<std::atomic<std::size_t>, 2> subscriber_count_{};
  void drop_subscription(std::uint64_t id);

  struct Counters {
    std::atomic<std::uint64_t> connections_open{0}, connections_total{0}, connections_refused{0},
        websockets_open{0}, calls{0}, errors{0}, timed_out{0}, slow_clients{0}, pushes{0},
        bytes_in{0}, bytes_out{0};
  } count_;
  [[nodiscard]] RpcStats stats() const;
  void note_latency(SteadyClock::duration took);  // of a request

  mutable std::mutex latency_mutex_;
  LatencyHistogram latency_;  // guarded by latency_mutex_

  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>(io_, options_.limits);
  asio::io_context io_{1};  // after what its handlers' owners use when they go
  std::vector<char> scratch_ = std::vector<char>(64u << 10);  // what was just read
  std::shared_ptr<ReadPool> reads_;                           // null: no pool

 private:
  void accept();
  void on_accept(const NetCode& ec, Tcp::socket socket);
  void refuse(Tcp::socket socket, std::string_view limit);
  void drain_inbox();
  void deliver(RpcTopic topic, std::string_view key, const std::string& value_json);
  void sweep();

  std::optional<Tcp::acceptor> acceptor_;
  asio::steady_timer accept_timer_{io_};
  asio::steady_timer sweep_timer_{io_};
  asio::steady_timer stop_timer_{io_};
  std::set<std::shared_ptr<CallHost>> hosts_;
  std::map<ClientKey, std::size_t> per_client_;
  std::mutex rate_mutex_;
  RateLimiter rate_;  // guarded by rate_mutex_
  LogLimiter<8> log_;
  std::unique_ptr<asio::thread_pool> submit_lane_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

// Takes an accepted socket and serves HTTP on it.
void serve_http(RpcServer::Impl& server, Tcp::socket socket);

// An HTTP response's head.
[[nodiscard]] std::string http_head(int status, std::string_view content_type, std::size_t length,
                                    std::string_view extra, bool close);

}  // namespace imi::node
