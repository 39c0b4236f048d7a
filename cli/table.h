// Tables and labelled lists for people, laid out to the terminal's width.
//
// A table that does not fit first gives its `below` columns (ids, keys) a line of their own under
// each row, then narrows the columns that may be cut (values end in U+2026), and where even that is
// too wide becomes a list of records, so that a narrow terminal never shows wrapped rows. Ids are
// never cut and never broken: a copied one is complete. Values and labels are made
// printable() here.
// Pure apart from the terminal's description.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/text.h"

namespace imi::cli {

enum class Style : std::uint8_t { kPlain, kGood, kWarn, kBad, kDim, kBold };

// Text between the escape sequences of its style, or as it is without colour.
[[nodiscard]] std::string styled(std::string_view text, Style style, bool color);

struct Column {
  std::string title;
  Align align = Align::kLeft;
  // Narrowest useful width when the table must shrink; 0 = never cut (ids, numbers).
  std::size_t least = 0;
  // Goes under its row when the table does not fit: an id or a key that is needed whole.
  bool below = false;
};
[[nodiscard]] inline Column id_column(std::string title) {
  return {std::move(title), Align::kLeft, 0, true};
}
// Wide enough for anything: nothing is cut or wrapped.
inline constexpr std::size_t kAnyWidth = 1'000'000;

struct Cell {
  std::string text;
  Style style = Style::kPlain;
  Cell(std::string t, Style s = Style::kPlain) : text(std::move(t)), style(s) {}  // NOLINT
  Cell(const char* t) : text(t) {}                                                // NOLINT
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell per column.
  void add(std::vector<Cell> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }

  // Lines ending in new lines. No line is wider than `width`, unless one value that may not be cut
  // is wider alone. Without `may_cut` every value is whole.
  [[nodiscard]] std::string render(std::size_t width, bool color, bool may_cut = true) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;
  [[nodiscard]] std::string render_records(std::size_t width, bool color) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// "label   value" lines; long values wrap under themselves, an id stays in one piece.
class Fields {
 public:
  void add(std::string label, Cell value);
  [[nodiscard]] std::string render(std::size_t width, bool color) const;

 private:
  std::vector<std::pair<std::string, Cell>> items_;
};

}  // namespace imi::cli
