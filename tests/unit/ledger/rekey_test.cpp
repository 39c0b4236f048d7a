// agency.rekey: an agency changes its own keys.
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

struct Rekeying : World {
  crypto::SecretKey fresh = crypto::SecretKey::generate(random);

  AgencyRekey add(const Agency& agency, const crypto::SecretKey& key, std::uint32_t version = 1) {
    AgencyRekey e;
    e.id = agency.id;
    e.version = Version(version);
    e.add = key.public_key();
    e.holding =
        key.sign(agency_key_digest(policy->genesis, agency.id, e.version, key.public_key()));
    return e;
  }
  AgencyRekey remove(const Agency& agency, const crypto::PublicKey& key, std::uint32_t version) {
    AgencyRekey e;
    e.id = agency.id;
    e.version = Version(version);
    e.remove = key;
    return e;
  }
  [[nodiscard]] AgencyState agency(const Agency& a) const {
    return get<AgencyState>(Space::kAgency, a.id).value();
  }
  EventRecord note(std::uint32_t n) {
    return {enterprise_id(test_uscc(1)), food_facts(today()), "case " + std::to_string(n)};
  }
};

}  // namespace

TEST_CASE("An agency replaces its key by itself: the new one signs, the old one no longer") {
  Rekeying w;
  (void)w.enterprise(1);
  REQUIRE(accepted(w.run_one(w.food, w.add(w.food, w.fresh))));
  CHECK(w.agency(w.food).profile.keys.size() == 2);
  CHECK(w.agency(w.food).record_version == Version(2));
  CHECK(w.agency(w.food).changed == w.height);
  // Both sign until the old one is removed, here by the new one.
  REQUIRE(accepted(w.run_one(w.food, w.note(1))));
  const Agency renewed{w.food.short_name, w.food.id, std::move(w.fresh)};
  REQUIRE(accepted(w.run_one(renewed, w.remove(w.food, w.food.key.public_key(), 2))));
  CHECK(what(w.run_one(w.food, w.note(2))) == "key-not-authorised");
  CHECK(what(w.run_one(renewed, w.note(3))) == "accepted");
  // What the agency may do otherwise is as before.
  CHECK(w.agency(w.food).profile.roles == Roles{Role::kRecorder});
  // A key that was its own once is nobody's afterwards, not even its own again.
  CHECK(what(w.run_one(renewed, w.add(w.food, w.food.key, 3))) == "key-reused");
}

TEST_CASE("A key is added and another removed in one entry, and that counts from the next one on") {
  Rekeying w;
  (void)w.enterprise(1);
  AgencyRekey both = w.add(w.food, w.fresh);
  both.remove = w.food.key.public_key();
  const auto done = w.run(w.food, {w.note(1), both, w.note(2)});
  CHECK(what(done[0]) == "accepted");
  CHECK(what(done[1]) == "accepted");
  CHECK(what(done[2]) == "key-not-authorised");
  CHECK(w.agency(w.food).profile.keys == std::vector{w.fresh.public_key()});
}

TEST_CASE("A change of keys is refused by name, and leaves no trace") {
  Rekeying w;
  const Agency* by = &w.food;
  AgencyRekey e = w.add(w.food, w.fresh);
  std::string expected;
  SUBCASE("nothing to change") {
    e.add.reset();
    e.holding.reset();
    expected = "field-out-of-range";
  }
  SUBCASE("another agency's keys") {
    by = &w.tax;
    expected = "not-own-agency";
  }
  SUBCASE("another agency's keys, by the council") {
    by = &w.council;
    expected = "not-own-agency";
  }
  SUBCASE("a version that is not in force") {
    e = w.add(w.food, w.fresh, 2);
    expected = "stale-version";
  }
  SUBCASE("no signature by the new key") {
    e.holding.reset();
    expected = "key-not-held";
  }
  SUBCASE("a signature without a key") {
    e.remove = w.food.key.public_key();
    e.add.reset();
    expected = "key-not-held";
  }
  SUBCASE("a signature by the old key") {
    e.holding = w.food.key.sign(
        agency_key_digest(w.policy->genesis, w.food.id, e.version, w.fresh.public_key()));
    expected = "key-not-held";
  }
  SUBCASE("a signature made for another agency") {
    e.holding = w.add(w.tax, w.fresh).holding;
    expected = "key-not-held";
  }
  SUBCASE("a signature made for another version") {
    e.holding = w.add(w.food, w.fresh, 7).holding;
    expected = "key-not-held";
  }
  SUBCASE("no point of the curve") {
    e.add = crypto::PublicKey{};
    expected = "key-invalid";
  }
  SUBCASE("another agency's key") {
    e = w.add(w.food, w.tax.key);
    expected = "key-reused";
  }
  SUBCASE("a key that it has") {
    e = w.add(w.food, w.food.key);
    expected = "key-reused";
  }
  SUBCASE("a key to remove that it does not have") {
    e = w.remove(w.food, w.tax.key.public_key(), 1);
    expected = "no-such-key";
  }
  SUBCASE("its last key") {
    e = w.remove(w.food, w.food.key.public_key(), 1);
    expected = "field-out-of-range";
  }
  const AgencyState before = w.agency(w.food);
  const auto records = w.view.records.size();
  CHECK(what(w.run_one(*by, e)) == expected);
  CHECK(w.agency(w.food) == before);
  CHECK(w.view.records.size() == records + 1);  // the submission's fate alone
  CHECK(w.view.log.empty());
}

TEST_CASE("An agency has eight keys at most") {
  Rekeying w;
  for (std::uint32_t n = 1; n < kMaxAgencyKeys; ++n) {
    const auto key = crypto::SecretKey::generate(w.random);
    REQUIRE(accepted(w.run_one(w.food, w.add(w.food, key, n))));
  }
  CHECK(what(w.run_one(w.food, w.add(w.food, w.fresh, kMaxAgencyKeys))) == "field-out-of-range");
  CHECK(std::ranges::is_sorted(w.agency(w.food).profile.keys));
}

TEST_CASE("A suspended agency changes no key") {
  Rekeying w;
  AgencyUpdate stop;
  stop.id = w.food.id;
  stop.version = Version(1);
  stop.status = AgencyStatus::kSuspended;
  REQUIRE(accepted(w.run_one(w.council, stop)));
  CHECK(what(w.run_one(w.food, w.add(w.food, w.fresh, 2))) == "author-suspended");
}
