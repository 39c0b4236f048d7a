// Execution: (state, block) -> (changes, outcomes). Pure and deterministic: the same view and block
// give the same bytes on every machine. No clock, no randomness, integers only.
//
// Order and atomicity (F4): submissions in block order, entries in submission order, each entry
// independent: it is accepted with all its effects, or refused by name with none. What an entry
// changed is seen by the very next one (a rotated key too). A submission whose id is on record or
// came earlier in the block is a duplicate: skipped, no log leaf, the first outcome stands (F2).
// Fate records are kept until inclusion time + E_max + grace and then pruned (F3).
//
// Precondition: every submission passed admission (admission.h) against block.time; a violation of
// the window is a broken invariant of consensus (IMI_CHECK).
// Cost: records are read and decoded once per block and encoded once, however many entries touch
// them. An event.record reads two records (event, dossier) and changes two.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ledger/core/policy.h"
#include "ledger/core/ruling.h"
#include "ledger/governance/genesis_doc.h"
#include "ledger/state/diff.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/submission.h"

#include "ledger/state/state_keys.h"
#include "ledger/state/store.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

struct BlockInput {
  const Policy& policy;
  chain::Height height;
  chain::TimeMs time;
  std::span<const std::shared_ptr<const Submission>> submissions;  // in block order
};

struct SubmissionResult {
  chain::SubmissionId id;
  SubmissionOutcomes outcomes;
  bool operator==(const SubmissionResult&) const = default;
};

struct ExecutionResult {
  StateDiff diff;
  std::vector<SubmissionResult> submissions;  // in block order
  std::uint64_t accepted = 0;                 // entries
  std::uint64_t refused = 0;
  bool operator==(const ExecutionResult&) const = default;
};

// Errors: what the view returned, or kCorruption for a record that does not decode.
[[nodiscard]] std::expected<ExecutionResult, StoreError> execute(const StateView& view,
                                                                 const BlockInput& block);

// State of height 0: catalog, rules, parameters, agencies. The log is empty.
[[nodiscard]] std::expected<StateDiff, GenesisError> execute_genesis(const Genesis& genesis);

// Outcome of every entry in full (ids are computed from the entries).
[[nodiscard]] std::vector<Outcome> expand(const Submission& submission,
                                          const SubmissionOutcomes& outcomes);

// The checks of an entry's own fields that need no state: for clients that check a file before they
// send it. The same code that execution runs first.
[[nodiscard]] std::expected<void, Refusal> check_fields(const Entry& entry, const Policy& policy,
                                                        Day today);

}  // namespace imi::ledger
