// One spelling of what people type: identifiers, names, legal bases, numbers of documents.
//
// Text is *clean* if it is well-formed UTF-8 in its form (below), holds no control character, no
// character that cannot be seen (zero-width, bidirectional, fillers), no private-use or unassigned
// character, no U+FFFD, and no blank but single U+0020 between other characters. What is not empty
// is visible then. The ledger accepts clean text only; clean() makes it of what people write.
//
// Every node must come to the same answer whatever version of ICU it has: only characters that
// Unicode 15.0 assigns are clean (their age, normalisation and case folding never change), and the
// sets of blanks and of invisible characters are tables of this module. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace imi {

enum class TextForm : std::uint8_t {
  kText,  // NFC: names, legal bases, documents. Nothing that can be seen changes
  kKey,   // NFKC: identifiers. Full-width letters and digits become plain ones
};

struct TextFlaw {
  // The numbers are part of recorded refusals: never change or re-use one.
  enum class Kind : std::uint8_t {
    kNotUtf8 = 1,    // malformed, overlong, a surrogate, or beyond U+10FFFF
    kControl = 2,    // C0, DEL or C1
    kInvisible = 3,  // zero-width, bidirectional or another format character, a filler
    kUnknown = 4,    // private use, a noncharacter, or not assigned by Unicode 15.0
    kDamaged = 5,    // U+FFFD: an earlier conversion lost a character
    kBlank = 6,      // a blank at an end, two in a row, or one that is not U+0020
    kForm = 7,       // not in NFC or NFKC
    kNoText = 8,     // nothing that can be seen
  };
  Kind kind{};
  std::uint32_t code_point = 0;  // of the character at fault; a byte for kNotUtf8
  std::size_t column = 0;        // its place, in characters from 1; 0 = the text as a whole
  bool operator==(const TextFlaw&) const = default;
};
[[nodiscard]] constexpr bool is_known(TextFlaw::Kind k) {
  return k >= TextFlaw::Kind::kNotUtf8 && k <= TextFlaw::Kind::kNoText;
}

// Why the text is not clean: the first flaw. Empty text has none.
[[nodiscard]] std::optional<TextFlaw> text_flaw(std::string_view text, TextForm form);

// Clean text: blanks (tabs, no-break and ideographic spaces too) are trimmed at the ends and
// collapsed within; line breaks are trimmed at the ends; then the form. Other flaws are errors.
[[nodiscard]] std::expected<std::string, TextFlaw> clean(std::string_view text, TextForm form);

// What two spellings of one identifier have in common: NFKC with case folded, dashes as '-',
// slashes as '/', square, lenticular and tortoise-shell brackets as round ones, and no blank but
// between two ASCII letters or digits. To compare and to hash by, not to show. Two clean keys are
// the same key if their identities are equal.
[[nodiscard]] std::string key_identity(std::string_view text);

// "U+200B ZERO WIDTH SPACE".
[[nodiscard]] std::string code_point_name(std::uint32_t code_point);
// "has U+200B ZERO WIDTH SPACE, which cannot be seen, at character 3; remove it".
[[nodiscard]] std::string describe(const TextFlaw& flaw);

}  // namespace imi
