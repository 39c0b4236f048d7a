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
constexpr int kOutcomeAsks = 120;         // 5 s; a submission of long ago has no outcomes any more
constexpr int kUnknownAsks = 40;          // 20 s; --no-verify: then nobody can tell its fate
constexpr int kEarlyRefusals = 5;         // 0.5 s: a node may be behind the one asked before
constexpr int kProofs = 30;               // then the same bytes are sent again

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

// A read failed for a reason that another try may not meet: the node, or the head it has yet.
bool is_passing(const Failure& f) {
  if (f.exit == ExitCode::kInterrupted) return false;
  using R = ledger::ProofError::Reason;
  return f.name == ledger::name(R::kTooOld) || f.name == ledger::name(R::kBehindTrusted) ||
         std::any_of(kPassing.begin(), kPassing.end(),
                     [&](rpc::Error e) { return rpc::make_error(e).spec().name == f.name; });
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

Sender::Sender(Session& session, std::string wait, std::size_t window, OnFate on_fate)
    : session_(session),
      wait_(std::move(wait)),
      window_(window),
      verify_(must_verify(session)),
      on_fate_(std::move(on_fate)),
      last_final_(Clock::now()) {
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
  if (added && waiting_.size() == 1) last_final_ = Clock::now();  // silence counts from here
  start(tag, it->second);
}

void Sender::start(std::uint64_t tag, Waiting& w) {
  std::string body = w.request;
  if (w.asking_fate) {
    body = rpc::request_text(static_cast<std::int64_t>(tag), "submission",
                             json::object{{"id", w.id}, {"expiry_ms", w.expiry_ms}});
  }
  w.sent = load_->start(tag, std::move(body));
  if (w.sent && !w.asking_fate) ++w.sends;
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
  auto fate = parse_fate(*response->outcome);
  if (!fate) {
    last_problem_ = "a malformed answer: " + fate.error();
    return again(w, std::chrono::milliseconds(200));
  }
  const bool said_final =
      fate->kind == Fate::Kind::kExpired ||
      (fate->kind == Fate::Kind::kCommitted && (fate->certified || wait_ == rpc::kWaitCertified));
  if (verify_ && said_final) {
    w.proving = true;
    return again(w, std::chrono::milliseconds(0));
  }
  // A block's outcomes are told from the certified state, some milliseconds after it committed.
  if (!verify_ && fate->kind == Fate::Kind::kCommitted && fate->outcomes.empty() &&
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
  finish(done.tag, *fate);
}

void Sender::finish(std::uint64_t tag, const Fate& fate) {
  waiting_.erase(tag);
  last_final_ = Clock::now();
  on_fate_(tag, fate);
}

// Not from within the client's own frames: it makes calls of its own.
void Sender::prove(std::uint64_t tag) {
  Waiting& w = waiting_.at(tag);
  const auto& p = session_.genesis().parameters;
  try {
    const Verified v = read_verified(
        session_, "submission", {{"id", w.id}},
        ledger::AskSubmission{*fixed_from_hex<chain::SubmissionId>(w.id), std::nullopt});
    const Fate f = proved_fate(v.answer, chain::TimeMs(w.expiry_ms), p.grace_ms);
    if (f.kind != Fate::Kind::kUnknown) return finish(tag, f);
    last_problem_ = fmt::format(
        "a node says that the fate of submission {} is final, and under "
        "head {} that is not proved",
        w.id, v.answer.head.height.value);
  } catch (const Failure& f) {
    if (!is_passing(f)) throw;
    last_problem_ = f.what;
  }
  if (++w.proofs % kProofs == 0) w.proving = false;
  again(w, std::chrono::milliseconds(w.proofs < 10 ? 10 : 200));
}

void Sender::answered_error(Waiting& w, const rpc::RpcError& e) {
  if (is_passing(e.error)) {
    last_problem_ = e.message;
    return again(w, std::chrono::milliseconds(e.error == rpc::Error::kTimeout ? 0 : 200));
  }
  if (may_be_behind(e) && ++w.early_refusals <= kEarlyRefusals) {
    return again(w, std::chrono::milliseconds(100));
  }
  if (e.error == rpc::Error::kSubmissionExpired && !w.asking_fate) {
    // It may have committed before it expired: only its fate tells.
    (verify_ ? w.proving : w.asking_fate) = true;
    return again(w, std::chrono::milliseconds(0));
  }
  refused_at_once_ = w.sends - w.early_refusals <= 1 && !w.asking_fate;
  refused_ = e;  // thrown by poll(), outside the client's own frames
}

void Sender::poll(std::chrono::milliseconds wait) {
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  const auto now = Clock::now();
  auto pause = wait;
  std::vector<std::uint64_t> to_prove;
  for (auto& [tag, w] : waiting_) {
    if (!w.sent && w.not_before <= now) {
      if (w.proving) {
        to_prove.push_back(tag);
      } else {
        start(tag, w);
      }
    }
    if (!w.sent) pause = std::min(pause, std::chrono::milliseconds(5));
  }
  for (const std::uint64_t tag : to_prove) prove(tag);
  load_->poll(std::min(pause, std::chrono::milliseconds(to_prove.empty() ? 100 : 0)));
  if (refused_) fail(*refused_);
  if (!waiting_.empty() && Clock::now() - last_final_ > session_.timeout()) {
    fail(ExitCode::kUnreachable, "no-progress",
         fmt::format("no outcome for {}: {}", duration_text(session_.timeout().count()),
                     last_problem_.empty() ? "the nodes accept and do not commit" : last_problem_),
         "imi network status; what was sent is journaled, running the same command again is safe");
  }
}

}  // namespace imi::cli
