#include "cli/network/clocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/interrupt.h"

namespace imi::cli {
namespace {

constexpr std::int64_t kFarMs = 2'000;
constexpr std::size_t kMostAsked = 9;

// Each node's clock minus this machine's, in ms, of those that answer.
std::vector<std::int64_t> differences(Session& s) {
  std::vector<std::int64_t> out;
  for (const NodeAddress& node : s.addresses()) {
    if (out.size() == kMostAsked || interrupted()) break;
    ClientOptions o;
    o.nodes = {node};
    o.connect_timeout = std::chrono::milliseconds(500);
    o.call_timeout = std::chrono::milliseconds(1'000);
    o.interrupted = [] { return interrupted(); };
    Client client(std::move(o));
    const std::int64_t asked = s.now_ms();
    const auto status = client.call("status", {});
    const json::object* object = status ? status->if_object() : nullptr;
    const json::value* clock = object != nullptr ? object->if_contains("clock") : nullptr;
    const auto now = clock != nullptr ? number_if(*clock, "now_ms") : std::nullopt;
    if (now && *now < std::uint64_t{1} << 60) {
      out.push_back(static_cast<std::int64_t>(*now) - (asked + s.now_ms()) / 2);
    }
  }
  return out;
}

}  // namespace

std::string own_clock_problem(Session& s) {
  std::vector<std::int64_t> ahead = differences(s);
  if (ahead.empty()) return {};
  std::ranges::sort(ahead);
  const std::int64_t middle = ahead[ahead.size() / 2];
  const auto agreeing =
      std::ranges::count_if(ahead, [&](std::int64_t a) { return std::abs(a - middle) <= kFarMs; });
  if (std::abs(middle) <= kFarMs || 2 * agreeing <= static_cast<std::ptrdiff_t>(ahead.size())) {
    return {};
  }
  return fmt::format(
      "this machine's clock is {} {} that of {} (reported by {} without proof): set "
      "the clock",
      duration_text(std::abs(middle)), middle < 0 ? "ahead of" : "behind",
      agreeing == 1 ? "the node asked" : fmt::format("{} nodes", agreeing),
      agreeing == 1 ? "it" : "them");
}

}  // namespace imi::cli
