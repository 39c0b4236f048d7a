// Entries as people write them in JSON: what `imi submit` reads.
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <vector>

#include "cli/write/problems.h"
#include "ledger/core/catalog.h"
#include "ledger/submission/entry.h"

namespace imi::cli {

// One object with `kind` and the kind's fields (entry_reader.h); every problem that it has. Unknown
// fields are refused.
[[nodiscard]] std::expected<ledger::Entry, std::vector<NamedProblem>> entry_from_json(
    const boost::json::object& object, const ledger::Catalog& catalog);

// An array of 1..4,096 objects with `kind` and the kind's fields, or one such object. The error is
// "entry 3, field 'code': ...". Unknown fields are refused.
[[nodiscard]] std::expected<std::vector<ledger::Entry>, std::string> entries_from_json(
    const boost::json::value& value, const ledger::Catalog& catalog);

}  // namespace imi::cli
