// Rows of named fields from a CSV or JSON-lines file: what `imi import` reads. Which of the two it
// is, its content decides: text that begins with `{` is JSON (input.h: packed and UTF-16 text too).
//
// The header of a CSV file may name the columns in any order; a missing required column, an unknown
// or repeated one is refused before any row is read. Columns without a name are padding as long as
// they hold nothing. A JSON line is an object of strings, integers, booleans or null; a repeated
// key is refused, and a number with a fraction (write amounts as text).
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/csv.h"
#include "cli/input.h"

namespace imi::cli {

struct FieldSpec {
  std::string name;
  bool required = true;  // the column must be there (its value may still be empty)
};

struct Record {
  std::uint64_t row = 0;
  std::vector<std::string> values;   // one per FieldSpec; absent = empty
  std::vector<std::size_t> columns;  // where each was in the file, 1-based; 0 = not there
};

class RecordReader {
 public:
  // "-" is standard input. The first error is about the file or its header.
  [[nodiscard]] static std::expected<RecordReader, RowError> open(const std::string& path,
                                                                  std::vector<FieldSpec> spec);
  [[nodiscard]] std::expected<bool, RowError> next(Record& record);

  [[nodiscard]] std::uint64_t offset() const { return input_->offset(); }
  // An error about field `i` of `record`.
  [[nodiscard]] RowError error(const Record& record, std::size_t field, std::string reason) const;

 private:
  RecordReader() = default;
  [[nodiscard]] std::expected<void, RowError> read_header();
  [[nodiscard]] std::expected<bool, RowError> next_csv(Record& record);
  [[nodiscard]] std::expected<bool, RowError> next_json(Record& record);
  // The field that a column or key names.
  [[nodiscard]] std::optional<std::size_t> field_of(std::string_view name) const;
  [[nodiscard]] std::string unknown_name(std::string_view name) const;
  [[nodiscard]] std::size_t named_columns() const;

  std::unique_ptr<TextInput> input_;
  std::unique_ptr<CsvReader> csv_;  // null: JSON lines
  std::vector<FieldSpec> spec_;
  // CSV: the field of each column; nullopt = a column without a name.
  std::vector<std::optional<std::size_t>> column_field_;
  std::uint64_t row_ = 0;
  std::uint64_t last_row_ = 0;  // that was read well
};

}  // namespace imi::cli
