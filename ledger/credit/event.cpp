// Recording, correcting and withdrawing credit events.
#include <algorithm>

#include "ledger/agency/authority.h"
#include "ledger/core/calendar.h"
#include "ledger/core/field_checks.h"
#include "ledger/credit/apply.h"
#include "ledger/credit/rolls.h"

namespace imi::ledger::execution {
namespace {

constexpr std::uint64_t kMaxAmountFen = 100'000'000'000'000'000ULL;

// What the subject and the author make of the facts; the fields themselves were checked before.
Ruling check_against(const EventFacts& facts, const DossierState& dossier,
                     const AgencyState& author, const Policy& policy) {
  const auto* p = std::get_if<PublicFacts>(&facts.what);
  if (dossier.subject_class == SubjectClass::kPerson) {
    if (p != nullptr) return refuse(RefusalCode::kPlaintextForPerson, RefusalField::kFacts);
    const BucketId id = std::get<CommittedFacts>(facts.what).bucket;
    const Bucket& bucket = *policy.catalog.find(id);
    if (!std::ranges::any_of(bucket.fields, [&](FieldId field) {
          return std::ranges::binary_search(author.profile.fields, field);
        })) {
      return refuse(RefusalCode::kTypeScope, RefusalField::kBucket, id.value);
    }
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
Ruling check_changeable(const EventState& event, const Context& c, Version seen) {
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

Ruling check_day(Day day, RefusalField field, Day today) {
  if (day < kFirstDay) return out_of_range(field, day.value, kFirstDay.value);
  if (day > kLastDay) return out_of_range(field, day.value, kLastDay.value);
  if (day > today) return refuse(RefusalCode::kDayInFuture, field, day.value, today.value);
  return {};
}

Ruling check_not_before(Day day, RefusalField field, Day earliest) {
  if (day < earliest) {
    return refuse(RefusalCode::kDaysOutOfOrder, field, day.value, earliest.value);
  }
  return {};
}

Ruling check_days(const EventFacts& f, const Policy& policy, Day today) {
  if (auto ok = check_day(f.occurred, RefusalField::kOccurred, today); !ok) return ok;
  if (auto ok = check_day(f.decided, RefusalField::kDecided, today); !ok) return ok;
  if (auto ok = check_not_before(f.decided, RefusalField::kDecided, f.occurred); !ok) return ok;
  if (f.ended) {
    if (auto ok = check_day(*f.ended, RefusalField::kEnded, today); !ok) return ok;
    if (auto ok = check_not_before(*f.ended, RefusalField::kEnded, f.occurred); !ok) return ok;
  }
  if (f.notified) {
    if (auto ok = check_day(*f.notified, RefusalField::kNotified, today); !ok) return ok;
  }
  if (f.backfill && f.decided >= policy.genesis_day) {
    return out_of_range(RefusalField::kBackfill, f.decided.value, policy.genesis_day.value);
  }
  return {};
}

Ruling check_needs(const PublicFacts& p, const EventFacts& f, const EventCode& code) {
  const auto missing = [](RefusalField field) { return refuse(RefusalCode::kFieldMissing, field); };
  if ((code.needs & kNeedsAmount) != 0 && !p.amount_fen) return missing(RefusalField::kAmount);
  if ((code.needs & kNeedsDoc) != 0 && p.doc.empty()) return missing(RefusalField::kDoc);
  if ((code.needs & kNeedsGrid) != 0 && !p.grid) return missing(RefusalField::kGrid);
  if ((code.needs & kNeedsNotice) != 0 && (!f.notified || *f.notified > f.decided)) {
    return refuse(RefusalCode::kNoticeMissing);
  }
  return {};
}

Ruling check_public(const PublicFacts& p, const EventFacts& f, const Policy& policy) {
  const EventCode* code = policy.catalog.find(p.code);
  if (code == nullptr) return refuse(RefusalCode::kNoSuchCode, RefusalField::kCode, p.code.value);
  if (!std::binary_search(code->rules.begin(), code->rules.end(), f.rule)) {
    return refuse(RefusalCode::kRuleNotAllowed, RefusalField::kRule, f.rule.value, p.code.value);
  }
  if (auto ok = check_text(p.doc, RefusalField::kDoc, kMaxDocBytes, false); !ok) return ok;
  if (auto ok = check_text(p.basis.text, RefusalField::kBasis, kMaxBasisBytes, true); !ok) {
    return ok;
  }
  if (p.basis.level > code->weakest_basis) {
    return refuse(RefusalCode::kBasisInsufficient, RefusalField::kBasis,
                  static_cast<std::int64_t>(p.basis.level),
                  static_cast<std::int64_t>(code->weakest_basis));
  }
  if (p.amount_fen && *p.amount_fen > kMaxAmountFen) {
    return out_of_range(
        RefusalField::kAmount,
        static_cast<std::int64_t>(std::min<std::uint64_t>(*p.amount_fen, INT64_MAX)),
        static_cast<std::int64_t>(kMaxAmountFen));
  }
  if (p.grid && (p.grid->set == 0 || p.grid->district == 0)) {
    return out_of_range(RefusalField::kGrid, p.grid->district);
  }
  return check_needs(p, f, *code);
}

Ruling check_committed(const CommittedFacts& p, const EventFacts& f, const Policy& policy) {
  if (const RefusalField day = plain_field(f); day != RefusalField::kNone) {
    return refuse(RefusalCode::kPlaintextForPerson, day);  // the day itself is not repeated
  }
  const Bucket* bucket = policy.catalog.find(p.bucket);
  if (bucket == nullptr) {
    return refuse(RefusalCode::kNoSuchBucket, RefusalField::kBucket, p.bucket.value);
  }
  if (bucket->rule != f.rule) {
    return refuse(RefusalCode::kRuleNotAllowed, RefusalField::kRule, f.rule.value, p.bucket.value);
  }
  if (p.commitment.is_zero()) return out_of_range(RefusalField::kCommitment);
  return {};
}

Ruling check_facts(const EventFacts& f, const Policy& policy, Day today) {
  const Rule* rule = policy.catalog.find(f.rule);
  if (rule == nullptr) {
    return refuse(RefusalCode::kNoSuchRule, RefusalField::kRule, f.rule.value);
  }
  if (auto ok = check_days(f, policy, today); !ok) return ok;
  const auto* p = std::get_if<PublicFacts>(&f.what);
  auto ok = p != nullptr ? check_public(*p, f, policy)
                         : check_committed(std::get<CommittedFacts>(f.what), f, policy);
  if (!ok) return ok;
  if (!in_force(*rule, f.decided,
                p != nullptr ? SubjectClass::kEnterprise : SubjectClass::kPerson)) {
    return refuse(RefusalCode::kRuleNotInForce, RefusalField::kRule, f.rule.value, f.decided.value);
  }
  return {};
}

// As text where the facts are public, so that every spelling of one case meets the same event;
// never as text where they are a person's.
Ruling check_source(const Source& source, bool public_facts) {
  const auto* text = std::get_if<std::string>(&source);
  if (public_facts && text == nullptr)
    return refuse(RefusalCode::kSourceForm, RefusalField::kSource);
  if (text == nullptr) return {};
  if (!public_facts) return refuse(RefusalCode::kPlaintextForPerson, RefusalField::kSource);
  return check_text(*text, RefusalField::kSource, kMaxSourceBytes, true, TextForm::kKey);
}

}  // namespace

Ruling check(const EventRecord& e, const Policy& policy, Day today) {
  if (auto ok = check_facts(e.facts, policy, today); !ok || !e.source) return ok;
  return check_source(*e.source, is_public(e.facts));
}

Ruling check(const EventCorrect& e, const Policy& policy, Day today) {
  return check_facts(e.facts, policy, today);
}

Ruling check(const EventWithdraw&, const Policy&, Day) { return {}; }

Ruling apply(const EventRecord& e, Context& c) {
  auto& dossier_slot = c.state.at<DossierState>(e.subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);
  if (dossier_slot.value->life != SubjectLife::kOpen) return refuse(RefusalCode::kSubjectClosed);
  if (auto ok = check_against(e.facts, *dossier_slot.value, *c.actor, c.policy); !ok) return ok;
  const EventId id =
      e.source ? event_id(c.agency_id(), key_of(*e.source)) : event_id(c.submission, c.index);
  auto& slot = c.state.at<EventState>(id);
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

Ruling apply(const EventCorrect& e, Context& c) {
  auto& old_slot = c.state.at<EventState>(e.event);
  if (!old_slot.value) return refuse(RefusalCode::kNoSuchEvent);
  if (auto ok = check_changeable(*old_slot.value, c, e.version); !ok) return ok;
  auto& dossier_slot = c.state.at<DossierState>(old_slot.value->subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);
  if (auto ok = check_against(e.facts, *dossier_slot.value, *c.actor, c.policy); !ok) return ok;

  const EventId id = event_id(c.submission, c.index);
  DossierState& dossier = dossier_slot.edit();
  EventState& old_event = old_slot.edit();
  EventState& event = c.state.at<EventState>(id).put(EventState{});
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
                           .detail = static_cast<std::uint8_t>(e.reason),
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

Ruling apply(const EventWithdraw& e, Context& c) {
  auto& slot = c.state.at<EventState>(e.event);
  if (!slot.value) return refuse(RefusalCode::kNoSuchEvent);
  if (auto ok = check_changeable(*slot.value, c, e.version); !ok) return ok;
  auto& dossier_slot = c.state.at<DossierState>(slot.value->subject);
  if (!dossier_slot.value) return refuse(RefusalCode::kNoSuchSubject, RefusalField::kSubject);

  DossierState& dossier = dossier_slot.edit();
  EventState& event = slot.edit();
  count_out(dossier, event);
  event.life = Life::kWithdrawn;  // an open dispute stays on its record
  event.record_version = event.record_version.next();
  event.last_seq = append(c, event.subject, dossier,
                          {.op = Transition::kWithdraw,
                           .detail = static_cast<std::uint8_t>(e.reason),
                           .event = e.event,
                           .version = event.record_version,
                           .prev_seq = event.last_seq,
                           .codes = codes_of(event.facts)});
  return {};
}

}  // namespace imi::ledger::execution
