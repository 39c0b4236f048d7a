// The status of an event on a day: what may be shown, shared, repaired, and what is over. A pure
// function of the event's state, its rule and the day; nothing is swept by a clock.
//
// Source: NDRC order 36.
#pragma once

#include <string_view>

#include "ledger/core/catalog.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"

namespace imi::ledger {

struct EventStatus {
  Life life = Life::kLive;
  bool disputed = false;             // an objection is open
  bool overdue = false;              // and its days have run out
  bool repairable = false;           // the minimum has passed and the rule allows repair
  bool published = false;            // shown to the public
  bool shared = false;               // handed to agencies and grantees
  bool expired = false;              // the maximum has passed: publication stopped on its own
  bool sealed = false;               // leaves every answer
  Day publish_from;                  // first day of the rule's months
  std::optional<Day> publish_until;  // first day no longer published; none = no maximum
  std::optional<Day> repair_from;    // first day repair may be granted; none = not repairable
  std::optional<Day> sealed_from;    // first day sealed; none = not known yet, or never
  bool operator==(const EventStatus&) const = default;
};

// The day from which the rule's months count for an event.
[[nodiscard]] Day clock_start(const EventState& event, const Rule& rule);
[[nodiscard]] EventStatus status(const EventState& event, const Rule& rule, Day day);

// What a roll proves on a day (monotone: once true, true on every later day unless a new event is
// recorded under the rule).
//  - nothing_live: no event under the rule is live;
//  - all_expired: every event under the rule is past its maximum: none is published;
//  - all_sealed: every event under the rule has left every answer.
struct RollStatus {
  bool nothing_live = false;
  bool all_expired = false;
  bool all_sealed = false;
  bool operator==(const RollStatus&) const = default;
};
[[nodiscard]] RollStatus status(const Roll& roll, const Rule& rule, Day day);

}  // namespace imi::ledger
