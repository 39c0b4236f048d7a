#include "cli/write/codes.h"

#include <fmt/format.h>

#include "cli/text.h"
#include "cli/typed.h"

namespace imi::cli {
namespace {

// All digits, of which a spreadsheet keeps fifteen.
bool is_rounded_code(std::string_view code) {
  return code.size() == 18 && code.find_first_not_of("0123456789") == std::string_view::npos &&
         code.ends_with("000");
}

}  // namespace

std::expected<EnterpriseCode, std::string> parse_enterprise_code(std::string_view text,
                                                                 bool as_issued) {
  const auto typed = typed_code(text);
  if (!typed) return std::unexpected(typed.error().reason);
  const auto u = as_issued ? ledger::parse_uscc_as_issued(*typed) : ledger::parse_uscc(*typed);
  if (u) return EnterpriseCode{*u, as_issued};
  // No other code is offered: one that fits may be unassigned, or another enterprise's.
  std::string why(ledger::describe(u.error()));
  if (u.error() == ledger::CodeError::kCheckCharacter) {
    why += is_rounded_code(*typed)
               ? ", and a spreadsheet that takes a code for a number keeps 15 digits and writes "
                 "000 for the rest: take it from the source"
               : "; if it was really issued like that, accept it with the column as_issued (yes) "
                 "in a file, or --as-issued";
  } else if (u.error() == ledger::CodeError::kLength) {
    why += fmt::format(": {} characters instead of 18", typed->size());
  } else if (u.error() == ledger::CodeError::kAlphabet) {
    why += " (digits, and letters without I, O, S, V and Z)";
  }
  return std::unexpected(
      fmt::format("'{}' is not a unified social credit code: {}", cut(printable(text), 40), why));
}

std::expected<EnterpriseCode, std::string> parse_enterprise_code_by_default(
    std::string_view text, bool as_issued_by_default) {
  auto strict = parse_enterprise_code(text, false);
  if (strict || !as_issued_by_default) return strict;
  const auto typed = typed_code(text);
  const bool rounded = typed && is_rounded_code(*typed);
  return parse_enterprise_code(text, !rounded);
}

std::expected<ledger::Division, std::string> parse_division_text(std::string_view text) {
  auto d = ledger::parse_division(text);
  if (!d) {
    const bool district = text.size() == 6 && ledger::parse_division(std::string(text) + "000000");
    return std::unexpected(
        fmt::format("'{}' is not a division code of 12 digits{}", cut(printable(text), 40),
                    district ? fmt::format(": did you mean the whole district, {}000000?", text)
                             : fmt::format(": {}", ledger::describe(d.error()))));
  }
  return *d;
}

std::expected<ledger::Grid, std::string> parse_grid_text(std::string_view text) {
  auto g = ledger::parse_grid(text);
  if (!g) {
    return std::unexpected(fmt::format("'{}' is not a grid id such as 440604G0460: {}",
                                       cut(printable(text), 40), ledger::describe(g.error())));
  }
  return *g;
}

}  // namespace imi::cli
