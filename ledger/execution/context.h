// Internal to execution: one entry's surroundings, and one handler a kind.
//
// Every handler first checks (a pure look that returns the refusal), then changes. It changes
// nothing before its last check, so a refused entry leaves no trace (F4).
#pragma once

#include "ledger/execution/overlay.h"

namespace imi::ledger::execution {

using Verdict = std::expected<void, Refusal>;

[[nodiscard]] inline std::unexpected<Refusal> refuse(RefusalCode code,
                                                     RefusalField field = RefusalField::kNone,
                                                     std::int64_t a = 0, std::int64_t b = 0) {
  return std::unexpected(Refusal{code, field, a, b});
}

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
  Table<AgencyId, AgencyState>::Slot& author;  // its agency record, if it has one
  // Of the entry
  std::uint32_t index = 0;
  Hash256 entry_hash;

  [[nodiscard]] AgencyId agency_id() const { return chain::retag<AgencyId>(header.author); }
};

// The author's agency record, if the author is an agency, the key one of its keys, and it is
// active.
[[nodiscard]] std::expected<const AgencyState*, Refusal> agency(Context& c);
// And has the role.
[[nodiscard]] std::expected<const AgencyState*, Refusal> agency_with(Context& c, Role role);
// True if the agency's divisions cover the place.
[[nodiscard]] bool has_jurisdiction(const AgencyState& agency, const Division& place);

// Checks of fields alone (check_fields in execute.h), one per kind.
[[nodiscard]] Verdict check(const AgencyRegister& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const AgencyUpdate& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const SubjectEnterprise& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const SubjectPerson& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const AttIssue& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const AttStatus& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const EventRecord& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const EventCorrect& e, const Policy& policy, Day today);
[[nodiscard]] Verdict check(const EventWithdraw& e, const Policy& policy, Day today);

// The whole entry: authority, fields, state, effects.
[[nodiscard]] Verdict apply(const AgencyRegister& e, Context& c);
[[nodiscard]] Verdict apply(const AgencyUpdate& e, Context& c);
[[nodiscard]] Verdict apply(const SubjectEnterprise& e, Context& c);
[[nodiscard]] Verdict apply(const SubjectPerson& e, Context& c);
[[nodiscard]] Verdict apply(const AttIssue& e, Context& c);
[[nodiscard]] Verdict apply(const AttStatus& e, Context& c);
[[nodiscard]] Verdict apply(const EventRecord& e, Context& c);
[[nodiscard]] Verdict apply(const EventCorrect& e, Context& c);
[[nodiscard]] Verdict apply(const EventWithdraw& e, Context& c);

}  // namespace imi::ledger::execution
