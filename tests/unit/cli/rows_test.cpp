#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/hex.h"
#include "cli/write/entry_json.h"
#include "cli/write/event_facts.h"
#include "cli/write/moved_days.h"
#include "cli/write/rows.h"

using namespace imi;       // NOLINT
using namespace imi::cli;  // NOLINT

namespace {

// One field, two rules, two codes: as small as a catalog can be.
ledger::Catalog catalog() {
  ledger::Catalog c;
  c.fields.push_back({ledger::FieldId(1), "food", {"食品", "food"}});
  ledger::Rule minor;
  minor.id = ledger::RuleId(1);
  minor.text = "minor";
  minor.names = {"轻微", "minor"};
  minor.gravity = ledger::Gravity::kMinor;
  ledger::Rule none = minor;
  none.id = ledger::RuleId(2);
  none.text = "none";
  none.gravity = ledger::Gravity::kNone;
  c.rules = {minor, none};
  ledger::EventCode pests;
  pests.id = ledger::CodeId(1);
  pests.text = "food.pests";
  pests.names = {"虫害", "pests"};
  pests.field = ledger::FieldId(1);
  pests.polarity = ledger::Polarity::kNegative;
  pests.needs = ledger::kNeedsAmount;
  pests.rules = {ledger::RuleId(1)};
  ledger::EventCode passed = pests;
  passed.id = ledger::CodeId(2);
  passed.text = "food.inspection-passed";
  passed.polarity = ledger::Polarity::kPositive;
  passed.needs = 0;
  passed.rules = {ledger::RuleId(2)};
  c.codes = {pests, passed};
  return c;
}

Record row(const RowMapper& m, std::vector<std::pair<std::string, std::string>> values) {
  Record r;
  r.row = 2;
  r.values.resize(m.fields().size());
  r.columns.resize(m.fields().size());
  for (std::size_t i = 0; i < m.fields().size(); ++i) {
    for (const auto& [k, v] : values) {
      if (m.fields()[i].name == k) r.values[i] = v;
    }
  }
  return r;
}

std::vector<std::pair<std::string, std::string>> good_event() {
  return {{"source_key", "k1"},      {"uscc", "91350100M000100Y43"}, {"code", "food.pests"},
          {"class", "minor"},        {"polarity", "negative"},       {"occurred", "2021-01-04"},
          {"decided", "2021-01-05"}, {"amount_yuan", "12.50"},       {"basis", "s. 7"}};
}

// The columns that a changed row is refused for.
std::vector<std::string> refused(const RowMapper& m, const std::string& field,
                                 const std::string& value) {
  auto values = good_event();
  bool set = false;
  for (auto& [k, v] : values) {
    if (k == field) {
      v = value;
      set = true;
    }
  }
  if (!set) values.emplace_back(field, value);
  const auto e = m.map(row(m, values));
  std::vector<std::string> out;
  if (!e) {
    for (const auto& p : e.error()) out.push_back(m.fields()[p.field].name);
  }
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("An events row becomes an entry with exact fen, its rule, and its source key") {
  const ledger::Catalog c = catalog();
  const auto m = make_mapper("events", {&c, {}, true});
  const auto e = m->map(row(*m, good_event()));
  REQUIRE(e);
  REQUIRE(e->has_value());
  const auto& r = std::get<ledger::EventRecord>(**e);
  CHECK(r.facts.rule == ledger::RuleId(1));
  CHECK(r.facts.backfill);
  const auto& what = std::get<ledger::PublicFacts>(r.facts.what);
  CHECK(what.amount_fen == 1250);
  CHECK(what.code == ledger::CodeId(1));
  CHECK(r.source == ledger::Source("k1"));
  CHECK(r.subject == ledger::enterprise_id(*ledger::parse_uscc("91350100M000100Y43")));
}

TEST_CASE("Each wrong field of an events row is named, all of them at once") {
  const ledger::Catalog c = catalog();
  const auto m = make_mapper("events", {&c, {}, false});
  CHECK(refused(*m, "uscc", "91350100M000100Y44") == Names{"uscc"});
  CHECK(refused(*m, "code", "food.pest") == Names{"code"});
  CHECK(refused(*m, "class", "serious") == Names{"class"});
  CHECK(refused(*m, "class", "grave") == Names{"class"});
  CHECK(refused(*m, "polarity", "positive") == Names{"polarity"});
  CHECK(refused(*m, "occurred", "2021-02-30") == Names{"occurred"});
  CHECK(refused(*m, "decided", "2021-01-03") == Names{"decided"});
  CHECK(refused(*m, "amount_yuan", "12.505") == Names{"amount_yuan"});
  CHECK(refused(*m, "amount_yuan", "") == Names{"amount_yuan"});
  CHECK(refused(*m, "basis", "") == Names{"basis"});
  CHECK(refused(*m, "grid", "x") == Names{"grid"});
  CHECK(refused(*m, "outcome", "maybe") == Names{"outcome"});
  CHECK(refused(*m, "source_key", "") == Names{"source_key"});
  CHECK(refused(*m, "doc", "1\n2") == Names{"doc"});
  CHECK(refused(*m, "doc", "2.19E+26") == Names{"doc"});
  CHECK(refused(*m, "basis", " \u3000") == Names{"basis"});
  CHECK(refused(*m, "source_key", " \t") == Names{"source_key"});
  CHECK(refused(*m, "source_key", "2.19E+26") == Names{"source_key"});
  CHECK(refused(*m, "source_key", "K\u200b1") == Names{"source_key"});
  CHECK(refused(*m, "occurred", "44927") == Names{"occurred"});
  CHECK(refused(*m, "basis", "s.\x1b 7") == Names{"basis"});
  CHECK(refused(*m, "basis_level", "pact") == Names{"basis_level"});
  auto values = good_event();
  values[1].second = "x";
  values[5].second = "y";
  const auto e = m->map(row(*m, values));
  REQUIRE(!e);
  CHECK(e.error().size() == 2);
}

TEST_CASE("A day in another form is reported as a day, not as a mangled key") {
  for (const char* day : {"2026年3月1日", "1月2日", "2-Jan", "2.19E+26"}) {
    EventTexts t;
    t.occurred = day;
    const auto facts = event_facts(t, catalog(), false);
    REQUIRE(!facts);
    const auto at = std::ranges::find(facts.error(), "occurred", &NamedProblem::field);
    REQUIRE(at != facts.error().end());
    CHECK(at->reason.find("YYYY-MM-DD") != std::string::npos);
  }
}

TEST_CASE("The texts of recorded facts make the same facts again") {
  const ledger::Catalog c = catalog();
  const auto m = make_mapper("events", {&c, {}, true});
  auto values = good_event();
  for (auto& [k, v] : values) {
    if (k == "amount_yuan") v = "1234567.50";
  }
  values.insert(values.end(), {{"doc", "禅消 3号"},
                               {"grid", "440604G0460"},
                               {"ended", "2021-02-01"},
                               {"notified", "2021-01-03"},
                               {"basis_level", "law"}});
  const auto e = m->map(row(*m, values));
  REQUIRE(e);
  const auto& facts = std::get<ledger::EventRecord>(**e).facts;
  const auto texts = texts_of(facts, c);
  REQUIRE(texts);
  const auto again = event_facts(*texts, c, false);
  REQUIRE(again);
  CHECK(*again == facts);
}

TEST_CASE("Rows are identified by what identifies them on the ledger") {
  const ledger::Catalog c = catalog();
  const auto events = make_mapper("events", {&c, {}, false});
  REQUIRE(events->key());
  CHECK(events->fields()[*events->key()].name == "source_key");
  const auto shops = make_mapper("enterprises", {});
  REQUIRE(shops->key());
  CHECK(shops->fields()[*shops->key()].name == "uscc");
  CHECK(!make_mapper("attestation-status", {})->key());
}

TEST_CASE("Outcomes: a code that needs an amount has it in its record, others in the correction") {
  ledger::Catalog c = catalog();
  const auto amount_recorded = [&c] {
    auto values = good_event();
    values.emplace_back("outcome", "correct");
    const auto m = make_mapper("events", {&c, {}, false});
    const auto recorded = m->map(row(*m, values));
    REQUIRE(recorded);
    const auto& record = std::get<ledger::EventRecord>(**recorded);
    return std::get<ledger::PublicFacts>(record.facts.what).amount_fen;
  };
  CHECK(amount_recorded() == 1250);
  c.codes[0].needs = 0;
  CHECK(!amount_recorded());
}

TEST_CASE("Outcomes: a correction, a withdrawal, or nothing yet") {
  const ledger::Catalog c = catalog();
  ledger::AgencyId agency;
  agency.bytes[0] = 5;
  auto values = good_event();
  values.emplace_back("outcome", "correct");
  const auto outcomes = make_mapper("event-outcomes", {&c, agency, false});
  const auto corrected = outcomes->map(row(*outcomes, values));
  REQUIRE(corrected);
  const auto& e = std::get<ledger::EventCorrect>(**corrected);
  CHECK(e.event == ledger::event_id(agency, ledger::source_key("k1")));
  CHECK(std::get<ledger::PublicFacts>(e.facts.what).amount_fen == 1250);

  values.back().second = "withdraw";
  const auto withdrawn = outcomes->map(row(*outcomes, values));
  REQUIRE(withdrawn);
  CHECK(std::holds_alternative<ledger::EventWithdraw>(**withdrawn));

  values.back().second = "pending";
  const auto nothing = outcomes->map(row(*outcomes, values));
  REQUIRE(nothing);
  CHECK(!nothing->has_value());
}

TEST_CASE("An enterprises row: code, division, name and status are checked") {
  const auto m = make_mapper("enterprises", {});
  const std::vector<std::pair<std::string, std::string>> good = {{"uscc", "91350100M000100Y43"},
                                                                 {"name", "海港厨房"},
                                                                 {"division", "440604010001"},
                                                                 {"status", "存续"}};
  const auto e = m->map(row(*m, good));
  REQUIRE(e);
  CHECK(std::get<ledger::SubjectEnterprise>(**e).name == "海港厨房");
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, std::string>>{{"uscc", "91350100M000100Y44"},
                                                        {"division", "4406"},
                                                        {"division", "44060401000x"},
                                                        {"name", ""},
                                                        {"name", std::string(201, 'x')},
                                                        {"name", "a\x07z"},
                                                        {"name", "  \u3000"},
                                                        {"name", "#REF!"},
                                                        {"status", "gone"}}) {
    auto bad = good;
    for (auto& [k, v] : bad) {
      if (k == field) v = value;
    }
    const auto r = m->map(row(*m, bad));
    REQUIRE(!r);
    CHECK(m->fields()[r.error()[0].field].name == field);
  }
}

TEST_CASE("Entries in JSON: what is wrong is named by entry and field") {
  const ledger::Catalog c = catalog();
  const auto why = [&](const char* text) {
    const auto e = entries_from_json(boost::json::parse(text), c);
    return e ? std::string() : e.error();
  };
  const auto good =
      entries_from_json(boost::json::parse(
                            R"([{"kind":"subject.enterprise","uscc":"91350100M000100Y43","name":"x",
         "division":"440604010001"},
        {"kind":"event.record","uscc":"91350100M000100Y43","code":"food.inspection-passed",
         "occurred":"2021-01-04",
         "decided":"2021-01-04","basis":"s. 7","source_key":"k"}])"),
                        c);
  REQUIRE(good);
  CHECK(good->size() == 2);
  // Public facts name an enterprise by its code: a bare id may be a person's.
  CHECK(why((R"([{"kind":"event.record","subject":")" + std::string(64, 'a') +
             R"(","code":"food.inspection-passed","occurred":"2021-01-04","decided":"2021-01-04",
             "basis":"s. 7"}])")
                .c_str())
            .find("field 'subject': an id may be a person's") != std::string::npos);
  CHECK(why("[]").find("no entries") != std::string::npos);
  CHECK(why("7").find("array") != std::string::npos);
  CHECK(why(R"([{"kind":"event.recrod"}])").find("did you mean 'event.record'") !=
        std::string::npos);
  CHECK(why(R"([{"kind":"event.withdraw","eid":"12"}])").find("field 'eid'") != std::string::npos);
  CHECK(why((R"([{"kind":"att.status","aid":")" + std::string(64, 'a') +
             R"(","action":"revoke","reasn":"replaced"}])")
                .c_str())
            .find("did you mean 'reason'") != std::string::npos);
}

TEST_CASE("Rows are folded to one form before anything is compared") {
  const ledger::Catalog c = catalog();
  const auto m = make_mapper("events", {&c, {}, false});
  const auto entry_of = [&](const std::string& field, const std::string& value) {
    auto values = good_event();
    for (auto& [k, v] : values) {
      if (k == field) v = value;
    }
    const auto e = m->map(row(*m, values));
    REQUIRE(e);
    return std::get<ledger::EventRecord>(**e);
  };
  const ledger::EventRecord plain = entry_of("source_key", "k1");
  CHECK(entry_of("source_key", " k1\t") == plain);
  CHECK(entry_of("source_key", "ｋ１") == plain);
  CHECK(entry_of("uscc", " 91350100m000100y43 ") == plain);
  CHECK(entry_of("uscc", "９１３５０１００M０００１００Y４３") == plain);
  CHECK(entry_of("code", "Food.Pests ") == plain);
  CHECK(entry_of("class", " MINOR") == plain);
  CHECK(entry_of("amount_yuan", " 12.50 ") == plain);
  CHECK(entry_of("occurred", "２０２１-01-04") == plain);
  CHECK(entry_of("basis", "  s.  7 ") == plain);
  CHECK(ledger::key_of(*entry_of("source_key", "K1").source) == ledger::key_of(*plain.source));
}

TEST_CASE("A code with a wrong check character needs as_issued, and no other code is offered") {
  const std::string odd = "91990604M0007QKA93";
  const auto map = [&](bool by_default, const char* mark, const std::string& code) {
    RowOptions options;
    options.as_issued = by_default;
    const auto m = make_mapper("enterprises", options);
    return m->map(row(
        *m, {{"uscc", code}, {"name", "老厂"}, {"division", "440604010001"}, {"as_issued", mark}}));
  };
  const auto bad = map(false, "", odd);
  REQUIRE(!bad);
  CHECK(bad.error()[0].reason.find("as_issued") != std::string::npos);
  CHECK(bad.error()[0].reason.find("would end in") == std::string::npos);
  const auto by_row = map(false, "yes", odd);
  REQUIRE(by_row);
  CHECK(std::get<ledger::SubjectEnterprise>(**by_row).as_issued);
  const auto by_file = map(true, "", odd);
  REQUIRE(by_file);
  CHECK(std::get<ledger::SubjectEnterprise>(**by_file).as_issued);
  // The default of a file marks none of the codes that fit; a row that says so of one is wrong.
  const auto fits = map(true, "", "91350100M000100Y43");
  REQUIRE(fits);
  CHECK(!std::get<ledger::SubjectEnterprise>(**fits).as_issued);
  CHECK(!map(false, "yes", "91350100M000100Y43"));
  const ledger::Catalog c = catalog();
  const auto in_json = entries_from_json(
      boost::json::parse(R"([{"kind":"subject.enterprise","uscc":"91990604M0007QKA93","name":"x",
                              "division":"440604010001","as_issued":true}])"),
      c);
  REQUIRE(in_json);
  CHECK(std::get<ledger::SubjectEnterprise>(in_json->at(0)).as_issued);
}

TEST_CASE("Moved rows are the same rows on other days") {
  const ledger::Catalog c = catalog();
  const RowOptions options{&c, {}, false, false};
  const auto plain = make_mapper("events", options);
  const auto moved = with_moved_days(make_mapper("events", options), 400);
  const Record r = row(*plain, good_event());
  const auto facts = [&](const RowMapper& m) {
    return std::get<ledger::EventRecord>(m.map(r).value().value()).facts;
  };
  ledger::EventFacts expected = facts(*plain);
  expected.occurred = expected.occurred.plus(400);
  expected.decided = expected.decided.plus(400);
  CHECK(facts(*moved) == expected);
  CHECK(moved->key() == plain->key());
  CHECK(moved->enterprise(r) == plain->enterprise(r));
  // What is no day is refused as it was written.
  auto values = good_event();
  for (auto& [name, value] : values) {
    if (name == "decided") value = "soon";
  }
  const auto bad = moved->map(row(*moved, values));
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error()[0].reason.find("soon") != std::string::npos);
}
