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
constexpr int kUnknownAsks = 40;          // 20 s; --no-verify: then its fate is lost
constexpr int kEarlyRefusals = 5;         // 0.5 s: a node may be behind the one asked before
constexpr int kQuickProofs = 10;          // 10 ms each; then 200 ms
constexpr int kProofs = 30;               // then the report is not believed
constexpr std::chrono::milliseconds kMostShare{3'000};
constexpr std::chrono::milliseconds kLeastShare{250};
constexpr std::chrono::milliseconds kRetry{200};
constexpr std::string_view kTooEarly =
    "reported that the submission has expired, which it has not by this machine's clock";

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

Sender::Sender(Session& session, std::string wait, std::size_t window, OnResult on_result)
    : session_(session),
      wait_(std::move(wait)),
      window_(window),
      verify_(must_verify(session)),
      on_result_(std::move(on_result)),
      nodes_(session.client().nodes()),
      last_final_(Clock::now()) {
  const auto share = session.timeout() / static_cast<std::int64_t>(nodes_.size() + 1);
  share_ = std::clamp(share, kLeastShare, kMostShare);
  connect();
}

Sender::~Sender() = default;

void Sender::connect() {
  if (auto reached = session_.client().connect(); !reached) fail(reached.error());
  next_first_ = session_.client().current_index();
  LoadClientOptions o;
  o.nodes = nodes_;
  const std::size_t each = std::clamp<std::size_t>(window_ / nodes_.size(), 1, 8);
  o.connections = static_cast<unsigned>(nodes_.size() * each);
  o.max_pipelined = 4;
  o.connect_timeout = kMostShare;
  o.call_timeout = std::chrono::milliseconds(kWaitMs + 5'000);
  o.may_be_down = true;
  auto client = LoadClient::connect(o, [this](LoadClient::Done& d) { answered(d); });
  if (!client) fail(client.error());
  load_ = std::make_unique<LoadClient>(std::move(*client));
}

// In turn, so that a large import is taken by all nodes; a node that failed comes last.
std::size_t Sender::first_node() {
  const std::size_t turn = next_first_;
  if (window_ > 1) next_first_ = (next_first_ + 1) % nodes_.size();
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    const std::size_t node = (turn + k) % nodes_.size();
    if (!doubtful_.contains(node)) return node;
  }
  return turn;
}

void Sender::send(std::uint64_t tag, std::string id, std::int64_t expiry_ms,
                  const Bytes& signed_bytes) {
  const auto now = Clock::now();
  Waiting w;
  w.id = std::move(id);
  w.expiry_ms = expiry_ms;
  w.params = {{"submission", to_base64url(signed_bytes)}, {"wait", wait_}, {"timeout_ms", kWaitMs}};
  w.nodes.resize(nodes_.size());
  w.first = first_node();
  w.widen_at = now + share_;
  w.prove_at = now + share_;
  const auto [it, added] = waiting_.insert_or_assign(tag, std::move(w));
  if (added && waiting_.size() == 1) last_final_ = now;  // silence counts from here
  advance(tag, it->second, now);
}

// Gives it to the nodes that are to have it by now.
void Sender::advance(std::uint64_t tag, Waiting& w, Clock::time_point now) {
  if (now >= w.widen_at && w.width < nodes_.size()) {
    const std::size_t latest = (w.first + w.width - 1) % nodes_.size();
    widen(w, latest,
          fmt::format("submission {} was not seen committed within {}", w.id,
                      duration_text(share_.count())),
          Tell::kNow);
  }
  for (std::size_t k = 0; k < w.width; ++k) {
    const std::size_t node = (w.first + k) % nodes_.size();
    const AtNode& at = w.nodes[node];
    if (!at.under_way && !at.refusal && at.not_before <= now) start(tag, w, node);
  }
}

void Sender::start(std::uint64_t tag, Waiting& w, std::size_t node) {
  const std::uint64_t call = ++last_call_;
  const auto id = static_cast<std::int64_t>(call);
  std::string body = w.asking_submission
                         ? rpc::request_text(id, "submission",
                                             json::object{{"id", w.id}, {"expiry_ms", w.expiry_ms}})
                         : rpc::request_text(id, "submit", w.params);
  if (!load_->start_at(node, call, std::move(body))) return;
  calls_[call] = {tag, node};
  w.nodes[node].under_way = true;
  w.nodes[node].started = Clock::now();
}

// The next node gets it, too. `why` is reported once per node; a refusal only when the fate is
// known, because it may be what all nodes say.
void Sender::widen(Waiting& w, std::size_t from, const std::string& why, Tell tell) {
  const bool is_latest = (w.first + w.width - 1) % nodes_.size() == from;
  if (!is_latest || w.width == nodes_.size()) return;
  w.widen_at = Clock::now() + share_;
  const std::size_t next = (w.first + w.width++) % nodes_.size();
  if (tell == Tell::kNo || !session_.first_complaint(nodes_[from])) return;
  std::string text =
      fmt::format("node {}: {}; asking node {}", nodes_[from].text(), why, nodes_[next].text());
  if (tell == Tell::kOnceSettled) {
    held_back_.push_back(std::move(text));
  } else {
    session_.out().warn(text);
  }
}

void Sender::answered(LoadClient::Done& done) {
  const auto found = calls_.find(done.tag);
  if (found == calls_.end()) return;
  const Call call = found->second;
  calls_.erase(found);
  const auto it = waiting_.find(call.tag);
  if (it == waiting_.end()) return;
  Waiting& w = it->second;
  w.nodes[call.node].under_way = false;
  if (done.http_status == 0) {
    // `network status` reports a node that is down; one that took the call owed an answer.
    const bool was_sent = done.sent != Clock::time_point{};
    return failed(w, call.node, done.body, was_sent ? Tell::kNow : Tell::kNo);
  }
  auto response = rpc::parse_response(done.body);
  if (!response) return failed(w, call.node, not_an_answer(response.error()));
  if (!response->outcome) return answered_error(call, w, response->outcome.error());
  if (response->id != rpc::Id(static_cast<std::int64_t>(done.tag))) {
    return failed(w, call.node, "it answered another call");
  }
  auto result = known_by_report(*response->outcome);
  if (!result) return failed(w, call.node, "a malformed answer: " + result.error());
  answered_result(call, w, *result);
}

void Sender::answered_result(const Call& call, Waiting& w, const KnownSubmission& result) {
  AtNode& at = w.nodes[call.node];
  const auto now = Clock::now();
  const bool is_committed = result.status == SubmissionStatus::kCommitted;
  const bool is_final = is_committed ? result.certified || wait_ == rpc::kWaitCertified
                                     : ledger::is_final(result.status);
  if (verify_ && is_final) {
    if (!w.said_final) w.proofs = 0;
    w.said_final = true;
    w.reporter = call.node;
    w.prove_at = now;
    at.not_before = now + share_;
    return;
  }
  if (result.status == SubmissionStatus::kExpired && !may_have_expired(w)) {
    return failed(w, call.node, std::string(kTooEarly));
  }
  // A block's outcomes are read from the certified state, some milliseconds after it committed.
  if (!verify_ && is_committed && result.outcomes.empty() && w.outcome_asks < kOutcomeAsks) {
    w.asking_submission = true;
    at.not_before = now + std::chrono::milliseconds(++w.outcome_asks < 20 ? 5 : 50);
    return;
  }
  const bool enough = ledger::is_final(result.status) ||
                      (result.status == SubmissionStatus::kPending && wait_ == rpc::kWaitAccepted);
  if (enough) return finish(call.tag, result);
  if (w.asking_submission && result.status == SubmissionStatus::kUnknown &&
      ++w.unknown_asks > kUnknownAsks) {
    KnownSubmission lost = result;
    lost.status = SubmissionStatus::kTooLongAgo;
    return finish(call.tag, lost);
  }
  at.not_before = now + std::chrono::milliseconds(w.asking_submission ? 500 : 50);
}

bool Sender::may_have_expired(const Waiting& w) const {
  return verify_ || session_.now_ms() >= w.expiry_ms;
}

void Sender::failed(Waiting& w, std::size_t node, const std::string& why, Tell tell) {
  last_problem_ = why;
  AtNode& at = w.nodes[node];
  ++at.failures;
  at.not_before = Clock::now() + kRetry;
  doubtful_.insert(node);
  const std::string own = nodes_[node].text() + ": ";  // the client begins with it
  widen(w, node, why.starts_with(own) ? why.substr(own.size()) : why, tell);
}

void Sender::answered_error(const Call& call, Waiting& w, const rpc::RpcError& e) {
  AtNode& at = w.nodes[call.node];
  if (e.error == rpc::Error::kTimeout) {  // it waited as long as it was asked to
    at.not_before = Clock::now() + std::chrono::milliseconds(50);
    return;
  }
  if (is_passing(e.error)) return failed(w, call.node, e.message);
  if (e.error == rpc::Error::kSubmissionExpired && !may_have_expired(w)) {
    return failed(w, call.node, std::string(kTooEarly));
  }
  if (e.error == rpc::Error::kSubmissionExpired && !verify_ && !w.asking_submission) {
    // It may have committed before it expired: only its fate shows it.
    w.asking_submission = true;
    return;
  }
  if (e.error == rpc::Error::kSubmissionExpired) w.prove_at = Clock::now();
  at.refusal = e;
  last_problem_ =
      fmt::format("reported by node {} without proof: {}", nodes_[call.node].text(), e.message);
  widen(w, call.node, "reported a refusal without proof: " + e.message, Tell::kOnceSettled);
}

// Every node refused it or cannot be asked, and one at least refused it.
bool Sender::all_refuse(const Waiting& w) const {
  const auto now = Clock::now();
  bool is_refused = false;
  for (const AtNode& at : w.nodes) {
    is_refused = is_refused || at.refusal.has_value();
    const bool is_silent = at.under_way && now - at.started >= share_;
    if (!at.refusal && at.failures == 0 && !is_silent) return false;
  }
  return is_refused;
}

void Sender::decide_refusal(std::uint64_t tag, Waiting& w) {
  const auto refusing =
      std::ranges::find_if(w.nodes, [](const AtNode& at) { return at.refusal.has_value(); });
  const bool early = std::ranges::all_of(
      w.nodes, [](const AtNode& at) { return !at.refusal || may_be_behind(*at.refusal); });
  const bool expired = std::ranges::all_of(w.nodes, [](const AtNode& at) {
    return !at.refusal || at.refusal->error == rpc::Error::kSubmissionExpired;
  });
  if ((early && ++w.early_refusals <= kEarlyRefusals) || (expired && verify_)) {
    // Refused by what the nodes' state lacks yet; or expired, which a later head will prove.
    const auto pause = expired ? share_ : std::chrono::milliseconds(100);
    for (AtNode& at : w.nodes) {
      at.refusal.reset();
      at.not_before = std::max(at.not_before, Clock::now() + pause);
    }
    w.prove_at = std::min(w.prove_at, Clock::now() + kRetry);
    return;
  }
  if (verify_) {
    prove(tag);
    if (!waiting_.contains(tag)) return;
  }
  const rpc::RpcError& e = *refusing->refusal;
  std::string who;
  std::size_t refusals = 0;
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    if (!w.nodes[n].refusal) continue;
    ++refusals;
    who += (who.empty() ? "" : ", ") + nodes_[n].text();
  }
  throw Failure{e.exit_code(),
                fmt::format("reported by node{} {} without proof: {}", refusals > 1 ? "s" : "", who,
                            e.message),
                e.error == rpc::Error::kUnknownAuthor
                    ? "--author ID, if the agency was registered under a chosen id"
                    : "",
                std::string(e.spec().name), e.data};
}

// Not from within the client's own frames: it makes calls of its own.
void Sender::prove(std::uint64_t tag) {
  Waiting& w = waiting_.at(tag);
  const bool said_final = w.said_final;
  // Whoever reports it has the head that proves it; another may stay at an older one, whose proof
  // that there is nothing yet is valid too.
  if (said_final) session_.client().prefer(w.reporter);
  try {
    const Verified v =
        read_verified(session_, "submission", {{"id", w.id}, {"expiry_ms", w.expiry_ms}},
                      ledger::AskSubmission{*fixed_from_hex<chain::SubmissionId>(w.id),
                                            chain::TimeMs(w.expiry_ms)});
    const KnownSubmission f = known_by_proof(v.answer);
    if (f.status != SubmissionStatus::kUnknown) return finish(tag, f);
    if (said_final) {
      last_problem_ = fmt::format(
          "a node reports that the fate of submission {} is final, and under head {} that is not "
          "proved",
          w.id, v.answer.head.height.value);
    }
  } catch (const Failure& f) {
    if (f.exit == ExitCode::kInterrupted || (said_final && !is_passing(f))) throw;
    last_problem_ = f.what;
  }
  const auto now = Clock::now();
  w.prove_at = now + share_;
  if (!said_final) return;
  ++w.proofs;
  w.prove_at = now + std::chrono::milliseconds(w.proofs < kQuickProofs ? 10 : 200);
  if (w.proofs == kQuickProofs) {
    widen(w, w.reporter, "reported a final fate, which the ledger does not prove", Tell::kNow);
  }
  if (w.proofs < kProofs) return;
  w.said_final = false;  // it goes on as if nothing had been reported
  w.proofs = 0;
}

void Sender::finish(std::uint64_t tag, const KnownSubmission& result) {
  waiting_.erase(tag);
  last_final_ = Clock::now();
  tell_held_back();
  on_result_(tag, result);
}

void Sender::tell_held_back() {
  for (const std::string& text : held_back_) session_.out().warn(text);
  held_back_.clear();
}

void Sender::poll(std::chrono::milliseconds wait) {
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  const auto now = Clock::now();
  auto pause = std::min(wait, std::chrono::milliseconds(100));
  std::vector<std::uint64_t> to_prove;
  std::vector<std::uint64_t> refused;
  for (auto& [tag, w] : waiting_) {
    if (verify_ && w.prove_at <= now) {
      to_prove.push_back(tag);
    } else if (all_refuse(w)) {
      refused.push_back(tag);
    } else {
      advance(tag, w, now);
    }
    if (w.said_final || std::ranges::any_of(w.nodes, [&](const AtNode& at) {
          return !at.under_way && at.not_before > now;
        })) {
      pause = std::min(pause, std::chrono::milliseconds(5));
    }
  }
  for (const std::uint64_t tag : to_prove) prove(tag);
  for (const std::uint64_t tag : refused) decide_refusal(tag, waiting_.at(tag));
  load_->poll(to_prove.empty() && refused.empty() ? pause : std::chrono::milliseconds(0));
  if (!waiting_.empty() && Clock::now() - last_final_ > session_.timeout()) {
    tell_held_back();
    fail(ExitCode::kUnreachable, "no-progress",
         fmt::format("no outcome for {}: {}", duration_text(session_.timeout().count()),
                     last_problem_.empty() ? "the nodes accept submissions but do not commit them"
                                           : last_problem_),
         "imi network status; what was sent is journaled, running the same command again is safe");
  }
}

}  // namespace imi::cli
