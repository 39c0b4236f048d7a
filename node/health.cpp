#include "node/health.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace imi::node {
namespace {

constexpr std::uint64_t kDiskIntervalUs = 1'000'000;
constexpr std::uint64_t kRepeatUs = 600'000'000;
// At a start the peers are asked first what they saw the validator sign: that is soon over.
constexpr std::uint64_t kSilencePatienceUs = 1'000'000;
// A state that passes sooner is not logged: peers reconnect, views change.
constexpr std::uint64_t kPatienceUs = 5'000'000;

// I25: how old the head of an idle, healthy chain may become, with room for some view changes.
std::uint64_t idle_bound_ms(const ledger::Parameters& p) {
  return std::uint64_t{p.heartbeat_ms} + 6 * std::uint64_t{p.timeout_ms};
}

std::vector<PeerClock> peer_clocks(const std::vector<PeerRow>& peers) {
  std::vector<PeerClock> out;
  for (const PeerRow& p : peers) {
    if (!p.validator || !p.connected || !p.clock_ahead_us) continue;
    out.push_back({p.name, *p.clock_ahead_us / 1000,
                   static_cast<std::int64_t>(p.round_trip_us / 2 / 1000) + 1});
  }
  return out;
}

}  // namespace

std::string NodeHealth::why() const {
  std::string out;
  for (const std::string& w : why_not) out += (out.empty() ? "" : "; ") + w;
  return out;
}

bool HealthWatch::head_is_fresh(const NodeStatus& s, NodeHealth& health) {
  const std::uint64_t now_us = o_.clock.monotonic_us();
  // The first look does not count as movement: that head may be old.
  if (certified_ && s.certified > *certified_) moved_us_ = now_us;
  certified_ = s.certified;
  const std::uint64_t bound_ms = idle_bound_ms(o_.parameters);
  if (moved_us_) {
    health.head_idle_us = now_us - *moved_us_;
    return *health.head_idle_us <= bound_ms * 1000;
  }
  // Timers restart with the process: a head that was fresh then may stand one bound longer.
  const std::int64_t age = -health.clocks.block_ahead_ms;
  const bool fresh = s.executed.time.value != 0 && age <= static_cast<std::int64_t>(bound_ms) &&
                     -age <= static_cast<std::int64_t>(bound_ms);
  if (fresh && !fresh_since_us_) fresh_since_us_ = now_us;
  return fresh_since_us_ && now_us - *fresh_since_us_ <= bound_ms * 1000;
}

NodeHealth HealthWatch::look(const NodeStatus& s, const std::vector<PeerRow>& peers) {
  const ledger::Parameters& p = o_.parameters;
  NodeHealth out;
  out.clocks = judge_clocks(o_.clock.now().value, s.executed.time.value, peer_clocks(peers),
                            std::min(p.past_skew_ms, p.future_skew_ms));
  if (const std::uint64_t now = o_.clock.monotonic_us(); now >= next_disk_us_) {
    next_disk_us_ = now + kDiskIntervalUs;
    disk_ = o_.disk();
  }
  out.disk = disk_;
  const bool fresh = head_is_fresh(s, out);

  const bool reads = !s.halted || reads_may_go_on(s.halted->code);
  out.answers = reads && s.certified > chain::Height(0);
  auto& why = out.why_not;
  if (s.halted) {
    why.push_back(fmt::format("halted ({}): {}", name(s.halted->code), s.halted->sentence));
  }
  if (!out.answers && reads) why.emplace_back("no head is certified yet");
  switch (s.role) {
    case NodeRole::kValidator: break;
    case NodeRole::kSilentValidator:
      why.push_back("this validator signs nothing: " + s.silent_because);
      break;
    case NodeRole::kObserver:
      why.emplace_back("an observer answers reads but does not take part in committing");
      break;
  }
  if (!s.halted) {
    if (!s.why_not.empty()) {
      why.push_back(s.why_not);
    } else if (!fresh && out.answers) {
      why.push_back(
          out.head_idle_us
              ? fmt::format("no block was certified for {}: the network does not commit",
                            span_text(static_cast<std::int64_t>(*out.head_idle_us / 1000)))
              : std::string("no block was certified since this node started"));
    }
    if (out.clocks.own_is_off) why.push_back(out.clocks.problem);
    if (!disk_.writable) {
      why.emplace_back("the file system of the data folder is read-only");
    } else if (disk_.free_bytes < kLeastDiskBytes) {
      why.push_back(fmt::format("the disk is almost full: {} MiB are free, {} are needed",
                                disk_.free_bytes >> 20, kLeastDiskBytes >> 20));
    }
  }
  out.commits = out.ready();

  std::string key = out.clocks.own_is_off ? "own" : out.clocks.problem.empty() ? "" : "others";
  for (const std::string& n : out.clocks.off) key += " " + n;
  tell(clocks_, key, out.clocks.problem, "the clocks of this node and its peers agree again",
       kPatienceUs);
  tell(silence_, s.role == NodeRole::kSilentValidator ? s.silent_because : std::string(),
       "this validator signs nothing: " + s.silent_because, "this validator signs again",
       kSilencePatienceUs);
  // What has a line of its own is not logged twice.
  const bool own_line = s.halted || s.role != NodeRole::kValidator;
  tell(readiness_, out.ready() || own_line ? "" : "not ready", "not ready: " + out.why(),
       out.ready() ? "ready: it answers and commits" : "", kPatienceUs);
  return out;
}

void HealthWatch::tell(Told& told, std::string_view key, std::string_view sentence,
                       std::string_view over, std::uint64_t patience_us) {
  const std::uint64_t now = o_.clock.monotonic_us();
  if (key.empty()) {
    if (told.told_us != 0 && !over.empty()) o_.log(LogLevel::kInfo, over);
    told = {};
    return;
  }
  if (told.key != key) {
    const bool was_told = told.told_us != 0;
    told = {std::string(key), now, 0};
    if (was_told) patience_us = 0;  // another form of what was already logged
  }
  const bool due =
      told.told_us == 0 ? now - told.since_us >= patience_us : now - told.told_us >= kRepeatUs;
  if (!due) return;
  told.told_us = std::max<std::uint64_t>(now, 1);
  o_.log(LogLevel::kWarning, sentence);
}

}  // namespace imi::node
