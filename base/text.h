// What counts as plain text: on the ledger, and in files that people write.
#pragma once

#include <string_view>

namespace imi {

// Well-formed UTF-8 (Unicode 15.0, table 3-7: no overlong forms, surrogates, or code points beyond
// U+10FFFF) without control characters (C0, DEL, C1).
[[nodiscard]] bool is_plain_text(std::string_view s);

// The text of a file without the UTF-8 byte order mark that some editors write before it.
[[nodiscard]] constexpr std::string_view without_byte_order_mark(std::string_view s) {
  return s.starts_with("\xEF\xBB\xBF") ? s.substr(3) : s;
}

}  // namespace imi
