#include "cli/write/agencies.h"

#include <fmt/format.h>

#include <algorithm>

namespace imi::cli {

const ledger::AgencyRegister& agency_with(Session& s, ledger::Role role, std::string_view field) {
  const ledger::Genesis& g = s.genesis();
  const ledger::WorkField* work = field.empty() ? nullptr : g.catalog.field(field);
  for (const ledger::AgencyRegister& a : g.agencies) {
    const auto& p = a.profile;
    if (!p.roles.has(role)) continue;
    const bool in_field =
        work != nullptr && std::find(p.fields.begin(), p.fields.end(), work->id) != p.fields.end();
    if (!field.empty() && !in_field) continue;
    std::error_code ec;
    if (std::filesystem::exists(s.dir() / "agencies" / (p.short_name + ".key"), ec)) return a;
  }
  fail(ExitCode::kLocal, "no-such-agency",
       fmt::format("no agency whose key is in {} is a {}{}", (s.dir() / "agencies").string(),
                   ledger::name(role),
                   field.empty() ? "" : fmt::format(" in the field '{}'", field)),
       "a network made by `imi network up` has them; imi agency list");
}

}  // namespace imi::cli
