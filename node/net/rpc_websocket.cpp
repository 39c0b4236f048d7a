#include "node/net/rpc_websocket.h"

#include <boost/asio/dispatch.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace imi::node {

using rpc::Error;
using rpc::make_error;
namespace websocket = boost::beast::websocket;

// JSON-RPC over one WebSocket: answers as they come, and notifications.
class RpcWebSocket final : public CallHost {
 public:
  RpcWebSocket(RpcServer::Impl& server, Tcp::socket socket, HttpRequest request, RpcClient client)
      : CallHost(server, std::move(client)),
        stream_(std::move(socket)),
        request_(std::move(request)) {
    server_.count_.websockets_open.fetch_add(1);
  }
  ~RpcWebSocket() override {
    server_.count_.websockets_open.fetch_sub(1);
    server_.let_go(in_held_);
  }

  void start();
  void push(std::string text);
  void close() override;
  void check_time(SteadyClock::time_point now) override;
  void wind_up(const rpc::RpcError& e) override;
  [[nodiscard]] bool is_websocket() const override { return true; }

 private:
  struct Out {
    std::string text;
    bool is_push = false;
  };
  using Shared = std::shared_ptr<RpcWebSocket>;
  Shared self() { return std::static_pointer_cast<RpcWebSocket>(shared_from_this()); }

  void read();
  void on_read(const NetCode& ec, std::size_t n);
  void on_message();
  void count_input();
  void drop_input();
  void hang_up(websocket::close_code code, const std::string& why);
  void on_answers() override;
  void on_resumed() override { read(); }
  void enqueue(std::string text, bool is_push);
  void write();
  std::optional<rpc::Outcome> own_method(std::string_view method,
                                         const boost::json::object& params) override;
  rpc::Outcome subscribe(const boost::json::object& params);
  rpc::Outcome unsubscribe(const boost::json::object& params);

  websocket::stream<Tcp::socket> stream_;
  HttpRequest request_;
  boost::beast::flat_buffer in_;  // the message being read
  std::size_t in_held_ = 0;       // of its memory, as told to the server
  std::optional<SteadyClock::time_point> message_since_;
  std::deque<Out> out_;
  std::size_t pushes_waiting_ = 0;
  std::set<std::uint64_t> subscriptions_;
  SteadyClock::time_point write_since_;
  std::optional<SteadyClock::time_point> ending_since_;  // the stream is no longer open
  bool accepted_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool hanging_up_ = false;  // a close frame with a reason is the last thing written
  bool closed_ = false;
};

void RpcWebSocket::start() {
  const RpcLimits& l = server_.options_.limits;
  websocket::stream_base::timeout t{};
  t.handshake_timeout = l.header_deadline;
  t.idle_timeout = l.idle_timeout;
  t.keep_alive_pings = true;  // a client that does not answer pings is gone
  stream_.set_option(t);
  stream_.read_message_max(l.max_body_bytes);
  stream_.text(true);
  stream_.auto_fragment(false);
  // None at all where the client offers none that is spoken here: it decides whether to go on.
  if (auto protocol = choose_subprotocol(request_).value_or(""); !protocol.empty()) {
    stream_.set_option(websocket::stream_base::decorator([protocol](websocket::response_type& r) {
      r.set(boost::beast::http::field::sec_websocket_protocol, protocol);
    }));
  }
  stream_.async_accept(request_, [me = self()](const NetCode& ec) {
    if (me->closed_) return;
    if (ec) return me->close();
    me->request_ = {};
    me->accepted_ = true;
    me->read();
  });
}

// In pieces, so that the memory of a message is counted, and its time runs, while it comes.
void RpcWebSocket::read() {
  constexpr std::size_t kPiece = 64u << 10;
  const RpcLimits& l = server_.options_.limits;
  if (reading_ || closed_ || closing_ || hanging_up_) return;
  // What has begun is read to its end: it cannot be delayed indefinitely.
  if (!message_since_ &&
      (is_paused() || slots_.size() >= l.max_pipelined || answer_bytes() > l.max_answer_bytes)) {
    return;
  }
  reading_ = true;
  stream_.async_read_some(in_, kPiece, [me = self()](const NetCode& ec, std::size_t n) {
    me->reading_ = false;
    if (!me->closed_) me->on_read(ec, n);
  });
  count_input();
}

void RpcWebSocket::count_input() {
  server_.hold(in_.capacity());
  server_.let_go(std::exchange(in_held_, in_.capacity()));
}

void RpcWebSocket::drop_input() {
  in_ = boost::beast::flat_buffer();
  count_input();
}

void RpcWebSocket::on_read(const NetCode& ec, std::size_t n) {
  if (hanging_up_) return drop_input();
  if (ec) return close();
  server_.count_.bytes_in.fetch_add(n, std::memory_order_relaxed);
  if (stream_.is_message_done()) return on_message();
  if (!message_since_) message_since_ = SteadyClock::now();
  if (server_.is_full()) {
    return hang_up(websocket::close_code::try_again_later,
                   "the server has no memory for more requests");
  }
  read();
}

void RpcWebSocket::on_message() {
  message_since_.reset();
  if (auto refusal = charge_request(in_.size())) {
    answer_error(begin(0), *refusal);
  } else if (server_.is_full()) {
    answer_error(begin(0), make_error(Error::kServerBusy, {{"what", "memory for requests"}}));
  } else {
    run_json_rpc({static_cast<const char*>(in_.data().data()), in_.size()},
                 RpcTransport::kWebSocket);
  }
  in_.consume(in_.size());
  constexpr std::size_t kKeep = 4096;
  if (in_.capacity() > kKeep) in_ = boost::beast::flat_buffer();
  count_input();
  on_answers();
  read();
}

void RpcWebSocket::on_answers() {
  for (RequestSlot& s : slots_) {
    if (!s.done || s.sent) continue;
    s.sent = true;
    std::string body = take_body(s);
    if (!body.empty()) enqueue(std::move(body), false);
  }
  while (!slots_.empty() && slots_.front().sent) forget_front();
  read();
}

void RpcWebSocket::push(std::string text) {
  if (closed_ || closing_ || hanging_up_) return;
  if (pushes_waiting_ >= server_.options_.limits.max_push_queue) {
    server_.count_.slow_clients.fetch_add(1, std::memory_order_relaxed);
    server_.log(RpcLogKind::kSlowClient, NetLogLevel::kInfo,
                "a subscriber does not read its notifications");
    return close();
  }
  server_.count_.pushes.fetch_add(1, std::memory_order_relaxed);
  enqueue(std::move(text), true);
}

void RpcWebSocket::enqueue(std::string text, bool is_push) {
  hold_answer(text.size());
  pushes_waiting_ += is_push ? 1 : 0;
  out_.push_back({std::move(text), is_push});
  write();
}

void RpcWebSocket::write() {
  if (writing_ || closed_ || hanging_up_) return;
  if (out_.empty()) {
    if (closing_ && slots_.empty()) close();
    return;
  }
  writing_ = true;
  write_since_ = SteadyClock::now();
  stream_.async_write(asio::buffer(out_.front().text),
                      [me = self()](const NetCode& ec, std::size_t n) {
                        me->writing_ = false;
                        if (me->closed_) return;
                        if (ec) return me->close();
                        me->server_.count_.bytes_out.fetch_add(n, std::memory_order_relaxed);
                        me->let_go_answer(me->out_.front().text.size());
                        me->pushes_waiting_ -= me->out_.front().is_push ? 1 : 0;
                        me->out_.pop_front();
                        me->write();
                        me->read();
                      });
}

// ---- subscriptions
// -------------------------------------------------------------------------------

std::optional<rpc::Outcome> RpcWebSocket::own_method(std::string_view method,
                                                     const boost::json::object& params) {
  if (method == "subscribe") return subscribe(params);
  if (method == "unsubscribe") return unsubscribe(params);
  return std::nullopt;
}

rpc::Outcome RpcWebSocket::subscribe(const boost::json::object& params) {
  const RpcLimits& l = server_.options_.limits;
  if (subscriptions_.size() >= l.max_subscriptions) {
    return std::unexpected(
        make_error(Error::kTooManySubscriptions, {{"limit", l.max_subscriptions}}));
  }
  RpcServer::Impl::Subscription s;
  s.socket = self();
  s.topic = params.at("topic") == "heads" ? RpcTopic::kHeads : RpcTopic::kSubmissions;
  if (const auto* keys = params.if_contains("keys")) {
    if (keys->get_array().size() > l.max_subscription_keys) {
      return std::unexpected(
          make_error(Error::kTooLarge, {{"limit", l.max_subscription_keys}, {"unit", "keys"}}));
    }
    for (const auto& k : keys->get_array()) {
      s.keys.emplace(std::string_view(k.get_string().data(), k.get_string().size()));
    }
  }
  const std::uint64_t id = server_.next_subscription_++;
  server_.subscriber_count_[static_cast<std::size_t>(s.topic)].fetch_add(1);
  server_.subscriptions_.emplace(id, std::move(s));
  subscriptions_.insert(id);
  return rpc::Result(boost::json::value{{"subscription", id}});
}

rpc::Outcome RpcWebSocket::unsubscribe(const boost::json::object& params) {
  const auto id = static_cast<std::uint64_t>(params.at("subscription").as_int64());
  const bool mine = subscriptions_.erase(id) != 0;
  if (mine) server_.drop_subscription(id);
  return rpc::Result(boost::json::value(mine));
}

// ---- end
// -----------------------------------------------------------------------------------------

void RpcWebSocket::check_time(SteadyClock::time_point now) {
  if (closed_) return;
  const Shared me = self();
  expire_calls(now);
  const auto deadline = server_.options_.limits.body_deadline;
  if (message_since_ && now - *message_since_ > deadline) {
    server_.count_.timed_out.fetch_add(1, std::memory_order_relaxed);
    hang_up(websocket::close_code::policy_error,
            "a message took longer than " + std::to_string(deadline.count()) + " ms");
  }
  // After a protocol error or a close frame Beast waits for the other side to hang up.
  if (hanging_up_ || (accepted_ && !stream_.is_open())) {
    if (!ending_since_) ending_since_ = now;
    if (now - *ending_since_ > server_.options_.limits.header_deadline) return close();
  }
  if (writing_ && now - write_since_ > server_.options_.limits.write_deadline) {
    server_.count_.slow_clients.fetch_add(1, std::memory_order_relaxed);
    server_.log(RpcLogKind::kSlowClient, NetLogLevel::kInfo, "a WebSocket client does not read");
    close();
  }
}

// Tells the client why, and closes when it has answered that or after a while (check_time).
void RpcWebSocket::hang_up(websocket::close_code code, const std::string& why) {
  if (hanging_up_ || closed_) return;
  hanging_up_ = true;
  message_since_.reset();
  mark_gone();
  if (!reading_) drop_input();  // else Beast may still write to it
  server_.log(RpcLogKind::kBadRequest, NetLogLevel::kInfo, "closed a WebSocket: " + why);
  stream_.async_close({code, why}, [me = self()](const NetCode&) { me->close(); });
}

void RpcWebSocket::wind_up(const rpc::RpcError& e) {
  const Shared me = self();
  closing_ = true;
  fail_open_calls(e);
  write();
}

void RpcWebSocket::close() {
  if (closed_) return;
  const Shared me = self();
  closed_ = true;
  mark_gone();
  for (const std::uint64_t id : subscriptions_) server_.drop_subscription(id);
  subscriptions_.clear();
  NetCode ignored;
  boost::beast::get_lowest_layer(stream_).close(ignored);
  server_.remove(me);
}

void start_websocket(RpcServer::Impl& server, Tcp::socket socket, HttpRequest request,
                     RpcClient client) {
  auto ws = std::make_shared<RpcWebSocket>(server, std::move(socket), std::move(request),
                                           std::move(client));
  server.add(ws);
  ws->start();
}

void push_to(RpcWebSocket& socket, std::string text) { socket.push(std::move(text)); }

}  // namespace imi::node
