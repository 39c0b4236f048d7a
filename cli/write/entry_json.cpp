#include "cli/write/entry_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <set>

#include "base/hex.h"
#include "cli/text.h"
#include "cli/typed.h"
#include "cli/values.h"
#include "cli/write/rows.h"
#include "ledger/submission/submission.h"

namespace imi::cli {
namespace {
namespace json = boost::json;
using namespace ledger;  // NOLINT: the entry kinds are the subject of this file

struct Wrong {
  std::string what;
};

// The fields of one object; every one must be asked for, so that no misspelt one goes unnoticed.
class Fields {
 public:
  explicit Fields(const json::object& o) : object_(o) { used_.insert("kind"); }

  [[noreturn]] void wrong(std::string_view field, const std::string& what) const {
    throw Wrong{fmt::format("field '{}': {}", field, what)};
  }
  const json::value* find(std::string_view field) {
    used_.insert(std::string(field));
    const json::value* v = object_.if_contains(field);
    return v == nullptr || v->is_null() ? nullptr : v;
  }
  bool has(std::string_view field) { return find(field) != nullptr; }

  std::string text(std::string_view field, bool required = true) {
    const json::value* v = find(field);
    if (v == nullptr) {
      if (required) wrong(field, "is missing");
      return {};
    }
    if (v->is_string()) return std::string(v->get_string());
    if (v->is_int64()) return std::to_string(v->get_int64());
    if (v->is_uint64()) return std::to_string(v->get_uint64());
    if (v->is_bool()) return v->get_bool() ? "true" : "false";
    if (v->is_double()) {
      wrong(field, "is a number with a fraction or an exponent: write it as text, in quotes");
    }
    wrong(field, "must be text");
  }
  // In its one form (typed.h).
  std::string typed(std::string_view field, Value<std::string> (*form)(std::string_view),
                    bool required = true) {
    auto v = form(text(field, required));
    if (!v) wrong(field, v.error().reason);
    if (required && v->empty()) wrong(field, "is empty: it needs visible text");
    return std::move(*v);
  }
  std::string name(std::string_view field) { return typed(field, typed_name); }
  std::string word(std::string_view field) { return typed(field, typed_word); }
  bool flag(std::string_view field) {
    if (!has(field)) return false;
    const auto v = parse_yes_no(word(field));
    if (!v) wrong(field, v.error().reason);
    return *v;
  }
  std::int64_t integer(std::string_view field, std::int64_t least, std::int64_t most) {
    const json::value* v = find(field);
    if (v == nullptr) wrong(field, "is missing");
    const bool fits = v->is_int64() && v->get_int64() >= least && v->get_int64() <= most;
    if (!fits) wrong(field, fmt::format("must be an integer from {} to {}", least, most));
    return v->get_int64();
  }
  template <class Fixed>
  Fixed hex(std::string_view field) {
    const auto v = fixed_from_hex<Fixed>(word(field));
    if (!v) wrong(field, fmt::format("must be {} hexadecimal characters", Fixed::kSize * 2));
    return *v;
  }
  template <class T>
  T value(std::string_view field, const std::expected<T, std::string>& v) {
    if (!v) wrong(field, v.error());
    return *v;
  }
  std::vector<std::string> texts(std::string_view field) {
    const json::value* v = find(field);
    if (v == nullptr) wrong(field, "is missing");
    if (!v->is_array()) wrong(field, "must be an array of texts");
    std::vector<std::string> out;
    for (const json::value& e : v->get_array()) {
      if (!e.is_string()) wrong(field, "must be an array of texts");
      out.emplace_back(e.get_string());
    }
    return out;
  }
  void check_all_used() const {
    std::vector<std::string> known(used_.begin(), used_.end());
    for (const auto& kv : object_) {
      const std::string key(kv.key());
      if (used_.contains(key)) continue;
      const auto near = nearest(key, known);
      wrong(cut(printable(key), 40),
            near ? "is unknown: did you mean '" + *near + "'?" : "is unknown");
    }
  }

 private:
  const json::object& object_;
  std::set<std::string> used_;
};

EnterpriseCode uscc(Fields& f) {
  const bool as_issued = f.flag("as_issued");
  return f.value("uscc", parse_enterprise_code(f.text("uscc"), as_issued));
}

Division division(Fields& f, std::string_view field, const std::string& text) {
  const auto code = typed_code(text);
  if (!code) f.wrong(field, code.error().reason);
  const auto d = parse_division(*code);
  if (!d) f.wrong(field, std::string(describe(d.error())));
  return *d;
}

EventFacts facts(Fields& f, const Catalog& catalog) {
  EventTexts t;
  t.code = f.text("code");
  t.gravity = f.text("class", false);
  t.polarity = f.text("polarity", false);
  t.occurred = f.text("occurred");
  t.decided = f.text("decided");
  t.ended = f.text("ended", false);
  t.notified = f.text("notified", false);
  t.amount_yuan = f.text("amount_yuan", false);
  t.doc = f.text("doc", false);
  t.basis = f.text("basis");
  t.basis_level = f.text("basis_level", false);
  t.grid = f.text("grid", false);
  t.backfill = f.text("backfill", false);
  auto v = event_facts(t, catalog, false);
  if (!v)
    f.wrong(v.error()[0].field == "gravity" ? "class" : v.error()[0].field, v.error()[0].reason);
  return std::move(*v);
}

// The facts of a JSON entry are public, and what is public is about an enterprise, which its code
// names. A bare id may be a person's, and what is sent cannot be taken back.
SubjectId subject(Fields& f) {
  if (f.has("subject")) {
    f.wrong("subject",
            "an id may be a person's, and these facts are public: name the enterprise "
            "by its 'uscc'");
  }
  return enterprise_id(uscc(f).uscc);
}

Roles roles(Fields& f, std::string_view field) {
  Roles out;
  for (const std::string& text : f.texts(field)) {
    bool known = false;
    for (const Role r : ledger::kAllRoles) {
      if (text != name(r)) continue;
      out.bits |= static_cast<std::uint32_t>(r);
      known = true;
    }
    if (!known) f.wrong(field, fmt::format("'{}' is not a role", printable(text)));
  }
  return out;
}

std::vector<FieldId> work_fields(Fields& f, const Catalog& catalog) {
  std::vector<FieldId> out;
  for (const std::string& text : f.texts("fields")) {
    const WorkField* w = catalog.field(text);
    if (w == nullptr) f.wrong("fields", fmt::format("'{}' is not in the catalog", printable(text)));
    out.push_back(w->id);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Division> divisions(Fields& f) {
  std::vector<Division> out;
  for (const std::string& text : f.texts("divisions"))
    out.push_back(division(f, "divisions", text));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<crypto::PublicKey> keys(Fields& f) {
  std::vector<crypto::PublicKey> out;
  for (const std::string& text : f.texts("keys")) {
    const auto key = fixed_from_hex<crypto::PublicKey>(text);
    if (!key || !crypto::is_valid(*key))
      f.wrong("keys", "'" + cut(printable(text), 70) + "' is not a public key");
    out.push_back(*key);
  }
  std::sort(out.begin(), out.end());
  return out;
}

AgencyTier tier(Fields& f) {
  const std::vector<std::string> names = {"national", "province", "city",
                                          "district", "town",     "community"};
  const auto it = std::find(names.begin(), names.end(), f.word("tier"));
  if (it == names.end()) f.wrong("tier", "must be one of " + joined(names, "or"));
  return static_cast<AgencyTier>(it - names.begin());
}

SourceClass source_class(Fields& f) {
  const std::vector<std::string> names = {"state-organ", "public-institution", "public-utility",
                                          "association", "company"};
  const auto it = std::find(names.begin(), names.end(), f.word("source_class"));
  if (it == names.end()) f.wrong("source_class", "must be one of " + joined(names, "or"));
  return static_cast<SourceClass>(it - names.begin() + 1);
}

Entry agency_register(Fields& f, const Catalog& catalog) {
  AgencyRegister e;
  e.profile.short_name = f.word("short_name");
  e.id = f.has("id") ? f.hex<AgencyId>("id") : agency_id(e.profile.short_name);
  e.profile.title = f.name("title");
  const EnterpriseCode code = uscc(f);
  e.profile.uscc = code.uscc;
  e.profile.as_issued = code.as_issued;
  if (f.has("parent")) e.profile.parent = f.hex<AgencyId>("parent");
  if (f.has("tier")) e.profile.tier = tier(f);
  if (f.has("source_class")) e.profile.source_class = source_class(f);
  e.profile.roles = roles(f, "roles");
  if (f.has("fields")) e.profile.fields = work_fields(f, catalog);
  e.profile.divisions = divisions(f);
  e.profile.keys = keys(f);
  return e;
}

Entry agency_update(Fields& f, const Catalog& catalog) {
  AgencyUpdate e;
  e.id = f.hex<AgencyId>("id");
  e.version = Version(static_cast<std::uint32_t>(f.integer("version", 1, UINT32_MAX)));
  if (f.has("title")) e.title = f.name("title");
  if (f.has("parent")) e.parent = f.hex<AgencyId>("parent");
  if (f.has("tier")) e.tier = tier(f);
  if (f.has("roles")) e.roles = roles(f, "roles");
  if (f.has("fields")) e.fields = work_fields(f, catalog);
  if (f.has("divisions")) e.divisions = divisions(f);
  if (f.has("keys")) e.keys = keys(f);
  if (f.has("status")) {
    const std::string text = f.word("status");
    bool known = false;
    for (const AgencyStatus s :
         {AgencyStatus::kActive, AgencyStatus::kSuspended, AgencyStatus::kClosed}) {
      if (text != name(s)) continue;
      e.status = s;
      known = true;
    }
    if (!known) f.wrong("status", "must be active, suspended or closed");
  }
  return e;
}

Entry enterprise(Fields& f) {
  SubjectEnterprise e;
  const EnterpriseCode code = uscc(f);
  e.uscc = code.uscc;
  e.as_issued = code.as_issued;
  e.name = f.name("name");
  e.division = division(f, "division", f.text("division"));
  if (f.has("status")) e.status = f.value("status", parse_enterprise_status(f.word("status")));
  e.sole_trader = f.flag("sole_trader");
  return e;
}

Entry person(Fields& f) {
  SubjectPerson e;
  e.id = f.hex<SubjectId>("id");
  e.key = f.hex<crypto::PublicKey>("key");
  e.index_epoch = f.has("index_epoch")
                      ? static_cast<std::uint32_t>(f.integer("index_epoch", 0, UINT32_MAX))
                      : 0;
  e.commitment = f.hex<Hash256>("commitment");
  return e;
}

Entry att_issue(Fields& f, const Catalog& catalog) {
  AttIssue e;
  e.id = f.hex<AttestationId>("aid");
  const std::string text = f.word("schema");
  const Schema* schema = catalog.schema(text);
  if (schema == nullptr)
    f.wrong("schema", fmt::format("'{}' is not in the catalog", printable(text)));
  e.schema = schema->id;
  e.level = static_cast<std::uint8_t>(f.integer("level", 0, 255));
  e.claims_root = f.hex<Hash256>("claims_root");
  e.claims = static_cast<std::uint32_t>(f.integer("claims", 1, kMaxClaims));
  e.holder_key_hash = f.hex<Hash256>("holder_key_hash");
  e.from = chain::TimeMs(f.integer("from_ms", 0, INT64_MAX));
  e.until = chain::TimeMs(f.integer("until_ms", 0, INT64_MAX));
  return e;
}

Entry att_status(Fields& f) {
  AttStatus e;
  e.id = f.hex<AttestationId>("aid");
  e.action = f.value("action", parse_att_action(f.word("action")));
  if (f.has("reason")) e.reason = f.value("reason", parse_att_reason(f.word("reason")));
  return e;
}

Entry event_record(Fields& f, const Catalog& catalog) {
  EventRecord e;
  e.subject = subject(f);
  e.facts = facts(f, catalog);
  if (f.has("source_key")) e.source = f.typed("source_key", typed_source);
  return e;
}

Version seen(Fields& f) {
  return Version(f.has("version") ? static_cast<std::uint32_t>(f.integer("version", 1, UINT32_MAX))
                                  : 1);
}

Entry one_entry(const json::object& o, const Catalog& catalog) {
  Fields f(o);
  const std::string kind = f.word("kind");
  Entry e;
  if (kind == "agency.register") {
    e = agency_register(f, catalog);
  } else if (kind == "agency.update") {
    e = agency_update(f, catalog);
  } else if (kind == "subject.enterprise") {
    e = enterprise(f);
  } else if (kind == "subject.person") {
    e = person(f);
  } else if (kind == "att.issue") {
    e = att_issue(f, catalog);
  } else if (kind == "att.status") {
    e = att_status(f);
  } else if (kind == "event.record") {
    e = event_record(f, catalog);
  } else if (kind == "event.correct") {
    EventCorrect c{f.hex<EventId>("eid"), seen(f), facts(f, catalog), ChangeReason::kTypo};
    c.reason = f.value("reason", parse_change_reason(f.word("reason")));
    e = std::move(c);
  } else if (kind == "event.withdraw") {
    EventWithdraw w{f.hex<EventId>("eid"), seen(f), ChangeReason::kRevoked};
    if (f.has("reason")) w.reason = f.value("reason", parse_change_reason(f.word("reason")));
    e = w;
  } else {
    const std::vector<std::string> kinds = {
        "agency.register", "agency.update", "subject.enterprise", "subject.person", "att.issue",
        "att.status",      "event.record",  "event.correct",      "event.withdraw"};
    const auto near = nearest(kind, kinds);
    f.wrong("kind", near
                        ? fmt::format("'{}' is unknown: did you mean '{}'?", printable(kind), *near)
                        : "must be one of " + joined(kinds, "or"));
  }
  f.check_all_used();
  return e;
}

}  // namespace

std::expected<std::vector<Entry>, std::string> entries_from_json(const json::value& value,
                                                                 const Catalog& catalog) {
  json::array one;
  const json::array* list = value.if_array();
  if (list == nullptr) {
    if (!value.is_object()) return std::unexpected(std::string("an array of entries is expected"));
    one.push_back(value);
    list = &one;
  }
  if (list->empty()) return std::unexpected(std::string("the array has no entries"));
  if (list->size() > 4096) {
    return std::unexpected(fmt::format("{} entries; a submission has at most 4,096", list->size()));
  }
  std::vector<Entry> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json::object* o = (*list)[i].if_object();
    if (o == nullptr) return std::unexpected(fmt::format("entry {} is not an object", i));
    try {
      out.push_back(one_entry(*o, catalog));
    } catch (const Wrong& w) {
      return std::unexpected(fmt::format("entry {}, {}", i, w.what));
    }
  }
  return out;
}

}  // namespace imi::cli
