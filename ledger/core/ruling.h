// What becomes of one entry, or of one check of it: accepted, or refused by name.
#pragma once

#include <expected>

#include "ledger/core/refusal.h"

namespace imi::ledger {

using Ruling = std::expected<void, Refusal>;

[[nodiscard]] inline std::unexpected<Refusal> refuse(RefusalCode code,
                                                     RefusalField field = RefusalField::kNone,
                                                     std::int64_t a = 0, std::int64_t b = 0) {
  return std::unexpected(Refusal{code, field, a, b});
}

}  // namespace imi::ledger
