// What people type, or a spreadsheet made of it, brought to the one form that is compared, hashed
// and recorded (base/unicode.h). The same functions for columns of files, fields of JSON and
// options of commands. What a program has destroyed on the way is refused by name, never guessed.
#pragma once

#include <string>
#include <string_view>

#include "cli/values.h"

namespace imi::cli {

// Free text: NFC, blanks trimmed and collapsed. Empty where nothing can be seen.
[[nodiscard]] Value<std::string> typed_text(std::string_view text);
// A name, a legal basis: as typed_text; what names nothing (NULL, nan, marks alone) is refused, and
// "??", which an earlier conversion left of lost characters.
[[nodiscard]] Value<std::string> typed_name(std::string_view text);
// A number of a document, kept as it is printed: as typed_text; what a spreadsheet made a number of
// is refused, and what names nothing (NULL, nan, marks alone).
[[nodiscard]] Value<std::string> typed_number(std::string_view text);
// An identifier: NFKC, blanks trimmed and collapsed, case kept; refusals as typed_number.
[[nodiscard]] Value<std::string> typed_key(std::string_view text);
// A source key: as typed_key; what names nothing (NULL, nan, marks alone) is refused.
[[nodiscard]] Value<std::string> typed_source(std::string_view text);
// An amount or a day: its form alone; parse_yuan() and parse_day() say what is wrong with the rest.
[[nodiscard]] Value<std::string> typed_amount(std::string_view text);
// A word of a fixed list, a code of the catalog: as a key, in lower case.
[[nodiscard]] Value<std::string> typed_word(std::string_view text);
// A national code: as a key, in upper case, without the blanks that group its characters.
[[nodiscard]] Value<std::string> typed_code(std::string_view text);

// True where nothing can be seen: no characters but blanks.
[[nodiscard]] bool is_blank(std::string_view text);

}  // namespace imi::cli
