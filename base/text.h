// What counts as plain text: on the ledger, and in files that people write; and spans of time as
// people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace imi {

// Well-formed UTF-8 (Unicode 15.0, table 3-7: no overlong forms, surrogates, or code points beyond
// U+10FFFF) without control characters (C0, DEL, C1).
[[nodiscard]] bool is_plain_text(std::string_view s);

// "850 ms", "2.3 s", "3 min 20 s", "1 h 5 min", "2 d 3 h"; "-2.3 s".
[[nodiscard]] std::string span_text(std::int64_t ms);

}  // namespace imi
