#include "genesis/catalog_toml.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "genesis/names.h"
#include "ledger/core/calendar.h"

namespace imi::genesis {
namespace {

using ledger::Catalog;

ledger::Names read_names(TomlReader& t) { return {t.text("zh"), t.text("en")}; }

template <class Id>
Id read_id(TomlReader& t, std::int64_t max) {
  return Id(static_cast<decltype(Id::value)>(t.integer("id", 0, max)));
}

template <ledger::HasWords E>
E read_enum(TomlReader& t, std::string_view key) {
  if (const auto value = ledger::from_word<E>(t.text(key))) return *value;
  t.fail(key, "must be one of " + words_of<E>());
  return ledger::kValues<E>[0];
}

ledger::RuleId read_rule(TomlReader& t, std::string_view key, const std::string& text,
                         const Catalog& catalog) {
  const ledger::Rule* rule = catalog.rule(text);
  if (rule == nullptr) {
    t.fail(key, "there is no rule '" + text + "'");
    return {};
  }
  return rule->id;
}

ledger::FieldId field_named(TomlReader& t, std::string_view key, const std::string& text,
                            const Catalog& catalog) {
  const ledger::WorkField* field = catalog.field(text);
  if (field == nullptr) {
    t.fail(key, "there is no field '" + text + "'");
    return {};
  }
  return field->id;
}

ledger::FieldId read_field(TomlReader& t, const Catalog& catalog) {
  return field_named(t, "field", t.text("field"), catalog);
}

std::optional<ledger::Day> read_day(TomlReader& t, std::string_view key) {
  const auto date = t.date_or_none(key);
  if (!date) return std::nullopt;
  return ledger::day_from({date->year, date->month, date->day});
}

ledger::Rule parse_rule(TomlReader& t) {
  constexpr std::int64_t kMax = ledger::kMaxMonths;
  const auto months = [&](std::string_view key) {
    return static_cast<std::uint16_t>(t.integer_or(key, 0, 0, kMax));
  };
  ledger::Rule r;
  r.id = read_id<ledger::RuleId>(t, UINT16_MAX);
  r.text = t.text("text");
  r.names = read_names(t);
  r.gravity = read_enum<ledger::Gravity>(t, "gravity");
  r.polarity = read_enum<ledger::Polarity>(t, "polarity");
  r.valid_from = read_day(t, "valid_from");
  r.valid_until = read_day(t, "valid_until");
  r.published = t.boolean_or("published", false);
  r.shared = t.boolean_or("shared", true);
  r.min_months = months("min_months");
  r.max_months = months("max_months");
  r.seal_months = months("seal_months");
  r.repairable = t.boolean_or("repairable", false);
  r.law = t.text_or("law", "");
  const std::string start = t.text("start");
  if (start == "decision") {
    r.start = ledger::ClockStart::kDecision;
  } else if (start == "record") {
    r.start = ledger::ClockStart::kRecord;
  } else {
    t.fail("start", "must be decision or record");
  }
  return r;
}

std::uint8_t parse_needs(TomlReader& t) {
  struct Need {
    std::string_view text;
    std::uint8_t bit;
  };
  constexpr std::array kNeeds = {Need{"amount", ledger::kNeedsAmount},
                                 Need{"doc", ledger::kNeedsDoc}, Need{"grid", ledger::kNeedsGrid},
                                 Need{"notice", ledger::kNeedsNotice}};
  std::uint8_t needs = 0;
  for (const std::string& text : t.texts("needs")) {
    const auto it =
        std::find_if(kNeeds.begin(), kNeeds.end(), [&](const Need& n) { return n.text == text; });
    if (it == kNeeds.end()) {
      t.fail("needs", "may hold amount, doc, grid, notice");
    } else {
      needs = static_cast<std::uint8_t>(needs | it->bit);
    }
  }
  return needs;
}

ledger::EventCode parse_code(TomlReader& t, const Catalog& catalog) {
  ledger::EventCode c;
  c.id = read_id<ledger::CodeId>(t, UINT16_MAX);
  c.text = t.text("text");
  c.names = read_names(t);
  c.field = read_field(t, catalog);
  c.polarity = read_enum<ledger::Polarity>(t, "polarity");
  c.weakest_basis = read_enum<ledger::BasisLevel>(t, "basis");
  c.needs = parse_needs(t);
  for (const std::string& text : t.texts("rules")) {
    c.rules.push_back(read_rule(t, "rules", text, catalog));
  }
  std::sort(c.rules.begin(), c.rules.end());
  return c;
}

ledger::Bucket parse_bucket(TomlReader& t, const Catalog& catalog) {
  ledger::Bucket b;
  b.id = read_id<ledger::BucketId>(t, ledger::kMaxBuckets - 1);
  b.polarity = read_enum<ledger::Polarity>(t, "polarity");
  b.rule = read_rule(t, "rule", t.text("rule"), catalog);
  for (const std::string& text : t.texts("fields")) {
    b.fields.push_back(field_named(t, "fields", text, catalog));
  }
  std::ranges::sort(b.fields);
  return b;
}

ledger::Schema parse_schema(TomlReader& t, const Catalog& catalog) {
  ledger::Schema s;
  s.id = read_id<ledger::SchemaId>(t, UINT16_MAX);
  s.text = t.text("text");
  s.names = read_names(t);
  s.field = read_field(t, catalog);
  s.registrar_level = static_cast<std::uint8_t>(t.integer("registrar_level", 0, 4));
  s.issuer_level = static_cast<std::uint8_t>(t.integer("issuer_level", 0, 4));
  s.max_days = static_cast<std::uint16_t>(t.integer("max_days", 1, UINT16_MAX));
  return s;
}

}  // namespace

std::expected<Catalog, BuildError> parse_catalog(std::string_view text, std::string_view source) {
  auto root = TomlReader::parse(text, source);
  if (!root) return std::unexpected(root.error());
  Catalog catalog;
  for (TomlReader& t : root->tables("field")) {
    catalog.fields.push_back(
        {read_id<ledger::FieldId>(t, UINT8_MAX), t.text("text"), read_names(t)});
    t.finish();
  }
  for (TomlReader& t : root->tables("rule")) {
    catalog.rules.push_back(parse_rule(t));
    t.finish();
  }
  for (TomlReader& t : root->tables("code")) {
    catalog.codes.push_back(parse_code(t, catalog));
    t.finish();
  }
  for (TomlReader& t : root->tables("bucket")) {
    catalog.buckets.push_back(parse_bucket(t, catalog));
    t.finish();
  }
  for (TomlReader& t : root->tables("schema")) {
    catalog.schemas.push_back(parse_schema(t, catalog));
    t.finish();
  }
  root->finish();
  if (root->error()) return std::unexpected(*root->error());
  if (auto ok = catalog.validate(); !ok) {
    return std::unexpected(BuildError{std::string(source), describe(ok.error())});
  }
  return catalog;
}

Catalog builtin_catalog() {
  auto catalog = parse_catalog(builtin_catalog_text(), "catalog.toml");
  IMI_CHECK(catalog.has_value(), describe(catalog.error()));
  return std::move(*catalog);
}

}  // namespace imi::genesis
