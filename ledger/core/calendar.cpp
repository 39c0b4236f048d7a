#include "ledger/core/calendar.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace imi::ledger {
namespace {

constexpr std::int64_t kOffsetMs = 28'800'000;  // UTC+8

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

constexpr bool is_leap(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// Days from 1970-01-01 to the given date of the proleptic Gregorian calendar, by eras of 400 years
// that begin on 1 March (so that the leap day is the last of its year).
constexpr std::int64_t days_from_civil(std::int64_t y, std::int64_t m, std::int64_t d) {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = floor_div(y, 400);
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

static_assert(days_from_civil(1970, 1, 1) == 0);
static_assert(days_from_civil(1900, 1, 1) == kFirstDay.value);
static_assert(days_from_civil(2199, 12, 31) == kLastDay.value);

}  // namespace

Day day_of(chain::TimeMs time) {
  // Far-off times are clamped, not wrapped: they are outside every rule anyway.
  constexpr std::int64_t kLimit = 1'000'000'000LL * kDayMs;
  const std::int64_t ms = std::clamp(time.value, -kLimit, kLimit);
  return Day(static_cast<std::int32_t>(floor_div(ms + kOffsetMs, kDayMs)));
}

chain::TimeMs start_of(Day day) {
  return chain::TimeMs(static_cast<std::int64_t>(day.value) * kDayMs - kOffsetMs);
}

std::string text(Day day) {
  const CivilDate d = civil(day);
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02u", d.year, d.month, d.day);
  return out.data();
}

CivilDate civil(Day day) {
  const std::int64_t z = static_cast<std::int64_t>(day.value) + 719'468;
  const std::int64_t era = floor_div(z, 146'097);
  const std::int64_t day_of_era = z - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t mp = (5 * day_of_year + 2) / 153;
  const std::int64_t d = day_of_year - (153 * mp + 2) / 5 + 1;
  const std::int64_t m = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t y = year_of_era + era * 400 + (m <= 2 ? 1 : 0);
  return {static_cast<std::int32_t>(y), static_cast<std::uint32_t>(m),
          static_cast<std::uint32_t>(d)};
}

std::uint32_t days_in_month(std::int32_t year, std::uint32_t month) {
  constexpr std::uint32_t kDays[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

Day day_from(const CivilDate& date) {
  return Day(static_cast<std::int32_t>(days_from_civil(date.year, date.month, date.day)));
}

Day add_months(Day day, std::uint32_t months) {
  const CivilDate from = civil(day);
  const std::int64_t month0 = static_cast<std::int64_t>(from.year) * 12 + (from.month - 1) + months;
  CivilDate to;
  to.year = static_cast<std::int32_t>(floor_div(month0, 12));
  to.month = static_cast<std::uint32_t>(month0 - floor_div(month0, 12) * 12) + 1;
  to.day = std::min(from.day, days_in_month(to.year, to.month));
  return day_from(to);
}

Day floor_to_month(Day day) {
  CivilDate date = civil(day);
  date.day = 1;
  return day_from(date);
}

bool is_first_of_month(Day day) { return civil(day).day == 1; }

}  // namespace imi::ledger
