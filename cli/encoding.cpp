#include "cli/encoding.h"

#include <fmt/format.h>
#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "cli/text.h"

namespace imi::cli {
namespace {

std::uint8_t byte(std::string_view s, std::size_t i) {
  return i < s.size() ? static_cast<std::uint8_t>(s[i]) : std::uint8_t{0};
}

// The text as UTF-8, if all of it decodes.
std::optional<std::string> decoded(std::string_view text, const char* encoding) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> from(ucnv_open(encoding, &status),
                                                                &ucnv_close);
  if (U_FAILURE(status)) return std::nullopt;
  ucnv_setToUCallBack(from.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  std::vector<UChar> units(text.size() * 2 + 1);
  const auto n = ucnv_toUChars(from.get(), units.data(), static_cast<std::int32_t>(units.size()),
                               text.data(), static_cast<std::int32_t>(text.size()), &status);
  if (U_FAILURE(status)) return std::nullopt;
  std::string out(static_cast<std::size_t>(n) * 3 + 1, '\0');
  std::int32_t length = 0;
  u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &length, units.data(), n, &status);
  if (U_FAILURE(status)) return std::nullopt;
  out.resize(static_cast<std::size_t>(length));
  return out;
}

// Pairs of bytes, each a character of GB 2312: the characters of everyday Chinese.
bool speaks_for_gb(std::string_view s) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (byte(s, i) < 0x80) continue;
    const auto lead = byte(s, i);
    const auto trail = byte(s, i + 1);
    if (lead < 0xA1 || lead > 0xF7 || trail < 0xA1 || trail == 0xFF) return false;
    ++i;
  }
  return true;
}

bool is_letter(std::uint8_t b) { return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z'); }

// Euro, quotation marks, dashes, ellipsis, no-break space, section and degree signs and the like.
bool is_latin_mark(std::uint8_t b) {
  return (b >= 0x82 && b <= 0x8B && b != 0x83 && b != 0x8A) || (b >= 0x91 && b <= 0x97) ||
         b == 0x80 || b == 0x9B || b == 0xA0 || b == 0xA7 || b == 0xAB || b == 0xB0 || b == 0xB7 ||
         b == 0xBB;
}

// Accented letters, alone or in twos, each beside a plain letter; marks, not more than letters.
bool speaks_for_latin(std::string_view s) {
  std::size_t letters = 0;
  std::size_t marks = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (is_letter(byte(s, i))) ++letters;
    if (is_latin_mark(byte(s, i))) ++marks;
    if (byte(s, i) < 0x80 || is_latin_mark(byte(s, i))) continue;
    std::size_t n = 0;
    while (byte(s, i + n) >= 0x80 && !is_latin_mark(byte(s, i + n))) {
      if (byte(s, i + n) < 0xC0) return false;
      ++n;
    }
    const bool beside = (i > 0 && is_letter(byte(s, i - 1))) || is_letter(byte(s, i + n));
    if (n > 2 || !beside) return false;
    i += n - 1;
  }
  return marks <= letters;
}

std::string shown(const std::string& text) { return "'" + cut(printable(text), 40) + "'"; }

// The field that holds the byte, to show: a GB 18030 character has none of these in it.
std::string_view from_field(std::string_view text, std::size_t at) {
  const std::size_t before = text.substr(0, at).find_last_of("\",:;\t");
  return text.substr(before == std::string_view::npos ? 0 : before + 1);
}

std::string hint(std::string_view text, std::size_t at) {
  const std::string_view all = from_field(text, at);
  std::optional<std::string> gb;
  std::optional<std::string> latin;
  if (speaks_for_gb(all)) gb = decoded(all, "gb18030");
  if (speaks_for_latin(all)) latin = decoded(all, "windows-1252");
  const std::string what = fmt::format("byte 0x{:02x} is not UTF-8", byte(text, at));
  if (gb && latin) {
    return fmt::format(
        "{}; read as GB18030 it says {}, as Windows-1252 {}: if one of these is right, convert "
        "with `iconv -f GB18030` (or WINDOWS-1252) `-t UTF-8 in.csv > out.csv`",
        what, shown(*gb), shown(*latin));
  }
  if (gb || latin) {
    const char* name = gb ? "GB18030" : "WINDOWS-1252";
    return fmt::format(
        "{}; read as {} it says {}: if that is right, convert with `iconv -f {} -t UTF-8 in.csv > "
        "out.csv`",
        what, name, shown(gb ? *gb : *latin), name);
  }
  return what +
         ", and neither GB18030 nor Windows-1252 clearly fits: save the file as UTF-8 where it was "
         "made, because a conversion that is guessed makes garbage of names";
}

}  // namespace

std::string not_utf8_hint(std::string_view text, std::size_t at) {
  constexpr std::size_t kMost = 4096;  // enough to judge by
  const std::size_t from = at < kMost / 2 ? 0 : at - kMost / 2;
  return hint(text.substr(from, kMost), at - from);
}

std::optional<std::string> misread_utf8(std::string_view text) {
  constexpr std::size_t kMost = 4096;
  if (text.size() > kMost ||
      std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::nullopt;
  }
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> to(ucnv_open("windows-1252", &status),
                                                              &ucnv_close);
  if (U_FAILURE(status)) return std::nullopt;
  ucnv_setFromUCallBack(to.get(), UCNV_FROM_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  std::vector<UChar> units(text.size() + 1);
  std::int32_t n = 0;
  u_strFromUTF8(units.data(), static_cast<std::int32_t>(units.size()), &n, text.data(),
                static_cast<std::int32_t>(text.size()), &status);
  std::string bytes(text.size() + 1, '\0');
  const auto length = ucnv_fromUChars(
      to.get(), bytes.data(), static_cast<std::int32_t>(bytes.size()), units.data(), n, &status);
  if (U_FAILURE(status)) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(length));
  const bool was = !first_invalid_utf8(bytes) && std::ranges::any_of(bytes, [](char c) {
    return static_cast<unsigned char>(c) >= 0x80;
  });
  return was ? std::optional(std::move(bytes)) : std::nullopt;
}

bool has_letter_or_digit(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(bytes, i, size, c);
    if (c >= 0 && u_isalnum(c) != 0) return true;
  }
  return false;
}

}  // namespace imi::cli
