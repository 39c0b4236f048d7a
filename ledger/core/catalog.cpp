#include "ledger/core/catalog.h"

#include <algorithm>
#include <functional>
#include <set>

#include "ledger/core/calendar.h"

namespace imi::ledger {
namespace {

using Reason = CatalogError::Reason;

constexpr std::size_t kMaxTextBytes = 40;
constexpr std::size_t kMaxCatalogNameBytes = 120;
constexpr std::size_t kMaxLawBytes = 200;
constexpr std::uint8_t kMaxLevel = 4;

bool is_text(std::string_view t) {
  return !t.empty() && t.size() <= kMaxTextBytes && std::all_of(t.begin(), t.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

bool is_names(const Names& n) {
  return !n.zh.empty() && !n.en.empty() && n.zh.size() <= kMaxCatalogNameBytes &&
         n.en.size() <= kMaxCatalogNameBytes;
}

template <class T, class Id>
const T* find_by_id(const std::vector<T>& list, Id id) {
  const auto it = std::lower_bound(list.begin(), list.end(), id,
                                   [](const T& e, Id wanted) { return e.id < wanted; });
  return it != list.end() && it->id == id ? &*it : nullptr;
}

template <class T>
const T* find_by_text(const std::vector<T>& list, std::string_view text) {
  const auto it =
      std::find_if(list.begin(), list.end(), [text](const T& e) { return e.text == text; });
  return it != list.end() ? &*it : nullptr;
}

// Count, order, texts and names of one list.
template <class T>
std::expected<void, CatalogError> check_list(const std::vector<T>& list, std::size_t limit) {
  if (list.size() > limit) return std::unexpected(CatalogError{Reason::kTooMany, ""});
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto fail = [&](Reason r) { return std::unexpected(CatalogError{r, list[i].text}); };
    if (i > 0 && !(list[i - 1].id < list[i].id)) return fail(Reason::kNotAscending);
    if (!is_text(list[i].text)) return fail(Reason::kBadText);
    if (!texts.insert(list[i].text).second) return fail(Reason::kTextTwice);
    if (!is_names(list[i].names)) return fail(Reason::kBadNames);
  }
  return {};
}

std::expected<void, CatalogError> check_rule(const Rule& r) {
  const bool months_ok = r.min_months <= kMaxMonths && r.max_months <= kMaxMonths &&
                         r.seal_months <= kMaxMonths &&
                         (r.max_months == 0 || r.min_months <= r.max_months);
  if (!months_ok) return std::unexpected(CatalogError{Reason::kBadMonths, r.text});
  const auto out_of_range = [](const std::optional<Day>& day) {
    return day && (*day < kFirstDay || *day > kLastDay);
  };
  if (out_of_range(r.valid_from) || out_of_range(r.valid_until) ||
      (r.valid_from && r.valid_until && *r.valid_from >= *r.valid_until)) {
    return std::unexpected(CatalogError{Reason::kBadInterval, r.text});
  }
  if ((r.published && !r.shared) || r.law.size() > kMaxLawBytes) {
    return std::unexpected(CatalogError{Reason::kBadRule, r.text});
  }
  return {};
}

std::expected<void, CatalogError> check_code(const EventCode& c, const Catalog& catalog) {
  const auto fail = [&](Reason r) { return std::unexpected(CatalogError{r, c.text}); };
  if (catalog.find(c.field) == nullptr) return fail(Reason::kUnknownField);
  if (c.needs > kNeedsAll) return fail(Reason::kBadNeeds);
  if (c.rules.empty() || c.rules.size() > kMaxRulesOfCode) return fail(Reason::kBadRules);
  for (std::size_t i = 0; i < c.rules.size(); ++i) {
    if (i > 0 && !(c.rules[i - 1] < c.rules[i])) return fail(Reason::kBadRules);
    const Rule* rule = catalog.find(c.rules[i]);
    if (rule == nullptr) return fail(Reason::kUnknownRule);
    if (rule->polarity != c.polarity) return fail(Reason::kBadPolarity);
  }
  return {};
}

std::expected<void, CatalogError> check_buckets(const Catalog& catalog) {
  if (catalog.buckets.size() > kMaxBuckets) {
    return std::unexpected(CatalogError{Reason::kTooMany, "buckets"});
  }
  for (std::size_t i = 0; i < catalog.buckets.size(); ++i) {
    const Bucket& b = catalog.buckets[i];
    const std::string where = "bucket " + std::to_string(b.id.value);
    if (b.id.value >= kMaxBuckets) return std::unexpected(CatalogError{Reason::kTooMany, where});
    if (i > 0 && !(catalog.buckets[i - 1].id < b.id)) {
      return std::unexpected(CatalogError{Reason::kNotAscending, where});
    }
    const Rule* rule = catalog.find(b.rule);
    if (rule == nullptr) return std::unexpected(CatalogError{Reason::kUnknownRule, where});
    if (rule->polarity != b.polarity) {
      return std::unexpected(CatalogError{Reason::kBadPolarity, where});
    }
    if (b.fields.empty() ||
        std::ranges::adjacent_find(b.fields, std::greater_equal{}) != b.fields.end()) {
      return std::unexpected(CatalogError{Reason::kBadFields, where});
    }
    for (const FieldId field : b.fields) {
      if (catalog.find(field) == nullptr) {
        return std::unexpected(CatalogError{Reason::kUnknownField, where});
      }
    }
  }
  return {};
}

}  // namespace

std::string describe(const CatalogError& e) {
  const auto sentence = [&]() -> std::string_view {
    switch (e.reason) {
      case Reason::kTooMany: return "there are more entries than the catalog holds";
      case Reason::kNotAscending: return "ids must strictly ascend";
      case Reason::kTextTwice: return "the text is used twice";
      case Reason::kBadText: return "the text must be 1..40 of a-z, 0-9, '-' and '.'";
      case Reason::kBadNames: return "the names zh and en must each have 1..120 bytes";
      case Reason::kUnknownRule: return "it names a rule that the catalog does not have";
      case Reason::kUnknownField: return "it names a field that the catalog does not have";
      case Reason::kBadRules: return "it must name 1..8 rules, ascending";
      case Reason::kBadMonths: return "months must satisfy min <= max <= 1200";
      case Reason::kBadRule:
        return "what is published is shared too, and the law's text has at most 200 bytes";
      case Reason::kBadNeeds: return "it requires a field that does not exist";
      case Reason::kBadPolarity: return "it has a rule of another polarity";
      case Reason::kBadInterval: return "it must be in force from a day before it ends";
      case Reason::kBadFields: return "it must name at least one field, ascending";
      case Reason::kBadLevel: return "levels must be 0..4 and the validity at least a day";
    }
    return "?";
  }();
  return (e.where.empty() ? "catalog: " : "catalog, '" + e.where + "': ") + std::string(sentence);
}

std::expected<void, CatalogError> Catalog::validate() const {
  if (auto ok = check_list(fields, kMaxFields); !ok) return ok;
  if (auto ok = check_list(rules, kMaxRules); !ok) return ok;
  if (auto ok = check_list(codes, kMaxCodes); !ok) return ok;
  if (auto ok = check_list(schemas, kMaxSchemas); !ok) return ok;
  for (const Rule& r : rules) {
    if (auto ok = check_rule(r); !ok) return ok;
  }
  for (const EventCode& c : codes) {
    if (auto ok = check_code(c, *this); !ok) return ok;
  }
  for (const Schema& s : schemas) {
    if (find(s.field) == nullptr)
      return std::unexpected(CatalogError{Reason::kUnknownField, s.text});
    if (s.registrar_level > kMaxLevel || s.issuer_level > kMaxLevel || s.max_days == 0) {
      return std::unexpected(CatalogError{Reason::kBadLevel, s.text});
    }
  }
  return check_buckets(*this);
}

const WorkField* Catalog::find(FieldId id) const { return find_by_id(fields, id); }
const Rule* Catalog::find(RuleId id) const { return find_by_id(rules, id); }
const EventCode* Catalog::find(CodeId id) const { return find_by_id(codes, id); }
const Bucket* Catalog::find(BucketId id) const { return find_by_id(buckets, id); }
const Schema* Catalog::find(SchemaId id) const { return find_by_id(schemas, id); }

const WorkField* Catalog::field(std::string_view text) const { return find_by_text(fields, text); }
const Rule* Catalog::rule(std::string_view text) const { return find_by_text(rules, text); }
const EventCode* Catalog::code(std::string_view text) const { return find_by_text(codes, text); }
const Schema* Catalog::schema(std::string_view text) const { return find_by_text(schemas, text); }

bool in_force(const Rule& rule, Day decided, SubjectClass of) {
  const bool person = of == SubjectClass::kPerson;
  if (rule.valid_until && decided >= *rule.valid_until) return false;
  if (!rule.valid_from) return true;
  return decided >= (person ? floor_to_month(*rule.valid_from) : *rule.valid_from);
}

const Rule* Catalog::rule_for(const EventCode& code, Gravity gravity, Day decided) const {
  for (RuleId id : code.rules) {
    const Rule* r = find(id);
    if (r != nullptr && r->gravity == gravity && in_force(*r, decided, SubjectClass::kEnterprise)) {
      return r;
    }
  }
  return nullptr;
}

const Bucket* Catalog::bucket_for(Polarity polarity, RuleId rule) const {
  const auto it = std::find_if(buckets.begin(), buckets.end(), [&](const Bucket& b) {
    return b.polarity == polarity && b.rule == rule;
  });
  return it != buckets.end() ? &*it : nullptr;
}

}  // namespace imi::ledger
