// Rows of named fields from a CSV or JSON-lines file, whichever it is: what `imi import` reads.
//
// The header of a CSV file may name the columns in any order; a missing required column, an unknown
// or repeated one is refused before any row is read. A JSON line is an object of strings, integers,
// booleans or null; numbers with a fraction are refused (write amounts as text).
#pragma once

#include <expected>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/csv.h"

namespace imi::cli {

struct FieldSpec {
  std::string name;
  bool required = true;  // the column must be there (its value may still be empty)
};

struct Record {
  std::uint64_t row = 0;
  std::vector<std::string> values;   // one a FieldSpec; absent = empty
  std::vector<std::size_t> columns;  // where each stood in the file, 1-based; 0 = not there
};

class RecordReader {
 public:
  // Opens by extension: .csv, or .jsonl / .ndjson. The first error is about the file or its header.
  [[nodiscard]] static std::expected<RecordReader, RowError> open(const std::string& path,
                                                                  std::vector<FieldSpec> spec);
  [[nodiscard]] std::expected<bool, RowError> next(Record& record);

  [[nodiscard]] std::uint64_t offset() const { return csv_ ? csv_->offset() : offset_; }
  // An error about field `i` of `record`.
  [[nodiscard]] RowError error(const Record& record, std::size_t field, std::string reason) const;

 private:
  RecordReader() = default;
  [[nodiscard]] std::expected<void, RowError> read_header();
  [[nodiscard]] std::expected<bool, RowError> next_json(Record& record);

  std::unique_ptr<std::ifstream> in_;
  std::unique_ptr<CsvReader> csv_;  // null: JSON lines
  std::vector<FieldSpec> spec_;
  std::vector<std::size_t> column_field_;  // CSV: field index of each column
  std::uint64_t row_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace imi::cli
