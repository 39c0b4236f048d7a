// What the rules go by, decoded once.
#pragma once

#include "ledger/core/catalog.h"
#include "ledger/core/parameters.h"

namespace imi::ledger {

// What of genesis (later: of governance) execution goes by, decoded once.
struct Policy {
  chain::GenesisId genesis;
  Catalog catalog;
  Parameters parameters;
  Day genesis_day;
};
}  // namespace imi::ledger
