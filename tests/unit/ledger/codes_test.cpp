// National codes against the vectors of tests/vectors/gb_codes.json, and the calendar of the rules.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ledger/core/calendar.h"
#include "ledger/core/codes.h"

using namespace imi;
using namespace imi::ledger;

namespace {

std::string vectors() {
  const char* root = std::getenv("IMI_SOURCE_DIR");
  REQUIRE(root != nullptr);
  std::ifstream in(std::string(root) + "/tests/vectors/gb_codes.json");
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

// The strings of the list `list` inside the object `object`; of objects in it, the member "in".
std::vector<std::string> strings(const std::string& json, const std::string& object,
                                 const std::string& list) {
  const std::size_t begin = json.find("\"" + list + "\"", json.find("\"" + object + "\""));
  REQUIRE(begin != std::string::npos);
  const std::size_t end = json.find(']', begin);
  std::vector<std::string> out;
  bool is_input = true;
  for (std::size_t at = json.find('[', begin); at < end;) {
    const std::size_t open = json.find('"', at + 1);
    if (open >= end) break;
    const std::size_t close = json.find('"', open + 1);
    const std::string s = json.substr(open + 1, close - open - 1);
    if (s == "in" || s == "reason") {
      is_input = s == "in";
    } else if (is_input) {
      out.push_back(s);
    } else {
      is_input = true;
    }
    at = close;
  }
  return out;
}

}  // namespace

TEST_CASE(
    "Every valid unified social credit code of the vectors is accepted, every other refused") {
  const std::string json = vectors();
  const auto valid = strings(json, "uscc", "valid");
  const auto invalid = strings(json, "uscc", "invalid");
  CHECK(valid.size() == 21);
  CHECK(invalid.size() == 25);
  for (const auto& code : valid) {
    INFO(code);
    REQUIRE(parse_uscc(code).has_value());
    CHECK(text(*parse_uscc(code)) == code);
  }
  for (const auto& code : invalid) {
    INFO(code);
    CHECK_FALSE(parse_uscc(code).has_value());
  }
  CHECK(parse_uscc("91350100M000100Y44").error() == CodeError::kCheckCharacter);
  CHECK(parse_uscc("91350100M000100Y4Z").error() == CodeError::kAlphabet);
  CHECK(parse_uscc("91350100M000100Y4").error() == CodeError::kLength);
}

TEST_CASE("Resident numbers: alphabet, date of birth and check character are all looked at") {
  const std::string json = vectors();
  for (const char* list : {"valid", "synthetic_440604_pre1900"}) {
    const auto valid = strings(json, "citizen_id", list);
    CHECK(valid.size() >= 3);
    for (const auto& code : valid) {
      INFO(code);
      CHECK(check_resident_number(code).has_value());
    }
  }
  for (const auto& code : strings(json, "citizen_id", "invalid")) {
    INFO(code);
    CHECK_FALSE(check_resident_number(code).has_value());
  }
  CHECK(check_resident_number("110105194912310020").error() == CodeError::kCheckCharacter);
  CHECK(check_resident_number("11010519490231002X").error() == CodeError::kDate);
}

TEST_CASE("An area covers the divisions whose code begins with the levels it names") {
  const auto area = [](const char* t) { return parse_division(t).value(); };
  const Division place = area("440604010001");
  CHECK(covers(area("000000000000"), place));
  CHECK(covers(area("440000000000"), place));
  CHECK(covers(area("440600000000"), place));
  CHECK(covers(area("440604000000"), place));
  CHECK(covers(area("440604010000"), place));
  CHECK(covers(area("440604010001"), place));
  CHECK_FALSE(covers(area("440605000000"), place));
  CHECK_FALSE(covers(area("440604011000"), place));
  CHECK_FALSE(covers(area("440604010002"), place));
  // A part does not cover the whole.
  CHECK_FALSE(covers(place, area("440604010000")));
  // A street directly under a city, as Dongguan has.
  CHECK(covers(area("441900000000"), area("441900003001")));
  CHECK(covers(area("441900003000"), area("441900003001")));
  CHECK_FALSE(covers(area("441900003000"), area("441900004001")));
  CHECK(parse_division("44060401000").error() == CodeError::kLength);
  CHECK(parse_division("44060401000a").error() == CodeError::kAlphabet);
  CHECK(text(area("010000000000")) == "010000000000");
}

TEST_CASE("A grid has one text form, and lies in its district") {
  const Grid g = parse_grid("440604G0460").value();
  CHECK(g.cell == 460);
  CHECK(text(g) == "440604G0460");
  CHECK(text(division_of(g)) == "440604000000");
  CHECK(text(parse_grid("440604G12345").value()) == "440604G12345");
  CHECK_FALSE(parse_grid("440604G01234").has_value());
  CHECK_FALSE(parse_grid("440604X0460").has_value());
  CHECK_FALSE(parse_grid("440604G046").has_value());
}

TEST_CASE("A source key of a person's event depends on the agency's secret") {
  const Bytes a = {1, 2, 3};
  const Bytes b = {1, 2, 4};
  CHECK(secret_source_key(a, "case 1") == secret_source_key(a, "case 1"));
  CHECK(secret_source_key(a, "case 1") != secret_source_key(b, "case 1"));
  CHECK(secret_source_key(a, "case 1") != source_key("case 1"));
}

TEST_CASE("Days and dates correspond one to one over three centuries") {
  CivilDate expected{1900, 1, 1};
  for (Day day = kFirstDay; day <= kLastDay; day = day.next()) {
    const CivilDate date = civil(day);
    if (date != expected || day_from(date) != day) FAIL(day.value);
    if (++expected.day > days_in_month(expected.year, expected.month)) {
      expected.day = 1;
      if (++expected.month > 12) {
        expected.month = 1;
        ++expected.year;
      }
    }
  }
  CHECK(expected == CivilDate{2200, 1, 1});
}

TEST_CASE("The ledger's day begins at midnight in UTC+8") {
  using chain::TimeMs;
  CHECK(day_of(TimeMs(0)) == Day(0));
  CHECK(day_of(TimeMs(57'599'999)) == Day(0));   // 1970-01-01 23:59:59.999 +08:00
  CHECK(day_of(TimeMs(57'600'000)) == Day(1));   // 1970-01-02 00:00 +08:00
  CHECK(day_of(TimeMs(-28'800'000)) == Day(0));  // 1970-01-01 00:00 +08:00
  CHECK(day_of(TimeMs(-28'800'001)) == Day(-1));
  CHECK(start_of(Day(1)) == TimeMs(57'600'000));
  CHECK(day_of(TimeMs(INT64_MAX)) > kLastDay);  // far-off times do not wrap
  CHECK(day_of(TimeMs(INT64_MIN)) < kFirstDay);
}

TEST_CASE("Adding months keeps the day of the month, or takes the month's last") {
  const auto plus = [](CivilDate d, std::uint32_t n) { return civil(add_months(day_from(d), n)); };
  CHECK(plus({2026, 1, 31}, 1) == CivilDate{2026, 2, 28});
  CHECK(plus({2028, 1, 31}, 1) == CivilDate{2028, 2, 29});
  CHECK(plus({2026, 1, 31}, 3) == CivilDate{2026, 4, 30});
  CHECK(plus({2024, 2, 29}, 12) == CivilDate{2025, 2, 28});
  CHECK(plus({2024, 2, 29}, 48) == CivilDate{2028, 2, 29});
  CHECK(plus({2026, 12, 31}, 2) == CivilDate{2027, 2, 28});
  CHECK(plus({2026, 3, 31}, 0) == CivilDate{2026, 3, 31});
  CHECK(plus({1999, 12, 15}, 1) == CivilDate{2000, 1, 15});
}

TEST_CASE("Adding months is monotone in the day and in the months") {
  // Four years with every month end, leap year included; the law that proofs of absence rest on.
  const Day first = day_from({2023, 12, 1});
  for (std::uint32_t months : {0u, 1u, 3u, 11u, 12u, 13u, 36u, 60u}) {
    for (std::int32_t i = 0; i < 1500; ++i) {
      const Day day = first.plus(i);
      if (add_months(day.next(), months) < add_months(day, months)) FAIL(i);
      if (add_months(day, months + 1) < add_months(day, months)) FAIL(i);
    }
  }
}

TEST_CASE("Flooring to the month never goes forward") {
  for (std::int32_t i = 0; i < 800; ++i) {
    const Day day = day_from({2023, 12, 1}).plus(i);
    const Day floor = floor_to_month(day);
    CHECK(floor <= day);
    CHECK(civil(floor).day == 1);
    CHECK(civil(floor).month == civil(day).month);
    CHECK(is_first_of_month(day) == (floor == day));
  }
}
