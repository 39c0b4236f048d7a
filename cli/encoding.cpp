#include "cli/encoding.h"

#include <fmt/format.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/ustring.h>

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

// Accented letters, alone or in twos, each beside a plain letter.
bool speaks_for_latin(std::string_view s) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (byte(s, i) < 0x80) continue;
    std::size_t n = 0;
    while (byte(s, i + n) >= 0x80) {
      if (byte(s, i + n) < 0xC0) return false;
      ++n;
    }
    const bool beside = (i > 0 && is_letter(byte(s, i - 1))) || is_letter(byte(s, i + n));
    if (n > 2 || !beside) return false;
    i += n;
  }
  return true;
}

std::string shown(const std::string& text) { return "'" + cut(printable(text), 40) + "'"; }

}  // namespace

std::string not_utf8_hint(std::string_view text, std::size_t at) {
  constexpr std::size_t kMost = 4096;  // enough to judge by
  const std::string_view all = text.substr(0, kMost);
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
         ", and it reads as neither GB18030 nor Windows-1252: save the file as UTF-8 where it was "
         "made, because a guessed conversion would garble names";
}

}  // namespace imi::cli
