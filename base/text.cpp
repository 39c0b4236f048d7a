#include "base/text.h"

#include <cstdint>

namespace imi {
namespace {

struct Form {
  std::size_t length = 0;   // bytes; 0 = not a first byte
  std::uint8_t low = 0x80;  // allowed range of the second byte
  std::uint8_t high = 0xbf;
};

Form form_of(std::uint8_t first) {
  if (first < 0x80) return {1, 0, 0};
  if (first >= 0xc2 && first <= 0xdf) return {2, 0x80, 0xbf};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return {3, 0x80, 0xbf};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first >= 0xf1 && first <= 0xf3) return {4, 0x80, 0xbf};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {};
}

}  // namespace

bool is_plain_text(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto first = static_cast<std::uint8_t>(s[i]);
    const Form form = form_of(first);
    if (form.length == 0 || i + form.length > s.size()) return false;
    if (form.length == 1 && (first < 0x20 || first == 0x7f)) return false;
    for (std::size_t k = 1; k < form.length; ++k) {
      const auto b = static_cast<std::uint8_t>(s[i + k]);
      const std::uint8_t low = k == 1 ? form.low : 0x80;
      const std::uint8_t high = k == 1 ? form.high : 0xbf;
      if (b < low || b > high) return false;
    }
    if (first == 0xc2 && static_cast<std::uint8_t>(s[i + 1]) < 0xa0) return false;  // C1
    i += form.length;
  }
  return true;
}

std::string span_text(std::int64_t ms) {
  if (ms < 0) {
    const auto size = 0 - static_cast<std::uint64_t>(ms);
    return "-" + span_text(static_cast<std::int64_t>(size > INT64_MAX ? INT64_MAX : size));
  }
  const auto two = [](std::int64_t a, const char* unit, std::int64_t b, const char* smaller) {
    return std::to_string(a) + unit + std::to_string(b) + smaller;
  };
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return two(ms / 1'000, ".", ms % 1'000 / 100, " s");
  const std::int64_t s = ms / 1'000;
  if (s < 3'600) return two(s / 60, " min ", s % 60, " s");
  if (s < 86'400) return two(s / 3'600, " h ", s % 3'600 / 60, " min");
  return two(s / 86'400, " d ", s % 86'400 / 3'600, " h");
}

}  // namespace imi
