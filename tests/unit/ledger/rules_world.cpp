#include "rules_world.h"

#include <algorithm>

namespace imi::ledger::test {

Catalog small_catalog() {
  const auto rule = [](RuleId id, std::string text, Gravity g, bool published, int min, int max,
                       int seal) {
    Rule r;
    r.id = id;
    r.text = std::move(text);
    r.names = {"规则", "rule"};
    r.gravity = g;
    r.published = published;
    r.min_months = static_cast<std::uint16_t>(min);
    r.max_months = static_cast<std::uint16_t>(max);
    r.seal_months = static_cast<std::uint16_t>(seal);
    r.repairable = g != Gravity::kNone;
    return r;
  };
  const auto code = [](CodeId id, std::string text, FieldId field, Polarity p, BasisLevel b,
                       std::uint8_t needs, std::vector<RuleId> rules) {
    return EventCode{id, std::move(text), {"事", "event"}, field, p, b, needs, std::move(rules)};
  };
  Catalog c;
  c.fields = {{kFood, "food", {"食品", "food"}},
              {kTax, "tax", {"税务", "tax"}},
              {kIdentity, "identity", {"身份", "identity"}}};
  c.rules = {rule(kMinor, "minor", Gravity::kMinor, false, 0, 3, 0),
             rule(kGeneral, "general", Gravity::kGeneral, true, 3, 12, 0),
             rule(kSerious, "serious", Gravity::kSerious, true, 12, 36, 0),
             rule(kPositive, "positive", Gravity::kNone, true, 0, 0, 0),
             rule(kPerson, "person", Gravity::kGeneral, false, 3, 12, 60)};
  c.codes = {code(kPests, "food.pests", kFood, Polarity::kNegative, BasisLevel::kRule, kNeedsDoc,
                  {kMinor, kGeneral, kSerious}),
             code(kPassed, "food.passed", kFood, Polarity::kPositive, BasisLevel::kNormative, 0,
                  {kPositive}),
             code(kArrears, "tax.arrears", kTax, Polarity::kNegative, BasisLevel::kLaw,
                  kNeedsAmount | kNeedsNotice | kNeedsGrid, {kGeneral})};
  for (Rule& r : c.rules) {
    if (r.id == kPositive) r.polarity = Polarity::kPositive;
  }
  c.buckets = {{kBadBucket, Polarity::kNegative, kPerson, {kFood, kTax}}};
  c.schemas = {{kIdCard, "id-card", {"身份", "identity"}, 4, 2, kIdentity, 365},
               {kTaxStanding, "tax-standing", {"纳税", "tax standing"}, 0, 3, kTax, 30}};
  return c;
}

Uscc test_uscc(std::uint32_t number) {
  std::string text = "91990604000000000";
  for (std::size_t i = 16; number != 0; --i, number /= 10) {
    text[i] = static_cast<char>('0' + number % 10);
  }
  text += uscc_check_character(text);
  return parse_uscc(text).value();
}

EventFacts food_facts(Day day, RuleId rule, CodeId code) {
  EventFacts f;
  f.rule = rule;
  f.occurred = day;
  f.decided = day;
  f.what = PublicFacts{code, std::nullopt, "doc-1", Basis{BasisLevel::kLaw, "Food Safety Law 1"},
                       std::nullopt};
  return f;
}

EventFacts person_facts(Day first_of_month) {
  EventFacts f;
  f.rule = kPerson;
  f.occurred = first_of_month;
  f.decided = first_of_month;
  f.what = CommittedFacts{kBadBucket, crypto::hash(crypto::Domain::kTest, as_bytes("c"))};
  return f;
}

AgencyRegister new_agency(const std::string& short_name, const crypto::PublicKey& key) {
  AgencyRegister a;
  a.id = agency_id(short_name);
  a.profile.short_name = short_name;
  a.profile.title = "An agency";
  a.profile.uscc = test_uscc(7);
  a.profile.roles = {Role::kRecorder};
  a.profile.fields = {kFood};
  a.profile.divisions = {Division{kDistrict}};
  a.profile.keys = {key};
  return a;
}

World::World(std::uint64_t seed)
    : random(seed),
      council(add("council", {Role::kCouncil}, {}, 440600000000)),
      other_council(add("council-2", {Role::kCouncil}, {}, 440000000000)),
      market(add("market", {Role::kMarket}, {})),
      food(add("food", {Role::kRecorder}, {kFood})),
      tax(add("tax", {Role::kRecorder, Role::kIssuer}, {kTax})),
      registrar(add("registrar", {Role::kRegistrar, Role::kIssuer}, {})) {
  genesis.chain_name = "unit";
  genesis.suite = crypto::kSuiteName;
  genesis.time = start_of(kGenesisDay);
  genesis.catalog = small_catalog();
  genesis.parameters.max_expiry_ms = 60'000;
  genesis.parameters.grace_ms = 30'000;
  for (int i = 0; i < 4; ++i) {
    const auto key = crypto::SecretKey::generate(random);
    genesis.validators.members.push_back(
        {"v" + std::to_string(i), key.public_key(), random.fixed<Hash256>()});
  }
  std::sort(genesis.agencies.begin(), genesis.agencies.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  policy = make_policy(genesis);
  time = genesis.time;
  const auto diff = execute_genesis(genesis);
  IMI_CHECK(diff.has_value(), describe(diff.error()));
  view.apply(*diff);
}

Agency World::add(std::string short_name, Roles roles, std::vector<FieldId> fields,
                  std::uint64_t division) {
  auto key = crypto::SecretKey::generate(random);
  AgencyRegister a = new_agency(short_name, key.public_key());
  a.profile.roles = roles;
  a.profile.fields = std::move(fields);
  a.profile.divisions = {Division{division}};
  genesis.agencies.push_back(a);
  return {std::move(short_name), a.id, std::move(key)};
}

std::shared_ptr<const Submission> World::sign(const AuthorId& author, const crypto::SecretKey& key,
                                              std::vector<Entry> entries) {
  return std::make_shared<const Submission>(
      sign_submission({policy->genesis, author, random.fixed<Nonce>(), time.plus(30'000)},
                      std::move(entries), key));
}

std::expected<ExecutionResult, StoreError> World::peek(
    const std::vector<std::shared_ptr<const Submission>>& bodies) const {
  return execute(view, {*policy, height.next(), time.plus(step_ms), bodies});
}

ExecutionResult World::execute_block(const std::vector<std::shared_ptr<const Submission>>& bodies) {
  auto result = peek(bodies);
  IMI_CHECK(result.has_value());
  height = height.next();
  time = time.plus(step_ms);
  view.apply(result->diff);
  return std::move(*result);
}

std::vector<Outcome> World::run(const Agency& author, std::vector<Entry> entries) {
  const auto submission = sign(author, std::move(entries));
  const ExecutionResult result = execute_block({submission});
  return expand(*submission, result.submissions.at(0).outcomes);
}

std::vector<DossierRow> World::rows_of(const SubjectId& id) const {
  std::vector<DossierRow> rows;
  for (std::uint64_t seq = 0;; ++seq) {
    const auto it = view.rows.find(dossier_row_key(id, seq));
    if (it == view.rows.end()) return rows;
    rows.push_back(decode<DossierRow>(it->second).value());
  }
}

SubjectId World::enterprise(std::uint32_t number) {
  SubjectEnterprise e{test_uscc(number), "A shop", Division{440604010001}};
  const Outcome o = run_one(market, e);
  IMI_CHECK(accepted(o), what(o));
  return enterprise_id(e.uscc);
}

SubjectId World::person(std::uint64_t number) {
  crypto::SeededRandom r(1000 + number);
  SubjectPerson p{r.fixed<SubjectId>(), crypto::SecretKey::generate(r).public_key(), 1,
                  r.fixed<Hash256>()};
  const Outcome o = run_one(registrar, p);
  IMI_CHECK(accepted(o), what(o));
  return p.id;
}

}  // namespace imi::ledger::test
