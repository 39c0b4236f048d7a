#include "ledger/credit/status.h"

#include "ledger/core/calendar.h"

namespace imi::ledger {

Day clock_start(const EventState& event, const Rule& rule) {
  switch (rule.start) {
    case ClockStart::kDecision: return event.facts.decided;
    case ClockStart::kRecord: return event.recorded;
  }
  return event.facts.decided;
}

EventStatus status(const EventState& event, const Rule& rule, Day day) {
  EventStatus s;
  s.life = event.life;
  s.disputed = event.life == Life::kLive && event.dispute.state == DisputeState::kOpen;
  s.overdue = s.disputed && day > event.dispute.deadline;

  s.publish_from = clock_start(event, rule);
  if (rule.max_months != 0) s.publish_until = add_months(s.publish_from, rule.max_months);
  s.expired = s.publish_until && day >= *s.publish_until;
  if (rule.seal_months != 0 && event.facts.ended) {
    s.sealed_from = add_months(*event.facts.ended, rule.seal_months);
  }
  s.sealed = s.sealed_from && day >= *s.sealed_from;

  const bool shown = event.life == Life::kLive && !s.sealed;
  s.shared = shown && rule.shared;
  s.published = shown && rule.published && !s.expired;
  if (rule.repairable) s.repair_from = add_months(s.publish_from, rule.min_months);
  s.repairable = shown && s.repair_from && day >= *s.repair_from;
  return s;
}

RollStatus status(const Roll& roll, const Rule& rule, Day day) {
  RollStatus s;
  s.nothing_live = roll.live == 0;
  s.all_expired = s.nothing_live ||
                  (rule.max_months != 0 && add_months(roll.max_start, rule.max_months) <= day);
  s.all_sealed = s.nothing_live || (rule.seal_months != 0 && roll.unended == 0 && roll.max_ended &&
                                    add_months(*roll.max_ended, rule.seal_months) <= day);
  return s;
}

}  // namespace imi::ledger
