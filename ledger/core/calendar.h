// The calendar of the rules: proleptic Gregorian days in UTC+8, and adding months with clamping.
// Integers only; the host's time zone and locale play no part. Pure.
#pragma once

#include <string>

#include "ledger/core/types.h"

namespace imi::ledger {

struct CivilDate {
  std::int32_t year = 1970;
  std::uint32_t month = 1;  // 1..12
  std::uint32_t day = 1;    // 1..31
  constexpr auto operator<=>(const CivilDate&) const = default;
};

inline constexpr std::int64_t kDayMs = 86'400'000;

// Day of an instant: floor((ms + 28,800,000) / 86,400,000).
[[nodiscard]] Day day_of(chain::TimeMs time);
// First millisecond of a day in UTC+8.
[[nodiscard]] chain::TimeMs start_of(Day day);

[[nodiscard]] CivilDate civil(Day day);
// The date must be a real one (1 <= month <= 12, 1 <= day <= days_in_month).
[[nodiscard]] Day day_from(const CivilDate& date);
[[nodiscard]] std::uint32_t days_in_month(std::int32_t year, std::uint32_t month);

// YYYY-MM-DD
[[nodiscard]] std::string text(Day day);

// The same day of the month `months` later, or that month's last day where it has no such day
// (01-31 + 1 month = 02-28 or 02-29). Monotone in both arguments, which the proofs of absence rest
// on: a <= b implies add_months(a, n) <= add_months(b, n).
[[nodiscard]] Day add_months(Day day, std::uint32_t months);
// The first day of the day's month.
[[nodiscard]] Day floor_to_month(Day day);
[[nodiscard]] bool is_first_of_month(Day day);

// Days that an entry may name: 1900-01-01 .. 2199-12-31.
inline constexpr Day kFirstDay{-25567};
inline constexpr Day kLastDay{84005};

}  // namespace imi::ledger
