// The status of events and rolls on a day, at every boundary.
#include "ledger/credit/status.h"

#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

const Rule& rule(const Catalog& c, RuleId id) { return *c.find(id); }

EventState event_on(Day decided) {
  EventState e;
  e.facts = food_facts(decided);
  e.recorded = decided.plus(9);
  return e;
}

}  // namespace

TEST_CASE("A general breach is published from its decision for exactly twelve months") {
  const Catalog c = small_catalog();
  const EventState e = event_on(day_from({2024, 2, 29}));
  const auto on = [&](CivilDate d) { return status(e, rule(c, kGeneral), day_from(d)); };
  CHECK(on({2024, 2, 29}).published);
  CHECK(on({2025, 2, 27}).published);
  CHECK_FALSE(on({2025, 2, 28}).published);  // 29 February + 12 months, clamped
  CHECK(on({2025, 2, 28}).expired);
  CHECK(on({2025, 2, 28}).shared);  // at the maximum only publication stops
  CHECK(*on({2024, 2, 29}).publish_until == day_from({2025, 2, 28}));
  CHECK_FALSE(on({2024, 5, 28}).repairable);
  CHECK(on({2024, 5, 29}).repairable);
}

TEST_CASE("Around every month end, expiry is the first day that is not published") {
  const Catalog c = small_catalog();
  for (RuleId id : {kGeneral, kSerious}) {
    const Rule& r = rule(c, id);
    for (std::int32_t i = 0; i < 1462; ++i) {  // four years, a leap year among them
      const EventState e = event_on(day_from({2023, 1, 1}).plus(i));
      const Day end = add_months(e.facts.decided, r.max_months);
      CHECK(status(e, r, e.facts.decided).published);
      CHECK(status(e, r, end.prev()).published);
      CHECK_FALSE(status(e, r, end.prev()).expired);
      CHECK_FALSE(status(e, r, end).published);
      CHECK(status(e, r, end).expired);
      CHECK(status(e, r, end).publish_until == end);
    }
  }
}

TEST_CASE("A minor breach is never published, and is over after three months") {
  const Catalog c = small_catalog();
  const EventState e = event_on(day_from({2026, 1, 31}));
  CHECK_FALSE(status(e, rule(c, kMinor), day_from({2026, 1, 31})).published);
  CHECK(status(e, rule(c, kMinor), day_from({2026, 1, 31})).shared);
  CHECK(status(e, rule(c, kMinor), day_from({2026, 1, 31})).repairable);  // no minimum
  CHECK_FALSE(status(e, rule(c, kMinor), day_from({2026, 4, 29})).expired);
  CHECK(status(e, rule(c, kMinor), day_from({2026, 4, 30})).expired);
}

TEST_CASE("The clock may start when the event was recorded instead") {
  Catalog c = small_catalog();
  Rule r = rule(c, kGeneral);
  r.start = ClockStart::kRecord;
  const EventState e = event_on(day_from({2026, 1, 1}));
  CHECK(clock_start(e, r) == day_from({2026, 1, 10}));
  CHECK(status(e, r, day_from({2027, 1, 9})).published);
  CHECK_FALSE(status(e, r, day_from({2027, 1, 10})).published);
}

TEST_CASE("A person's negative event leaves every answer five years after the act's end") {
  const Catalog c = small_catalog();
  const Rule& r = rule(c, kPerson);
  EventState e = event_on(day_from({2020, 3, 1}));
  const Day late = day_from({2100, 1, 1});
  CHECK_FALSE(status(e, r, late).sealed);  // not ended: the five years have not begun
  CHECK(status(e, r, late).shared);
  e.facts.ended = day_from({2020, 5, 1});
  CHECK_FALSE(status(e, r, day_from({2025, 4, 30})).sealed);
  const auto sealed = status(e, r, day_from({2025, 5, 1}));
  CHECK(sealed.sealed);
  CHECK_FALSE(sealed.shared);
  CHECK_FALSE(sealed.published);
  CHECK_FALSE(sealed.repairable);
}

TEST_CASE("Disputed and expired are reported at once; overdue begins the day after the deadline") {
  const Catalog c = small_catalog();
  EventState e = event_on(day_from({2024, 1, 1}));
  e.dispute = {DisputeState::kOpen, day_from({2025, 3, 1}), day_from({2025, 3, 21})};
  const auto on = [&](CivilDate d) { return status(e, rule(c, kGeneral), day_from(d)); };
  CHECK(on({2025, 3, 21}).disputed);
  CHECK(on({2025, 3, 21}).expired);
  CHECK_FALSE(on({2025, 3, 21}).overdue);
  CHECK(on({2025, 3, 22}).overdue);
}

TEST_CASE("What is superseded, withdrawn or repaired is neither published nor shared") {
  const Catalog c = small_catalog();
  for (Life life : {Life::kSuperseded, Life::kWithdrawn, Life::kRepaired}) {
    EventState e = event_on(day_from({2026, 1, 1}));
    e.life = life;
    e.dispute.state = DisputeState::kOpen;
    const auto s = status(e, rule(c, kGeneral), day_from({2026, 1, 2}));
    CHECK(s.life == life);
    CHECK_FALSE(s.published);
    CHECK_FALSE(s.shared);
    CHECK_FALSE(s.repairable);
    CHECK_FALSE(s.disputed);
  }
}

TEST_CASE("A rule that is not shared keeps its events to the recorder") {
  Catalog c = small_catalog();
  Rule r = rule(c, kMinor);
  r.shared = false;
  CHECK_FALSE(status(event_on(day_from({2026, 1, 1})), r, day_from({2026, 1, 2})).shared);
}

TEST_CASE("A roll proves that all has expired exactly when no event of it is published any more") {
  const Catalog c = small_catalog();
  const Rule& r = rule(c, kGeneral);
  Roll roll;
  roll.rule = kGeneral;
  const std::vector<Day> days = {day_from({2023, 1, 31}), day_from({2024, 2, 29}),
                                 day_from({2023, 12, 31})};
  for (Day d : days) {
    roll.live += 1;
    roll.unended += 1;
    roll.max_start = std::max(roll.max_start, d);
  }
  bool before = false;
  for (Day t = days[0]; t < day_from({2025, 6, 1}); t = t.next()) {
    const bool any = std::any_of(days.begin(), days.end(),
                                 [&](Day d) { return status(event_on(d), r, t).published; });
    const bool proved = status(roll, r, t).all_expired;
    if (t >= days[1]) CHECK(proved == !any);
    CHECK_FALSE((before && !proved));  // once true, true for ever
    before = proved;
  }
  CHECK(before);
}

TEST_CASE("A roll proves sealed only when every act has ended long enough ago") {
  const Catalog c = small_catalog();
  const Rule& r = rule(c, kPerson);
  Roll roll;
  roll.rule = kPerson;
  roll.live = 2;
  roll.unended = 1;
  roll.max_start = day_from({2020, 1, 1});
  roll.max_ended = day_from({2020, 5, 1});
  CHECK_FALSE(status(roll, r, day_from({2099, 1, 1})).all_sealed);
  roll.unended = 0;
  CHECK_FALSE(status(roll, r, day_from({2025, 4, 30})).all_sealed);
  CHECK(status(roll, r, day_from({2025, 5, 1})).all_sealed);
  roll.live = 0;
  roll.unended = 0;
  CHECK(status(roll, r, day_from({2020, 1, 1})).nothing_live);
  CHECK(status(roll, r, day_from({2020, 1, 1})).all_sealed);
}
