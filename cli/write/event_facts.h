// The facts of an enterprise's event as people give them: columns of `events` files, fields of JSON
// entries, options of `imi event record`. One table of them; the rule follows from code and class.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/write/problems.h"
#include "ledger/core/catalog.h"
#include "ledger/credit/entries.h"

namespace imi::cli {

struct EventTexts {
  std::string code, gravity, polarity, occurred, decided, ended, notified, amount_yuan, doc, basis,
      basis_level, grid, backfill;
};

struct FactField {
  std::string_view name;
  std::string EventTexts::* text;
  bool required;
  std::string_view type;  // of the option's value
  std::string_view help;
};
inline constexpr auto kFactFields = std::to_array<FactField>({
    {"code", &EventTexts::code, true, "CODE", "catalog code: imi catalog"},
    {"class", &EventTexts::gravity, false, "CLASS",
     "minor, general or serious (轻微, 一般, 严重); none by default"},
    {"polarity", &EventTexts::polarity, false, "POLARITY",
     "refused unless it is the code's: positive, negative or neutral"},
    {"occurred", &EventTexts::occurred, true, "DAY", "day of the act, YYYY-MM-DD"},
    {"decided", &EventTexts::decided, true, "DAY", "day of the decision"},
    {"ended", &EventTexts::ended, false, "DAY", "day the act ended"},
    {"notified", &EventTexts::notified, false, "DAY", "day of the prior notice"},
    {"amount_yuan", &EventTexts::amount_yuan, false, "YUAN", "exact, e.g. 3000.00"},
    {"doc", &EventTexts::doc, false, "TEXT", "number of the decision document"},
    {"basis", &EventTexts::basis, true, "TEXT", "law and clause"},
    {"basis_level", &EventTexts::basis_level, false, "LEVEL",
     "law, regulation, rule, normative or pact; rule by default"},
    {"grid", &EventTexts::grid, false, "GRID", "grid cell, e.g. 440604G0460"},
    {"backfill", &EventTexts::backfill, false, "YES|NO", "from stock older than this chain"},
});

// Problems are named as in kFactFields.
[[nodiscard]] std::expected<ledger::EventFacts, std::vector<NamedProblem>> event_facts(
    const EventTexts& texts, const ledger::Catalog& catalog, bool backfill_default);
// The texts that make these facts; nullopt where they are not public (of a person) or not of this
// catalog.
[[nodiscard]] std::optional<EventTexts> texts_of(const ledger::EventFacts& facts,
                                                 const ledger::Catalog& catalog);

}  // namespace imi::cli
