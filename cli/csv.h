// A streaming reader of comma-separated values (RFC 4180), with the tolerance that real exports
// need and no more: a UTF-8 byte order mark, CRLF, LF or CR line ends, a last line without an end.
// The separator is the one that the first line has most of outside quotes: comma, semicolon, tab or
// vertical bar; a line `sep=;` before the header names it. Rows that hold nothing (empty lines,
// rows of separators) are a spreadsheet's padding: skipped. Rows are numbered as a spreadsheet
// shows them: the header is row 1.
//
// A malformed row is reported and the reader goes on with the next one; what cannot be resumed
// after (UTF-16, a quote that never closes) is marked fatal. Memory is bounded by kMaxRowBytes.
#pragma once

#include <cstdint>
#include <expected>
#include <istream>
#include <string>
#include <vector>

namespace imi::cli {

inline constexpr std::size_t kMaxRowBytes = 1U << 20;
inline constexpr std::size_t kMaxColumns = 256;

// What is wrong, where. `column` is 1-based, 0 = the whole row.
struct RowError {
  std::uint64_t row = 0;
  std::size_t column = 0;
  std::string column_name;  // where known
  std::string reason;       // a sentence, with what to do where there is something
  bool fatal = false;       // nothing after it can be read
};
// "row 12, column 3 (code): ..." or "row 12: ..."
[[nodiscard]] std::string describe(const RowError& e);

struct CsvRow {
  std::uint64_t number = 0;
  std::vector<std::string> fields;
};

class CsvReader {
 public:
  // The stream must be opened in binary mode and outlive the reader. `rows_before`: rows of the
  // file that were read from it already.
  explicit CsvReader(std::istream& in, std::uint64_t rows_before = 0)
      : in_(in), row_(rows_before) {}

  // Reads the next row into `row`. False at the end of the input.
  [[nodiscard]] std::expected<bool, RowError> next(CsvRow& row);

  // Bytes consumed so far: progress over a file of known size.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] char separator() const { return separator_; }

 private:
  enum class State : std::uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };
  int get();
  [[nodiscard]] int peek();
  // The first line, kept to be read again; determines the separator.
  void look_ahead();
  [[nodiscard]] std::expected<bool, RowError> start();
  [[nodiscard]] std::expected<bool, RowError> next_row(CsvRow& row);
  // Takes one character (or the end) into the row; false when the row is over.
  bool take(int c, CsvRow& row, std::string& field, State& state);
  void end_field(CsvRow& row, std::string& field);
  void note(std::size_t column, std::string reason, bool fatal = false);

  std::istream& in_;
  std::string ahead_;  // read from the stream already
  std::size_t ahead_at_ = 0;
  char separator_ = ',';
  std::uint64_t offset_ = 0;
  std::uint64_t row_ = 0;
  bool started_ = false;
  bool over_ = false;
  bool bad_ = false;  // error_ holds the row's first error
  RowError error_;
};

}  // namespace imi::cli
