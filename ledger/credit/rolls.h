// Internal to execution: keeping a subject's dossier, its cells and rolls, event by event.
#pragma once

#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/state/context.h"

namespace imi::ledger::execution {

// True if an event under `rule` (and of `code`, for enterprises) can be counted: there is a roll
// for it already, or room for one.
[[nodiscard]] bool has_room(const DossierState& dossier, RuleId rule, std::optional<CodeId> code);

// The code of an event; none for a person's.
[[nodiscard]] std::optional<CodeId> code_of(const EventFacts& facts);

// Counts a live event in, or out. Precondition for count_in: has_room.
void count_in(DossierState& dossier, const EventState& event, const Catalog& catalog);
void count_out(DossierState& dossier, const EventState& event);

// Appends the transition to the dossier's range and to the cells of `codes` (ascending, no
// repeats), and writes its row. Returns its seq.
struct TransitionNote {
  Transition op = Transition::kRecord;
  std::uint8_t detail = 0;
  EventId event;
  Version version;
  std::optional<std::uint64_t> prev_seq;
  std::vector<CodeId> codes;
};
std::uint64_t append(Context& c, const SubjectId& subject, DossierState& dossier,
                     TransitionNote note);

}  // namespace imi::ledger::execution
