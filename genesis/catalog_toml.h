// The catalog as a text that people write and review: TOML -> ledger::Catalog.
//
// The form is that of genesis/catalog.toml, which is compiled in as builtin_catalog_text().
// Unknown keys, missing ones and broken rules are refused with their line.
#pragma once

#include "genesis/toml_reader.h"
#include "ledger/core/catalog.h"

namespace imi::genesis {

[[nodiscard]] std::string_view builtin_catalog_text();

// Parses and validates. `source` names the text in errors.
[[nodiscard]] std::expected<ledger::Catalog, BuildError> parse_catalog(std::string_view text,
                                                                       std::string_view source);

// The compiled-in catalog, which is valid (a test holds it).
[[nodiscard]] ledger::Catalog builtin_catalog();

}  // namespace imi::genesis
