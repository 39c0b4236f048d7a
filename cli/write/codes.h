// National codes as people type them.
#pragma once

#include <expected>
#include <string>

#include "ledger/core/codes.h"

namespace imi::cli {

struct EnterpriseCode {
  ledger::Uscc uscc;
  bool as_issued = false;
};
// A unified social credit code: full-width, in lower case, in groups. `as_issued`: it was really
// issued against its check character (ledger/core/codes.h).
[[nodiscard]] std::expected<EnterpriseCode, std::string> parse_enterprise_code(
    std::string_view text, bool as_issued);
// The default of a whole file is for those of its codes that do not fit; it is not a word for those
// that a spreadsheet rounded.
[[nodiscard]] std::expected<EnterpriseCode, std::string> parse_enterprise_code_by_default(
    std::string_view text, bool as_issued_by_default);

// Both of the typed form (typed.h).
[[nodiscard]] std::expected<ledger::Division, std::string> parse_division_text(
    std::string_view text);
[[nodiscard]] std::expected<ledger::Grid, std::string> parse_grid_text(std::string_view text);

}  // namespace imi::cli
