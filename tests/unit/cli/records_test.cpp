#include <doctest/doctest.h>
#include <unistd.h>

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

TEST_CASE("A header that does not fit is refused with what was meant") {
  const auto why = [](const std::string& text) {
    const TempFile f(".csv", text);
    auto reader = RecordReader::open(f.path, kSpec);
    return reader ? std::string() : describe(reader.error());
  };
  CHECK(why("uscc,amount_yaun\n").find("'amount_yuan' meant") != std::string::npos);
  CHECK(why("note\n").find("'uscc' is missing") != std::string::npos);
  CHECK(why("uscc,uscc\n").find("twice") != std::string::npos);
  CHECK(why("").find("empty") != std::string::npos);
  CHECK(!RecordReader::open("/nonexistent/x.csv", kSpec));
  CHECK(!RecordReader::open("/tmp/x.xlsx", kSpec));
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
