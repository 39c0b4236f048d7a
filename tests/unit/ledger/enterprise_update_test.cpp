// enterprise.update: what changes of an enterprise's registration.
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

struct Registered : World {
  SubjectId id = enterprise(1);

  static EnterpriseUpdate update(std::uint32_t version = 1) {
    EnterpriseUpdate e;
    e.uscc = test_uscc(1);
    e.version = Version(version);
    return e;
  }
  [[nodiscard]] SubjectState subject() const {
    return get<SubjectState>(Space::kSubject, id).value();
  }
  [[nodiscard]] EnterpriseState shop() const { return std::get<EnterpriseState>(subject().who); }
};

}  // namespace

TEST_CASE("A market regulator changes what is given of an enterprise, and the rest stays") {
  Registered w;
  const EnterpriseState before = w.shop();
  EnterpriseUpdate e = Registered::update();
  e.name = "海港厨房";
  const Outcome o = w.run_one(w.market, e);
  REQUIRE(accepted(o));
  CHECK(o.id == chain::retag<Hash256>(w.id));
  EnterpriseState expected = before;
  expected.name = "海港厨房";
  CHECK(w.shop() == expected);
  CHECK(w.subject().record_version == Version(2));
  CHECK(w.subject().changed == w.height);
  CHECK(w.subject().registered < w.height);

  e = Registered::update(2);
  e.status = EnterpriseStatus::kDeregistered;
  e.sole_trader = true;
  REQUIRE(accepted(w.run_one(w.market, e)));
  expected.status = EnterpriseStatus::kDeregistered;
  expected.sole_trader = true;
  CHECK(w.shop() == expected);
  CHECK(w.subject().record_version == Version(3));
}

TEST_CASE("An enterprise that moved is recorded by the agencies of where it is now") {
  Registered w;
  EnterpriseUpdate e = Registered::update();
  e.division = Division{440604020002};
  REQUIRE(accepted(w.run_one(w.market, e)));
  CHECK(w.shop().division == *e.division);
  CHECK(w.dossier(w.id).division == *e.division);
  // Its events are untouched, and new ones are of the new place.
  EventFacts facts = food_facts(w.today());
  std::get<PublicFacts>(facts.what).grid.reset();
  CHECK(accepted(w.run_one(w.food, EventRecord{w.id, facts, "case 1"})));
}

TEST_CASE("A change of an enterprise is refused by name, and leaves no trace") {
  Registered w;
  const Agency* by = &w.market;
  EnterpriseUpdate e = Registered::update();
  e.name = "new";
  std::string expected;
  SUBCASE("nothing to change") {
    e.name.reset();
    expected = "field-out-of-range";
  }
  SUBCASE("no market role") {
    by = &w.food;
    expected = "role-missing";
  }
  SUBCASE("not registered") {
    e.uscc = test_uscc(2);
    expected = "no-such-subject";
  }
  SUBCASE("a version that is not in force") {
    e.version = Version(2);
    expected = "stale-version";
  }
  SUBCASE("a move to where the author has no jurisdiction") {
    e.division = Division{440605010001};
    expected = "out-of-jurisdiction";
  }
  SUBCASE("a move to nowhere") {
    e.division = Division{};
    expected = "field-out-of-range";
  }
  SUBCASE("an empty name") {
    e.name = "";
    expected = "field-text";
  }
  SUBCASE("a name that is not clean") {
    e.name = "a\u202eb";
    expected = "field-text";
  }
  const SubjectState before = w.subject();
  const auto records = w.view.records.size();
  const auto log = w.view.log.size();
  CHECK(what(w.run_one(*by, e)) == expected);
  CHECK(w.subject() == before);
  CHECK(w.view.records.size() == records + 1);  // the submission's fate alone
  CHECK(w.view.log.size() == log);
}

TEST_CASE("Who saw an older version changes nothing: of two clerks the second reads again") {
  Registered w;
  EnterpriseUpdate first = Registered::update();
  first.name = "one";
  EnterpriseUpdate second = Registered::update();
  second.name = "two";
  const auto done = w.run(w.market, {first, second});
  CHECK(what(done[0]) == "accepted");
  CHECK(what(done[1]) == "stale-version");
  CHECK(done[1].refusal.b == 2);
  CHECK(w.shop().name == "one");
}
