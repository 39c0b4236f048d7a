#include "ledger/submission/status.h"

namespace imi::ledger {

std::string_view name(SubmissionStatus s) {
  switch (s) {
    case SubmissionStatus::kUnknown: return "unknown";
    case SubmissionStatus::kPending: return "pending";
    case SubmissionStatus::kCommitted: return "committed";
    case SubmissionStatus::kExpired: return "expired";
    case SubmissionStatus::kTooLongAgo: return "too-long-ago";
  }
  return "unknown";
}

bool is_final(SubmissionStatus s) {
  return s != SubmissionStatus::kUnknown && s != SubmissionStatus::kPending;
}

// A record is kept until inclusion + E_max + grace, and inclusion > expiry - E_max - 1 ms, so up to
// expiry + grace absence means "was never committed".
SubmissionStatus status_of_absent(std::optional<chain::TimeMs> expiry, chain::TimeMs now,
                                  const Parameters& parameters) {
  if (!expiry || now < *expiry) return SubmissionStatus::kUnknown;
  return expiry->value > now.value - parameters.grace_ms ? SubmissionStatus::kExpired
                                                         : SubmissionStatus::kTooLongAgo;
}

}  // namespace imi::ledger
