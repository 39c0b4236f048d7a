// Internal to execution: one entry's surroundings.
//
// Every handler first checks (a pure look that returns the refusal), then changes. It changes
// nothing before its last check, so a refused entry leaves no trace (F4).
#pragma once

#include "ledger/core/policy.h"
#include "ledger/core/ruling.h"
#include "ledger/core/submission_header.h"
#include "ledger/state/overlay.h"

namespace imi::ledger {
struct AgencyState;
}

namespace imi::ledger::execution {

struct Context {
  // Of the block
  Overlay& state;
  const Policy& policy;
  StateDiff& diff;  // rows beside the map
  chain::Height height;
  chain::TimeMs time;
  Day today;
  // Of the submission
  const SubmissionHeader& header;
  const chain::SubmissionId& submission;
  Slot<AgencyState>& author;  // its agency record, if it has one
  // Of the entry
  std::uint32_t index = 0;
  Hash256 entry_hash;

  [[nodiscard]] AgencyId agency_id() const { return chain::retag<AgencyId>(header.author); }
};

}  // namespace imi::ledger::execution
