// The precheck: it refuses what execution would, and nothing that execution would take.
#include "ledger/submission/precheck.h"

#include "base/hex.h"
#include "tests/unit/ledger/rules_world.h"

namespace imi::ledger::test {
namespace {

using Submitted = std::shared_ptr<const Submission>;

std::string look(const World& w, const Submitted& s) {
  const auto refusal = precheck(MapPrecheckView(w.view), *s).value();
  return refusal ? std::string(name(refusal->refusal.code)) : "passes";
}
std::string executed(World& w, const Submitted& s) {
  return what(expand(*s, w.peek({s})->submissions[0].outcomes).back());
}
// Both at once: what the look refuses, execution refuses by the same name.
std::string both(World& w, const Submitted& s) {
  const std::string early = look(w, s);
  const std::string late = executed(w, s);
  CHECK((early == late || (early == "passes" && late == "accepted")));
  return early;
}
EventRecord record_of(World& w, const SubjectId& subject, EventFacts facts) {
  const auto key = w.random.fixed<SourceKey>();
  if (std::holds_alternative<CommittedFacts>(facts.what)) return {subject, std::move(facts), key};
  return {subject, std::move(facts), to_hex(key)};
}

}  // namespace

TEST_CASE("An author must exist, sign with its own key and not be suspended") {
  World w;
  const Entry entry = SubjectEnterprise{test_uscc(1), "Shop", Division{440604010001},
                                        EnterpriseStatus::kActive, false};
  const AuthorId market = chain::retag<AuthorId>(w.market.id);
  CHECK(both(w, w.sign(market, w.market.key, {entry})) == "passes");
  CHECK(both(w, w.sign(market, w.food.key, {entry})) == "key-not-authorised");
  CHECK(both(w, w.sign(w.random.fixed<AuthorId>(), w.food.key, {entry})) == "no-such-author");
  AgencyUpdate suspend;
  suspend.id = w.market.id;
  suspend.version = Version{1};
  suspend.status = AgencyStatus::kSuspended;
  REQUIRE(accepted(w.run_one(w.council, suspend)));
  CHECK(both(w, w.sign(market, w.market.key, {entry})) == "author-suspended");
}

TEST_CASE("A stranger under the hash of its own key may only give back what it holds, once") {
  World w;
  const auto holder = crypto::SecretKey::generate(w.random);
  const auto stranger = crypto::SecretKey::generate(w.random);
  AttIssue a;
  a.id = w.random.fixed<AttestationId>();
  a.schema = kIdCard;
  a.level = 1;
  a.claims_root = w.random.fixed<Hash256>();
  a.claims = 1;
  a.holder_key_hash = key_hash(holder.public_key());
  a.from = w.time;
  a.until = w.time.plus(86'400'000);
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  const auto by = [&](const crypto::SecretKey& key, std::vector<Entry> entries) {
    return w.sign(chain::retag<AuthorId>(key_hash(key.public_key())), key, std::move(entries));
  };
  const AttStatus give_back{a.id, AttAction::kRevoke, AttReason::kSurrendered};
  const AttStatus unknown{w.random.fixed<AttestationId>(), AttAction::kRevoke,
                          AttReason::kSurrendered};
  const AttStatus suspend{a.id, AttAction::kSuspend, AttReason::kUnspecified};
  CHECK(both(w, by(stranger, {give_back})) == "not-issuer");
  CHECK(both(w, by(stranger, {unknown})) == "no-such-attestation");
  CHECK(both(w, by(holder, {suspend})) == "not-issuer");
  CHECK(look(w, by(stranger, {record_of(w, w.enterprise(1), food_facts(w.today()))})) ==
        "no-such-author");
  const auto once = by(holder, {give_back});
  CHECK(both(w, once) == "passes");
  w.execute_block({once});
  CHECK(both(w, by(holder, {give_back})) == "already-revoked");
}

TEST_CASE("Public facts about a person are refused before the pool, however they come") {
  World w;
  const SubjectId shop = w.enterprise(1);
  const SubjectId person = w.person(2);
  const EventFacts open = food_facts(w.today());
  const EventFacts sealed = person_facts(floor_to_month(w.today()));

  CHECK(both(w, w.sign(w.food, {record_of(w, shop, open)})) == "passes");
  CHECK(both(w, w.sign(w.food, {record_of(w, person, open)})) == "plaintext-for-person");
  CHECK(both(w, w.sign(w.food, {record_of(w, person, sealed)})) == "passes");

  // The number of the case would say who it is.
  EventRecord named = record_of(w, person, sealed);
  named.source = "case 17";
  CHECK(both(w, w.sign(w.food, {named})) == "plaintext-for-person");

  // Not first in its submission: the entry is named.
  const auto third = w.sign(
      w.food, {record_of(w, shop, open), record_of(w, person, sealed), record_of(w, person, open)});
  const auto refusal = precheck(MapPrecheckView(w.view), *third).value();
  REQUIRE(refusal.has_value());
  CHECK(refusal->entry == 2);
  CHECK(describe(*refusal).starts_with("entry 2: "));

  // A subject that is not registered yet: an enterprise that another submission registers.
  const auto unknown = w.sign(w.food, {record_of(w, w.random.fixed<SubjectId>(), open)});
  CHECK(look(w, unknown) == "passes");
  // But not a person that this very submission registers.
  const SubjectPerson fresh{w.random.fixed<SubjectId>(),
                            crypto::SecretKey::generate(w.random).public_key(), 1,
                            w.random.fixed<Hash256>()};
  CHECK(look(w, w.sign(w.registrar, {fresh, record_of(w, fresh.id, open)})) ==
        "plaintext-for-person");

  // A correction of a person's event.
  const Outcome recorded = w.run_one(w.food, record_of(w, person, sealed));
  REQUIRE(accepted(recorded));
  EventCorrect correct;
  correct.event = chain::retag<EventId>(recorded.id);
  correct.version = Version{1};
  correct.facts = open;
  CHECK(both(w, w.sign(w.food, {correct})) == "plaintext-for-person");
  correct.facts = sealed;
  CHECK(both(w, w.sign(w.food, {correct})) == "passes");
}

TEST_CASE("The class is read from the start of a dossier's encoding") {
  DossierState d;
  for (const SubjectClass c : {SubjectClass::kEnterprise, SubjectClass::kPerson}) {
    d.subject_class = c;
    CHECK(class_of_dossier(encode(d)).value() == c);
  }
  CHECK_FALSE(class_of_dossier(Bytes{1}).has_value());
  CHECK_FALSE(class_of_dossier(Bytes{1, 77}).has_value());
}

}  // namespace imi::ledger::test
