// Recording, correcting and withdrawing credit events.
#include <algorithm>

#include "ledger/calendar.h"
#include "ledger/execution/context.h"
#include "ledger/execution/dossier.h"

namespace imi::ledger::execution {
namespace {

// What the subject and the author make of the facts; the fields themselves were checked before.
Verdict check_against(const EventFacts& facts, const DossierState& dossier,
                      const AgencyState& author, const Policy& policy) {
  const auto* p = std::get_if<PublicFacts>(&facts.what);
  if (dossier.subject_class == SubjectClass::kPerson) {
    if (p != nullptr) return refuse(RefusalCode::kPlaintextForPerson, RefusalField::kFacts);
  } else {
    if (p == nullptr) return refuse(RefusalCode::kTypeScope, RefusalField::kBucket);
    const EventCode& code = *policy.catalog.find(p->code);
    const auto& fields = author.profile.fields;
    if (!std::binary_search(fields.begin(), fields.end(), code.field)) {
      return refuse(RefusalCode::kTypeScope, RefusalField::kCode, p->code.value, code.field.value);
    }
    const Division place = p->grid ? division_of(*p->grid) : dossier.division;
    if (!has_jurisdiction(author, place)) {
      return refuse(RefusalCode::kOutOfJurisdiction,
                    p->grid ? RefusalField::kGrid : RefusalField::kDivision,
                    static_cast<std::int64_t>(place.code));
    }
  }
  if (!has_room(dossier, facts.rule, code_of(facts))) {
    return refuse(RefusalCode::kRollFull, RefusalField::kRule, facts.rule.value);
  }
  return {};
}

// The event may be changed by this author, who has seen its latest version.
Verdict check_changeable(const EventState& event, const Context& c, Version seen) {
  if (event.recorder != c.agency_id()) return refuse(RefusalCode::kNotRecorder);
  switch (event.life) {
    case Life::kLive: break;
    case Life::kSuperseded: return refuse(RefusalCode::kSuperseded);
    case Life::kWithdrawn: return refuse(RefusalCode::kWithdrawn);
    case Life::kRepaired:
      return refuse(RefusalCode::kIllegalTransition, RefusalField::kNone,
                    static_cast<std::int64_t>(event.life));
  }
  if (seen != event.record_version) {
    return refuse(RefusalCode::kStaleVersion, RefusalField::kNone, seen.value,
                  event.record_version.value);
  }
  return {};
}

std::vector<CodeId> codes_of(const EventFacts& facts) {
  const auto code = code_of(facts);
  return code ? std::vector<CodeId>{*code} : std::vector<CodeId>{};
}

// Codes of the superseded and of the new facts, ascending, each once.
std::vector<CodeId> codes_of(const EventFacts& before, const EventFacts& after) {
  std::vector<CodeId> codes = codes_of(before);
  if (const auto code = code_of(after); code && codes != codes_of(after)) codes.push_back(*code);
  std::sort(codes.begin(), codes.end());
  return codes;
}

}  // namespace

Verdict apply(const EventRecord& e, Context& c) {
  const auto author = agency_with(c, Role::kRecorder);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  auto& dossier_slot = c.state.dossiers.at(e.subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);
  if (dossier_slot.value->life != SubjectLife::kOpen) return refuse(RefusalCode::kSubjectClosed);
  if (auto ok = check_against(e.facts, *dossier_slot.value, **author, c.policy); !ok) return ok;
  const EventId id =
      e.source ? event_id(c.agency_id(), key_of(*e.source)) : event_id(c.submission, c.index);
  auto& slot = c.state.events.at(id);
  if (slot.value) return refuse(RefusalCode::kDuplicateSource);

  DossierState& dossier = dossier_slot.edit();
  EventState& event = slot.put(EventState{});
  event.subject = e.subject;
  event.recorder = c.agency_id();
  event.facts = e.facts;
  event.recorded =
      dossier.subject_class == SubjectClass::kPerson ? floor_to_month(c.today) : c.today;
  event.height = c.height;
  count_in(dossier, event, c.policy.catalog);
  event.last_seq = append(c, e.subject, dossier,
                          {.op = Transition::kRecord,
                           .event = id,
                           .version = event.record_version,
                           .prev_seq = std::nullopt,
                           .codes = codes_of(e.facts)});
  return {};
}

Verdict apply(const EventCorrect& e, Context& c) {
  const auto author = agency_with(c, Role::kRecorder);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  auto& old_slot = c.state.events.at(e.event);
  if (!old_slot.value) return refuse(RefusalCode::kNoSuchEvent);
  if (auto ok = check_changeable(*old_slot.value, c, e.version); !ok) return ok;
  auto& dossier_slot = c.state.dossiers.at(old_slot.value->subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);
  if (auto ok = check_against(e.facts, *dossier_slot.value, **author, c.policy); !ok) return ok;

  const EventId id = event_id(c.submission, c.index);
  DossierState& dossier = dossier_slot.edit();
  EventState& old_event = old_slot.edit();
  EventState& event = c.state.events.at(id).put(EventState{});
  event.subject = old_event.subject;
  event.recorder = old_event.recorder;
  event.facts = e.facts;
  event.recorded = old_event.recorded;  // a correction does not start the clock again
  event.height = c.height;
  event.supersedes = e.event;
  event.dispute = old_event.dispute;  // a dispute survives: it is now about the new event
  event.statement = old_event.statement;

  count_out(dossier, old_event);
  count_in(dossier, event, c.policy.catalog);
  event.last_seq = append(c, event.subject, dossier,
                          {.op = Transition::kCorrect,
                           .event = id,
                           .version = event.record_version,
                           .prev_seq = old_event.last_seq,
                           .codes = codes_of(old_event.facts, e.facts)});
  old_event.dispute = {};
  old_event.life = Life::kSuperseded;
  old_event.superseded_by = id;
  old_event.record_version = old_event.record_version.next();
  old_event.last_seq = event.last_seq;
  return {};
}

Verdict apply(const EventWithdraw& e, Context& c) {
  const auto author = agency_with(c, Role::kRecorder);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  auto& slot = c.state.events.at(e.event);
  if (!slot.value) return refuse(RefusalCode::kNoSuchEvent);
  if (auto ok = check_changeable(*slot.value, c, e.version); !ok) return ok;
  auto& dossier_slot = c.state.dossiers.at(slot.value->subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);

  DossierState& dossier = dossier_slot.edit();
  EventState& event = slot.edit();
  count_out(dossier, event);
  event.life = Life::kWithdrawn;  // an open dispute stays on its record
  event.record_version = event.record_version.next();
  event.last_seq = append(c, event.subject, dossier,
                          {.op = Transition::kWithdraw,
                           .event = e.event,
                           .version = event.record_version,
                           .prev_seq = event.last_seq,
                           .codes = codes_of(event.facts)});
  return {};
}

}  // namespace imi::ledger::execution
