#include "node/clocks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace imi::node {
namespace {

// Far beyond any honest difference, and small enough that no sum of two overflows.
constexpr std::int64_t kFarthestMs = std::int64_t{1} << 60;

std::int64_t size_of(std::int64_t ms) { return ms < 0 ? -ms : ms; }

std::int64_t difference(std::int64_t a, std::int64_t b) {
  const auto clamped = [](std::int64_t v) { return std::clamp(v, -kFarthestMs, kFarthestMs); };
  return clamped(clamped(a) - clamped(b));
}

bool agree(const PeerClock& a, const PeerClock& b, std::int64_t tolerance_ms) {
  return size_of(difference(a.ahead_ms, b.ahead_ms)) <= tolerance_ms + a.error_ms + b.error_ms;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

std::string ahead_or_behind(std::int64_t ms) {
  return fmt::format("{} {}", span_text(size_of(ms)), ms > 0 ? "ahead of" : "behind");
}

}  // namespace

ClockReport judge_clocks(std::int64_t now_ms, std::int64_t block_time_ms,
                         const std::vector<PeerClock>& peers, std::int64_t tolerance_ms) {
  ClockReport out;
  out.now_ms = now_ms;
  out.known = peers.size();
  if (block_time_ms != 0) out.block_ahead_ms = difference(block_time_ms, now_ms);

  std::vector<PeerClock> all{{std::string(), 0, 0}};
  all.insert(all.end(), peers.begin(), peers.end());
  const auto supporters = [&](const PeerClock& c) {
    return std::ranges::count_if(all,
                                 [&](const PeerClock& o) { return agree(c, o, tolerance_ms); });
  };
  // The first that most agree with; this node's own where it is one of them.
  const auto most = std::ranges::max_element(all, {}, supporters);
  const bool majority = 2 * supporters(*most) > static_cast<std::ptrdiff_t>(all.size());
  if (majority && !peers.empty()) {
    out.own_ahead_ms = difference(0, most->ahead_ms);
    out.own_is_off = !agree(all.front(), *most, tolerance_ms);
    for (const PeerClock& p : peers) {
      if (!agree(p, *most, tolerance_ms)) out.off.push_back(p.name);
    }
  }

  if (out.own_is_off) {
    out.problem = fmt::format("this node's clock is {} the clocks of most validators: set it (NTP)",
                              ahead_or_behind(*out.own_ahead_ms));
  } else if (!out.off.empty()) {
    const auto first = std::ranges::find(peers, out.off.front(), &PeerClock::name);
    out.problem = fmt::format(
        "the clock of {} is wrong ({}: {} most others): its operator has to set it (NTP)",
        listed(out.off), first->name, ahead_or_behind(difference(first->ahead_ms, most->ahead_ms)));
  } else if (!majority) {
    const auto [low, high] = std::ranges::minmax_element(all, {}, &PeerClock::ahead_ms);
    out.problem = fmt::format(
        "the clocks of this node and its peers are up to {} apart and no majority agrees: check "
        "all of them (NTP)",
        span_text(difference(high->ahead_ms, low->ahead_ms)));
  } else if (out.block_ahead_ms > 2 * tolerance_ms) {  // an honest primary may use its tolerance
    out.problem = fmt::format(
        "the last block's time is {} ahead of this node's clock: {}", span_text(out.block_ahead_ms),
        peers.empty()
            ? "this clock is slow, or the validators' clocks were fast"
            : "the clocks agree now, so they were fast when it was made; block times advance in "
              "the smallest steps until the clocks have caught up");
  }
  return out;
}

}  // namespace imi::node
