// Numbers of the command line are decimal: `--days 030` is thirty days, whatever C makes of a
// leading zero, and `0x1e` is not a number. CLI11 reads integers with strtoll in base 0; an
// overload that is declared before its own templates takes their place, for every option and every
// range check. The build includes this header first in every source of `imi` (cli/CMakeLists.txt),
// so that no command can forget it.
#pragma once

#include <charconv>
#include <concepts>
#include <string>

namespace CLI::detail {

template <std::integral T>
bool parse_decimal(const std::string& input, T& output) noexcept {
  const char* end = input.data() + input.size();
  const auto [at, error] = std::from_chars(input.data(), end, output);
  return error == std::errc() && at == end;
}

inline bool integral_conversion(const std::string& input, int& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, long& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, long long& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, short& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, unsigned char& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, unsigned short& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, unsigned& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, unsigned long& output) noexcept {
  return parse_decimal(input, output);
}
inline bool integral_conversion(const std::string& input, unsigned long long& output) noexcept {
  return parse_decimal(input, output);
}

}  // namespace CLI::detail
