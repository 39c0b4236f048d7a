// What a replica is configured with. All members of a chain must agree on the values marked
// [chain]: they come from genesis (or its parameters), never from a local file.
#pragma once

#include <cstdint>

#include "chain/block.h"

namespace imi::consensus {

using chain::BlockId;
using chain::ContentHash;
using chain::Epoch;
using chain::GenesisId;
using chain::Height;
using chain::MemberId;
using chain::SubmissionId;
using chain::TimeMs;
using chain::View;

// A count of Tick inputs. Timeouts count ticks, never clock time, so a stopped process does not
// wake up to a burst of timeouts.
using Ticks = std::uint64_t;

// Hard limits of the wire format, whatever a chain's parameters say.
inline constexpr std::uint32_t kMaxPipeline = chain::kMaxPipeline;  // W
inline constexpr std::uint32_t kMaxWindow = 2 * kMaxPipeline;       // L
inline constexpr std::size_t kMaxMessageBytes = 32u << 20;          // one encoded SignedMessage
inline constexpr std::uint64_t kMaxView = std::uint64_t{1} << 48;
inline constexpr std::uint64_t kMaxHeight = std::uint64_t{1} << 56;
inline constexpr std::uint32_t kMaxBackoff = 20;  // k never exceeds it

struct Config {
  GenesisId genesis;                     // [chain]
  std::uint32_t pipeline = 8;            // [chain] W: blocks the primary keeps uncommitted (A5)
  std::uint32_t max_block_items = 8192;  // [chain] submissions per block, <= chain::kMaxBlockItems
  std::int64_t max_expiry_ms = 600'000;  // [chain] E_max (F1)
  std::int64_t past_tolerance_ms = 10'000;   // [chain] P (C1)
  std::int64_t future_tolerance_ms = 1'000;  // [chain] F (C1)
  std::uint64_t rotation_heights =
      0;  // [chain] R: planned rotation every R heights; 0 = never (C8)

  std::uint32_t tick_ms = 10;                  // length of a Tick
  std::uint32_t progress_timeout_ms = 1'000;   // T (C2)
  std::uint32_t max_view_timeout_ms = 60'000;  // cap of T * 2^k (C3)
  std::uint32_t heartbeat_ms = 10'000;         // H (C7)
  std::uint32_t status_period_ms = 200;        // A8: STATUS to all, and the least age of a re-send
  std::uint32_t fetch_period_ms = 100;         // repeat of block fetches that are not answered

  [[nodiscard]] std::uint32_t window() const { return 2 * pipeline; }  // L
  // Two members' clocks differ by no more than this (F), so what fits a block by this margin fits
  // it by the primary's clock too (C2).
  [[nodiscard]] std::int64_t clock_slack_ms() const {
    return future_tolerance_ms < max_expiry_ms / 4 ? future_tolerance_ms : max_expiry_ms / 4;
  }
  [[nodiscard]] Ticks ticks(std::uint32_t ms) const {  // at least one
    return ms <= tick_ms ? 1 : (Ticks{ms} + tick_ms - 1) / tick_ms;
  }
  // True if every value is within the hard limits and usable; a Replica refuses (CHECK) others, so
  // the node validates its configuration with this first.
  [[nodiscard]] bool valid() const {
    return pipeline >= 1 && pipeline <= kMaxPipeline && max_block_items >= 1 &&
           max_block_items <= chain::kMaxBlockItems && max_expiry_ms > 0 &&
           past_tolerance_ms >= 0 && future_tolerance_ms >= 0 && tick_ms >= 1 &&
           progress_timeout_ms >= tick_ms && max_view_timeout_ms >= progress_timeout_ms &&
           heartbeat_ms >= 1 && status_period_ms >= 1 && fetch_period_ms >= 1;
  }
};

}  // namespace imi::consensus
