#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>

#include "base/check.h"
#include "node/net/http_request.h"
#include "node/net/rpc_impl.h"
#include "node/net/rpc_websocket.h"

namespace imi::node {

using rpc::Error;
using rpc::make_error;

std::string http_head(int status, std::string_view content_type, std::size_t length,
                      std::string_view extra, bool close) {
  std::string out;
  out.reserve(192 + extra.size());
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += http_reason(status);
  if (status != 204) {
    out += "\r\nContent-Type: ";
    out += content_type;
    out += "\r\nContent-Length: ";
    out += std::to_string(length);
  }
  out += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  out += extra;
  if (close) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

namespace {

constexpr std::size_t kMaxDrainBytes = 16u << 20;
constexpr std::chrono::milliseconds kDrainTime{2000};

// HTTP/1.1 on one socket: requests are read while earlier ones are in work (bounded), answers go
// out in order and many at a time.
class HttpConnection final : public CallHost {
 public:
  HttpConnection(RpcServer::Impl& server, Tcp::socket socket, const asio::ip::address& peer)
      : CallHost(server, server.client_at(peer)), socket_(std::move(socket)), peer_(peer) {
    is_shared_ = server.proxies_.contains(peer);
  }

  void start() {
    touch();
    wait_readable();
  }
  void close() override;
  void check_time(SteadyClock::time_point now) override;
  void wind_up(const rpc::RpcError& e) override;

 private:
  enum class Phase : std::uint8_t { kIdle, kHeader, kBody, kDrain };
  using Shared = std::shared_ptr<HttpConnection>;

  Shared self() { return std::static_pointer_cast<HttpConnection>(shared_from_this()); }
  void touch() { phase_since_ = SteadyClock::now(); }
  void enter(Phase p) {
    phase_ = p;
    touch();
  }
  [[nodiscard]] bool may_take_more() const {
    return !closing_ && !is_paused() && slots_.size() < server_.options_.limits.max_pipelined &&
           answer_bytes() <= server_.options_.limits.max_answer_bytes;
  }

  void wait_readable();
  void on_readable();
  void process(std::string_view fresh);
  bool parse_some(std::string_view data, std::size_t& used);
  [[nodiscard]] rpc::RpcError parse_failure(const NetCode& ec) const;
  void on_head();
  void on_request(HttpRequest request);
  std::optional<rpc::RpcError> check_access(const HttpRequest& request, Resource resource,
                                            std::string& cors);
  void route(HttpRequest& request, Resource resource, std::string_view target);
  void answer_options(Resource resource);
  void answer_not_allowed(const HttpRequest& request, Resource resource);
  void answer_get(Resource resource, std::string_view target);
  void answer_text(int status, std::string_view content_type, std::string body);
  void answer_ready();
  void refuse(const rpc::RpcError& e);
  void upgrade(HttpRequest request);

  void on_answers() override { flush(); }
  void on_resumed() override;
  void flush();
  void on_written(const NetCode& ec);

  Tcp::socket socket_;
  asio::ip::address peer_;
  std::optional<RequestParser> parser_;
  std::string kept_;  // read and not parsed yet
  Phase phase_ = Phase::kIdle;
  SteadyClock::time_point phase_since_;
  SteadyClock::time_point write_progress_;
  std::size_t head_bytes_ = 0;  // of the request being read, while its headers come
  std::size_t body_held_ = 0;   // of the request being read, as told to the server
  std::size_t drained_ = 0;
  std::size_t writing_ = 0;  // slots at the front that are being written
  bool waiting_ = false;
  bool closing_ = false;  // no more requests; close once everything is written
  bool closed_ = false;
};

// ---- reading
// -------------------------------------------------------------------------------------

// Nothing is held for a connection that only waits: the bytes are read into the server's one
// scratch buffer when they are there.
void HttpConnection::wait_readable() {
  if (waiting_ || closed_ || (!may_take_more() && phase_ != Phase::kDrain)) return;
  waiting_ = true;
  socket_.async_wait(Tcp::socket::wait_read, [me = self()](const NetCode& ec) {
    me->waiting_ = false;
    if (me->closed_) return;
    if (ec) return me->close();
    me->on_readable();
  });
}

void HttpConnection::on_readable() {
  NetCode ec;
  const std::size_t n = socket_.read_some(asio::buffer(server_.scratch_), ec);
  if (ec == asio::error::would_block) return wait_readable();
  if (ec) return close();
  server_.count_.bytes_in.fetch_add(n, std::memory_order_relaxed);
  if (phase_ == Phase::kDrain) {
    drained_ += n;
    if (drained_ > kMaxDrainBytes) return close();
  } else {
    process({server_.scratch_.data(), n});
  }
  if (!closed_) wait_readable();
}

void HttpConnection::process(std::string_view fresh) {
  const Shared me = self();
  if (!kept_.empty()) {
    kept_.append(fresh);
    fresh = kept_;
  }
  std::size_t used = 0;
  while (used < fresh.size() && !closed_ && may_take_more()) {
    if (!parse_some(fresh, used)) break;
  }
  if (closed_) return;
  std::string rest(closing_ ? std::string_view{} : fresh.substr(used));
  kept_ = std::move(rest);
  flush();
}

// One step of the parser; false if it needs more bytes or the connection is over.
bool HttpConnection::parse_some(std::string_view data, std::size_t& used) {
  const RpcLimits& limits = server_.options_.limits;
  if (!parser_) {
    // An empty line before a request is ignored (RFC 9112, section 2.2).
    if (data.substr(used) == "\r") return false;
    if (data.substr(used).starts_with("\r\n")) {
      used += 2;
      return true;
    }
    parser_.emplace();
    head_bytes_ = 0;
    parser_->header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
    parser_->body_limit(limits.max_body_bytes);
    parser_->eager(true);
    enter(Phase::kHeader);
  }
  NetCode ec;
  const std::string_view piece = data.substr(used);
  const std::size_t n = parser_->put(asio::buffer(piece.data(), piece.size()), ec);
  used += n;
  // Beast bounds what it was given and has not parsed yet, but not the headers that came before
  // that in other pieces; nor a chunk's line or the trailers, which are what is left of a chunked
  // body between two reads.
  head_bytes_ = parser_->is_header_done() ? 0 : head_bytes_ + n;
  const bool is_long =
      ec == http::error::need_more && head_bytes_ + piece.size() - n > limits.max_header_bytes;
  if ((ec && ec != http::error::need_more) || is_long) {
    refuse(parse_failure(ec));
    return false;
  }
  if (phase_ == Phase::kHeader && parser_->is_header_done()) on_head();
  if (closing_ || closed_) return false;
  const std::size_t body = parser_->get().body().size();
  server_.hold(body - body_held_);
  body_held_ = body;
  if (server_.is_full()) {
    refuse(make_error(Error::kServerBusy, {{"what", "memory for requests"}}));
    return false;
  }
  if (parser_->is_done()) {
    server_.let_go(std::exchange(body_held_, 0));
    HttpRequest request = parser_->release();
    parser_.reset();
    enter(Phase::kIdle);
    on_request(std::move(request));
    return true;
  }
  return n != 0 && !ec;
}

rpc::RpcError HttpConnection::parse_failure(const NetCode& ec) const {
  const RpcLimits& limits = server_.options_.limits;
  if (parser_->fault()) return *parser_->fault();
  if (ec == http::error::body_limit) {
    return make_error(Error::kTooLarge, {{"limit", limits.max_body_bytes}, {"unit", "bytes"}});
  }
  if (ec == http::error::header_limit || ec == http::error::need_more) {
    return make_error(Error::kTooLarge,
                      {{"limit", limits.max_header_bytes}, {"unit", "bytes of headers"}});
  }
  return make_error(Error::kInvalidRequest, {{"why", "not HTTP: " + ec.message()}});
}

void HttpConnection::on_head() {
  enter(Phase::kBody);
  const auto& head = parser_->get();
  if (head.target().size() > server_.options_.limits.max_target_bytes) {
    return refuse(make_error(Error::kTooLarge, {{"limit", server_.options_.limits.max_target_bytes},
                                                {"unit", "bytes of path"}}));
  }
  // Tells a client that asks before it sends a large body; nothing is being written then but
  // earlier answers, and those clients do not pipeline.
  if (equal_no_case(text_of(head[http::field::expect]), "100-continue") && head.version() >= 11 &&
      slots_.empty()) {
    NetCode ignored;
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    (void)socket_.write_some(asio::buffer(kContinue.data(), kContinue.size()), ignored);
  }
}

// ---- requests
// ------------------------------------------------------------------------------------

// Answers the request that is being read with an error and takes no more.
void HttpConnection::refuse(const rpc::RpcError& e) {
  server_.log(RpcLogKind::kBadRequest, NetLogLevel::kDebug, "refused a request: " + e.message);
  server_.let_go(std::exchange(body_held_, 0));
  const bool head_only = parser_ && parser_->get().method() == http::verb::head;
  parser_.reset();
  closing_ = true;
  RequestSlot& slot = begin(0);
  slot.close_after = true;
  slot.head_only = head_only;
  answer_error(slot, e);
}

std::optional<rpc::RpcError> HttpConnection::check_access(const HttpRequest& request,
                                                          Resource resource, std::string& cors) {
  const RpcServerOptions& o = server_.options_;
  const std::string host(text_of(request[http::field::host]));
  if (request.count(http::field::host) > 1 || (host.empty() && request.version() >= 11)) {
    return make_error(Error::kInvalidRequest, {{"why", "exactly one Host header is needed"}});
  }
  if (!host.empty() && !is_host_allowed(host, o.allowed_hosts)) {
    return make_error(Error::kHostNotAllowed, {{"host", host}});
  }
  const std::string origin(text_of(request[http::field::origin]));
  switch (judge_origin(origin, host, o.allowed_origins)) {
    case OriginVerdict::kNone:
    case OriginVerdict::kSame: break;
    case OriginVerdict::kAllowed:
      cors = "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n";
      break;
    case OriginVerdict::kRefused: return make_error(Error::kOriginNotAllowed, {{"origin", origin}});
  }
  if (o.bearer_token.empty() || request.method() == http::verb::options) return std::nullopt;
  if (resource == Resource::kHealth || resource == Resource::kReadiness) return std::nullopt;
  const std::string_view given = text_of(request[http::field::authorization]);
  constexpr std::string_view kBearer = "Bearer ";
  if (given.starts_with(kBearer) && equal_secret(given.substr(kBearer.size()), o.bearer_token)) {
    return std::nullopt;
  }
  return make_error(Error::kUnauthorised);
}

void HttpConnection::on_request(HttpRequest request) {
  std::string cors;
  const bool keep = request.keep_alive();
  if (is_shared_) {
    asker_ = server_.client_at(forwarded_client(peer_, joined_values(request, "Forwarded"),
                                                joined_values(request, "X-Forwarded-For"),
                                                server_.proxies_));
  }
  const auto target = read_target(request);
  const Resource resource = target ? resource_at(target->path) : Resource::kNone;
  auto refusal = target ? check_access(request, resource, cors) : target.error();
  if (resource != Resource::kHealth && resource != Resource::kReadiness) {
    if (auto limited = charge_request(request.body().size())) refusal = std::move(limited);
  }
  // Only the path of the RPC is upgraded: others may be open to clients without a token.
  if (!refusal && resource == Resource::kRpc && boost::beast::websocket::is_upgrade(request)) {
    return upgrade(std::move(request));
  }
  if (refusal) {
    RequestSlot& refused = begin(0);
    refused.is_rest = resource == Resource::kRest;
    answer_error(refused, *refusal);
    if (refusal->error == Error::kUnauthorised) {
      slots_.back().extra_headers += "WWW-Authenticate: Bearer\r\n";
    }
  } else {
    route(request, resource, target->resource);
  }
  RequestSlot& slot = slots_.back();
  slot.extra_headers += cors;
  if (keep && request.version() < 11) slot.extra_headers += "Connection: keep-alive\r\n";
  slot.head_only = request.method() == http::verb::head;
  slot.close_after = !keep;
  if (!keep) closing_ = true;
}

void HttpConnection::route(HttpRequest& request, Resource resource, std::string_view target) {
  const http::verb method = request.method();
  if (resource == Resource::kNone) {
    RequestSlot& slot = begin(0);
    slot.is_rest = true;
    return answer_error(slot,
                        make_error(Error::kMethodNotFound, {{"method", target.substr(0, 100)}}));
  }
  if (method == http::verb::options) return answer_options(resource);
  if (resource != Resource::kRpc && (method == http::verb::get || method == http::verb::head)) {
    return answer_get(resource, target);
  }
  if (resource != Resource::kRpc || method != http::verb::post) {
    return answer_not_allowed(request, resource);
  }
  if (const auto refusal = check_media(request)) {
    answer_error(begin(0), *refusal);
    if (refusal->error == Error::kUnsupportedEncoding) {
      slots_.back().extra_headers += "Accept-Encoding: identity\r\n";
    }
    return;
  }
  run_json_rpc(std::move(request.body()), RpcTransport::kHttpPost);
}

void HttpConnection::answer_options(Resource resource) {
  RequestSlot& slot = begin(0);
  slot.extra_headers = "Allow: " + std::string(allowed_methods(resource)) +
                       "\r\n"
                       "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
                       "Access-Control-Allow-Headers: Content-Type, Authorization\r\n"
                       "Access-Control-Max-Age: 600\r\n";
  answer_now(slot, 204, "");
}

void HttpConnection::answer_not_allowed(const HttpRequest& request, Resource resource) {
  const std::string what = std::string(text_of(request.method_string()).substr(0, 32)) + " " +
                           std::string(text_of(request.target()).substr(0, 100));
  RequestSlot& slot = begin(0);
  slot.extra_headers = "Allow: " + std::string(allowed_methods(resource)) + "\r\n";
  answer_error(slot, make_error(Error::kHttpMethodNotAllowed, {{"method", what}}));
}

void HttpConnection::answer_get(Resource resource, std::string_view target) {
  switch (resource) {
    case Resource::kRest: return run_rest(target);
    case Resource::kHealth: return answer_text(200, "text/plain", "ok\n");
    case Resource::kReadiness: return answer_ready();
    case Resource::kMetrics:
      return answer_text(200, "text/plain; version=0.0.4", server_.metrics_text());
    case Resource::kInterface: return answer_text(200, "application/json", rpc::openrpc_text());
    case Resource::kRpc:
    case Resource::kServer:
    case Resource::kNone: break;
  }
  IMI_CHECK(false, "a resource that GET is not routed to");
}

void HttpConnection::answer_text(int status, std::string_view content_type, std::string body) {
  RequestSlot& slot = begin(0);
  slot.content_type = content_type;
  answer_now(slot, status, std::move(body));
}

void HttpConnection::answer_ready() {
  Readiness r{true, ""};
  if (server_.callbacks_.readiness) r = server_.callbacks_.readiness();
  const boost::json::object body{{"ready", r.ready}, {"why", r.why}};
  answer_text(r.ready ? 200 : 503, "application/json", rpc::to_text(body));
}

void HttpConnection::upgrade(HttpRequest request) {
  if (const auto protocol = choose_subprotocol(request); !protocol) {
    return answer_error(begin(0), protocol.error());
  }
  if (!slots_.empty() || writing_ != 0) {
    const auto e = make_error(Error::kInvalidRequest,
                              {{"why", "an upgrade came before earlier requests were answered"}});
    answer_error(begin(0), e);
    return;
  }
  // It will count for the client that asked, where it counted for a proxy; for the proxy itself,
  // whose connections are not limited, where it names none.
  const std::size_t same = asker_.key != client().key ? server_.connections_of(asker_.key)
                           : is_shared_               ? server_.websockets_of(asker_.key)
                                                      : 0;
  if (same >= server_.options_.limits.max_connections_per_address) {
    return answer_error(begin(0),
                        make_error(Error::kServerBusy, {{"what", "connections from one address"}}));
  }
  closed_ = true;  // this object's part ends here
  const Shared me = self();
  start_websocket(server_, std::move(socket_), std::move(request), asker_);
  mark_gone();
  server_.remove(me);
}

// ---- writing
// -------------------------------------------------------------------------------------

void HttpConnection::flush() {
  if (closed_ || writing_ != 0) return;
  std::vector<asio::const_buffer> buffers;
  while (writing_ < slots_.size() && slots_[writing_].done) {
    RequestSlot& s = slots_[writing_++];
    s.head = http_head(s.status, s.content_type, s.body.size(), s.extra_headers, s.close_after);
    buffers.emplace_back(asio::buffer(s.head));
    if (!s.body.empty() && !s.head_only) buffers.emplace_back(asio::buffer(s.body));
    if (s.close_after) break;
  }
  if (buffers.empty()) return;
  write_progress_ = SteadyClock::now();
  const Shared me = self();
  const auto note_progress = [me](const NetCode& ec, std::size_t) -> std::size_t {
    me->write_progress_ = SteadyClock::now();
    return ec ? 0 : 256u << 10;
  };
  asio::async_write(socket_, std::move(buffers), note_progress,
                    [me](const NetCode& ec, std::size_t n) {
                      me->server_.count_.bytes_out.fetch_add(n, std::memory_order_relaxed);
                      me->on_written(ec);
                    });
}

void HttpConnection::on_written(const NetCode& ec) {
  if (closed_) return;
  if (ec) return close();
  bool last = false;
  for (; writing_ != 0; --writing_) {
    last = slots_.front().close_after;
    forget_front();
  }
  if (slots_.empty() && (last || closing_)) {
    // What the client still sends is read and thrown away for a moment: closing now would reset
    // the connection and could destroy the answer on its way.
    NetCode ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    closing_ = true;
    kept_.clear();
    enter(Phase::kDrain);
    return wait_readable();
  }
  if (phase_ == Phase::kIdle) touch();
  if (!kept_.empty() && may_take_more()) {
    process({});
    if (closed_) return;
  }
  flush();
  wait_readable();
}

void HttpConnection::on_resumed() {
  if (closed_) return;
  const Shared me = self();
  process({});
  if (!closed_) wait_readable();
}

// ---- end
// -----------------------------------------------------------------------------------------

void HttpConnection::check_time(SteadyClock::time_point now) {
  if (closed_) return;
  const Shared me = self();
  const RpcLimits& l = server_.options_.limits;
  expire_calls(now);
  if (writing_ != 0 && now - write_progress_ > l.write_deadline) {
    server_.count_.slow_clients.fetch_add(1, std::memory_order_relaxed);
    server_.log(RpcLogKind::kSlowClient, NetLogLevel::kInfo, "a client does not read its answers");
    return close();
  }
  const auto since = now - phase_since_;
  bool late = false;
  switch (phase_) {
    case Phase::kIdle: late = slots_.empty() && since > l.idle_timeout; break;
    case Phase::kHeader: late = since > l.header_deadline; break;
    case Phase::kBody: late = since > l.body_deadline; break;
    case Phase::kDrain: late = since > kDrainTime; break;
  }
  if (!late) return;
  if (phase_ != Phase::kDrain) server_.count_.timed_out.fetch_add(1, std::memory_order_relaxed);
  close();
}

void HttpConnection::wind_up(const rpc::RpcError& e) {
  const Shared me = self();
  closing_ = true;
  fail_open_calls(e);
  if (!closed_ && slots_.empty()) close();
}

void HttpConnection::close() {
  if (closed_) return;
  const Shared me = self();
  closed_ = true;
  mark_gone();
  server_.let_go(std::exchange(body_held_, 0));
  NetCode ignored;
  socket_.close(ignored);
  server_.remove(me);
}

}  // namespace

void serve_http(RpcServer::Impl& server, Tcp::socket socket) {
  NetCode ec;
  const auto from = socket.remote_endpoint(ec);
  socket.non_blocking(true, ec);
  socket.set_option(Tcp::no_delay(true), ec);
  auto c = std::make_shared<HttpConnection>(server, std::move(socket), from.address());
  server.add(c);
  c->start();
}

}  // namespace imi::node
