#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/records.h"

using namespace imi::cli;  // NOLINT

namespace {
struct TempFile {
  std::filesystem::path path;
  TempFile(const char* ext, const std::string& text)
      : path(std::filesystem::temp_directory_path() /
             ("imi-records-" + std::to_string(getpid()) + ext)) {
    std::ofstream(path, std::ios::binary) << text;
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { std::filesystem::remove(path); }
};
const std::vector<FieldSpec> kSpec = {{"uscc"}, {"amount_yuan", false}, {"note", false}};
}  // namespace

TEST_CASE("Columns are found by name, in any order") {
  const TempFile f(".csv", "note,uscc\nhello,U1\n");
  auto reader = RecordReader::open(f.path, kSpec);
  REQUIRE(reader);
  Record r;
  REQUIRE(reader->next(r) == true);
  CHECK(r.row == 2);
  CHECK(r.values == std::vector<std::string>{"U1", "", "hello"});
  CHECK(describe(reader->error(r, 0, "bad")) == "row 2, column 2 (uscc): bad");
  CHECK(reader->next(r) == false);
}

TEST_CASE("A header that does not fit is refused with a suggestion") {
  const auto why = [](const std::string& text) {
    const TempFile f(".csv", text);
    auto reader = RecordReader::open(f.path, kSpec);
    return reader ? std::string() : describe(reader.error());
  };
  CHECK(why("uscc,amount_yaun\n").find("did you mean 'amount_yuan'") != std::string::npos);
  CHECK(why("note\n").find("'uscc' is missing") != std::string::npos);
  CHECK(why("uscc,uscc\n").find("twice") != std::string::npos);
  CHECK(why("").find("empty") != std::string::npos);
  CHECK(!RecordReader::open("/nonexistent/x.csv", kSpec));
  CHECK(why("PK\x03\x04zip").find("workbook") != std::string::npos);
  CHECK(why("<html><table>").find("web page") != std::string::npos);
  CHECK(why("[{\"uscc\":\"U1\"}]").find("one object per line") != std::string::npos);
  CHECK(why("uscc，note\n").find("full-width") != std::string::npos);
}

TEST_CASE("Titles, spaces as separators and objects over several lines are named, once") {
  const auto all = [](const std::string& text) {
    const TempFile f(".csv", text);
    auto reader = RecordReader::open(f.path, kSpec);
    std::vector<std::string> out;
    if (!reader) return std::vector<std::string>{describe(reader.error())};
    Record r;
    while (true) {
      const auto more = reader->next(r);
      if (more && !*more) return out;
      out.push_back(more ? r.values[0] : describe(more.error()));
      if (!more && more.error().fatal) return out;
    }
  };
  CHECK(all("Fines of 2026,,\nuscc,note,\n").at(0).find("rows above the header") !=
        std::string::npos);
  CHECK(all("uscc amount_yuan note\n").at(0).find("is one column") != std::string::npos);
  const auto spread = all("{\n \"uscc\": \"U1\",\n \"note\": \"x\"\n}\n");
  REQUIRE(spread.size() == 1);
  CHECK(spread[0].find("several lines") != std::string::npos);
  // Half a file: only its last line is bad.
  const auto half = all("{\"uscc\":\"U1\"}\n{\"uscc\":\"U2\",\"no");
  REQUIRE(half.size() == 2);
  CHECK(half[0] == "U1");
}

TEST_CASE("Padding columns of the header may be missing in rows, named ones may not") {
  const TempFile f(".csv", "uscc,note,,\nU1,a\nU2\nU3,b,,\n");
  auto reader = RecordReader::open(f.path, kSpec);
  REQUIRE(reader);
  Record r;
  REQUIRE(reader->next(r) == true);
  CHECK(r.values == std::vector<std::string>{"U1", "", "a"});
  const auto bad = reader->next(r);
  REQUIRE(!bad);
  CHECK(describe(bad.error()) == "row 3: 1 cells where the header names 2 columns");
  REQUIRE(reader->next(r) == true);
  CHECK(r.values[0] == "U3");
}

TEST_CASE("A row with a column too few or too many is refused, the next is read") {
  const TempFile f(".csv", "uscc,note\nU1\nU2,b,c\nU3,d\n");
  auto reader = RecordReader::open(f.path, kSpec);
  REQUIRE(reader);
  Record r;
  auto bad = reader->next(r);
  REQUIRE(!bad);
  CHECK(bad.error().row == 2);
  CHECK(!reader->next(r));
  REQUIRE(reader->next(r) == true);
  CHECK(r.values[0] == "U3");
}

TEST_CASE(
    "JSON lines: objects of plain values; fractions, unknown fields and non-JSON are refused") {
  const TempFile f(".jsonl",
                   "{\"uscc\":\"U1\",\"amount_yuan\":3000}\n"
                   "\n"
                   "{\"uscc\":\"U2\",\"amount_yuan\":12.5}\n"
                   "{\"uscc\":\"U3\",\"colour\":1}\n"
                   "{\"note\":\"x\"}\n"
                   "not json\n"
                   "{\"uscc\":\"U4\"} trailing\n"
                   "{\"uscc\":\"U5\",\"note\":null}");
  auto reader = RecordReader::open(f.path, kSpec);
  REQUIRE(reader);
  Record r;
  REQUIRE(reader->next(r) == true);
  CHECK(r.values == std::vector<std::string>{"U1", "3000", ""});
  for (const std::uint64_t row : {3U, 4U, 5U, 6U, 7U}) {
    auto bad = reader->next(r);
    REQUIRE(!bad);
    CHECK(bad.error().row == row);
    CHECK(!bad.error().fatal);
  }
  REQUIRE(reader->next(r) == true);
  CHECK(r.values[0] == "U5");
  CHECK(r.row == 8);
  CHECK(reader->next(r) == false);
}

namespace {
std::vector<std::string> codes(const std::string& path) {
  auto reader = RecordReader::open(path, kSpec);
  if (!reader) return {describe(reader.error())};
  std::vector<std::string> out;
  Record r;
  while (true) {
    const auto more = reader->next(r);
    if (!more) {
      out.push_back(describe(more.error()));
      if (more.error().fatal) return out;
      continue;
    }
    if (!*more) return out;
    out.push_back(r.values[0]);
  }
}
std::string packed(const std::string& text) {
  const TempFile raw(".gz", "");
  const gzFile out = gzopen(raw.path.c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  std::ifstream in(raw.path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
std::string utf16(const std::string& ascii, bool big, bool mark) {
  std::string out = mark ? (big ? "\xFE\xFF" : "\xFF\xFE") : "";
  for (const char c : ascii) {
    if (big) out += '\0';
    out += c;
    if (!big) out += '\0';
  }
  return out;
}
using Codes = std::vector<std::string>;
}  // namespace

TEST_CASE("Content decides what a file is, not its name") {
  const std::string csv = "uscc,note\nU1,x\n";
  CHECK(codes(TempFile(".CSV", csv).path) == Codes{"U1"});
  CHECK(codes(TempFile(".txt", csv).path) == Codes{"U1"});
  CHECK(codes(TempFile("", "\n{\"uscc\":\"U1\"}\n").path) == Codes{"U1"});
  CHECK(codes(TempFile(".csv", "{\"uscc\":\"U1\"}\n").path) == Codes{"U1"});
  CHECK(codes(TempFile(".csv.gz", packed(csv)).path) == Codes{"U1"});
  CHECK(codes(TempFile(".csv", packed(csv)).path) == Codes{"U1"});
  for (const bool big : {false, true}) {
    for (const bool mark : {false, true}) {
      CHECK(codes(TempFile(".csv", utf16(csv, big, mark)).path) == Codes{"U1"});
    }
  }
  CHECK(codes(TempFile(".jsonl", "\xEF\xBB\xBF{\"uscc\":\"U1\"}").path) == Codes{"U1"});
}

TEST_CASE("A gzip that is cut short is not accepted as a shorter file") {
  std::string rows = "uscc,note\n";
  for (int i = 0; i < 2000; ++i)
    rows += "U" + std::to_string(i) + "," + std::to_string(i * i) + "\n";
  const std::string whole = packed(rows);
  const auto got = codes(TempFile(".gz", whole.substr(0, whole.size() / 2)).path);
  CHECK(got.back().find("cut short") != std::string::npos);
}

TEST_CASE("Columns without a name are padding as long as they hold nothing") {
  CHECK(codes(TempFile(".csv", "uscc,note,,\nU1,x,,\nU2,y\n").path).size() == 2);
  CHECK(codes(TempFile(".csv", "uscc,,note\nU1,,x\nU2, ,y,,\n").path) == Codes{"U1", "U2"});
  const auto bad = codes(TempFile(".csv", "uscc,note,\nU1,x,lost\n").path);
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].find("'lost' is in a column without a name") != std::string::npos);
  CHECK(codes(TempFile(".csv", " USCC ;Note\nU1;x\n").path) == Codes{"U1"});
}

TEST_CASE("JSON lines: repeated keys and long numbers are refused, each for its reason") {
  const auto why = [](const std::string& line) { return codes(TempFile(".jsonl", line).path)[0]; };
  const std::string twice =
      why("{\"uscc\":\"U1\",\"amount_yuan\":\"50000\",\"amount_yuan\":\"5\"}");
  CHECK(twice.find("'amount_yuan' appears twice") != std::string::npos);
  const std::string big = why("{\"uscc\":20260001234567890123}");
  CHECK(big.find("20260001234567890123") != std::string::npos);
  CHECK(big.find("fraction") == std::string::npos);
  CHECK(big.find("in quotes") != std::string::npos);
  CHECK(why("{\"uscc\":").find("whole object") != std::string::npos);
}

TEST_CASE("What is cut short says so alone, and gzip twice or an empty archive is named") {
  const std::string text = "uscc,note\nU1,a\n";
  const TempFile odd(".csv", utf16(text, false, true) + "x");
  const auto half = codes(odd.path);
  REQUIRE(half.size() == 2);
  CHECK(half[0] == "U1");
  CHECK(half[1].find("within a character of UTF-16") != std::string::npos);
  std::string rows = "uscc,note\n";
  for (int i = 0; i < 500; ++i) rows += "U" + std::to_string(i * 7919) + ",n\n";
  const std::string gz = packed(rows);
  const TempFile cut(".csv", gz.substr(0, gz.size() / 2));
  const auto some = codes(cut.path);
  CHECK(some.back().find("cut short: unexpected end of file") != std::string::npos);
  CHECK(some.back().find("<fd") == std::string::npos);
  CHECK(std::ranges::count_if(
            some, [](const std::string& s) { return s.find("cells") != std::string::npos; }) == 0);
  const TempFile twice(".csv", packed(packed(text)));
  CHECK(codes(twice.path).at(0).find("gzip twice") != std::string::npos);
  const TempFile empty(".csv", std::string("PK\x05\x06") + std::string(18, '\0'));
  CHECK(codes(empty.path).at(0).find("empty ZIP") != std::string::npos);
}
