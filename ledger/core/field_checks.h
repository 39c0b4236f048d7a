// Checks of single fields that more than one topic makes. Pure.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/unicode.h"
#include "ledger/core/codes.h"
#include "ledger/core/ruling.h"

namespace imi::ledger {

[[nodiscard]] inline std::unexpected<Refusal> out_of_range(RefusalField field,
                                                           std::int64_t value = 0,
                                                           std::int64_t limit = 0) {
  return refuse(RefusalCode::kFieldOutOfRange, field, value, limit);
}

template <class T>
[[nodiscard]] bool strictly_ascending(const std::vector<T>& v) {
  return std::adjacent_find(v.begin(), v.end(), [](const T& a, const T& b) { return !(a < b); }) ==
         v.end();
}

// Clean text (base/unicode.h): one spelling for what looks the same, at most `limit` bytes, and not
// empty where required.
[[nodiscard]] Ruling check_text(std::string_view s, RefusalField field, std::size_t limit,
                                bool required, TextForm form = TextForm::kText);
[[nodiscard]] Ruling check_uscc(const Uscc& uscc, bool as_issued);

}  // namespace imi::ledger
