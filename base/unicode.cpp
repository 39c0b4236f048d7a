#include "base/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace imi {
namespace {

static_assert(U_ICU_VERSION_MAJOR_NUM >= 72, "ICU that knows Unicode 15.0");

using Kind = TextFlaw::Kind;

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Default_Ignorable_Code_Point of Unicode 15.0, line and paragraph separators, interlinear and
// hieroglyphic format characters, and what is drawn as nothing. A table, so that it never changes.
constexpr std::array kInvisible = {
    Range{0x00AD, 0x00AD},   Range{0x034F, 0x034F},   Range{0x061C, 0x061C},
    Range{0x115F, 0x1160},   Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},
    Range{0x200B, 0x200F},   Range{0x2028, 0x202E},   Range{0x2060, 0x206F},
    Range{0x2800, 0x2800},   Range{0x3164, 0x3164},   Range{0xFE00, 0xFE0F},
    Range{0xFEFF, 0xFEFF},   Range{0xFFA0, 0xFFA0},   Range{0xFFF0, 0xFFFB},
    Range{0x13430, 0x1343F}, Range{0x1BCA0, 0x1BCA3}, Range{0x1D159, 0x1D159},
    Range{0x1D173, 0x1D17A}, Range{0xE0000, 0xE0FFF}};

// White_Space except for controls, line separators and U+0020.
constexpr std::array kBlanks = {Range{0x00A0, 0x00A0}, Range{0x1680, 0x1680},
                                Range{0x2000, 0x200A}, Range{0x202F, 0x202F},
                                Range{0x205F, 0x205F}, Range{0x3000, 0x3000}};

// What an identity holds instead.
constexpr std::array kDashes = {Range{0x2010, 0x2015}, Range{0x2043, 0x2043}, Range{0x2212, 0x2212},
                                Range{0x2E3A, 0x2E3B}};
constexpr std::array kSlashes = {std::uint32_t{0x2044}, 0x2215U, 0x29F8U};
constexpr std::array kOpening = {std::uint32_t{'['}, 0x3010U, 0x3014U, 0x3016U, 0x3018U, 0x301AU};
constexpr std::array kClosing = {std::uint32_t{']'}, 0x3011U, 0x3015U, 0x3017U, 0x3019U, 0x301BU};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, std::uint32_t c) {
  const auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                                   [](std::uint32_t x, const Range& r) { return x < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

bool is_control(std::uint32_t c) { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }
bool is_other_blank(std::uint32_t c) { return contains(kBlanks, c); }

// Assigned by Unicode 15.0 for all to use. Neither ever changes for a character.
bool is_of_unicode_15(std::uint32_t c) {
  if ((c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000) return false;            // private use
  if ((c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE) return false;  // noncharacters
  UVersionInfo age{};
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && (age[0] < 15 || (age[0] == 15 && age[1] == 0));
}

// Decodes the character at `at` and moves on; negative for a malformed one.
std::int32_t next(std::string_view s, std::size_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(s.data());
  auto i = static_cast<std::int32_t>(at);
  UChar32 c = 0;
  U8_NEXT(bytes, i, static_cast<std::int32_t>(s.size()), c);
  at = static_cast<std::size_t>(i);
  return c;
}

std::optional<Kind> flaw_of(std::uint32_t c) {
  if (is_control(c)) return Kind::kControl;
  if (c < 0x7F) return std::nullopt;
  if (contains(kInvisible, c)) return Kind::kInvisible;
  if (is_other_blank(c)) return Kind::kBlank;
  if (c == 0xFFFD) return Kind::kDamaged;
  if (!is_of_unicode_15(c)) return Kind::kUnknown;
  return std::nullopt;
}

const icu::Normalizer2& normalizer(TextForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* n = form == TextForm::kKey ? icu::Normalizer2::getNFKCInstance(status)
                                         : icu::Normalizer2::getNFCInstance(status);
  IMI_CHECK(U_SUCCESS(status) && n != nullptr, "ICU has its normalisation data");
  return *n;
}

icu::StringPiece piece(std::string_view s) {
  return {s.data(), static_cast<std::int32_t>(s.size())};
}

std::string normalized(const icu::Normalizer2& n, std::string_view s) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(s.size()));
  UErrorCode status = U_ZERO_ERROR;
  n.normalizeUTF8(0, piece(s), sink, nullptr, status);
  IMI_CHECK(U_SUCCESS(status), "text is normalised");
  return out;
}

// Text longer than this is never clean: what is typed is shorter, and ICU counts in 32 bits.
constexpr std::size_t kMaxBytes = std::size_t{1} << 24;

bool is_ascii_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A blank counts only where it parts two words or numbers of ASCII: beside punctuation and
// ideographs some write one and some do not.
std::string without_loose_blanks(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == ' ') {
      const std::size_t after = s.find_first_not_of(' ', i);
      const bool parts = !out.empty() && is_ascii_word(out.back()) &&
                         after != std::string_view::npos && is_ascii_word(s[after]);
      if (!parts) continue;
    }
    out += s[i];
  }
  return out;
}

// The first character at fault, except for the form; `ascii` if all are below U+0080.
std::optional<TextFlaw> flawed_character(std::string_view s, bool& ascii) {
  ascii = true;
  bool visible = false;
  std::uint32_t before = ' ';
  std::size_t column = 0;
  for (std::size_t at = 0; at < s.size();) {
    ++column;
    const auto byte = static_cast<std::uint8_t>(s[at]);
    const std::int32_t signed_c = next(s, at);
    if (signed_c < 0) return TextFlaw{Kind::kNotUtf8, byte, column};
    const auto c = static_cast<std::uint32_t>(signed_c);
    if (const auto kind = flaw_of(c)) return TextFlaw{*kind, c, column};
    if (c == ' ' && (before == ' ' || at == s.size())) return TextFlaw{Kind::kBlank, c, column};
    ascii = ascii && c < 0x80;
    visible = visible || (c != ' ' && (c < 0x300 || u_getCombiningClass(signed_c) == 0));
    before = c;
  }
  if (!visible && !s.empty()) return TextFlaw{Kind::kNoText, 0, 0};
  return std::nullopt;
}

// Blanks of any kind become U+0020, single, and none at an end.
std::string with_single_blanks(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  bool blank = false;
  std::string breaks;  // kept within the text, where they are refused
  for (std::size_t at = 0; at < s.size();) {
    const std::size_t from = at;
    const std::int32_t c = next(s, at);
    if (c == '\r' || c == '\n') {
      breaks += s[from];
    } else if (c == ' ' || c == '\t' ||
               (c >= 0x80 && is_other_blank(static_cast<std::uint32_t>(c)))) {
      blank = true;
    } else {
      if (!out.empty()) out += breaks.empty() && blank ? " " : breaks;
      breaks.clear();
      blank = false;
      out.append(s.substr(from, at - from));
    }
  }
  return out;
}

}  // namespace

std::optional<TextFlaw> text_flaw(std::string_view text, TextForm form) {
  if (text.size() > kMaxBytes) return TextFlaw{Kind::kForm, 0, 0};
  bool ascii = false;
  if (auto flaw = flawed_character(text, ascii)) return flaw;
  if (ascii) return std::nullopt;
  UErrorCode status = U_ZERO_ERROR;
  if (normalizer(form).isNormalizedUTF8(piece(text), status) != 0) return std::nullopt;
  return TextFlaw{Kind::kForm, 0, 0};
}

std::expected<std::string, TextFlaw> clean(std::string_view text, TextForm form) {
  if (text.size() > kMaxBytes) return std::unexpected(TextFlaw{Kind::kForm, 0, 0});
  // What is wrong is found in the text as given, so that its place is right.
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    ++column;
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const std::int32_t c = next(text, at);
    if (c < 0) return std::unexpected(TextFlaw{Kind::kNotUtf8, byte, column});
    const auto kind = flaw_of(static_cast<std::uint32_t>(c));
    const bool folded = kind == Kind::kBlank || c == '\t' || c == '\r' || c == '\n';
    if (kind && !folded) {
      return std::unexpected(TextFlaw{*kind, static_cast<std::uint32_t>(c), column});
    }
  }
  std::string out = with_single_blanks(text);
  // A compatibility form may have blanks of its own (U+00AF is U+0020 U+0304).
  out = with_single_blanks(normalized(normalizer(form), out));
  if (const auto flaw = text_flaw(out, form)) return std::unexpected(*flaw);
  return out;
}

std::string key_identity(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const auto* fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
  IMI_CHECK(U_SUCCESS(status) && fold != nullptr, "ICU has its case folding data");
  const std::string folded = normalized(*fold, text.substr(0, kMaxBytes));
  std::string out;
  out.reserve(folded.size());
  for (std::size_t at = 0; at < folded.size();) {
    const std::size_t from = at;
    const std::int32_t signed_c = next(folded, at);
    const auto c = static_cast<std::uint32_t>(signed_c);
    if (signed_c >= 0 && contains(kDashes, c)) {
      out += '-';
    } else if (std::ranges::find(kSlashes, c) != kSlashes.end()) {
      out += '/';
    } else if (std::ranges::find(kOpening, c) != kOpening.end()) {
      out += '(';
    } else if (std::ranges::find(kClosing, c) != kClosing.end()) {
      out += ')';
    } else {
      out.append(folded, from, at - from);
    }
  }
  return without_loose_blanks(out);
}

std::string code_point_name(std::uint32_t c) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (std::uint32_t v = c; v != 0 || out.size() < 4; v >>= 4) {
    out.insert(out.begin(), kDigits[v & 0xF]);
  }
  out.insert(0, "U+");
  if (c > 0x10FFFF) return out;
  std::array<char, 128> buffer{};
  UErrorCode status = U_ZERO_ERROR;
  auto n = u_charName(static_cast<UChar32>(c), U_UNICODE_CHAR_NAME, buffer.data(),
                      static_cast<std::int32_t>(buffer.size()), &status);
  if (n == 0 && U_SUCCESS(status)) {
    n = u_charName(static_cast<UChar32>(c), U_CHAR_NAME_ALIAS, buffer.data(),
                   static_cast<std::int32_t>(buffer.size()), &status);
  }
  if (is_control(c)) {
    if (c == '\t') return out + " TAB";
    if (c == '\n' || c == '\r') return out + " LINE BREAK";
    return out + " CONTROL CHARACTER";
  }
  if (U_SUCCESS(status) && n > 0)
    out += " " + std::string(buffer.data(), static_cast<std::size_t>(n));
  return out;
}

std::string describe(const TextFlaw& f) {
  const std::string at = f.column == 0 ? "" : " at character " + std::to_string(f.column);
  const std::string name = code_point_name(f.code_point);
  switch (f.kind) {
    case Kind::kNotUtf8: return "is not UTF-8 text" + at;
    case Kind::kControl: return "has a control character, " + name + at + "; remove it";
    case Kind::kInvisible: return "has " + name + ", which cannot be seen," + at + "; remove it";
    case Kind::kUnknown:
      return "has " + name + at + ", which Unicode 15.0 does not assign; write another character";
    case Kind::kDamaged:
      return "has " + name + at +
             ": an earlier conversion lost a character; take it from the source";
    case Kind::kBlank:
      return "has a blank at an end, two in a row, or one that is not a plain space" + at;
    case Kind::kForm: return "is not in its normal form (NFC; NFKC for keys)";
    case Kind::kNoText: return "is empty: it needs text that can be seen";
  }
  return "is not text";
}

}  // namespace imi
