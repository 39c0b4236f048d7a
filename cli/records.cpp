#include "cli/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/unicode.h"
#include "cli/encoding.h"
#include "cli/text.h"
#include "cli/typed.h"

namespace imi::cli {
namespace json = boost::json;

namespace {

// Names of columns are compared without case; a blank or a hyphen is an underscore.
std::string column_identity(std::string_view name) {
  const auto text = clean(name, TextForm::kKey);
  std::string out = key_identity(text ? std::string_view(*text) : name);
  std::ranges::replace(out, ' ', '_');
  std::ranges::replace(out, '-', '_');
  return out;
}

// The first character of the first line that is not empty, left in the stream; `lines` counts
// those before it.
int first_character(std::istream& in, std::uint64_t& lines) {
  while (true) {
    const int c = in.rdbuf()->sgetc();
    if (c != ' ' && c != '\r' && c != '\n') return c;
    if (c == '\n') ++lines;
    in.rdbuf()->sbumpc();
  }
}

bool at_end(std::istream& in) { return in.peek() == std::istream::traits_type::eof(); }

}  // namespace

std::expected<RecordReader, RowError> RecordReader::open(const std::string& path,
                                                         std::vector<FieldSpec> spec) {
  const auto refuse = [](std::string reason) {
    return std::unexpected(RowError{0, 0, {}, std::move(reason), true});
  };
  auto input = TextInput::open(path);
  if (!input) return refuse(std::move(input.error()));
  RecordReader r;
  r.input_ = std::make_unique<TextInput>(std::move(*input));
  r.spec_ = std::move(spec);
  std::istream& in = r.input_->stream();
  const int first = first_character(in, r.row_);
  if (first == '[') {
    return refuse(
        "it is a JSON array: one object per line is needed, without the brackets and commas "
        "(jq -c '.[]' makes that)");
  }
  if (first == '{') return r;
  r.csv_ = std::make_unique<CsvReader>(in, r.row_);
  if (auto ok = r.read_header(); !ok) return std::unexpected(ok.error());
  return r;
}

std::optional<std::size_t> RecordReader::field_of(std::string_view name) const {
  const std::string wanted = column_identity(name);
  for (std::size_t i = 0; i < spec_.size(); ++i) {
    if (spec_[i].name == wanted) return i;
  }
  return std::nullopt;
}

std::string RecordReader::unknown_name(std::string_view name) const {
  std::vector<std::string> names;
  for (const FieldSpec& f : spec_) names.push_back(f.name);
  const auto near = nearest(name, names);
  return fmt::format(
      "'{}'{}", cut(printable(name), 80),
      near ? ": did you mean '" + *near + "'?" : "; the columns are " + joined(names));
}

std::expected<void, RowError> RecordReader::read_header() {
  CsvRow row;
  auto more = csv_->next(row);
  if (!more) return std::unexpected(more.error());
  const auto refuse = [&row](std::size_t column, std::string reason) {
    return std::unexpected(RowError{row.number, column, {}, std::move(reason), true});
  };
  if (!*more) {
    row.number = 1;
    return refuse(0, input_->error().value_or("the file is empty: no header row"));
  }
  std::vector<bool> seen(spec_.size(), false);
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const std::string& name = row.fields[i];
    if (is_blank(name)) {
      column_field_.emplace_back(std::nullopt);
      continue;
    }
    const auto field = field_of(name);
    if (!field) {
      const bool wide =
          name.find("，") != std::string::npos || name.find("；") != std::string::npos;
      if (wide) {
        return refuse(i + 1,
                      "the columns are separated by full-width commas or semicolons: "
                      "separate them with plain commas");
      }
      const bool alone = std::ranges::count_if(row.fields, is_blank) + 1 ==
                         static_cast<std::ptrdiff_t>(row.fields.size());
      if (alone && name.find(spec_.front().name) != std::string::npos) {
        return refuse(i + 1, fmt::format("'{}' is one column: separate the columns with commas, "
                                         "semicolons, tabs or vertical bars",
                                         cut(printable(name), 80)));
      }
      return refuse(i + 1,
                    "unknown column " + unknown_name(name) +
                        (alone ? "; if it is a title, delete the rows above the header" : ""));
    }
    if (seen[*field])
      return refuse(i + 1, fmt::format("the column '{}' appears twice", spec_[*field].name));
    seen[*field] = true;
    column_field_.emplace_back(field);
  }
  for (std::size_t f = 0; f < spec_.size(); ++f) {
    if (spec_[f].required && !seen[f]) {
      return refuse(0, fmt::format("the column '{}' is missing", spec_[f].name));
    }
  }
  return {};
}

std::expected<bool, RowError> RecordReader::next(Record& record) {
  record.values.assign(spec_.size(), {});
  record.columns.assign(spec_.size(), 0);
  auto more = csv_ ? next_csv(record) : next_json(record);
  // Where the text ended before the file did, that is what is wrong, whatever it looks like.
  if (more && *more) {
    last_row_ = record.row;
    return more;
  }
  if (auto why = input_->error()) {
    return std::unexpected(RowError{last_row_ + 1, 0, {}, std::move(*why), true});
  }
  return more;
}

std::expected<bool, RowError> RecordReader::next_csv(Record& record) {
  CsvRow row;
  auto more = csv_->next(row);
  record.row = row.number;
  if (!more) {
    RowError e = more.error();
    if (e.column > 0 && e.column <= column_field_.size() && column_field_[e.column - 1]) {
      e.column_name = spec_[*column_field_[e.column - 1]].name;
    }
    return std::unexpected(e);
  }
  if (!*more) return false;
  const auto refuse = [&row](std::size_t column, std::string reason) {
    return std::unexpected(RowError{row.number, column, {}, std::move(reason), false});
  };
  // Columns without a name may be missing at the end.
  for (std::size_t i = row.fields.size(); i < column_field_.size(); ++i) {
    if (column_field_[i]) {
      return refuse(0, fmt::format("{} cells where the header names {} columns", row.fields.size(),
                                   named_columns()));
    }
  }
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    const bool named = i < column_field_.size() && column_field_[i];
    if (named) {
      record.values[*column_field_[i]] = std::move(row.fields[i]);
      record.columns[*column_field_[i]] = i + 1;
    } else if (!is_blank(row.fields[i])) {
      return refuse(i + 1, fmt::format("'{}' is in a column without a name: {} columns have one",
                                       cut(printable(row.fields[i]), 40), named_columns()));
    }
  }
  return true;
}

std::size_t RecordReader::named_columns() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(column_field_, [](const auto& f) { return f.has_value(); }));
}

std::expected<bool, RowError> RecordReader::next_json(Record& record) {
  std::string line;
  do {
    if (!std::getline(input_->stream(), line)) return false;
    ++row_;
    if (line.ends_with('\r')) line.pop_back();
  } while (is_blank(line));
  record.row = row_;
  const auto bad = [&](std::size_t column, std::string reason) {
    return std::unexpected(RowError{row_, column, {}, std::move(reason), false});
  };
  if (line.size() > kMaxRowBytes) return bad(0, "the line is too long");
  if (const auto at = first_invalid_utf8(line)) return bad(*at + 1, not_utf8_hint(line, *at));
  const auto value = parse_json_text(line);
  if (!value) {
    const bool open = line.find('}') == std::string::npos;
    if (open && last_row_ == 0 && !at_end(input_->stream())) {
      return std::unexpected(RowError{row_,
                                      0,
                                      {},
                                      "an object is spread over several lines: one object per line "
                                      "is needed (jq -c . makes that)",
                                      true});
    }
    return bad(1, value.error() + (open ? "; each line must hold a whole object" : ""));
  }
  if (!value->is_object()) return bad(1, "a JSON object is expected: {\"uscc\": ..., ...}");
  for (const auto& [key, v] : value->get_object()) {
    const auto field = field_of(key);
    if (!field) return bad(0, "unknown field " + unknown_name(key));
    if (record.columns[*field] != 0) {
      return bad(0, fmt::format("the field '{}' appears twice", spec_[*field].name));
    }
    record.columns[*field] = *field + 1;
    std::string& out = record.values[*field];
    const std::string& name = spec_[*field].name;
    switch (v.kind()) {
      case json::kind::null: break;
      case json::kind::bool_: out = v.get_bool() ? "true" : "false"; break;
      case json::kind::int64: out = std::to_string(v.get_int64()); break;
      case json::kind::uint64: out = std::to_string(v.get_uint64()); break;
      case json::kind::string: out = std::string(v.get_string()); break;
      case json::kind::double_:
        return bad(0, fmt::format("'{}' is a number with a fraction or an exponent: write it as "
                                  "text, \"12.50\"",
                                  name));
      case json::kind::array:
      case json::kind::object:
        return bad(0, fmt::format("'{}' must be text, an integer, true, false or null", name));
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
