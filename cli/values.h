// Values as people write them: amounts in yuan, calendar days, durations. Exact integers only.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace imi::cli {

// A sentence that says what is wrong and what would be right.
struct ValueError {
  std::string reason;
};
template <class T>
using Value = std::expected<T, ValueError>;

inline constexpr std::uint64_t kMaxFen = 100'000'000'000'000'000ULL;  // a quadrillion yuan

// "3000", "3000.5", "3000.00" -> fen, exactly. No sign, separators, symbols, exponents or third
// decimal.
[[nodiscard]] Value<std::uint64_t> parse_yuan(std::string_view text);
// 300050 -> "3,000.50".
[[nodiscard]] std::string yuan_text(std::uint64_t fen);

// "2021-03-05" (ISO 8601 calendar date, years 1900..2199) -> days since 1970-01-01.
[[nodiscard]] Value<std::int32_t> parse_day(std::string_view text);
[[nodiscard]] std::string day_text(std::int32_t day);

// "60s", "500ms", "5m", "2h", "30d" -> milliseconds. A bare number is seconds.
[[nodiscard]] Value<std::int64_t> parse_duration_ms(std::string_view text);

// "true"/"false", "yes"/"no", "1"/"0", "是"/"否".
[[nodiscard]] Value<bool> parse_yes_no(std::string_view text);

// Milliseconds since 1970 -> "2026-11-24 10:15:52" in UTC+8, the ledger's calendar.
[[nodiscard]] std::string time_text(std::int64_t time_ms);

}  // namespace imi::cli
