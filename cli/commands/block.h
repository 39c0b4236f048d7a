// Blocks and the validator set, verified.
#pragma once

#include <cstdint>

#include "cli/session.h"

namespace imi::cli {

void show_block(Session& session, std::uint64_t height);
void show_validators(Session& session);

}  // namespace imi::cli
