#include <doctest/doctest.h>

#include <sstream>

#include "cli/csv.h"
#include "cli/encoding.h"

using namespace imi::cli;  // NOLINT

namespace {
struct Read {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::uint64_t> numbers;
  std::vector<RowError> errors;
};
Read read_all(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in);
  Read out;
  CsvRow row;
  while (true) {
    auto more = reader.next(row);
    if (!more) {
      out.errors.push_back(more.error());
      if (more.error().fatal) break;
      continue;
    }
    if (!*more) break;
    out.rows.push_back(row.fields);
    out.numbers.push_back(row.number);
  }
  return out;
}
using Row = std::vector<std::string>;
}  // namespace

TEST_CASE("CSV: fields, quotes, doubled quotes, commas and new lines inside quotes") {
  const Read r = read_all("a,b\n\"x,1\",\"say \"\"hi\"\"\"\n\"two\nlines\",\n");
  CHECK(r.errors.empty());
  REQUIRE(r.rows.size() == 3);
  CHECK(r.rows[1] == Row{"x,1", "say \"hi\""});
  CHECK(r.rows[2] == Row{"two\nlines", ""});
}

TEST_CASE("CSV: a byte order mark, CRLF, a last line without an end and empty lines are accepted") {
  const Read r = read_all("\xEF\xBB\xBFuscc,名称\r\n\r\n1,\"佛山\"\r\n2,x");
  CHECK(r.errors.empty());
  REQUIRE(r.rows.size() == 3);
  CHECK(r.rows[0] == Row{"uscc", "名称"});
  CHECK(r.rows[1] == Row{"1", "佛山"});
  CHECK(r.rows[2] == Row{"2", "x"});
  CHECK(r.numbers == std::vector<std::uint64_t>{1, 3, 4});
}

TEST_CASE("CSV: a bad row is reported with row and column, and reading goes on") {
  const Read r = read_all("a,b\n1,x\"y\n\"q\"z,2\n3,4\n");
  REQUIRE(r.errors.size() == 2);
  CHECK(r.errors[0].row == 2);
  CHECK(r.errors[0].column == 2);
  CHECK(r.errors[1].row == 3);
  CHECK(r.errors[1].column == 1);
  CHECK(!r.errors[0].fatal);
  REQUIRE(r.rows.size() == 2);
  CHECK(r.rows[1] == Row{"3", "4"});
}

TEST_CASE("CSV: text in GBK is refused with its row, column and the command that converts it") {
  const Read r = read_all("uscc,name\n1,\xB7\xF0\xC9\xBD\n");
  REQUIRE(r.errors.size() == 1);
  CHECK(r.errors[0].row == 2);
  CHECK(r.errors[0].column == 2);
  CHECK(r.errors[0].reason.find("iconv -f GB18030") != std::string::npos);
}

TEST_CASE("CSV: UTF-16, an unclosed quote and an endless row stop the reading") {
  Read r = read_all("\xFF\xFE\x61\0");
  REQUIRE(r.errors.size() == 1);
  CHECK(r.errors[0].fatal);
  CHECK(r.errors[0].reason.find("UTF-16") != std::string::npos);

  r = read_all("a\n\"never closed\n1\n");
  REQUIRE(r.errors.size() == 1);
  CHECK(r.errors[0].fatal);

  r = read_all("a\n\"" + std::string(kMaxRowBytes + 10, 'x') + "\"\n");
  REQUIRE(r.errors.size() == 1);
  CHECK(r.errors[0].fatal);
  CHECK(r.errors[0].reason.find("never closed") != std::string::npos);
}

TEST_CASE("CSV: a zero byte and too many columns are refused") {
  CHECK(read_all(std::string("a\nx\0y\n", 6)).errors.size() == 1);
  CHECK(read_all(std::string(kMaxColumns + 5, ',') + "\n").errors.size() == 1);
}

TEST_CASE("CSV: the separator is what the first line has most of, or what sep= says") {
  for (const char* text : {"a,b;c\n1,2;3\n", "a;b,c;d\n1;2,3;4\n"}) {
    CHECK(read_all(text).rows[1].size() >= 2);
  }
  CHECK(read_all("a;b\n1,5;2\n").rows[1] == Row{"1,5", "2"});
  CHECK(read_all("a\tb\n1\t2\n").rows[1] == Row{"1", "2"});
  CHECK(read_all("a|b\n1|2\n").rows[1] == Row{"1", "2"});
  CHECK(read_all("\"x;y;z\",b\n1,2\n").rows[1] == Row{"1", "2"});
  const Read r = read_all("sep=;\r\na;b\r\n1;2\r\n");
  REQUIRE(r.rows.size() == 2);
  CHECK(r.rows[1] == Row{"1", "2"});
  CHECK(r.numbers == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("CSV: a carriage return alone ends a row") {
  const Read r = read_all("a,b\r1,\"two\rlines\"\r\r3,4\r");
  CHECK(r.errors.empty());
  REQUIRE(r.rows.size() == 3);
  CHECK(r.rows[1] == Row{"1", "two\rlines"});
  CHECK(r.rows[2] == Row{"3", "4"});
  CHECK(r.numbers == std::vector<std::uint64_t>{1, 2, 4});
}

TEST_CASE("CSV: empty rows are padding") {
  const Read r = read_all("a,b\n1,2\n,,\n  ,\u3000\n\"\",\n\n3,4\n,,\n\x1A");
  CHECK(r.errors.empty());
  REQUIRE(r.rows.size() == 3);
  CHECK(r.numbers == std::vector<std::uint64_t>{1, 2, 7});
}

TEST_CASE("Bytes that are not UTF-8: the plausible readings are shown, none is claimed as a fact") {
  const auto hint = [](std::string_view text) { return not_utf8_hint(text, 0); };
  const std::string latin = hint("M\xfcller Imbiss");
  CHECK(latin.find("'Müller Imbiss'") != std::string::npos);
  CHECK(latin.find("GB18030") == std::string::npos);
  const std::string gb = hint("\xB7\xF0\xC9\xBD");
  CHECK(gb.find("'佛山'") != std::string::npos);
  CHECK(gb.find("WINDOWS-1252") == std::string::npos);
  const std::string neither = hint("\xa1\x07\xff\x81");
  CHECK(neither.find("iconv") == std::string::npos);
  CHECK(neither.find("neither") != std::string::npos);
}

TEST_CASE("CSV: the line sep= is taken in any spelling that spreadsheets write") {
  for (const char* line : {"sep=;\n", "SEP=;\r\n", "\"sep=;\"\n"}) {
    const Read r = read_all(std::string(line) + "a;b\n1;2\n");
    CHECK(r.errors.empty());
    REQUIRE(r.rows.size() == 2);
    CHECK(r.rows[1] == Row{"1", "2"});
  }
}

TEST_CASE("Windows-1252 is recognised with its punctuation; the field with the byte is shown") {
  CHECK(not_utf8_hint("Caf\xE9 \x84Gr\xFCn\x93", 3).find("'Café „Grün“'") != std::string::npos);
  CHECK(not_utf8_hint("Stra\xDF"
                      "e \x96 \xD6l",
                      4)
            .find("'Straße – Öl'") != std::string::npos);
  const std::string line = "{\"a\": \"1\", \"b\": \"\xCA\xB3\xC6\xB7\"}";
  CHECK(not_utf8_hint(line, 17).find("it says '食品") != std::string::npos);
  // Big5: neither is told as what it is.
  const std::string other = not_utf8_hint("\xA5\x5C\xAF\xE0\xB3\x5C\xA5\x69", 0);
  CHECK(other.find("clearly fits") != std::string::npos);
}

TEST_CASE("UTF-8 that was read as Windows-1252 is recognised, accents are not") {
  CHECK(misread_utf8("MÃ¼ller") == "Müller");
  CHECK(misread_utf8("è¯•éªŒåº—") == "试验店");
  for (const char* sound : {"Müller", "Café Ünal", "试验店", "plain", ""}) {
    CHECK(!misread_utf8(sound));
  }
}
