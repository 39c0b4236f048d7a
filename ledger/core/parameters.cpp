#include "ledger/core/parameters.h"

#include "chain/block.h"
#include "crypto/hash.h"

namespace imi::ledger {
namespace {

template <class T>
constexpr bool within(T v, T low, T high) {
  return v >= low && v <= high;
}

constexpr std::uint32_t kHourMs = 3'600'000;
static_assert(chain::kMaxPipeline == 16, "describe() says it");

}  // namespace

Hash256 Parameters::digest() const { return crypto::hash_of(crypto::Domain::kParameters, *this); }

std::string_view describe(ParametersError e) {
  switch (e) {
    case ParametersError::kWindow: return "window must be 1..16";
    case ParametersError::kTimeouts:
      return "timeouts must satisfy 10 ms <= timeout_ms <= max_timeout_ms <= 1 h";
    case ParametersError::kHeartbeat: return "heartbeat_ms must be 100 ms..1 h";
    case ParametersError::kSkew: return "past_skew_ms and future_skew_ms must be 1 ms..1 min";
    case ParametersError::kActivation: return "activation_delay must be at least twice the window";
    case ParametersError::kBlock:
      return "max_block_items must be 1..8192, max_block_entries at least max_entries, "
             "max_block_body_bytes at least max_submission_bytes and at most 32 MiB";
    case ParametersError::kSubmission:
      return "max_submission_bytes must be 1 KiB..8 MiB, max_entries 1..4096";
    case ParametersError::kExpiry: return "max_expiry_ms must be 1 s..24 h, grace_ms at most 24 h";
    case ParametersError::kDispute: return "dispute_days must be 1..365";
  }
  return "?";
}

std::expected<void, ParametersError> validate(const Parameters& p) {
  const auto fail = [](ParametersError e) { return std::unexpected(e); };
  if (!within(p.window, 1u, chain::kMaxPipeline)) return fail(ParametersError::kWindow);
  if (p.timeout_ms < 10 || p.timeout_ms > p.max_timeout_ms || p.max_timeout_ms > kHourMs) {
    return fail(ParametersError::kTimeouts);
  }
  if (!within(p.heartbeat_ms, 100u, kHourMs)) return fail(ParametersError::kHeartbeat);
  if (!within(p.past_skew_ms, 1u, 60'000u) || !within(p.future_skew_ms, 1u, 60'000u)) {
    return fail(ParametersError::kSkew);
  }
  if (p.activation_delay < p.span()) return fail(ParametersError::kActivation);
  if (!within(p.max_submission_bytes, 1024u, 8u << 20) ||
      !within(p.max_entries, 1u, kMaxEntriesOfSubmission)) {
    return fail(ParametersError::kSubmission);
  }
  if (!within(p.max_block_items, 1u, static_cast<std::uint32_t>(chain::kMaxBlockItems)) ||
      p.max_block_entries < p.max_entries || p.max_block_body_bytes < p.max_submission_bytes ||
      p.max_block_body_bytes > kMaxBlockBodyBytes) {
    return fail(ParametersError::kBlock);
  }
  if (!within(p.max_expiry_ms, 1'000u, 24 * kHourMs) || p.grace_ms > 24 * kHourMs) {
    return fail(ParametersError::kExpiry);
  }
  if (!within<std::uint16_t>(p.dispute_days, 1, 365)) return fail(ParametersError::kDispute);
  return {};
}

}  // namespace imi::ledger
