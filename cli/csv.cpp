#include "cli/csv.h"

#include <fmt/format.h>

#include "cli/text.h"

namespace imi::cli {

std::string describe(const RowError& e) {
  if (e.row == 0) return e.reason;
  if (e.column == 0 && e.column_name.empty()) return fmt::format("row {}: {}", e.row, e.reason);
  if (e.column == 0) return fmt::format("row {} ({}): {}", e.row, e.column_name, e.reason);
  if (e.column_name.empty()) return fmt::format("row {}, column {}: {}", e.row, e.column, e.reason);
  return fmt::format("row {}, column {} ({}): {}", e.row, e.column, e.column_name, e.reason);
}

std::string not_utf8_hint(std::string_view text, std::size_t at) {
  const auto b = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  // In GBK and GB18030 a lead byte 0x81..0xFE is followed by 0x40..0xFE or, in four-byte forms, a
  // digit.
  const bool gb =
      b(at) >= 0x81 && b(at) <= 0xFE &&
      ((b(at + 1) >= 0x40 && b(at + 1) <= 0xFE) || (b(at + 1) >= '0' && b(at + 1) <= '9'));
  return fmt::format("byte 0x{:02x} is not UTF-8{}", b(at),
                     gb ? "; it looks like GBK/GB18030: convert with "
                          "`iconv -f GB18030 -t UTF-8 in.csv > out.csv`"
                        : "; save the file as UTF-8");
}

int CsvReader::get() {
  const int c = in_.rdbuf()->sbumpc();
  if (c != std::istream::traits_type::eof()) ++offset_;
  return c;
}

void CsvReader::note(std::size_t column, std::string reason, bool fatal) {
  if (!bad_) error_ = {row_, column, {}, std::move(reason), fatal};
  bad_ = true;
}

std::expected<bool, RowError> CsvReader::start() {
  started_ = true;
  auto* buffer = in_.rdbuf();
  const int first = buffer->sgetc();
  if (first == 0xFE || first == 0xFF) {
    over_ = true;
    return std::unexpected(
        RowError{1,
                 0,
                 {},
                 "the file is UTF-16: save it as UTF-8, or convert with `iconv -f "
                 "UTF-16 -t UTF-8 in.csv > out.csv`",
                 true});
  }
  if (first == 0xEF) {
    const int bom[3] = {get(), get(), get()};
    if (bom[1] != 0xBB || bom[2] != 0xBF) {
      // Not a mark but text: give the three bytes back (a buffered stream can).
      for (int i = 0; i < 3; ++i) buffer->sungetc();
      offset_ -= 3;
    }
  }
  return true;
}

std::expected<bool, RowError> CsvReader::next(CsvRow& row) {
  if (!started_) {
    if (auto ok = start(); !ok) return ok;
  }
  while (!over_) {
    auto more = next_row(row);
    const bool blank = more && *more && row.fields.size() == 1 && row.fields[0].empty();
    if (!blank) return more;
  }
  return false;
}

bool CsvReader::take(int c, CsvRow& row, std::string& field, State& state) {
  const bool eof = c == std::istream::traits_type::eof();
  if (state == State::kQuoted) {
    if (eof) {
      note(row.fields.size() + 1,
           "the file ends inside a quoted field: the closing quote is missing", true);
      over_ = true;
      return false;
    }
    if (c == '"') {
      state = State::kQuoteInQuoted;
    } else {
      field.push_back(static_cast<char>(c));
    }
    return true;
  }
  if (state == State::kQuoteInQuoted && c == '"') {
    field.push_back('"');
    state = State::kQuoted;
    return true;
  }
  if (eof || c == '\n') {
    if (state != State::kQuoteInQuoted && field.ends_with('\r')) field.pop_back();
    over_ = eof;
    end_field(row, field);
    return false;
  }
  if (c == ',') {
    end_field(row, field);
    state = State::kFieldStart;
  } else if (state == State::kFieldStart && c == '"') {
    state = State::kQuoted;
  } else if (state == State::kQuoteInQuoted) {
    if (c != '\r') {
      note(row.fields.size() + 1,
           "text after a closing quote: inside a quoted field, write a quote twice");
    }
  } else {
    if (c == '"') {
      note(row.fields.size() + 1,
           "a quote inside an unquoted field: quote the whole field and write the quote twice");
    }
    field.push_back(static_cast<char>(c));
    state = State::kPlain;
  }
  return true;
}

void CsvReader::end_field(CsvRow& row, std::string& field) {
  if (row.fields.size() == kMaxColumns) {
    note(0, fmt::format("more than {} columns", kMaxColumns));
  } else {
    if (const auto at = first_invalid_utf8(field)) {
      note(row.fields.size() + 1, not_utf8_hint(field, *at));
    } else if (field.find('\0') != std::string::npos) {
      note(row.fields.size() + 1, "a zero byte in the text: the file is damaged or not text");
    }
    row.fields.push_back(std::move(field));
  }
  field.clear();
}

std::expected<bool, RowError> CsvReader::next_row(CsvRow& row) {
  row.fields.clear();
  row.number = ++row_;
  bad_ = false;
  State state = State::kFieldStart;
  std::string field;
  const std::uint64_t began = offset_;
  while (true) {
    const int c = get();
    if (c == std::istream::traits_type::eof() && offset_ == began) {
      --row_;
      over_ = true;
      return false;
    }
    if (offset_ - began > kMaxRowBytes) {
      over_ = true;
      return std::unexpected(RowError{row_,
                                      row.fields.size() + 1,
                                      {},
                                      fmt::format("the row is longer than {} bytes: a quote that "
                                                  "opens here is probably never closed",
                                                  grouped(kMaxRowBytes)),
                                      true});
    }
    if (!take(c, row, field, state)) break;
  }
  if (bad_) return std::unexpected(error_);
  return true;
}

}  // namespace imi::cli
