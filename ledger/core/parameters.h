// The chain's parameters: numbers that every validator must share. Genesis sets them; the head
// commits to them (params_digest).
#pragma once

#include <expected>
#include <string_view>

#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::uint32_t kMaxEntriesOfSubmission = 4096;
inline constexpr std::uint32_t kMaxBlockBodyBytes = 32u << 20;

struct Parameters {
  SchemaVersion<1> version;
  // Consensus (docs/PROTOCOL.md A5, C1-C8, E1)
  std::uint32_t window = 8;               // W: blocks the primary keeps uncommitted; L = 2W
  std::uint32_t timeout_ms = 1'000;       // T: progress timer
  std::uint32_t max_timeout_ms = 60'000;  // cap of T*2^k
  std::uint32_t heartbeat_ms = 5'000;     // H: an idle chain commits an empty block this often
  std::uint32_t past_skew_ms = 2'000;     // P: block time may be this far behind a clock
  std::uint32_t future_skew_ms = 1'000;   // F: and this far ahead
  std::uint32_t activation_delay = 32;    // D >= L: heights before a membership change counts
  std::uint32_t rotation_heights = 64;    // R: planned view change every R heights; 0 = never
  // Blocks
  std::uint32_t max_block_items = 4'096;          // submissions
  std::uint32_t max_block_entries = 16'384;       // entries of all its submissions
  std::uint32_t max_block_body_bytes = 8u << 20;  // encoded submissions
  // Submissions
  std::uint32_t max_submission_bytes = 2u << 20;
  std::uint32_t max_entries = kMaxEntriesOfSubmission;
  std::uint32_t max_expiry_ms = 600'000;  // E_max: expiry <= block time + E_max (F1)
  std::uint32_t grace_ms = 600'000;       // fate records live this much longer (F3)
  // Credit
  std::uint16_t dispute_days = 20;  // an objection is overdue after this
  bool operator==(const Parameters&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, window, timeout_ms, max_timeout_ms, heartbeat_ms, past_skew_ms, future_skew_ms,
       activation_delay, rotation_heights, max_block_items, max_block_entries, max_block_body_bytes,
       max_submission_bytes, max_entries, max_expiry_ms, grace_ms, dispute_days);
  }

  [[nodiscard]] std::uint32_t span() const { return 2 * window; }  // L
  // LedgerHead::params_digest.
  [[nodiscard]] Hash256 digest() const;
};

enum class ParametersError : std::uint8_t {
  kWindow,      // W in 1..chain::kMaxPipeline
  kTimeouts,    // 10 ms <= T <= max_timeout_ms <= 1 h
  kHeartbeat,   // 100 ms <= H <= 1 h
  kSkew,        // 1 ms <= P, F <= 1 min
  kActivation,  // D >= L
  kBlock,       // items 1..8192, entries >= max_entries, bytes >= max_submission_bytes, <= 32 MiB
  kSubmission,  // bytes 1 KiB..8 MiB, entries 1..4096
  kExpiry,      // 1 s <= E_max, grace <= 24 h
  kDispute,     // 1..365 days
};
[[nodiscard]] std::string_view describe(ParametersError e);
[[nodiscard]] std::expected<void, ParametersError> validate(const Parameters& p);

}  // namespace imi::ledger
