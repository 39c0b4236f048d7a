// The compiled-in catalog, networks from TOML, the sample network.
#include <doctest/doctest.h>

#include <set>

#include "genesis/catalog_toml.h"
#include "genesis/network_toml.h"
#include "genesis/sample_network.h"
#include "ledger/core/calendar.h"

using namespace imi;
using namespace imi::genesis;

namespace {

SampleOptions sample_options(int validators = 4) {
  SampleOptions options;
  options.time = chain::TimeMs(1'795'000'000'000);
  crypto::SeededRandom random(7);
  for (int i = 0; i < validators; ++i) {
    options.validators.push_back({"v" + std::to_string(i),
                                  crypto::SecretKey::generate(random).public_key(),
                                  random.fixed<Hash256>()});
  }
  return options;
}

ledger::Genesis sample() {
  crypto::SeededRandom random(1);
  return make_sample_network(sample_options(), random).value().genesis;
}

// The text with the first `from` replaced by `to`.
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string catalog_error(const std::string& text) {
  const auto r = parse_catalog(text, "c.toml");
  REQUIRE_FALSE(r.has_value());
  return describe(r.error());
}

std::string network_error(const std::string& text) {
  const auto r = parse_network(text, "n.toml", builtin_catalog());
  REQUIRE_FALSE(r.has_value());
  return describe(r.error());
}

constexpr ledger::Day today{20'700};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("The compiled-in catalog is valid and has what the sample import needs") {
  const ledger::Catalog c = builtin_catalog();
  CHECK(c.validate().has_value());
  CHECK(c.codes.size() >= 30);
  for (const char* text : {"food.premises-unsanitary", "food.temperature", "food.pests",
                           "food.handling", "food.documents", "food.obstruction", "food.other"}) {
    INFO(text);
    const auto* code = c.code(text);
    REQUIRE(code != nullptr);
    CHECK(code->polarity == ledger::Polarity::kNegative);
    for (auto g : {ledger::Gravity::kMinor, ledger::Gravity::kGeneral, ledger::Gravity::kSerious}) {
      REQUIRE(c.rule_for(*code, g, today) != nullptr);
      CHECK(c.rule_for(*code, g, today)->gravity == g);
    }
    CHECK(c.rule_for(*code, ledger::Gravity::kNone, today) == nullptr);
  }
  const auto* passed = c.code("food.inspection-passed");
  REQUIRE(passed != nullptr);
  CHECK(c.rule_for(*passed, ledger::Gravity::kNone, today)->text == "positive");
  CHECK(c.code("food.nothing") == nullptr);
}

TEST_CASE("A rule has one polarity and an interval, and a bucket the fields of its recorders") {
  using Reason = ledger::CatalogError::Reason;
  const auto reason = [](auto&& change) {
    ledger::Catalog c = builtin_catalog();
    change(c);
    const auto ok = c.validate();
    REQUIRE_FALSE(ok.has_value());
    CHECK_FALSE(describe(ok.error()).empty());
    return ok.error().reason;
  };
  using ledger::Catalog;
  using ledger::Day;
  CHECK(reason([](Catalog& c) { c.codes[0].polarity = ledger::Polarity::kPositive; }) ==
        Reason::kBadPolarity);
  CHECK(reason([](Catalog& c) { c.buckets[0].polarity = ledger::Polarity::kPositive; }) ==
        Reason::kBadPolarity);
  CHECK(reason([](Catalog& c) {
          c.rules[0].valid_from = Day(10);
          c.rules[0].valid_until = Day(10);
        }) == Reason::kBadInterval);
  CHECK(reason([](Catalog& c) { c.rules[0].valid_from = Day(1'000'000); }) == Reason::kBadInterval);
  CHECK(reason([](Catalog& c) { c.buckets[0].fields.clear(); }) == Reason::kBadFields);
  CHECK(reason([](Catalog& c) {
          c.buckets[0].fields = {ledger::FieldId(2), ledger::FieldId(2)};
        }) == Reason::kBadFields);
  CHECK(reason([](Catalog& c) { c.buckets[0].fields = {ledger::FieldId(200)}; }) ==
        Reason::kUnknownField);
}

TEST_CASE("A catalog's dates are those of TOML, and any other is refused with its line") {
  const std::string rule =
      "[[rule]]\nid = 1\ntext = \"r\"\nzh = \"r\"\nen = \"r\"\ngravity = \"minor\"\n"
      "polarity = \"negative\"\nstart = \"decision\"\n";
  const auto good = parse_catalog(rule + "valid_from = 2026-04-01\n", "c.toml");
  REQUIRE(good.has_value());
  CHECK(good->rules[0].valid_from == ledger::day_from({2026, 4, 1}));
  CHECK_FALSE(good->rules[0].valid_until.has_value());
  const auto bad = parse_catalog(rule + "valid_from = \"soon\"\n", "c.toml");
  REQUIRE_FALSE(bad.has_value());
  CHECK(contains(describe(bad.error()), "a date, such as 2026-04-01"));
}

TEST_CASE("The catalog's periods are those of order 36") {
  const ledger::Catalog c = builtin_catalog();
  const auto* minor = c.rule("order36-minor");
  const auto* general = c.rule("order36-general");
  const auto* serious = c.rule("order36-serious");
  CHECK_FALSE(minor->published);
  CHECK(minor->max_months == 3);
  CHECK(general->published);
  CHECK(general->min_months == 3);
  CHECK(general->max_months == 12);
  CHECK(serious->min_months == 12);
  CHECK(serious->max_months == 36);
  for (const auto& b : c.buckets) CHECK_FALSE(c.find(b.rule)->published);
  CHECK_FALSE(c.rule("pact")->shared);
}

TEST_CASE("A catalog with a mistake is refused with the line and what is wrong") {
  const std::string good(builtin_catalog_text());
  CHECK(contains(catalog_error("[[field]\n"), "c.toml:1"));
  CHECK(contains(catalog_error(replaced(good, "gravity = \"minor\"", "gravity = \"grave\"")),
                 "must be one of none, minor, general, serious"));
  CHECK(contains(catalog_error(replaced(good, "max_months = 3\n", "max_month = 3\n")),
                 "'max_month' is not known here"));
  CHECK(contains(catalog_error(replaced(good, "id = 2\n", "id = 1\n")), "ascend"));
  CHECK(contains(catalog_error(replaced(good, "rules = [\"registration\"]", "rules = [\"x\"]")),
                 "there is no rule 'x'"));
  CHECK(contains(catalog_error(replaced(good, "field = \"registration\"", "field = \"x\"")),
                 "there is no field 'x'"));
  CHECK(contains(catalog_error(replaced(good, "zh = \"市场主体登记\"\n", "")), "'zh': is missing"));
  CHECK(contains(catalog_error(replaced(good, "id = 1\n", "id = \"1\"\n")), "whole number"));
  CHECK(contains(catalog_error(replaced(good, "needs = [\"doc\"]", "needs = [\"seal\"]")),
                 "may hold amount, doc, grid, notice"));
}

TEST_CASE("The sample network is valid, and the same random source gives it again") {
  crypto::SeededRandom a(1);
  crypto::SeededRandom b(1);
  const auto once = make_sample_network(sample_options(), a).value();
  const auto again = make_sample_network(sample_options(), b).value();
  CHECK(once.genesis == again.genesis);
  CHECK(validate(once.genesis).has_value());
  CHECK(once.keys.size() == once.genesis.agencies.size());
  for (const auto& agency : once.genesis.agencies) {
    const auto& p = agency.profile;
    CHECK(once.key(p.short_name).public_key() == p.keys[0]);
    CHECK(ledger::text(p.uscc).substr(2, 6) == "990604");
  }
  const auto file = ledger::encode_genesis_file(once.genesis);
  CHECK(ledger::decode_genesis_file(file).value() == once.genesis);
}

TEST_CASE("A sample network without validators is refused with a reason") {
  crypto::SeededRandom random(1);
  const auto r = make_sample_network(sample_options(0), random);
  REQUIRE_FALSE(r.has_value());
  CHECK(contains(describe(r.error()), "validator"));
}

TEST_CASE("A network written as TOML reads back as the same genesis") {
  const ledger::Genesis g = sample();
  const std::string text = network_text(g);
  const auto back = parse_network(text, "n.toml", g.catalog);
  if (!back) FAIL(describe(back.error()));
  CHECK(*back == g);
  CHECK(ledger::genesis_id(*back) == ledger::genesis_id(g));
}

TEST_CASE("A network's text may begin with a byte order mark, and titles are folded to one form") {
  const ledger::Genesis g = sample();
  const auto back = parse_network(
      "\xEF\xBB\xBF" + replaced(network_text(g), "title = \"", "title = \" "), "n.toml", g.catalog);
  if (!back) FAIL(describe(back.error()));
  CHECK(*back == g);
}

TEST_CASE("A network with a mistake is refused with the line and what is wrong") {
  const std::string good = network_text(sample());
  CHECK(contains(network_error(replaced(good, "window = 8", "windows = 8")), "'windows'"));
  CHECK(contains(network_error(replaced(good, "window = 8", "window = 0")), "window must be"));
  CHECK(contains(network_error(replaced(good, "window = 8", "window = -1")), "must lie in"));
  // What no node can run: consensus' messages hold no more than twice 16 heights.
  CHECK(contains(network_error(replaced(good, "window = 8", "window = 17")), "1..16"));
  CHECK(contains(network_error(replaced(good, "key = \"0", "key = \"z")), "33 bytes"));
  CHECK(contains(network_error(replaced(good, "uscc = \"11", "uscc = \"12")), "last character"));
  CHECK(contains(network_error(replaced(good, "roles = [\"", "roles = [\"mayor\", \"")),
                 "'mayor' must be one of"));
  CHECK(contains(network_error(replaced(good, "divisions = [\"44", "divisions = [\"x4")),
                 "12-digit"));
  CHECK(contains(network_error(replaced(good, "chain_name = \"chan", "chain_name = \"CHAN")),
                 "chain name"));
  CHECK(
      contains(network_error(replaced(good, "parent = \"council-440600\"", "parent = \"nobody\"")),
               "no parent"));
}
