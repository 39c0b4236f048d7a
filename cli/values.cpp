#include "cli/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "cli/text.h"
#include "ledger/core/calendar.h"

namespace imi::cli {
namespace {

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

template <class T>
bool to_number(std::string_view s, T& out) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc() && end == s.data() + s.size();
}

std::unexpected<ValueError> wrong(std::string reason) {
  return std::unexpected(ValueError{std::move(reason)});
}

std::string quoted(std::string_view text) { return "'" + cut(printable(text), 40) + "'"; }

std::string why_not_yuan(std::string_view text) {
  if (text.empty()) return "the amount is empty";
  if (text.starts_with('-') || text.starts_with('+')) {
    return quoted(text) + " has a sign: amounts are written without one";
  }
  if (text.find(',') != std::string_view::npos) {
    return quoted(text) +
           " has a comma: write no thousands separators, and a point before the decimals: 12345.00";
  }
  if (text.find_first_of("eE") != std::string_view::npos) {
    return quoted(text) + " is in scientific notation: write all digits, e.g. 12345.00";
  }
  if (text.find(' ') != std::string_view::npos) return quoted(text) + " has a space in it";
  return quoted(text) +
         " is not an amount in yuan: write digits and at most two decimals, e.g. 3000.00";
}

}  // namespace

Value<std::uint64_t> parse_yuan(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view part = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  const bool has_part = dot != std::string_view::npos;
  if (!all_digits(whole) || (has_part && !all_digits(part))) return wrong(why_not_yuan(text));
  if (part.size() > 2) {
    return wrong(quoted(text) + " has more than two decimals: one fen is the smallest amount");
  }
  std::uint64_t yuan = 0;
  if (!to_number(whole, yuan) || yuan > kMaxFen / 100) {
    return wrong(
        fmt::format("{} is too large: the maximum is {} yuan", quoted(text), yuan_text(kMaxFen)));
  }
  std::uint64_t fen = yuan * 100;
  if (!part.empty()) fen += static_cast<std::uint64_t>(part[0] - '0') * 10;
  if (part.size() == 2) fen += static_cast<std::uint64_t>(part[1] - '0');
  if (fen > kMaxFen) return wrong(quoted(text) + " is too large");
  return fen;
}

std::string yuan_text(std::uint64_t fen) {
  return fmt::format("{}.{:02}", grouped(fen / 100), fen % 100);
}

namespace {

constexpr std::string_view kWriteDay = ": write YYYY-MM-DD, e.g. 2026-03-05";

// "2026/3/5", "2026年3月5日", "20260305", with or without a time after it: the year first, so that
// there is no doubt. Empty where it is not such a form.
std::string year_first(std::string_view text) {
  std::array<std::string, 3> part;
  std::size_t n = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (digit) {
      if (n < 3) part[n] += c;
    } else if (n < 3 && !part[n].empty()) {
      ++n;
    }
  }
  if (part[0].size() == 8 && part[1].empty()) {
    part = {part[0].substr(0, 4), part[0].substr(4, 2), part[0].substr(6, 2)};
  }
  if (part[0].size() != 4 || part[1].empty() || part[1].size() > 2 || part[2].empty() ||
      part[2].size() > 2) {
    return {};
  }
  return fmt::format("{}-{:0>2}-{:0>2}", part[0], part[1], part[2]);
}

std::string why_not_day(std::string_view text) {
  if (text.empty()) return "the date is empty: write YYYY-MM-DD";
  // Day numbers of spreadsheets, 1954 to 2119.
  if (text.size() == 5 && all_digits(text) && text[0] >= '2' && text[0] <= '7') {
    return quoted(text) +
           " is a spreadsheet's number of a day: format the column as a date, and write YYYY-MM-DD";
  }
  const std::string meant = year_first(text);
  if (!meant.empty() && parse_day(meant)) {
    return quoted(text) + " is not written YYYY-MM-DD: did you mean " + meant + "?";
  }
  return quoted(text) + " is not a date" + std::string(kWriteDay);
}

}  // namespace

Value<std::int32_t> parse_day(std::string_view text) {
  const bool shape = text.size() == 10 && text[4] == '-' && text[7] == '-' &&
                     all_digits(text.substr(0, 4)) && all_digits(text.substr(5, 2)) &&
                     all_digits(text.substr(8, 2));
  if (!shape) return wrong(why_not_day(text));
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  (void)to_number(text.substr(0, 4), year);
  (void)to_number(text.substr(5, 2), month);
  (void)to_number(text.substr(8, 2), day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return wrong(quoted(text) + " is not a day of the calendar");
  if (year < 1900 || year > 2199) return wrong(quoted(text) + " is outside the years 1900 to 2199");
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

std::string day_text(std::int32_t day) { return ledger::text(ledger::Day(day)); }

Value<std::int64_t> parse_duration_ms(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  constexpr std::array kUnits = {
      Unit{"ms", 1},        Unit{"s", 1000},           Unit{"m", 60'000}, Unit{"min", 60'000},
      Unit{"h", 3'600'000}, Unit{"d", ledger::kDayMs}, Unit{"", 1000}};
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  std::int64_t n = 0;
  for (const Unit& u : kUnits) {
    if (text.substr(end) != u.name) continue;
    if (!to_number(text.substr(0, end), n) || n > INT64_MAX / u.ms / 2) break;
    return n * u.ms;
  }
  return wrong(quoted(text) + " is not a duration: write 500ms, 60s, 5m, 2h or 30d");
}

Value<bool> parse_yes_no(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "1", "TRUE", "Y", "y", "是"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "no", "0", "FALSE", "N", "n", "否"}) {
    if (text == no) return false;
  }
  return wrong(quoted(text) + " is neither true nor false");
}

std::string time_text(std::int64_t time_ms) {
  const ledger::Day day = ledger::day_of(chain::TimeMs(time_ms));
  const std::int64_t s = (time_ms - ledger::start_of(day).value) / 1000;
  return fmt::format("{} {:02}:{:02}:{:02}", ledger::text(day), s / 3600, s / 60 % 60, s % 60);
}

}  // namespace imi::cli
