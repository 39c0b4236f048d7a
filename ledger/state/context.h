// Internal to execution: one entry's surroundings.
//
// Dispatch has made sure that the author may author the kind and that the entry's own fields are
// right (execute.cpp). Every handler then looks at the state (a pure look that returns the
// refusal), and then changes it. It changes nothing before its last check, so a refused entry
// leaves no trace (F4).
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
  std::uint32_t place;        // of the submission in its block
  Slot<AgencyState>& author;  // its agency record, if it has one
  // Of the entry
  std::uint32_t index = 0;
  const AgencyState* actor = nullptr;  // the author where it is an agency; it may author the kind
  Hash256 entry_hash;

  [[nodiscard]] AgencyId agency_id() const { return chain::retag<AgencyId>(header.author); }
};

}  // namespace imi::ledger::execution
