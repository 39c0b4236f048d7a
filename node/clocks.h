// Whose clock is wrong. Every peer's clock is measured against this node's own (over the keep-alive
// of the peer connection); the time on which most of them agree is taken as correct. Peers' clocks
// are their own claims: this is for people and for readiness, never for consensus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace imi::node {

struct PeerClock {
  std::string name;
  std::int64_t ahead_ms = 0;  // of this node's clock
  std::int64_t error_ms = 0;  // the measurement may be wrong by this much
};

struct ClockReport {
  std::int64_t now_ms = 0;          // this node's clock
  std::int64_t block_ahead_ms = 0;  // the last executed block's time minus this node's clock
  std::size_t known = 0;            // peers whose clock was measured
  // This node's clock minus that of the majority; absent where no majority of the clocks agrees.
  std::optional<std::int64_t> own_ahead_ms;
  bool own_is_off = false;
  std::vector<std::string> off;  // peers whose clock differs from the majority's
  std::string problem;           // a sentence: whose clock is off, by how much, what to do
};

// `tolerance_ms`: how far apart two clocks may be. `block_time_ms` is 0 before the first block.
[[nodiscard]] ClockReport judge_clocks(std::int64_t now_ms, std::int64_t block_time_ms,
                                       const std::vector<PeerClock>& peers,
                                       std::int64_t tolerance_ms);

}  // namespace imi::node
