#include <doctest/doctest.h>

#include "cli/typed.h"
#include "cli/values.h"
#include "cli/write/key_column.h"

using namespace imi::cli;  // NOLINT

TEST_CASE("Yuan become fen exactly") {
  CHECK(parse_yuan("3000.00") == 300'000);
  CHECK(parse_yuan("3000") == 300'000);
  CHECK(parse_yuan("0.5") == 50);
  CHECK(parse_yuan("0.07") == 7);
  CHECK(parse_yuan("1000000000000000.00") == kMaxFen);
  CHECK(yuan_text(300'050) == "3,000.50");
}

TEST_CASE("What is not an exact amount is refused with the reason") {
  const auto why = [](const char* text) {
    const auto v = parse_yuan(text);
    return v ? std::string() : v.error().reason;
  };
  CHECK(why("").find("empty") != std::string::npos);
  CHECK(why("-5").find("sign") != std::string::npos);
  CHECK(why("1,000.00").find("comma") != std::string::npos);
  CHECK(why("1e3").find("scientific") != std::string::npos);
  CHECK(why("1.005").find("two decimals") != std::string::npos);
  CHECK(why("1000000000000000.01").find("too large") != std::string::npos);
  CHECK(why("99999999999999999999999").find("too large") != std::string::npos);
  CHECK(!why("¥5").empty());
  CHECK(!why("5.").empty());
  CHECK(!why(".5").empty());
  CHECK(!why("５").empty());
}

TEST_CASE("Days are calendar days") {
  CHECK(parse_day("1970-01-01") == 0);
  CHECK(parse_day("2024-02-29") == 19'782);
  CHECK(day_text(19'782) == "2024-02-29");
  for (const char* bad : {"", "2023-02-29", "2024-13-01", "2024-2-1", "20240201", "1899-12-31",
                          "2024-01-01T00:00", "01/02/2024"}) {
    CHECK(!parse_day(bad));
  }
}

TEST_CASE("Durations have units") {
  CHECK(parse_duration_ms("60s") == 60'000);
  CHECK(parse_duration_ms("500ms") == 500);
  CHECK(parse_duration_ms("30d") == 2'592'000'000);
  CHECK(parse_duration_ms("5") == 5'000);
  CHECK(!parse_duration_ms("s"));
  CHECK(!parse_duration_ms("5 weeks"));
  CHECK(!parse_duration_ms("99999999999999999999d"));
}

TEST_CASE("Times are shown in the ledger's calendar, UTC+8") {
  CHECK(time_text(0) == "1970-01-01 08:00:00");
  CHECK(time_text(57'600'000) == "1970-01-02 00:00:00");
}

TEST_CASE("Days in other forms are refused with a suggestion") {
  const auto why = [](const char* text) {
    const auto v = parse_day(text);
    return v ? std::string("taken") : v.error().reason;
  };
  CHECK(why("44927").find("number of a day") != std::string::npos);
  CHECK(why("2026/3/5").find("did you mean 2026-03-05") != std::string::npos);
  CHECK(why("2026年3月5日").find("did you mean 2026-03-05") != std::string::npos);
  CHECK(why("20260305").find("did you mean 2026-03-05") != std::string::npos);
  CHECK(why("2026-03-05 00:00:00").find("did you mean 2026-03-05") != std::string::npos);
  CHECK(why("5/3/2026").find("did you mean") == std::string::npos);
  CHECK(why("2026/13/5").find("did you mean") == std::string::npos);
}

TEST_CASE("What a spreadsheet destroyed is refused by name, what merely looks odd is not") {
  const auto why = [](const char* text) {
    const auto v = typed_key(text);
    return v ? std::string() : v.error().reason;
  };
  CHECK(why("2.19E+26").find("scientific") != std::string::npos);
  CHECK(why("9.19906E17").find("scientific") != std::string::npos);
  CHECK(why("2e+05").find("scientific") != std::string::npos);
  CHECK(why("#REF!").find("formula") != std::string::npos);
  CHECK(why("########").find("narrow") != std::string::npos);
  CHECK(why("=\"0017\"").find("formula") != std::string::npos);
  CHECK(why("'0017").find("apostrophe") != std::string::npos);
  CHECK(why("20260001.0").find("decimals") != std::string::npos);
  CHECK(why("2-Jan").find("date") != std::string::npos);
  CHECK(why("K\u200b17").find("U+200B ZERO WIDTH SPACE") != std::string::npos);
  for (const char* fine : {"K-17", "2E5", "0017", "1.5", "#17", "E+26", "粤市监罚〔2026〕17号"}) {
    CHECK(why(fine).empty());
  }
  CHECK(typed_word(" Food.Handling ") == "food.handling");
  CHECK(typed_code("9135 0100m000100y43") == "91350100M000100Y43");
}

TEST_CASE("Numbers and dates of other settings, and what names nothing, are refused as a key") {
  for (const char* bad : {"2,19E+26", "Jan-26", "02. Jan", "2. Mrz 26", "1月2日", "2026年1月2日",
                          "2026年1月", "NULL", "nan", "N/A", "—", "...", "？？？？", "MÃ¼-1"}) {
    CAPTURE(bad);
    CHECK(!typed_source(bad));
  }
  for (const char* good :
       {"1E5", "MAY-17", "JAN-26", "12.0", "粤罚〔2026〕17号", "None-1", "N-1"}) {
    CAPTURE(good);
    CHECK(typed_source(good));
  }
  for (const char* bad : {"????", "-", "nan", "。"}) CHECK(!typed_name(bad));
  CHECK(typed_name("Who?"));
}

TEST_CASE("A column of keys shows what a spreadsheet made of numbers") {
  KeyColumn rounded;
  rounded.note(2, "202600012345678000");
  rounded.note(3, "K-17");
  REQUIRE(rounded.rounded());
  CHECK(rounded.rounded()->find("202600012345678000") != std::string::npos);
  rounded.note(4, "202600012345678901");
  CHECK(!rounded.rounded());
  KeyColumn sixteen;  // one zero is chance
  sixteen.note(2, "2026000123456780");
  CHECK(!sixteen.rounded());

  KeyColumn shortened;
  for (const char* key : {"123456", "234567", "345678"}) shortened.note(2, key);
  CHECK(!shortened.shortened());
  shortened.note(7, "5678");
  REQUIRE(shortened.shortened());
  CHECK(shortened.shortened()->find("row 7: 5678") != std::string::npos);
  shortened.note(8, "012345");
  CHECK(!shortened.shortened());
  KeyColumn counted;
  for (const char* key : {"8", "9", "10", "11", "12"}) counted.note(2, key);
  CHECK(!counted.shortened());
}
