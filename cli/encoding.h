// Which encodings are plausible for bytes that are not UTF-8. Nothing is decided here: each
// plausible reading is shown as text, so that a person who knows the text can say which is right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace imi::cli {

// "byte 0xfc is not UTF-8; read as Windows-1252 it says 'Müller': if that is right, convert with
// ...". `at` is the first byte that is not UTF-8. A reading is plausible where all of it decodes,
// and is made of what texts in that encoding are made of: characters of GB 2312 for GB18030,
// letters between letters for Windows-1252.
[[nodiscard]] std::string not_utf8_hint(std::string_view text, std::size_t at);

}  // namespace imi::cli
