// Which encodings are plausible for bytes that are not UTF-8. Nothing is decided here: each
// plausible reading is shown as text, so that a person who knows the text can say which is right.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace imi::cli {

// "byte 0xfc is not UTF-8; read as Windows-1252 it says 'Müller': if that is right, convert with
// ...". `at` is the first byte that is not UTF-8. A reading is plausible where all of it decodes,
// and is made of what texts in that encoding are made of: characters of GB 2312 for GB18030,
// letters between letters, and the punctuation that goes with them, for Windows-1252. Shown from
// the field that holds the byte.
[[nodiscard]] std::string not_utf8_hint(std::string_view text, std::size_t at);

// What a text was before a program read its UTF-8 as Windows-1252 ("MÃ¼ller" for "Müller"); nothing
// where it is no such text.
[[nodiscard]] std::optional<std::string> misread_utf8(std::string_view text);
// At least one letter or digit of any script.
[[nodiscard]] bool has_letter_or_digit(std::string_view text);

}  // namespace imi::cli
