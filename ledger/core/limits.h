// Limits of text that more than one topic has.
#pragma once

#include <cstddef>

namespace imi::ledger {

inline constexpr std::size_t kMaxNameBytes = 200;

}  // namespace imi::ledger
