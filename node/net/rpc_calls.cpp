#include <algorithm>

#include "base/check.h"
#include "node/net/rpc_impl.h"

namespace imi::node {

using rpc::Error;
using rpc::make_error;

namespace {

// Longer requests are parsed by the pool, on their client's account: the I/O thread is everybody's.
constexpr std::size_t kParsedAtOnce = 16u << 10;
constexpr std::string_view kParsing = "parsing";
// How long a client that exceeds its rate is not read from.
constexpr std::chrono::milliseconds kLeastPause{100};
constexpr std::chrono::milliseconds kMostPause{1'000};

}  // namespace

// ---- answers from any thread
// ---------------------------------------------------------------------

void Inbox::put(Completion c) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  waiting_.push_back(std::move(c));
  if (waiting_.size() == 1) asio::post(*io_, [this] { on_wake(); });
}

void Inbox::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
  waiting_.clear();
}

std::vector<Completion> Inbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void RpcResponder::Target::answer(rpc::Outcome outcome) {
  if (answered_.exchange(true)) return;
  if (caller_->gone) return;
  address_.status = outcome ? 200 : outcome.error().spec().http_status;
  address_.text = is_rest_ ? rpc::rest_text(outcome) : rpc::response_text(id_, outcome);
  caller_->answer_bytes += address_.text.size();
  inbox_->hold(address_.text.size());
  inbox_->put(std::move(address_));
}

bool RpcResponder::Target::begin() {
  if (answered_.load() || caller_->gone) return false;
  if (is_late()) {
    answer(std::unexpected(
        make_error(Error::kTimeout, {{"timeout_ms", inbox_->limits.handler_deadline.count()}})));
    return false;
  }
  if (has_room()) return true;
  answer(std::unexpected(make_error(Error::kServerBusy, {{"what", "memory for answers"}})));
  return false;
}

// Reads leave a quarter of the memory to submissions.
bool RpcResponder::Target::has_room() const {
  const RpcLimits& l = inbox_->limits;
  const std::size_t all = submits_ ? l.max_buffered_bytes : l.max_buffered_bytes / 4 * 3;
  return caller_->answer_bytes <= l.max_answer_bytes && inbox_->held() <= all;
}

void RpcResponder::Target::later(std::function<void()> work) {
  if (reads_ == nullptr) return work();
  reads_->run(address_.asker, std::move(work));
}

RpcResponder::Target::~Target() {
  if (!answered_.load()) answer(std::unexpected(make_error(Error::kInternal)));
}

void RpcResponder::operator()(rpc::Outcome outcome) const { target_->answer(std::move(outcome)); }
bool RpcResponder::abandoned() const { return target_->abandoned(); }
bool RpcResponder::begin() const { return target_->begin(); }
void RpcResponder::later(std::function<void()> work) const { target_->later(std::move(work)); }

// ---- requests in work
// ----------------------------------------------------------------------------

CallHost::CallHost(RpcServer::Impl& server, RpcClient client)
    : server_(server), asker_(client), client_(std::move(client)), number_(server.next_host_++) {}

CallHost::~CallHost() {
  for (const RequestSlot& s : slots_) server_.let_go(s.request_bytes);
  server_.let_go(answer_bytes_);
}

void CallHost::hold_answer(std::size_t bytes) {
  server_.hold(bytes);
  answer_bytes_ += bytes;
  caller_->answer_bytes += bytes;
}

void CallHost::let_go_answer(std::size_t bytes) {
  server_.let_go(bytes);
  answer_bytes_ -= bytes;
  caller_->answer_bytes -= bytes;
}

RequestSlot& CallHost::begin(std::size_t request_bytes) {
  RequestSlot& slot = slots_.emplace_back();
  slot.request_bytes = request_bytes;
  slot.started = SteadyClock::now();
  server_.hold(request_bytes);
  return slot;
}

void CallHost::finish(RequestSlot& slot) {
  slot.done = true;
  slot.parts.clear();
  server_.let_go(slot.request_bytes);
  slot.request_bytes = 0;
  let_go_answer(std::exchange(slot.part_bytes, 0));
  hold_answer(slot.body.size());
  server_.note_latency(SteadyClock::now() - slot.started);
  if (slot.status >= 400) server_.count_.errors.fetch_add(1, std::memory_order_relaxed);
}

void CallHost::forget_front() {
  let_go_answer(slots_.front().body.size());
  slots_.pop_front();
  ++first_request_;
}

std::string CallHost::take_body(RequestSlot& slot) {
  let_go_answer(slot.body.size());
  return std::exchange(slot.body, {});
}

void CallHost::answer_now(RequestSlot& slot, int status, std::string body) {
  slot.status = status;
  slot.body = std::move(body);
  finish(slot);
}

void CallHost::answer_error(RequestSlot& slot, const rpc::RpcError& e) {
  const rpc::Outcome outcome = std::unexpected(e);
  if (const auto* wait = e.data.if_contains("retry_after_ms"); wait != nullptr) {
    slot.extra_headers +=
        "Retry-After: " + std::to_string((wait->to_number<std::int64_t>() + 999) / 1000) + "\r\n";
  }
  answer_now(slot, e.spec().http_status,
             slot.is_rest ? rpc::rest_text(outcome) : rpc::response_text(nullptr, outcome));
}

void CallHost::answer_part(std::uint64_t request, std::size_t part, std::string text, int status) {
  if (request < first_request_ || request - first_request_ >= slots_.size()) return;
  RequestSlot& slot = slots_[request - first_request_];
  if (slot.done || part >= slot.parts.size() || slot.part_done[part]) return;
  slot.part_done[part] = true;
  hold_answer(text.size());
  slot.part_bytes += text.size();
  slot.parts[part] = std::move(text);
  if (!slot.is_batch) slot.status = status;
  if (--slot.open != 0) return;
  if (!slot.is_batch) {
    slot.body = std::move(slot.parts[0]);
    if (slot.body.empty()) slot.status = 204;
  } else {
    std::string joined;
    for (const std::string& p : slot.parts) {
      if (p.empty()) continue;  // a notification
      joined += joined.empty() ? "[" : ",";
      joined += p;
    }
    if (!joined.empty()) joined += ']';
    slot.status = joined.empty() ? 204 : 200;
    slot.body = std::move(joined);
  }
  finish(slot);
}

void CallHost::answer_part_error(std::uint64_t request, std::size_t part, const rpc::Id& id,
                                 const rpc::RpcError& e, bool is_rest) {
  const rpc::Outcome outcome = std::unexpected(e);
  std::string text = is_rest ? rpc::rest_text(outcome) : rpc::response_text(id, outcome);
  if (std::holds_alternative<rpc::NoId>(id) && !is_rest) text.clear();
  answer_part(request, part, std::move(text), e.spec().http_status);
}

void CallHost::complete(Completion&& c) {
  caller_->answer_bytes -= c.text.size();  // the inbox's share; the part's is counted here
  answer_part(c.request, c.part, std::move(c.text), c.status);
  on_answers();
}

std::optional<rpc::RpcError> CallHost::charge_request(std::size_t bytes) {
  auto refusal = server_.charge(asker_.key, 1 + bytes / server_.options_.limits.bytes_per_call);
  if (!refusal || is_shared_) return refusal;
  const std::chrono::milliseconds wait(
      refusal->data.at("retry_after_ms").to_number<std::int64_t>());
  paused_ = true;
  if (!pause_timer_) pause_timer_.emplace(server_.io_);
  pause_timer_->expires_after(std::clamp(wait, kLeastPause, kMostPause));
  pause_timer_->async_wait([host = weak_from_this()](const NetCode& ec) {
    const auto me = host.lock();
    if (ec || !me) return;
    me->paused_ = false;
    me->on_resumed();
  });
  return refusal;
}

void CallHost::run_json_rpc(std::string body, RpcTransport transport) {
  begin(body.size());
  const std::uint64_t number = first_request_ + slots_.size() - 1;
  rpc::JsonLimits limits = server_.options_.limits.json;
  limits.max_bytes = server_.options_.limits.max_body_bytes;
  if (server_.reads_ == nullptr || body.size() <= kParsedAtOnce) {
    return run_parsed(number, rpc::parse_request(body, limits), transport);
  }
  server_.reads_->run({asker_.key, number_, kParsing}, [&io = server_.io_, host = weak_from_this(),
                                                        number, asker = asker_, transport, limits,
                                                        body = std::move(body)] {
    if (host.expired()) return;
    asio::post(
        io, [host, number, asker, transport, parsed = rpc::parse_request(body, limits)]() mutable {
          const auto me = host.lock();
          if (!me) return;
          me->asker_ = asker;
          me->run_parsed(number, std::move(parsed), transport);
          me->on_answers();
        });
  });
}

void CallHost::run_parsed(std::uint64_t number, Parsed request, RpcTransport transport) {
  if (number < first_request_ || number - first_request_ >= slots_.size()) return;
  RequestSlot& slot = slots_[number - first_request_];
  if (slot.done) return;  // its deadline came first
  if (!request) return answer_error(slot, request.error());
  if (request->calls.size() > 1) {
    auto refusal = server_.charge(asker_.key, request->calls.size() - 1);
    if (refusal) return answer_error(slot, *refusal);
  }
  slot.is_batch = request->is_batch;
  slot.open = request->calls.size();
  slot.parts.resize(slot.open);
  slot.part_done.resize(slot.open);
  slot.ids.resize(slot.open);
  for (std::size_t i = 0; i < request->calls.size(); ++i) {
    if (auto* bad = std::get_if<rpc::BadCall>(&request->calls[i])) {
      answer_part_error(number, i, bad->id, bad->error, false);
    } else {
      auto& call = std::get<rpc::Call>(request->calls[i]);
      slots_[number - first_request_].ids[i] = call.id;
      run_call(number, i, std::move(call), transport);
    }
  }
}

void CallHost::run_call(std::uint64_t request, std::size_t part, rpc::Call call,
                        RpcTransport transport) {
  const rpc::MethodSpec* method = rpc::find_method(call.method);
  if (method != nullptr && method->websocket_only && transport != RpcTransport::kWebSocket) {
    const auto e = rpc::make_error_text(
        Error::kMethodNotFound, call.method + " works over WebSocket only; connect to ws:// at /",
        {{"method", call.method}});
    return answer_part_error(request, part, call.id, e, false);
  }
  if (method == nullptr) {
    const auto e = make_error(Error::kMethodNotFound, {{"method", call.method}});
    return answer_part_error(request, part, call.id, e, false);
  }
  auto params = rpc::bind_params(*method, std::move(call.params));
  if (!params) return answer_part_error(request, part, call.id, params.error(), false);
  // Each submission of a call counts, as each call of a batch does.
  if (const auto* all = params->if_contains("submissions"); method->submits && all != nullptr) {
    const auto refusal = server_.charge(asker_.key, all->get_array().size() - 1);
    if (refusal) return answer_part_error(request, part, call.id, *refusal, false);
  }
  dispatch(request, part, std::move(call.id), *method, std::move(*params), transport);
}

void CallHost::run_rest(std::string_view target) {
  RequestSlot& slot = begin(target.size());
  slot.is_rest = true;
  auto call = rpc::bind_rest(target);
  if (!call) return answer_error(slot, call.error());
  slot.open = 1;
  slot.parts.resize(1);
  slot.part_done.resize(1);
  slot.ids.resize(1);
  dispatch(first_request_ + slots_.size() - 1, 0, nullptr, *call->method, std::move(call->params),
           RpcTransport::kRest);
}

void CallHost::dispatch(std::uint64_t request, std::size_t part, rpc::Id id,
                        const rpc::MethodSpec& method, boost::json::object params,
                        RpcTransport transport) {
  server_.count_.calls.fetch_add(1, std::memory_order_relaxed);
  const bool is_rest = transport == RpcTransport::kRest;
  const bool silent = std::holds_alternative<rpc::NoId>(id) && !is_rest;
  if (method.name == "rpc.discover") {
    const rpc::Outcome document = rpc::Result(rpc::RawJson{rpc::openrpc_text()});
    return answer_part(request, part, silent ? "" : rpc::response_text(id, document), 200);
  }
  if (auto own = own_method(method.name, params)) {
    const int status = *own ? 200 : own->error().spec().http_status;
    return answer_part(request, part, silent ? "" : rpc::response_text(id, *own), status);
  }
  const FairQueue::Asker asker{asker_.key, number_, method.name};
  Completion address{weak_from_this(), request, part, asker, {}, 200};
  RpcRequest call{&method, std::move(params), transport, asker_.text};
  const auto deadline =
      slots_[request - first_request_].started + server_.options_.limits.handler_deadline;
  auto target = std::make_shared<RpcResponder::Target>(
      server_.inbox_, server_.reads_, caller_, std::move(address), std::move(id), call, deadline);
  // No one waits for a notification's answer, and its own is discarded.
  if (silent) answer_part(request, part, "", 204);
  server_.run_handler(std::move(call), asker, RpcResponder(std::move(target)));
}

std::optional<rpc::Outcome> CallHost::own_method(std::string_view, const boost::json::object&) {
  return std::nullopt;
}

void CallHost::expire_calls(SteadyClock::time_point now) {
  const auto deadline = server_.options_.limits.handler_deadline;
  bool any = false;
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].done || now - slots_[s].started < deadline) continue;
    any = true;
    server_.count_.timed_out.fetch_add(1, std::memory_order_relaxed);
    const auto e = make_error(Error::kTimeout, {{"timeout_ms", deadline.count()}});
    if (slots_[s].ids.empty()) answer_error(slots_[s], e);  // not parsed yet
    for (std::size_t i = 0; i < slots_[s].ids.size(); ++i) {
      answer_part_error(first_request_ + s, i, slots_[s].ids[i], e, slots_[s].is_rest);
    }
  }
  if (any) on_answers();
}

void CallHost::fail_open_calls(const rpc::RpcError& e) {
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (!slots_[s].done && slots_[s].ids.empty()) answer_error(slots_[s], e);  // not parsed yet
    for (std::size_t i = 0; i < slots_[s].ids.size() && !slots_[s].done; ++i) {
      answer_part_error(first_request_ + s, i, slots_[s].ids[i], e, slots_[s].is_rest);
    }
  }
  on_answers();
}

void CallHost::mark_gone() { caller_->gone = true; }

}  // namespace imi::node
