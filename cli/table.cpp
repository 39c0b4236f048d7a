#include "cli/table.h"

#include <algorithm>

#include "base/check.h"

namespace imi::cli {
namespace {
constexpr std::size_t kGap = 2;

std::string_view escape(Style style) {
  switch (style) {
    case Style::kPlain: return "";
    case Style::kGood: return "\x1b[32m";
    case Style::kWarn: return "\x1b[33m";
    case Style::kBad: return "\x1b[31m";
    case Style::kDim: return "\x1b[2m";
    case Style::kBold: return "\x1b[1m";
  }
  return "";
}

void trim_right(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

}  // namespace

std::string styled(std::string_view text, Style style, bool color) {
  if (!color || style == Style::kPlain || text.empty()) return std::string(text);
  return std::string(escape(style)) + std::string(text) + "\x1b[0m";
}

void Table::add(std::vector<Cell> cells) {
  IMI_CHECK(cells.size() == columns_.size(), "a table row has one cell per column");
  for (Cell& c : cells) c.text = printable(c.text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> w;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t most = display_width(columns_[i].title);
    for (const auto& row : rows_) most = std::max(most, display_width(row[i].text));
    w.push_back(most);
  }
  return w;
}

std::string Table::render(std::size_t width, bool color, bool may_cut) const {
  std::vector<std::size_t> w = widths();
  std::vector<std::size_t> least;  // 0: never cut
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool has_id =
        std::ranges::any_of(rows_, [i](const auto& row) { return is_id(row[i].text); });
    least.push_back(has_id ? 0 : columns_[i].least);
  }
  std::vector<bool> in_row(columns_.size(), true);
  const auto total = [&] {
    std::size_t out = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) out += in_row[i] ? w[i] + kGap : 0;
    return out - kGap;
  };
  if (total() > width) {
    for (std::size_t i = 0; i < columns_.size(); ++i) in_row[i] = !columns_[i].below;
  }
  while (total() > width) {
    if (!may_cut) return render_records(width, color);
    // The column with the most width above its minimum is narrowed first.
    std::size_t loosest = columns_.size();
    std::size_t most_slack = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t floor = std::max(least[i], display_width(columns_[i].title));
      if (!in_row[i] || least[i] == 0 || w[i] <= floor || w[i] - floor <= most_slack) continue;
      most_slack = w[i] - floor;
      loosest = i;
    }
    if (loosest == columns_.size()) return render_records(width, color);
    --w[loosest];
  }
  std::string out;
  std::string line;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!in_row[i]) continue;
    line += (line.empty() ? "" : std::string(kGap, ' ')) +
            pad(columns_[i].title, w[i], columns_[i].align);
  }
  trim_right(line);
  out += styled(line, Style::kBold, color) + "\n";
  for (const auto& row : rows_) {
    line.clear();
    std::string under;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!in_row[i]) {
        if (row[i].text.empty()) continue;
        under += "  " + styled(columns_[i].title, Style::kDim, color) + "  " +
                 styled(row[i].text, row[i].style, color) + "\n";
        continue;
      }
      if (!line.empty()) line += std::string(kGap, ' ');
      const std::string text = cut(row[i].text, w[i]);
      const std::string space(w[i] - display_width(text), ' ');
      const std::string shown = styled(text, row[i].style, color);
      line += columns_[i].align == Align::kLeft ? shown + space : space + shown;
    }
    trim_right(line);
    out += line + "\n" + under;
  }
  return out;
}

std::string Table::render_records(std::size_t width, bool color) const {
  std::string out;
  for (const auto& row : rows_) {
    Fields fields;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!row[i].text.empty()) fields.add(columns_[i].title, row[i]);
    }
    if (!out.empty()) out += "\n";
    out += fields.render(width, color);
  }
  return out;
}

void Fields::add(std::string label, Cell value) {
  value.text = printable(value.text);
  items_.emplace_back(printable(label), std::move(value));
}

std::string Fields::render(std::size_t width, bool color) const {
  std::size_t label = 0;
  for (const auto& [name, value] : items_) label = std::max(label, display_width(name));
  // On a very narrow terminal the value goes under its label.
  const bool stacked = width < label + kGap + 16;
  const std::size_t indent = stacked ? kGap : label + kGap;
  std::string out;
  for (const auto& [name, value] : items_) {
    const bool whole = is_id(value.text) && indent + value.text.size() > width;
    out += styled(stacked || whole ? name : pad(name, label), Style::kDim, color);
    if (whole) {
      out += "\n" + std::string(kGap, ' ') + styled(value.text, value.style, color) + "\n";
      continue;
    }
    if (stacked) out += "\n";
    bool first = true;
    for (const std::string& line : wrap(value.text, width > indent + 2 ? width - indent : 2)) {
      out += std::string(first && !stacked ? kGap : indent, ' ');
      out += styled(line, value.style, color) + "\n";
      first = false;
    }
  }
  return out;
}

}  // namespace imi::cli
