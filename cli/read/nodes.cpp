#include "cli/read/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cli/interrupt.h"

namespace imi::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = Rejection::Kind;

constexpr std::chrono::milliseconds kMostPatience{3'000};
constexpr std::chrono::milliseconds kLeastPatience{1'000};
constexpr std::chrono::milliseconds kCatchUp{2'000};  // a node that lags catches up within this
constexpr std::chrono::milliseconds kCatchUpPause{50};

std::chrono::milliseconds left(Clock::time_point deadline) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return std::max(ms, std::chrono::milliseconds(1));
}

bool cannot_serve_now(rpc::Error e) {
  using rpc::Error;
  return e == Error::kNotReady || e == Error::kHalted || e == Error::kShuttingDown ||
         e == Error::kServerBusy || e == Error::kRateLimited || e == Error::kNoCertifiedHead ||
         e == Error::kObserving || e == Error::kStorageFailed;
}

// Asks all nodes in rounds.
class Asking {
 public:
  Asking(Session& s, const std::function<std::optional<Rejection>(NodeCalls&)>& attempt)
      : session_(s),
        client_(s.client()),
        attempt_(attempt),
        deadline_(Clock::now() + s.timeout()),
        catch_up_(Clock::now() + kCatchUp),
        rejections_(client_.nodes().size()) {
    const auto share = s.timeout() / static_cast<std::int64_t>(rejections_.size());
    patience_ = std::min(kMostPatience, std::max(share, std::min(kLeastPatience, s.timeout() / 2)));
  }

  void run() {
    std::vector<std::size_t> due;
    for (std::size_t k = 0; k < rejections_.size(); ++k) {
      due.push_back((client_.current_index() + k) % rejections_.size());
    }
    while (!due.empty()) {
      std::vector<std::size_t> again;
      for (std::size_t k = 0; k < due.size(); ++k) {
        const bool is_last = k + 1 == due.size() && again.empty();
        const auto limit = is_last ? deadline_ : std::min(deadline_, Clock::now() + patience_);
        if (taken(due[k], limit)) return;
        if (may_ask_again(*rejections_[due[k]])) again.push_back(due[k]);
        if (k + 1 < due.size()) tell(due[k], due[k + 1]);
      }
      const bool lags = std::ranges::any_of(
          again, [&](std::size_t n) { return rejections_[n]->kind == Kind::kBehind; });
      if (lags) std::this_thread::sleep_for(kCatchUpPause);
      patience_ *= 2;
      due = std::move(again);
    }
    throw outcome();
  }

 private:
  bool taken(std::size_t node, Clock::time_point limit) {
    NodeCalls calls(client_, node, limit);
    rejections_[node] = attempt_(calls);
    if (rejections_[node]) return false;
    client_.prefer(node);
    for (const std::string& text : held_back_) session_.out().warn(text);
    return true;
  }

  [[nodiscard]] bool may_ask_again(const Rejection& r) const {
    const auto now = Clock::now();
    if (r.kind == Kind::kBehind) return now < catch_up_ && now < deadline_;
    return r.kind == Kind::kLate && now < deadline_;
  }

  // An error, or an old head, may be what all nodes have: reported only where another node answers
  // otherwise.
  void tell(std::size_t node, std::size_t next) {
    const Rejection& r = *rejections_[node];
    if (r.kind == Kind::kUnreachable || r.kind == Kind::kBehind) return;
    const NodeAddress& address = client_.nodes()[node];
    if (!session_.first_complaint(address)) return;
    std::string text = fmt::format("node {}: {}; asking node {}", address.text(), r.why,
                                   client_.nodes()[next].text());
    if (r.kind == Kind::kRefused || r.kind == Kind::kOld) {
      held_back_.push_back(std::move(text));
    } else {
      session_.out().warn(text);
    }
  }

  // What each node did, in one Failure of the gravest kind.
  [[nodiscard]] Failure outcome() const {
    const auto worst = std::ranges::min_element(
        rejections_, {}, [](const std::optional<Rejection>& r) { return r->kind; });
    Failure f = (*worst)->failure;
    if (rejections_.size() == 1) return f;
    std::string each;
    for (std::size_t n = 0; n < rejections_.size(); ++n) {
      each += fmt::format("{}node {}: {}", n == 0 ? "" : "; ", client_.nodes()[n].text(),
                          rejections_[n]->why);
    }
    if ((*worst)->kind == Kind::kUnreachable) {
      const rpc::RpcError e = rpc::make_error(rpc::Error::kUnreachable, {{"tried", each}});
      return {e.exit_code(), e.message, {}, std::string(e.spec().name), e.data};
    }
    const bool alike = std::ranges::all_of(rejections_, [&](const std::optional<Rejection>& r) {
      return r->kind == (*worst)->kind && (r->why == (*worst)->why || r->kind == Kind::kOld);
    });
    if (alike) {
      f.what = fmt::format("all {} nodes: {}", rejections_.size(), (*worst)->why);
      return f;
    }
    f.what = fmt::format("no node gave an answer that {}: {}",
                         (*worst)->kind == Kind::kInvalid ? "verifies" : "can be used", each);
    return f;
  }

  Session& session_;
  Client& client_;
  const std::function<std::optional<Rejection>(NodeCalls&)>& attempt_;
  Clock::time_point deadline_;
  Clock::time_point catch_up_;
  std::chrono::milliseconds patience_{};
  std::vector<std::optional<Rejection>> rejections_;
  std::vector<std::string> held_back_;
};

}  // namespace

std::expected<json::value, rpc::RpcError> NodeCalls::call(std::string_view method,
                                                          json::object params) {
  auto result = client_.call_node(node_, method, std::move(params), left(deadline_));
  if (!result && interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  return result;
}

Rejection rejection_of(const std::string& address, const rpc::RpcError& e) {
  Rejection r;
  r.failure = {e.exit_code(), e.message, {}, std::string(e.spec().name), e.data};
  const auto text = [&](std::string_view key) {
    const json::value* v = e.data.if_contains(key);
    return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
  };
  if (e.error == rpc::Error::kUnreachable) {
    r.kind = Kind::kUnreachable;
    const std::string tried = text("tried");
    r.why = tried.starts_with(address + ": ") ? tried.substr(address.size() + 2) : tried;
    if (r.why.empty()) r.why = e.message;
  } else if (cannot_serve_now(e.error)) {
    r.kind = Kind::kUnreachable;
    r.why = e.message;
  } else if (e.error == rpc::Error::kTimeout) {
    r.kind = Kind::kLate;
    r.why = "no answer in time";
  } else if (e.error == rpc::Error::kBadResponse) {
    r.kind = Kind::kNoAnswer;
    r.why = text("why").empty() ? e.message : text("why");
  } else {
    r.kind = Kind::kRefused;
    r.why = fmt::format("reported without proof: {}", e.message);
    r.failure.what = fmt::format("reported by node {} without proof: {}", address, e.message);
  }
  return r;
}

void ask_nodes(Session& s, const std::function<std::optional<Rejection>(NodeCalls&)>& attempt) {
  Asking(s, attempt).run();
}

}  // namespace imi::cli
