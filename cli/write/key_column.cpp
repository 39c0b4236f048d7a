#include "cli/write/key_column.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.h"

namespace imi::cli {
namespace {

constexpr std::size_t kSpreadsheetDigits = 15;  // of a number, that it keeps
constexpr std::uint64_t kLeastZeros = 3;        // by chance once in a thousand
constexpr std::size_t kLeastLength = 4;         // shorter ones are counted 1, 2, 3

}  // namespace

void KeyColumn::count(Seen& seen, std::uint64_t row, std::string_view key) {
  if (seen.count++ > 0) return;
  seen.row = row;
  seen.key = key;
}

void KeyColumn::note(std::uint64_t row, std::string_view key) {
  if (key.empty()) return;
  ++keys_;
  if (key.find_first_not_of("0123456789") != std::string_view::npos) {
    only_digits_ = false;
    return;
  }
  leading_zero_ = leading_zero_ || key.front() == '0';
  count(by_length_[key.size()], row, key);
  if (key.size() <= kSpreadsheetDigits) return;
  count(long_, row, key);
  const std::string_view rest = key.substr(kSpreadsheetDigits);
  only_zeros_ = only_zeros_ && rest.find_first_not_of('0') == std::string_view::npos;
  zeros_ += rest.size();
}

std::optional<std::string> KeyColumn::rounded() const {
  if (long_.count == 0 || !only_zeros_ || zeros_ < kLeastZeros) return std::nullopt;
  return fmt::format(
      "'{}' and all other keys of more than {} digits ({} in all) end in zeros after the {}th: a "
      "spreadsheet took them for numbers and dropped digits; format the column as text and take it "
      "from the source (--keys-as-given, if they really are so)",
      cut(long_.key, 40), kSpreadsheetDigits, grouped(long_.count), kSpreadsheetDigits);
}

std::optional<std::string> KeyColumn::shortened() const {
  if (!only_digits_ || leading_zero_ || by_length_.size() < 2) return std::nullopt;
  const auto& [length, most] = *by_length_.rbegin();
  if (length < kLeastLength || most.count * 2 <= keys_) return std::nullopt;
  const Seen& shorter = std::prev(by_length_.end(), 2)->second;
  return fmt::format(
      "{} of {} source keys have fewer digits than the others (row {}: {}, where most have {}): if "
      "they begin with zeros in the source, a spreadsheet dropped them",
      grouped(keys_ - most.count), grouped(keys_), shorter.row, shorter.key, length);
}

}  // namespace imi::cli
