// Which agency of the network can sign what, of those whose keys are in the network's folder.
#pragma once

#include <string_view>

#include "cli/write/author.h"

namespace imi::cli {

// The first agency of the genesis document that has the role (and works in `field`, if one is
// named) and whose key is here. Throws Failure where there is none.
[[nodiscard]] const ledger::AgencyRegister& agency_with(Session& session, ledger::Role role,
                                                        std::string_view field = {});

}  // namespace imi::cli
