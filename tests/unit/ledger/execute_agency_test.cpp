// Agencies: authority, and the entries that change it.
#include "ledger/db/rows.h"
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

AgencyUpdate update_of(const AgencyId& id, std::uint32_t version) {
  AgencyUpdate u;
  u.id = id;
  u.version = Version(version);
  return u;
}

SubjectEnterprise shop(std::uint32_t n) { return {test_uscc(n), "shop", Division{440604010001}}; }

}  // namespace

TEST_CASE("The council registers an agency, which can then do what it was registered for") {
  World w;
  Agency a{"new", agency_id("new"), crypto::SecretKey::generate(w.random)};
  AgencyRegister reg = new_agency("new", a.key.public_key());
  reg.profile.parent = w.market.id;
  reg.profile.roles = {Role::kMarket};
  CHECK(what(w.run_one(a, shop(1))) == "no-such-author");
  const Outcome o = w.run_one(w.council, reg);
  REQUIRE(accepted(o));
  CHECK(o.id == chain::retag<Hash256>(a.id));
  const auto state = w.get<AgencyState>(Space::kAgency, a.id).value();
  CHECK(state.profile == reg.profile);
  CHECK(state.record_version == Version(1));
  CHECK(what(w.run_one(a, shop(1))) == "accepted");
  // A row beside the map lists it; those of genesis have none.
  std::vector<AgencyId> listed;
  for (const auto& [key, value] : w.view.rows) {
    if (const auto row = rows::parse_agency_key(key)) {
      CHECK(row->first == state.registered);
      listed.push_back(row->second);
    }
  }
  CHECK(listed == std::vector<AgencyId>{a.id});
}

TEST_CASE("An agency's registration is refused by name, and then nothing of it is there") {
  World w;
  const auto key = crypto::SecretKey::generate(w.random).public_key();
  const AgencyRegister good = new_agency("new", key);
  AgencyRegister bad = good;
  std::string expected;
  const Agency* by = &w.council;
  SUBCASE("the wrong author") {
    by = &w.market;
    expected = "role-missing";
  }
  SUBCASE("a short name that is not the id's") {
    bad.id = agency_id("x");
    expected = "field-out-of-range";
  }
  SUBCASE("a short name with other characters") {
    bad.profile.short_name = "New";
    bad.id = agency_id("New");
    expected = "field-out-of-range";
  }
  SUBCASE("no title") {
    bad.profile.title = "";
    expected = "field-text";
  }
  SUBCASE("a title that is not UTF-8") {
    bad.profile.title = "\xc0\xaf";
    expected = "field-text";
  }
  SUBCASE("a wrong check character") {
    bad.profile.uscc.bytes[17] = 'X';
    expected = "uscc-invalid";
  }
  SUBCASE("an unknown field") {
    bad.profile.fields = {FieldId(9)};
    expected = "no-such-field";
  }
  SUBCASE("no division") {
    bad.profile.divisions = {};
    expected = "field-out-of-range";
  }
  SUBCASE("a division outside the council's") {
    bad.profile.divisions = {Division{110000000000}};
    expected = "out-of-jurisdiction";
  }
  SUBCASE("no key") {
    bad.profile.keys = {};
    expected = "field-out-of-range";
  }
  SUBCASE("an invalid key") {
    bad.profile.keys = {crypto::PublicKey{}};
    expected = "key-invalid";
  }
  SUBCASE("one key twice") {
    bad.profile.keys = {key, key};
    expected = "field-order";
  }
  SUBCASE("another agency's key") {
    bad.profile.keys = {w.food.key.public_key()};
    expected = "key-reused";
  }
  SUBCASE("no such parent") {
    bad.profile.parent = agency_id("nobody");
    expected = "no-such-agency";
  }
  SUBCASE("itself as parent") {
    bad.profile.parent = bad.id;
    expected = "parent-loop";
  }
  const auto before = w.view.records.size();
  CHECK(what(w.run_one(*by, bad)) == expected);
  CHECK_FALSE(w.get<AgencyState>(Space::kAgency, bad.id).has_value());
  CHECK(w.view.records.size() == before + 1);  // the submission's fate alone
  CHECK(w.view.log.empty());
}

TEST_CASE("An agency is registered once") {
  World w;
  const auto reg = new_agency("new", crypto::SecretKey::generate(w.random).public_key());
  CHECK(accepted(w.run_one(w.council, reg)));
  CHECK(what(w.run_one(w.council, reg)) == "already-registered");
}

TEST_CASE("A rotated key counts from the very next entry on, within one block") {
  World w;
  const auto fresh = crypto::SecretKey::generate(w.random);
  AgencyUpdate rotate = update_of(w.market.id, 1);
  rotate.keys = std::vector{fresh.public_key()};
  const AuthorId market = chain::retag<AuthorId>(w.market.id);
  const auto before = w.sign(w.market, {shop(1)});
  const auto change = w.sign(w.council, {rotate});
  const auto with_old = w.sign(w.market, {shop(2)});
  const auto with_new = w.sign(market, fresh, {shop(3)});
  const auto r = w.execute_block({before, change, with_old, with_new});
  CHECK(r.submissions[0].outcomes.refused.empty());
  CHECK(r.submissions[1].outcomes.refused.empty());
  REQUIRE(r.submissions[2].outcomes.refused.size() == 1);
  CHECK(r.submissions[2].outcomes.refused[0].refusal.code == RefusalCode::kKeyNotAuthorised);
  CHECK(r.submissions[3].outcomes.refused.empty());
}

TEST_CASE("A council agency that rotates its own key loses the old one between two entries") {
  World w;
  const auto fresh = crypto::SecretKey::generate(w.random);
  AgencyUpdate rotate = update_of(w.council.id, 1);
  rotate.keys = std::vector{fresh.public_key()};
  AgencyUpdate rename = update_of(w.food.id, 1);
  rename.title = "Renamed";
  const auto outcomes = w.run(w.council, {rotate, rename});
  CHECK(what(outcomes[0]) == "accepted");
  CHECK(what(outcomes[1]) == "key-not-authorised");
}

TEST_CASE("A retired key can be nobody's again, not even its former owner's") {
  World w;
  const auto fresh = crypto::SecretKey::generate(w.random);
  AgencyUpdate rotate = update_of(w.food.id, 1);
  rotate.keys = std::vector{fresh.public_key()};
  REQUIRE(accepted(w.run_one(w.council, rotate)));
  AgencyUpdate back = update_of(w.food.id, 2);
  back.keys = std::vector{w.food.key.public_key()};
  CHECK(what(w.run_one(w.council, back)) == "key-reused");
  const auto other = new_agency("other", w.food.key.public_key());
  CHECK(what(w.run_one(w.council, other)) == "key-reused");
  AgencyUpdate keep = update_of(w.food.id, 2);
  keep.keys = std::vector{fresh.public_key()};
  CHECK(what(w.run_one(w.council, keep)) == "accepted");
}

TEST_CASE("A suspended agency does nothing until it is reinstated; a closed one never") {
  World w;
  AgencyUpdate suspend = update_of(w.market.id, 1);
  suspend.status = AgencyStatus::kSuspended;
  REQUIRE(accepted(w.run_one(w.council, suspend)));
  CHECK(what(w.run_one(w.market, shop(1))) == "author-suspended");
  AgencyUpdate reinstate = update_of(w.market.id, 2);
  reinstate.status = AgencyStatus::kActive;
  REQUIRE(accepted(w.run_one(w.council, reinstate)));
  CHECK(what(w.run_one(w.market, shop(1))) == "accepted");
  AgencyUpdate close = update_of(w.market.id, 3);
  close.status = AgencyStatus::kClosed;
  REQUIRE(accepted(w.run_one(w.council, close)));
  CHECK(what(w.run_one(w.market, shop(2))) == "author-suspended");
  reinstate.version = Version(4);
  CHECK(what(w.run_one(w.council, reinstate)) == "field-out-of-range");
}

TEST_CASE("An update names the version it saw, and changes only what it gives") {
  World w;
  AgencyUpdate u = update_of(w.food.id, 1);
  u.title = "Food office";
  REQUIRE(accepted(w.run_one(w.council, u)));
  const Outcome stale = w.run_one(w.council, u);
  CHECK(what(stale) == "stale-version");
  CHECK(stale.refusal.a == 1);
  CHECK(stale.refusal.b == 2);
  const auto state = w.get<AgencyState>(Space::kAgency, w.food.id).value();
  CHECK(state.profile.title == "Food office");
  CHECK(state.profile.roles.has(Role::kRecorder));
  CHECK(state.profile.keys == std::vector{w.food.key.public_key()});
  CHECK(what(w.run_one(w.council, update_of(w.food.id, 2))) == "field-out-of-range");
  u.id = agency_id("nobody");
  CHECK(what(w.run_one(w.council, u)) == "no-such-agency");
  u.id = w.food.id;
  CHECK(what(w.run_one(w.food, u)) == "role-missing");
}

TEST_CASE("Parents never form a loop") {
  World w;
  AgencyUpdate a = update_of(w.food.id, 1);
  a.parent = w.market.id;
  REQUIRE(accepted(w.run_one(w.council, a)));
  AgencyUpdate b = update_of(w.market.id, 1);
  b.parent = w.tax.id;
  REQUIRE(accepted(w.run_one(w.council, b)));
  AgencyUpdate loop = update_of(w.tax.id, 1);
  loop.parent = w.food.id;
  CHECK(what(w.run_one(w.council, loop)) == "parent-loop");
  AgencyUpdate cut = update_of(w.food.id, 2);
  cut.parent = AgencyId{};
  REQUIRE(accepted(w.run_one(w.council, cut)));
  CHECK_FALSE(w.get<AgencyState>(Space::kAgency, w.food.id)->profile.parent.has_value());
  CHECK(what(w.run_one(w.council, loop)) == "accepted");
}

TEST_CASE("A council agency cannot lock itself out; another one can stop it") {
  World w;
  AgencyUpdate suspend = update_of(w.council.id, 1);
  suspend.status = AgencyStatus::kSuspended;
  CHECK(what(w.run_one(w.council, suspend)) == "self-lockout");
  AgencyUpdate abdicate = update_of(w.council.id, 1);
  abdicate.roles = Roles{Role::kRecorder};
  CHECK(what(w.run_one(w.council, abdicate)) == "self-lockout");
  CHECK(what(w.run_one(w.other_council, suspend)) == "accepted");
}

TEST_CASE("An agency outside the author's jurisdiction, or above its tier, is not changed") {
  World w;
  AgencyUpdate narrow = update_of(w.council.id, 1);
  narrow.divisions = std::vector{Division{440604010000}};
  REQUIRE(accepted(w.run_one(w.other_council, narrow)));
  // The narrower council no longer reaches the district's agencies, whatever it would change.
  AgencyUpdate title = update_of(w.food.id, 1);
  title.title = "x";
  CHECK(what(w.run_one(w.council, title)) == "out-of-jurisdiction");
  AgencyUpdate lower = update_of(w.council.id, 2);
  lower.divisions = std::vector{Division{440600000000}};
  lower.tier = AgencyTier::kTown;
  REQUIRE(accepted(w.run_one(w.other_council, lower)));
  const Outcome above = w.run_one(w.council, title);
  CHECK(what(above) == "field-out-of-range");
  CHECK(describe(above.refusal).find("tier: tier 3 is above the author's own tier, 4") == 0);
  // Nor does anyone raise an agency, or register one, above itself.
  title.tier = AgencyTier::kNational;
  CHECK(what(w.run_one(w.other_council, title)) == "field-out-of-range");
  AgencyRegister reg = new_agency("new", crypto::SecretKey::generate(w.random).public_key());
  reg.profile.tier = AgencyTier::kCity;
  CHECK(what(w.run_one(w.other_council, reg)) == "field-out-of-range");
}
