// Text as people see it: UTF-8 checked, display columns counted (CJK is two wide), cut, padded,
// wrapped; words suggested for mistyped ones. Output (cli/output.h) passes everything that it shows
// through printable(), so that no text from outside can act on a terminal or begin a line.
//
// Widths follow Unicode Standard Annex 11 (wide and fullwidth = 2; combining and format = 0).
// Pure, re-entrant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imi::cli {

// Offset of the first byte that is not part of well-formed UTF-8 (overlong forms, surrogates and
// values above U+10FFFF are refused), or nothing.
[[nodiscard]] std::optional<std::size_t> first_invalid_utf8(std::string_view text);

// Columns the text takes on a terminal. Malformed bytes count as one column each.
[[nodiscard]] std::size_t display_width(std::string_view text);

// The text on one line, without anything that acts on a terminal or cannot be seen: control
// characters (C0, DEL, C1; new lines and tabs too), line and paragraph separators, bidirectional
// controls and all other code points without width (Unicode's Default_Ignorable_Code_Point)
// become "\u{1B}"; a byte that is not part of UTF-8 becomes "\x{9B}". What has none of these is
// returned unchanged, and so is what was made printable before.
[[nodiscard]] std::string printable(std::string_view text);

// JSON text with the same characters escaped as JSON does ("\u009b"): equal to any JSON reader,
// and harmless on a terminal. A malformed byte, which can only occur in a string, becomes the text
// "\x{9B}" there. The new lines between the values stay.
[[nodiscard]] std::string json_printable(std::string_view json);

// A hash, a key: one word of at least 32 hexadecimal digits, of use only whole.
[[nodiscard]] bool is_id(std::string_view text);

// At most `width` columns; what is cut ends in U+2026. Never splits a character.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);

enum class Align : std::uint8_t { kLeft, kRight };
[[nodiscard]] std::string pad(std::string_view text, std::size_t width, Align align = Align::kLeft);

// Lines of at most `width` columns, broken at spaces and between wide characters; a longer word is
// broken where it must be, but an id never is. New lines in the text are kept.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

// "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t n);
// "740 ms", "1.2 s", "3 min 20 s", "2 h 5 min".
[[nodiscard]] std::string duration_text(std::int64_t ms);
// "512 B", "1.4 MiB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// The candidate nearest to the word, if it is near enough to be what was meant
// (optimal string alignment distance <= 1 + length / 4, or the word is a prefix of it).
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

// `a`, `b` and `c`.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts,
                                 std::string_view last = "and");

}  // namespace imi::cli
