// What became of a submission: one status for whoever tells it (a node's report, a proof, the
// command line), and rule F3 (docs/PROTOCOL.md), by which an absent record is understood.
#pragma once

#include <optional>
#include <string_view>

#include "chain/ids.h"
#include "ledger/core/parameters.h"

namespace imi::ledger {

enum class SubmissionStatus : std::uint8_t {
  kUnknown,     // no record of it: not committed so far or, if nobody said when it expires, perhaps
                // pruned long ago
  kPending,     // held by a node that has not seen it in a block; nothing proves that
  kCommitted,   // in a block, which also has the outcome of each of its entries
  kExpired,     // not committed, and it never can be
  kTooLongAgo,  // records of that age are pruned: absence proves nothing any more. It never will
                // commit, and whether it had can no longer be determined
};
inline constexpr SubmissionStatus kSubmissionStatuses[] = {
    SubmissionStatus::kUnknown, SubmissionStatus::kPending, SubmissionStatus::kCommitted,
    SubmissionStatus::kExpired, SubmissionStatus::kTooLongAgo};
[[nodiscard]] std::string_view name(SubmissionStatus s);
// Nothing that happens later changes it.
[[nodiscard]] bool is_final(SubmissionStatus s);

// F3: of a submission without a record in the state at block time `now`. `expiry`: as signed.
[[nodiscard]] SubmissionStatus status_of_absent(std::optional<chain::TimeMs> expiry,
                                                chain::TimeMs now, const Parameters& parameters);

}  // namespace imi::ledger
