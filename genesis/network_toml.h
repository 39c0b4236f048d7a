// A network described by its operators -> the genesis document.
//
//   chain_name = "chancheng"
//   time_ms = 1795500000000            # block 1 is later
//   [parameters]                       # any field of ledger/core/parameters.h; absent = default
//   timeout_ms = 1000
//   [[validator]]                      # in the order of their member ids
//   name = "v1"
//   key = "02..."                      # hexadecimal, as `imi key show` prints it
//   tls_key_pin = "..."
//   [[agency]]
//   short_name = "fire-440604"
//   title = "..."
//   uscc = "..."
//   parent = "council-440600"          # optional, a short name
//   tier = "district"                  # national, province, city, district, town, community
//   source_class = "state-organ"       # public-institution, public-utility, association, company
//   roles = ["recorder", "issuer"]     # council, registrar, market, recorder, issuer
//   fields = ["fire"]                  # of the catalog
//   divisions = ["440604000000"]
//   keys = ["03..."]
#pragma once

#include "genesis/toml_reader.h"
#include "ledger/governance/genesis_doc.h"

namespace imi::genesis {

// Parses, fills in the catalog and validates.
[[nodiscard]] std::expected<ledger::Genesis, BuildError> parse_network(std::string_view text,
                                                                       std::string_view source,
                                                                       ledger::Catalog catalog);

// The same form, written: parse_network(network_text(g), ..., g.catalog) == g.
[[nodiscard]] std::string network_text(const ledger::Genesis& genesis);

}  // namespace imi::genesis
