#include "cli/typed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "base/unicode.h"
#include "cli/encoding.h"
#include "cli/text.h"

namespace imi::cli {
namespace {

std::unexpected<ValueError> not_typed(std::string reason) {
  return std::unexpected(ValueError{std::move(reason)});
}

std::string as_typed(std::string_view text) { return "'" + cut(printable(text), 40) + "'"; }

// Why no cell of a spreadsheet with this text holds what was typed.
std::string error_value(std::string_view s) {
  static constexpr std::array kErrors = {"#REF!",  "#N/A",      "#VALUE!",      "#NAME?", "#DIV/0!",
                                         "#NULL!", "#NUM!",     "#SPILL!",      "#CALC!", "#FIELD!",
                                         "#BUSY!", "#BLOCKED!", "#GETTING_DATA"};
  if (std::ranges::find(kErrors, s) != kErrors.end()) {
    return as_typed(s) + " is the error of a spreadsheet formula: take the value from the source";
  }
  if (s.size() >= 3 && s.find_first_not_of('#') == std::string_view::npos) {
    return as_typed(s) +
           " is what a spreadsheet shows of a column that is too narrow: widen it and "
           "save again";
  }
  if (s.starts_with("=")) {
    return as_typed(s) + " is a spreadsheet's formula: write the value alone";
  }
  if (s.find("锟斤拷") != std::string_view::npos) {
    return as_typed(s) + " was damaged by an earlier conversion: take it from the source";
  }
  return {};
}

// What a spreadsheet makes of an identifier that it takes for a number or a date.
std::string mangled_number(const std::string& s) {
  static const std::regex kScientific(R"([+-]?[0-9]([.,][0-9]+[eE][+-]?|[eE][+-])[0-9]{1,3})");
  static const std::regex kDecimal(R"([0-9]{4,}\.0+)");
  static const std::regex kDate(
      "[0-9]{1,2}-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(-[0-9]{2,4})?",
      std::regex::icase);
  // Of other settings and languages: Jan-26, 02. Jan, 2. Mrz 26, 1月2日.
  static const std::regex kOtherDate(
      "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{2}([0-9]{2})?|"
      "[0-9]{1,2}\\. ?(Jan|Feb|M\u00e4r|Mrz|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)( [0-9]{2,4})?|"
      "([0-9]{4}年)?[0-9]{1,2}月([0-9]{1,2}日)?");
  if (std::regex_match(s, kScientific)) {
    return as_typed(s) +
           " is in scientific notation: a spreadsheet took it for a number and dropped "
           "digits; format the column as text and take it from the source";
  }
  if (std::regex_match(s, kDecimal)) {
    return as_typed(s) + " has decimals: a program took it for a number; write it without them";
  }
  if (std::regex_match(s, kDate) || std::regex_match(s, kOtherDate)) {
    return as_typed(s) +
           " is a date that a spreadsheet made of something like 2-1; format the column "
           "as text and take it from the source";
  }
  if (s.starts_with('\'')) {
    return as_typed(s) +
           " begins with the apostrophe that marks text in a spreadsheet: leave it out";
  }
  return {};
}

// Why a text names nothing: what a program writes where there is no value, or marks alone.
std::string no_identifier(const std::string& s) {
  static constexpr std::array kNothing = {"null", "nan",       "none",   "nil",
                                          "n/a",  "undefined", "(null)", "<null>"};
  std::string lower = s;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (std::ranges::find(kNothing, lower) != kNothing.end()) {
    return as_typed(s) +
           " is what a program writes where there is no value: leave it empty, or "
           "take the value from the source";
  }
  if (!s.empty() && !has_letter_or_digit(s)) {
    return as_typed(s) + " has no letter and no digit: take the value from the source";
  }
  return {};
}

Value<std::string> cleaned(std::string_view text, TextForm form) {
  auto out = clean(text, form);
  if (!out) return not_typed(describe(out.error()));
  if (const auto meant = misread_utf8(text)) {
    return not_typed(
        fmt::format("{} was read in the wrong encoding by an earlier program: is '{}' "
                    "meant? Take it from the source",
                    as_typed(*out), cut(printable(*meant), 40)));
  }
  if (std::string why = error_value(*out); !why.empty()) return not_typed(std::move(why));
  return std::move(*out);
}

// Of ASCII alone: what these lists and codes are made of.
template <class Change>
Value<std::string> changed(std::string_view text, Change change) {
  auto out = typed_key(text);
  if (out) std::ranges::transform(*out, out->begin(), change);
  return out;
}

}  // namespace

Value<std::string> typed_text(std::string_view text) { return cleaned(text, TextForm::kText); }

Value<std::string> typed_name(std::string_view text) {
  auto out = cleaned(text, TextForm::kText);
  if (!out) return out;
  if (std::string why = no_identifier(*out); !why.empty()) return not_typed(std::move(why));
  if (out->find("??") != std::string::npos) {
    return not_typed(as_typed(*out) +
                     " has question marks where an earlier conversion lost "
                     "characters: take it from the source");
  }
  return out;
}

Value<std::string> typed_number(std::string_view text) {
  auto out = cleaned(text, TextForm::kText);
  if (!out) return out;
  if (std::string why = no_identifier(*out); !why.empty()) return not_typed(std::move(why));
  if (std::string why = mangled_number(*out); !why.empty()) return not_typed(std::move(why));
  return out;
}

Value<std::string> typed_key(std::string_view text) {
  auto out = cleaned(text, TextForm::kKey);
  if (!out) return out;
  if (std::string why = mangled_number(*out); !why.empty()) return not_typed(std::move(why));
  return out;
}

Value<std::string> typed_source(std::string_view text) {
  auto out = typed_key(text);
  if (!out) return out;
  if (std::string why = no_identifier(*out); !why.empty()) return not_typed(std::move(why));
  return out;
}

Value<std::string> typed_amount(std::string_view text) { return cleaned(text, TextForm::kKey); }

Value<std::string> typed_word(std::string_view text) {
  return changed(
      text, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
}

Value<std::string> typed_code(std::string_view text) {
  auto out = changed(
      text, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (out) std::erase(*out, ' ');
  return out;
}

bool is_blank(std::string_view text) {
  const auto out = clean(text, TextForm::kText);
  return out && out->empty();
}

}  // namespace imi::cli
