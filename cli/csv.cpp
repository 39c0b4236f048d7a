#include "cli/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/encoding.h"
#include "cli/text.h"
#include "cli/typed.h"

namespace imi::cli {
namespace {

// Nothing to be seen, or the end-of-file mark of old systems.
bool is_padding(const std::string& field) { return field == "\x1A" || is_blank(field); }

}  // namespace

std::string describe(const RowError& e) {
  if (e.row == 0) return e.reason;
  if (e.column == 0 && e.column_name.empty()) return fmt::format("row {}: {}", e.row, e.reason);
  if (e.column == 0) return fmt::format("row {} ({}): {}", e.row, e.column_name, e.reason);
  if (e.column_name.empty()) return fmt::format("row {}, column {}: {}", e.row, e.column, e.reason);
  return fmt::format("row {}, column {} ({}): {}", e.row, e.column, e.column_name, e.reason);
}

int CsvReader::get() {
  if (ahead_at_ < ahead_.size()) {
    ++offset_;
    return static_cast<unsigned char>(ahead_[ahead_at_++]);
  }
  const int c = in_.rdbuf()->sbumpc();
  if (c != std::istream::traits_type::eof()) ++offset_;
  return c;
}

int CsvReader::peek() {
  if (ahead_at_ < ahead_.size()) return static_cast<unsigned char>(ahead_[ahead_at_]);
  return in_.rdbuf()->sgetc();
}

void CsvReader::look_ahead() {
  static constexpr std::string_view kSeparators = ",;\t|";
  std::array<std::size_t, kSeparators.size()> count{};
  bool quoted = false;
  while (ahead_.size() < kMaxRowBytes) {
    const int c = in_.rdbuf()->sbumpc();
    if (c == std::istream::traits_type::eof()) break;
    ahead_ += static_cast<char>(c);
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' || c == '\r') break;
    const auto at = kSeparators.find(static_cast<char>(c));
    if (at != std::string_view::npos) ++count[at];
  }
  const auto most = std::max_element(count.begin(), count.end());
  if (*most > 0) separator_ = kSeparators[static_cast<std::size_t>(most - count.begin())];
  // A spreadsheet's own line: sep=;
  const std::string_view line = std::string_view(ahead_).substr(0, ahead_.find_first_of("\r\n"));
  const std::string_view bare =
      line.size() == 7 && line.front() == '"' && line.back() == '"' ? line.substr(1, 5) : line;
  if (bare.size() == 5 && (bare.starts_with("sep=") || bare.starts_with("SEP="))) {
    separator_ = bare[4];
    ahead_at_ = ahead_.size();
    offset_ += ahead_.size();
    if (ahead_.ends_with('\r') && peek() == '\n') (void)get();
    ++row_;
  }
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
  look_ahead();
  return true;
}

std::expected<bool, RowError> CsvReader::next(CsvRow& row) {
  if (!started_) {
    if (auto ok = start(); !ok) return ok;
  }
  while (!over_) {
    auto more = next_row(row);
    const bool blank = more && *more && std::ranges::all_of(row.fields, is_padding);
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
    over_ = eof;
    end_field(row, field);
    return false;
  }
  if (c == separator_) {
    end_field(row, field);
    state = State::kFieldStart;
  } else if (state == State::kFieldStart && c == '"') {
    state = State::kQuoted;
  } else if (state == State::kQuoteInQuoted) {
    note(row.fields.size() + 1,
         "text after a closing quote: inside a quoted field, write a quote twice");
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
    int c = get();
    if (c == '\r' && state != State::kQuoted) {  // CRLF, or CR alone: one line end
      if (peek() == '\n') (void)get();
      c = '\n';
    }
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
