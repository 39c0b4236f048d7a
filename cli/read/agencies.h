// All agencies: those of the genesis document and those registered later, each as the ledger has it
// now, read with its own proof. That none is missing is not proved by the ledger: the list of later
// ones is the union of what all nodes report, so that one node cannot hide an agency.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "ledger/agency/records.h"

namespace imi::cli {

struct ListedAgency {
  ledger::AgencyId id;
  ledger::AgencyProfile profile;
  // Absent: not read, so that `profile` is that of the genesis document.
  std::optional<ledger::AgencyState> state;
};

struct AgencyList {
  std::vector<ListedAgency> agencies;  // genesis first, the others by id
  std::size_t nodes_answered = 0;      // that listed later ones
  std::size_t nodes = 0;
  // Why agencies could not be read: then some or all stand as the genesis document has them.
  std::optional<Failure> problem;
};

// Throws Failure only for a genesis file that cannot be used, and on Ctrl-C.
[[nodiscard]] AgencyList all_agencies(Session& session);

}  // namespace imi::cli
