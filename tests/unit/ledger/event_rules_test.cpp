// What the catalog's rules and buckets allow to be recorded, and what a transition says of itself.
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

TEST_CASE("A rule counts for what was decided while it was in force") {
  World w;
  const SubjectId shop = w.enterprise(1);
  Policy changed = *w.policy;
  for (Rule& r : changed.catalog.rules) {
    if (r.id != kGeneral) continue;
    r.valid_from = w.today().plus(-20);
    r.valid_until = w.today().plus(-10);
  }
  w.policy = std::move(changed);
  const auto decided = [&](int days_ago) {
    EventFacts f = food_facts(w.today().plus(-days_ago));
    return what(w.run_one(w.food, EventRecord{shop, f, std::nullopt}));
  };
  CHECK(decided(21) == "rule-not-in-force");
  CHECK(decided(20) == "accepted");
  CHECK(decided(11) == "accepted");
  CHECK(decided(10) == "rule-not-in-force");
}

TEST_CASE("Of a person's month a rule is in force if it is on any of its days") {
  Rule rule;
  rule.valid_from = day_from({2026, 4, 15});
  rule.valid_until = day_from({2026, 6, 15});
  const auto month = [&](std::uint32_t m) {
    return in_force(rule, day_from({2026, m, 1}), SubjectClass::kPerson);
  };
  CHECK_FALSE(month(3));
  CHECK(month(4));
  CHECK(month(6));
  CHECK_FALSE(month(7));
  CHECK_FALSE(in_force(rule, day_from({2026, 4, 1}), SubjectClass::kEnterprise));
}

TEST_CASE("Only agencies of a bucket's fields record persons' events in it") {
  World w;
  const SubjectId person = w.person(1);
  const EventRecord e{person, person_facts(floor_to_month(w.today())), std::nullopt};
  CHECK(what(w.run_one(w.food, e)) == "accepted");
  Policy narrow = *w.policy;
  narrow.catalog.buckets[0].fields = {kTax};
  w.policy = std::move(narrow);
  const Outcome refused = w.run_one(w.food, e);
  CHECK(what(refused) == "type-scope");
  CHECK(refused.refusal.field == RefusalField::kBucket);
  CHECK(what(w.run_one(w.tax, e)) == "accepted");
}

TEST_CASE("A transition says where its entry stands, and why an event was changed") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const auto entry = [&] { return Entry(EventRecord{sid, food_facts(w.today()), std::nullopt}); };
  const auto first = w.sign(w.food, {entry(), entry()});
  const auto second = w.sign(w.food, {entry()});
  (void)w.execute_block({first, second});
  const EventId event = chain::retag<EventId>(
      result_id(second->entries[0], second->header.author, second->digests->id, 0));
  EventCorrect correct;
  correct.event = event;
  correct.facts = food_facts(w.today(), kSerious);
  correct.reason = ChangeReason::kFinalDecision;
  const auto corrected = w.run_one(w.food, correct);
  REQUIRE(accepted(corrected));
  REQUIRE(accepted(w.run_one(w.food, EventWithdraw{chain::retag<EventId>(corrected.id), Version(1),
                                                   ChangeReason::kDuplicate})));
  const auto rows = w.rows_of(sid);
  REQUIRE(rows.size() == 5);
  const auto place = [&](std::size_t i) {
    return std::pair(rows[i].leaf.submission, rows[i].leaf.entry);
  };
  CHECK(place(0) == std::pair(0U, 0U));
  CHECK(place(1) == std::pair(0U, 1U));
  CHECK(place(2) == std::pair(1U, 0U));
  CHECK(rows[2].leaf.body == second->digests->entries[0]);
  CHECK(rows[0].leaf.detail == 0);
  CHECK(rows[3].leaf.detail == static_cast<std::uint8_t>(ChangeReason::kFinalDecision));
  CHECK(rows[4].leaf.detail == static_cast<std::uint8_t>(ChangeReason::kDuplicate));
}
