#include "cli/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "cli/text.h"

namespace imi::cli {
namespace json = boost::json;

std::expected<RecordReader, RowError> RecordReader::open(const std::string& path,
                                                         std::vector<FieldSpec> spec) {
  const auto refuse = [](std::string reason) {
    return std::unexpected(RowError{0, 0, {}, std::move(reason), true});
  };
  RecordReader r;
  const std::string ext = std::filesystem::path(path).extension().string();
  const bool is_json = ext == ".jsonl" || ext == ".ndjson";
  if (!is_json && ext != ".csv") {
    return refuse(fmt::format("'{}' is neither .csv nor .jsonl", path));
  }
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return refuse(path + " is a directory");
  r.in_ = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*r.in_) return refuse(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  r.spec_ = std::move(spec);
  if (!is_json) {
    r.csv_ = std::make_unique<CsvReader>(*r.in_);
    if (auto ok = r.read_header(); !ok) return std::unexpected(ok.error());
  }
  return r;
}

std::expected<void, RowError> RecordReader::read_header() {
  CsvRow row;
  auto more = csv_->next(row);
  if (!more) return std::unexpected(more.error());
  if (!*more) return std::unexpected(RowError{1, 0, {}, "the file is empty: no header row", true});
  std::vector<std::string> names;
  for (const FieldSpec& f : spec_) names.push_back(f.name);
  std::vector<bool> seen(spec_.size(), false);
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const auto bad = [&](std::string reason) {
      return std::unexpected(RowError{row.number, i + 1, {}, std::move(reason), true});
    };
    const std::string& name = row.fields[i];
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) {
      const auto near = nearest(name, names);
      return bad(
          fmt::format("unknown column '{}'{}", printable(name),
                      near ? ": is '" + *near + "' meant?" : "; the columns are " + joined(names)));
    }
    const auto field = static_cast<std::size_t>(it - names.begin());
    if (seen[field]) return bad(fmt::format("the column '{}' stands twice", name));
    seen[field] = true;
    column_field_.push_back(field);
  }
  for (std::size_t f = 0; f < spec_.size(); ++f) {
    if (spec_[f].required && !seen[f]) {
      return std::unexpected(RowError{
          row.number, 0, {}, fmt::format("the column '{}' is missing", spec_[f].name), true});
    }
  }
  return {};
}

std::expected<bool, RowError> RecordReader::next(Record& record) {
  record.values.assign(spec_.size(), {});
  record.columns.assign(spec_.size(), 0);
  if (!csv_) return next_json(record);
  CsvRow row;
  auto more = csv_->next(row);
  if (!more) {
    RowError e = more.error();
    if (e.column > 0 && e.column <= column_field_.size()) {
      e.column_name = spec_[column_field_[e.column - 1]].name;
    }
    return std::unexpected(e);
  }
  if (!*more) return false;
  record.row = row.number;
  if (row.fields.size() != column_field_.size()) {
    return std::unexpected(RowError{
        row.number,
        0,
        {},
        fmt::format("{} columns where the header has {}", row.fields.size(), column_field_.size()),
        false});
  }
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    record.values[column_field_[i]] = std::move(row.fields[i]);
    record.columns[column_field_[i]] = i + 1;
  }
  return true;
}

std::expected<bool, RowError> RecordReader::next_json(Record& record) {
  std::string line;
  do {
    if (!std::getline(*in_, line)) return false;
    offset_ += line.size() + 1;
    ++row_;
    if (row_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
  } while (line.empty());
  record.row = row_;
  const auto bad = [&](std::size_t column, std::string reason) {
    return std::unexpected(RowError{row_, column, {}, std::move(reason), false});
  };
  if (line.size() > kMaxRowBytes) return bad(0, "the line is too long");
  if (const auto at = first_invalid_utf8(line)) return bad(*at + 1, not_utf8_hint(line, *at));
  json::stream_parser parser;
  boost::system::error_code ec;
  const std::size_t used = parser.write_some(line, ec);
  if (!ec && used < line.size() && line.find_first_not_of(" \t", used) == std::string::npos) {
    // only white space follows
  } else if (!ec && used < line.size()) {
    return bad(used + 1, "text after the JSON object");
  }
  if (!ec) parser.finish(ec);
  if (ec) return bad(used + 1, "not JSON: " + ec.message());
  const json::value value = parser.release();
  if (!value.is_object()) return bad(1, "a JSON object is expected: {\"uscc\": ..., ...}");
  for (const auto& [key, v] : value.get_object()) {
    const auto it = std::find_if(spec_.begin(), spec_.end(), [&](const FieldSpec& f) {
      return std::string_view(key) == f.name;
    });
    if (it == spec_.end())
      return bad(0, fmt::format("unknown field '{}'", printable(std::string(key))));
    const auto field = static_cast<std::size_t>(it - spec_.begin());
    record.columns[field] = field + 1;
    std::string& out = record.values[field];
    switch (v.kind()) {
      case json::kind::null: break;
      case json::kind::bool_: out = v.get_bool() ? "true" : "false"; break;
      case json::kind::int64: out = std::to_string(v.get_int64()); break;
      case json::kind::uint64: out = std::to_string(v.get_uint64()); break;
      case json::kind::string: out = std::string(v.get_string()); break;
      case json::kind::double_:
        return bad(0, fmt::format("'{}' is a number with a fraction: write it as text, \"12.50\"",
                                  it->name));
      case json::kind::array:
      case json::kind::object:
        return bad(0, fmt::format("'{}' must be text, an integer, true, false or null", it->name));
    }
  }
  for (std::size_t f = 0; f < spec_.size(); ++f) {
    if (spec_[f].required && record.columns[f] == 0) {
      return bad(0, fmt::format("the field '{}' is missing", spec_[f].name));
    }
  }
  return true;
}

RowError RecordReader::error(const Record& record, std::size_t field, std::string reason) const {
  return {record.row, csv_ ? record.columns[field] : 0, spec_[field].name, std::move(reason),
          false};
}

}  // namespace imi::cli
