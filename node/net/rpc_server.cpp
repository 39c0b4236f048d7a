#include "node/net/rpc_server.h"

#include <algorithm>

#include "node/net/rpc_impl.h"
#include "node/net/rpc_metrics.h"
#include "node/net/rpc_websocket.h"
#include "node/this_thread.h"

namespace imi::node {

using rpc::Error;
using rpc::make_error;

namespace {

constexpr std::chrono::milliseconds kStopGrace{500};

std::chrono::milliseconds sweep_interval(const RpcLimits& l) {
  const auto shortest = std::min(
      {l.header_deadline, l.body_deadline, l.handler_deadline, l.write_deadline, l.idle_timeout});
  return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

std::string_view topic_name(RpcTopic t) { return t == RpcTopic::kHeads ? "heads" : "submissions"; }

}  // namespace

ClientKey client_key(const asio::ip::address& a) {
  ClientKey key{};
  if (a.is_v4() || a.to_v6().is_v4_mapped()) {
    const auto v4 =
        a.is_v4() ? a.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, a.to_v6());
    const auto bytes = v4.to_bytes();
    key[10] = key[11] = 0xff;
    std::copy(bytes.begin(), bytes.end(), key.begin() + 12);
  } else {
    const auto bytes = a.to_v6().to_bytes();
    std::copy_n(bytes.begin(), 8, key.begin());  // a /64 is one client
  }
  return key;
}

RpcServer::Impl::Impl(RpcServerOptions options, RpcCallbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      rate_(options_.limits.calls_per_second, options_.limits.calls_burst,
            options_.limits.max_rate_entries),
      log_(options_.log) {
  inbox_->on_wake = [this] { drain_inbox(); };
}

RpcServer::Impl::~Impl() { stop(); }

std::expected<void, NetError> RpcServer::Impl::open() {
  auto proxies = ProxyList::parse(options_.proxies);
  if (!proxies) {
    return std::unexpected(NetError{NetError::Reason::kBadAddress, proxies.error(),
                                    "a proxy must be given as an address or network"});
  }
  proxies_ = std::move(*proxies);
  auto acceptor = listen_on(io_, options_.address, options_.port);
  if (!acceptor) return std::unexpected(acceptor.error());
  acceptor_ = std::move(*acceptor);
  port_ = acceptor_->local_endpoint().port();
  return {};
}

void RpcServer::Impl::run() {
  (void)rpc::openrpc_text();  // made before the first client waits for it
  if (options_.handler_threads > 0) {
    const auto per_call = static_cast<FairQueue::Micros>(options_.limits.work_per_call.count());
    reads_ = std::make_shared<ReadPool>(
        options_.handler_threads,
        [this, per_call](const FairQueue::Asker& a, FairQueue::Micros used) {
          owe(a.client, used / per_call);
        });
    submit_lane_ = std::make_unique<asio::thread_pool>(1);
  }
  accept();
  sweep();
  thread_ = std::thread([this] {
    name_this_thread("rpc");
    const auto work = asio::make_work_guard(io_);
    io_.run();
  });
}

void RpcServer::Impl::stop() {
  if (stopped_.exchange(true) || !thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    NetCode ignored;
    acceptor_->close(ignored);
  });
  if (reads_ != nullptr) {
    reads_->stop();
    submit_lane_->stop();
    submit_lane_->join();
  }
  asio::post(io_, [this] {
    const auto hosts = hosts_;
    for (const auto& h : hosts) h->wind_up(make_error(Error::kShuttingDown));
    if (hosts_.empty()) return io_.stop();
    stop_timer_.expires_after(kStopGrace);
    stop_timer_.async_wait([this](const NetCode&) { io_.stop(); });
  });
  thread_.join();
  inbox_->close();
  if (reads_ != nullptr) reads_->clear();  // what was not begun holds responders, and they the pool
}

// ---- accepting
// -----------------------------------------------------------------------------------

void RpcServer::Impl::accept() {
  acceptor_->async_accept([this](const NetCode& ec, Tcp::socket socket) {
    if (!stopping_) on_accept(ec, std::move(socket));
  });
}

void RpcServer::Impl::on_accept(const NetCode& ec, Tcp::socket socket) {
  if (ec) {
    log(RpcLogKind::kAcceptFailed, NetLogLevel::kWarning, "cannot accept: " + ec.message());
    // Most likely out of descriptors: retrying at once would spin.
    accept_timer_.expires_after(std::chrono::milliseconds(50));
    accept_timer_.async_wait([this](const NetCode&) {
      if (!stopping_) accept();
    });
    return;
  }
  NetCode gone;
  const auto from = socket.remote_endpoint(gone);
  if (!gone) {
    // A proxy's connections are many clients', and are bounded by its own limits.
    const std::size_t same =
        proxies_.contains(from.address()) ? 0 : connections_of(client_key(from.address()));
    if (hosts_.size() >= options_.limits.max_connections) {
      refuse(std::move(socket), "connections");
    } else if (same >= options_.limits.max_connections_per_address) {
      refuse(std::move(socket), "connections from one address");
    } else {
      count_.connections_total.fetch_add(1, std::memory_order_relaxed);
      serve_http(*this, std::move(socket));
    }
  }
  accept();
}

std::size_t RpcServer::Impl::connections_of(const ClientKey& client) const {
  const auto it = per_client_.find(client);
  return it == per_client_.end() ? 0 : it->second;
}

std::size_t RpcServer::Impl::websockets_of(const ClientKey& client) const {
  return static_cast<std::size_t>(std::ranges::count_if(hosts_, [&](const auto& host) {
    return host->is_websocket() && host->client().key == client;
  }));
}

void RpcServer::Impl::refuse(Tcp::socket socket, std::string_view limit) {
  count_.connections_refused.fetch_add(1, std::memory_order_relaxed);
  log(RpcLogKind::kRefusedConnection, NetLogLevel::kWarning,
      "refused a client: at the limit of " + std::string(limit));
  const rpc::RpcError e = make_error(Error::kServerBusy, {{"what", limit}});
  const std::string body = rpc::response_text(nullptr, std::unexpected(e));
  const std::string text =
      http_head(e.spec().http_status, "application/json", body.size(), "", true) + body;
  NetCode ignored;
  socket.non_blocking(true, ignored);
  (void)socket.write_some(asio::buffer(text), ignored);  // best effort: a fresh socket has room
  socket.shutdown(Tcp::socket::shutdown_send, ignored);
}

void RpcServer::Impl::add(const std::shared_ptr<CallHost>& host) {
  hosts_.insert(host);
  ++per_client_[host->client().key];
  count_.connections_open.store(hosts_.size(), std::memory_order_relaxed);
}

void RpcServer::Impl::remove(const std::shared_ptr<CallHost>& host) {
  if (hosts_.erase(host) == 0) return;
  const auto it = per_client_.find(host->client().key);
  if (--it->second == 0) per_client_.erase(it);
  count_.connections_open.store(hosts_.size(), std::memory_order_relaxed);
  if (stopping_ && hosts_.empty()) io_.stop();
}

// ---- for hosts
// -----------------------------------------------------------------------------------

std::optional<rpc::RpcError> RpcServer::Impl::charge(const ClientKey& client, std::uint64_t calls) {
  const auto wait = [&] {
    const std::lock_guard lock(rate_mutex_);
    return rate_.take(client, static_cast<double>(calls), SteadyClock::now());
  }();
  if (wait.count() == 0) return std::nullopt;
  log(RpcLogKind::kRateLimited, NetLogLevel::kInfo, "a client exceeds its rate of calls");
  return make_error(Error::kRateLimited, {{"retry_after_ms", wait.count()}});
}

void RpcServer::Impl::owe(const ClientKey& client, std::uint64_t calls) {
  if (calls == 0) return;
  const std::lock_guard lock(rate_mutex_);
  rate_.owe(client, static_cast<double>(calls), SteadyClock::now());
}

void RpcServer::Impl::log(RpcLogKind kind, NetLogLevel level, std::string_view line) {
  log_.log(static_cast<std::size_t>(kind), level, line, SteadyClock::now());
}

void RpcServer::Impl::run_handler(RpcRequest request, const FairQueue::Asker& asker,
                                  RpcResponder responder) {
  if (!callbacks_.handler) return responder.error(make_error(Error::kInternal));
  if (reads_ == nullptr) return call_handler(std::move(request), std::move(responder));
  const bool submits = request.method->submits;
  auto work = [this, r = std::move(request), responder = std::move(responder)]() mutable {
    call_handler(std::move(r), std::move(responder));
  };
  if (submits) return asio::post(*submit_lane_, std::move(work));
  reads_->run(asker, std::move(work));
}

// A handler that throws costs its caller an `internal` and does not stop the node: the responder
// goes uncalled, and that answers.
void RpcServer::Impl::call_handler(RpcRequest request, RpcResponder responder) {
  if (!responder.begin()) return;
  const std::string method(request.method->name);
  try {
    callbacks_.handler(std::move(request), std::move(responder));
  } catch (const std::exception& e) {
    asio::post(io_, [this, line = "the handler of " + method + " failed: " + e.what()] {
      log(RpcLogKind::kHandlerFailed, NetLogLevel::kError, line);
    });
  }
}

void RpcServer::Impl::drain_inbox() {
  for (Completion& c : inbox_->take()) {
    let_go(c.text.size());
    owe(c.asker.client, c.text.size() / options_.limits.bytes_per_call);
    if (const auto host = c.host.lock()) host->complete(std::move(c));
  }
}

void RpcServer::Impl::sweep() {
  const auto now = SteadyClock::now();
  const auto hosts = hosts_;
  for (const auto& h : hosts) h->check_time(now);
  {
    const std::lock_guard lock(rate_mutex_);
    if (rate_.clients() > 1024) rate_.forget_idle(now);
  }
  sweep_timer_.expires_after(sweep_interval(options_.limits));
  sweep_timer_.async_wait([this](const NetCode& ec) {
    if (!ec) sweep();
  });
}

// ---- subscriptions
// -------------------------------------------------------------------------------

void RpcServer::Impl::publish(RpcTopic topic, std::string_view key, std::string value_json) {
  if (subscriber_count_[static_cast<std::size_t>(topic)].load() == 0 || stopped_.load()) return;
  asio::post(io_, [this, topic, k = std::string(key), v = std::move(value_json)] {
    deliver(topic, k, v);
  });
}

void RpcServer::Impl::deliver(RpcTopic topic, std::string_view key, const std::string& value_json) {
  // A push may close its socket, which ends its subscriptions: collect first.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<RpcWebSocket>>> to;
  for (const auto& [id, s] : subscriptions_) {
    if (s.topic != topic || (!s.keys.empty() && !s.keys.contains(key))) continue;
    if (auto socket = s.socket.lock()) to.emplace_back(id, std::move(socket));
  }
  for (const auto& [id, socket] : to) {
    std::string params = "{\"subscription\":" + std::to_string(id) + ",\"topic\":\"";
    params += topic_name(topic);
    params += "\",\"value\":" + value_json + "}";
    push_to(*socket, rpc::notification_text("subscription", rpc::RawJson{std::move(params)}));
  }
}

void RpcServer::Impl::drop_subscription(std::uint64_t id) {
  const auto it = subscriptions_.find(id);
  if (it == subscriptions_.end()) return;
  subscriber_count_[static_cast<std::size_t>(it->second.topic)].fetch_sub(1);
  subscriptions_.erase(it);
}

// ---- figures
// -------------------------------------------------------------------------------------

RpcStats RpcServer::Impl::stats() const {
  const auto get = [](const std::atomic<std::uint64_t>& a) {
    return a.load(std::memory_order_relaxed);
  };
  RpcStats s;
  s.connections_open = get(count_.connections_open);
  s.connections_total = get(count_.connections_total);
  s.connections_refused = get(count_.connections_refused);
  s.websockets_open = get(count_.websockets_open);
  s.calls_total = get(count_.calls);
  s.errors_total = get(count_.errors);
  s.timed_out = get(count_.timed_out);
  s.slow_clients = get(count_.slow_clients);
  s.pushes_total = get(count_.pushes);
  s.buffered_bytes = inbox_->held();
  s.bytes_in = get(count_.bytes_in);
  s.bytes_out = get(count_.bytes_out);
  const std::lock_guard lock(latency_mutex_);
  s.latency = latency_;
  return s;
}

void RpcServer::Impl::note_latency(SteadyClock::duration took) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  const std::lock_guard lock(latency_mutex_);
  latency_.add(static_cast<std::uint64_t>(us));
}

std::string RpcServer::Impl::metrics_text() {
  std::string out;
  if (callbacks_.metrics) out = callbacks_.metrics();
  out += rpc_metrics(stats());
  return out;
}

// ---- the public face
// -----------------------------------------------------------------------------

RpcServer::RpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcServer::~RpcServer() = default;

std::expected<std::unique_ptr<RpcServer>, NetError> RpcServer::start(RpcServerOptions options,
                                                                     RpcCallbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(callbacks));
  if (auto ok = impl->open(); !ok) return std::unexpected(ok.error());
  impl->run();
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(impl)));
}

std::uint16_t RpcServer::port() const { return impl_->port_; }
std::string RpcServer::address() const {
  const bool v6 = impl_->options_.address.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + impl_->options_.address + "]" : impl_->options_.address;
  return host + ":" + std::to_string(impl_->port_);
}
void RpcServer::publish(RpcTopic topic, std::string_view key, std::string value_json) {
  impl_->publish(topic, key, std::move(value_json));
}
bool RpcServer::has_subscribers(RpcTopic topic) const {
  return impl_->subscriber_count_[static_cast<std::size_t>(topic)].load() != 0;
}
RpcStats RpcServer::stats() const { return impl_->stats(); }
void RpcServer::stop() { impl_->stop(); }

}  // namespace imi::node
