#include "cli/write/sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/read/verified.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

constexpr std::int64_t kWaitMs = 10'000;  // one `submit` waits so long; then it is sent again
constexpr int kEarlyRefusals = 5;  // 0.5 s: a node may be some blocks behind the one asked before
constexpr int kUnknownAsks = 40;   // 20 s; the certified head is past the expiry long before
constexpr int kOutcomeAsks = 120;  // 5 s; a submission of long ago has no outcomes any more

// Errors that another try may not meet. All others are refusals: sending again changes nothing.
constexpr std::array kPassing = {
    rpc::Error::kRateLimited,     rpc::Error::kTimeout,       rpc::Error::kServerBusy,
    rpc::Error::kNotReady,        rpc::Error::kHalted,        rpc::Error::kObserving,
    rpc::Error::kShuttingDown,    rpc::Error::kStorageFailed, rpc::Error::kPoolFull,
    rpc::Error::kAuthorShareFull, rpc::Error::kUnreachable,   rpc::Error::kBadResponse,
    rpc::Error::kNoCertifiedHead, rpc::Error::kInternal};

bool is_passing(rpc::Error e) {
  return std::find(kPassing.begin(), kPassing.end(), e) != kPassing.end();
}

// Refusals by what a node's state lacks: an author or attestation that was just registered by way
// of another node.
bool may_be_behind(const rpc::RpcError& e) {
  if (e.error == rpc::Error::kUnknownAuthor || e.error == rpc::Error::kKeyNotAuthorised)
    return true;
  const json::value* reason = e.data.if_contains("reason");
  return e.error == rpc::Error::kEntryInvalid && reason != nullptr &&
         *reason == json::value("no-such-attestation");
}

}  // namespace

std::vector<NodeAddress> answering_nodes(Session& session) {
  std::vector<NodeAddress> out;
  std::string tried;
  for (const NodeAddress& node : session.addresses()) {
    ClientOptions o;
    o.nodes = {node};
    o.call_timeout = std::min(session.timeout(), std::chrono::milliseconds(3'000));
    o.interrupted = [] { return interrupted(); };
    Client client(std::move(o));
    auto status = client.call("status", {});
    if (status) {
      out.push_back(node);
    } else {
      tried +=
          fmt::format("{}{}: {}", tried.empty() ? "" : "; ", node.text(), status.error().message);
    }
    if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  }
  if (out.empty()) {
    fail(ExitCode::kUnreachable, "unreachable", "no node answers: " + tried,
         "imi network up, or another --node");
  }
  return out;
}

bool is_proved_expired(Session& session, const chain::SubmissionId& id, std::int64_t expiry_ms) {
  if (session.options.no_verify) return true;
  const Verified v =
      read_verified(session, "submission", {{"id", to_hex(id)}, {"expiry_ms", expiry_ms}},
                    ledger::AskSubmission{id, chain::TimeMs(expiry_ms)});
  return std::get<ledger::SubmissionAnswer>(v.answer.answer).fate == ledger::Fate::kExpired;
}

Sender::Sender(Session& session, std::string wait, std::size_t window, OnFate on_fate)
    : session_(session),
      wait_(std::move(wait)),
      window_(window),
      on_fate_(std::move(on_fate)),
      last_answer_(Clock::now()) {
  connect();
}

Sender::~Sender() = default;

void Sender::connect() {
  LoadClientOptions o;
  o.nodes = answering_nodes(session_);
  o.connections = static_cast<unsigned>(std::min<std::size_t>(window_, 8));
  o.max_pipelined = 4;
  o.call_timeout = std::chrono::milliseconds(kWaitMs + 5'000);
  auto client = LoadClient::connect(o, [this](LoadClient::Done& d) { answered(d); });
  if (!client) fail(client.error());
  load_ = std::make_unique<LoadClient>(std::move(*client));
}

void Sender::send(std::uint64_t tag, std::string id, std::int64_t expiry_ms,
                  const Bytes& signed_bytes) {
  json::object params{
      {"submission", to_base64url(signed_bytes)}, {"wait", wait_}, {"timeout_ms", kWaitMs}};
  Waiting w;
  w.id = std::move(id);
  w.expiry_ms = expiry_ms;
  w.request = rpc::request_text(static_cast<std::int64_t>(tag), "submit", std::move(params));
  w.not_before = Clock::now();
  const auto [it, added] = waiting_.insert_or_assign(tag, std::move(w));
  if (added && waiting_.size() == 1) last_answer_ = Clock::now();  // silence counts from here
  start(tag, it->second);
}

void Sender::start(std::uint64_t tag, Waiting& w) {
  std::string body = w.request;
  if (w.asking_fate) {
    body = rpc::request_text(static_cast<std::int64_t>(tag), "submission",
                             json::object{{"id", w.id}, {"expiry_ms", w.expiry_ms}});
  }
  w.sent = load_->start(tag, std::move(body));
}

void Sender::again(Waiting& w, std::chrono::milliseconds after) {
  w.sent = false;
  w.not_before = Clock::now() + after;
}

void Sender::answered(LoadClient::Done& done) {
  const auto it = waiting_.find(done.tag);
  if (it == waiting_.end()) return;
  Waiting& w = it->second;
  if (done.http_status == 0) {
    last_problem_ = done.body;
    return again(w, std::chrono::milliseconds(200));
  }
  auto response = rpc::parse_response(done.body);
  if (!response) {
    last_problem_ = response.error().message;
    return again(w, std::chrono::milliseconds(200));
  }
  if (!response->outcome) return answered_error(w, response->outcome.error());
  const auto fate = parse_fate(*response->outcome);
  if (!fate) {
    last_problem_ = "a malformed answer: " + fate.error();
    return again(w, std::chrono::milliseconds(200));
  }
  last_answer_ = Clock::now();
  // A block's outcomes are told from the certified state, some milliseconds after it committed.
  if (fate->kind == Fate::Kind::kCommitted && fate->outcomes.empty() &&
      w.outcome_asks < kOutcomeAsks) {
    ++w.outcome_asks;
    w.asking_fate = true;
    return again(w, std::chrono::milliseconds(w.outcome_asks < 20 ? 5 : 50));
  }
  const bool final = fate->kind == Fate::Kind::kCommitted || fate->kind == Fate::Kind::kExpired;
  const bool enough = fate->kind == Fate::Kind::kPending && wait_ == rpc::kWaitAccepted;
  if (w.asking_fate && fate->kind == Fate::Kind::kUnknown && ++w.unknown_asks > kUnknownAsks) {
    refused_ = rpc::make_error_text(
        rpc::Error::kSubmissionExpired,
        "submission " + w.id +
            " expired so long ago that nobody can tell whether it committed: look for what it "
            "holds before you send it anew");
    return;
  }
  if (!final && !enough) {
    return again(w, std::chrono::milliseconds(w.asking_fate ? 500 : 50));
  }
  const std::uint64_t tag = done.tag;
  waiting_.erase(it);
  on_fate_(tag, *fate);
}

void Sender::answered_error(Waiting& w, const rpc::RpcError& e) {
  if (e.error == rpc::Error::kTimeout) last_answer_ = Clock::now();  // it lives, and is slow
  if (is_passing(e.error)) {
    last_problem_ = e.message;
    return again(w, std::chrono::milliseconds(e.error == rpc::Error::kTimeout ? 0 : 200));
  }
  if (may_be_behind(e) && ++w.early_refusals <= kEarlyRefusals) {
    return again(w, std::chrono::milliseconds(100));
  }
  if (e.error == rpc::Error::kSubmissionExpired && !w.asking_fate) {
    // It may have committed before it expired: only its fate tells.
    w.asking_fate = true;
    return again(w, std::chrono::milliseconds(0));
  }
  refused_ = e;  // thrown by poll(), outside the client's own frames
}

void Sender::poll(std::chrono::milliseconds wait) {
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  const auto now = Clock::now();
  auto pause = wait;
  for (auto& [tag, w] : waiting_) {
    if (!w.sent && w.not_before <= now) start(tag, w);
    if (!w.sent) pause = std::min(pause, std::chrono::milliseconds(5));
  }
  load_->poll(std::min(pause, std::chrono::milliseconds(100)));
  if (refused_) fail(*refused_);
  if (!waiting_.empty() && Clock::now() - last_answer_ > session_.timeout()) {
    fail(ExitCode::kUnreachable, "no-progress",
         fmt::format("no answer for {}: {}", duration_text(session_.timeout().count()),
                     last_problem_.empty() ? "the nodes accept and do not commit" : last_problem_),
         "imi network status; what was sent is journaled, running the same command again is safe");
  }
}

}  // namespace imi::cli
