// This machine's clock against those of the nodes, for where an answer looks too old or too new.
#pragma once

#include <string>

#include "cli/session.h"

namespace imi::cli {

// A sentence if most of the nodes that answer agree on a time that this machine's clock is far
// from; empty otherwise. What they say is not proved.
[[nodiscard]] std::string own_clock_problem(Session& session);

}  // namespace imi::cli
