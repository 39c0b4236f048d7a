// Choosing O (A3): the pure function that the new primary and every backup compute (A7).
#pragma once

#include <vector>

#include "consensus/messages.h"

namespace imi::consensus {

struct Choice {
  std::optional<CheckpointCertificate> stable;  // the highest of the VIEW-CHANGEs: min_s
  std::vector<BlockHeader> headers;             // for min_s + 1, min_s + 2, ...
  [[nodiscard]] Height stable_height() const { return stable ? stable->head.height : Height(0); }
};

// For each height above min_s, the certificate of the highest view; stops at the first height that
// has none or whose parent is not the previous choice. What lies above is not committed (I8).
[[nodiscard]] Choice choose(const GenesisId& genesis,
                            const std::vector<SignedViewChange>& view_changes);

// True if the NEW-VIEW's re-proposals are exactly the choice.
[[nodiscard]] bool recomputes(const GenesisId& genesis, const NewView& new_view);

}  // namespace imi::consensus
