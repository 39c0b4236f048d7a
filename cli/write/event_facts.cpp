#include "cli/write/event_facts.h"

#include <fmt/format.h>

#include "cli/text.h"
#include "cli/typed.h"
#include "cli/write/codes.h"
#include "cli/write/words.h"

namespace imi::cli {
namespace {

using ledger::Catalog;

class Reader : public Problems {
 public:
  std::optional<ledger::Day> day(std::string_view field, std::string_view text) {
    const auto d = take(field, parse_day(text));
    return d ? std::optional(ledger::Day(*d)) : std::nullopt;
  }
  // In its one form; empty where it has none, with the problem noted.
  std::string typed(std::string_view field, Value<std::string> value) {
    return take(field, std::move(value)).value_or("");
  }
  void text(std::string_view field, std::string_view value, std::size_t most, bool required) {
    if (value.empty() && required) add(field, "is empty");
    if (value.size() > most) {
      add(field, fmt::format("is {} bytes long; the limit is {}", value.size(), most));
    }
  }
};

std::expected<ledger::Gravity, std::string> parse_gravity(std::string_view text) {
  if (text.empty()) return ledger::Gravity::kNone;
  return parse_word<ledger::Gravity>(text);
}

const ledger::EventCode* find_code(Reader& r, const std::string& text, const Catalog& catalog) {
  const ledger::EventCode* code = catalog.code(text);
  if (code != nullptr) return code;
  std::vector<std::string> all;
  for (const ledger::EventCode& c : catalog.codes) all.push_back(c.text);
  const auto near = nearest(text, all);
  r.add("code", text.empty() ? std::string("is empty; imi catalog lists the codes")
                             : fmt::format("'{}' is not in the catalog{}", cut(printable(text), 40),
                                           near ? ": did you mean '" + *near + "'?"
                                                : "; imi catalog lists the codes"));
  return nullptr;
}

void check_needs(Reader& r, const ledger::EventCode& code, const EventTexts& t) {
  const auto need = [&](std::uint8_t bit, std::string_view field, const std::string& value) {
    if ((code.needs & bit) != 0 && value.empty()) {
      r.add(field, fmt::format("the code {} requires it", code.text));
    }
  };
  need(ledger::kNeedsAmount, "amount_yuan", t.amount_yuan);
  need(ledger::kNeedsDoc, "doc", t.doc);
  need(ledger::kNeedsGrid, "grid", t.grid);
  need(ledger::kNeedsNotice, "notified", t.notified);
}

// Each text in its one form.
EventTexts typed(Reader& r, const EventTexts& t) {
  EventTexts out;
  out.code = r.typed("code", typed_word(t.code));
  out.gravity = r.typed("class", typed_word(t.gravity));
  out.polarity = r.typed("polarity", typed_word(t.polarity));
  // Not as keys: parse_day and parse_yuan have their own words for what a spreadsheet made of them.
  out.occurred = r.typed("occurred", typed_amount(t.occurred));
  out.decided = r.typed("decided", typed_amount(t.decided));
  out.ended = r.typed("ended", typed_amount(t.ended));
  out.notified = r.typed("notified", typed_amount(t.notified));
  out.amount_yuan = r.typed("amount_yuan", typed_amount(t.amount_yuan));
  out.doc = r.typed("doc", typed_number(t.doc));
  out.basis = r.typed("basis", typed_name(t.basis));
  out.basis_level = r.typed("basis_level", typed_word(t.basis_level));
  out.grid = r.typed("grid", typed_code(t.grid));
  out.backfill = r.typed("backfill", typed_word(t.backfill));
  return out;
}

}  // namespace

std::expected<ledger::EventFacts, std::vector<NamedProblem>> event_facts(const EventTexts& given,
                                                                         const Catalog& catalog,
                                                                         bool backfill_default) {
  Reader r;
  const EventTexts t = typed(r, given);
  ledger::EventFacts f;
  ledger::PublicFacts what;
  const ledger::EventCode* code = find_code(r, t.code, catalog);
  const auto gravity = r.take("class", parse_gravity(t.gravity));
  if (code != nullptr && gravity) {
    what.code = code->id;
    if (!t.polarity.empty() && t.polarity != ledger::name(code->polarity)) {
      r.add("polarity",
            fmt::format("is '{}', and the code {} is {}", cut(printable(t.polarity), 40),
                        code->text, ledger::name(code->polarity)));
    }
    check_needs(r, *code, t);
  }
  const auto occurred = r.day("occurred", t.occurred);
  const auto decided = r.day("decided", t.decided);
  if (occurred && decided && *decided < *occurred) {
    r.add("decided", fmt::format("{} is before the day it occurred, {}", t.decided, t.occurred));
  }
  if (code != nullptr && gravity && decided) {
    if (const ledger::Rule* rule = catalog.rule_for(*code, *gravity, *decided)) {
      f.rule = rule->id;
    } else {
      r.add("class", fmt::format("the code {} has no rule of class '{}' for decisions of {}",
                                 code->text, t.gravity, t.decided));
    }
  }
  if (!t.ended.empty()) f.ended = r.day("ended", t.ended);
  if (!t.notified.empty()) f.notified = r.day("notified", t.notified);
  if (!t.amount_yuan.empty()) what.amount_fen = r.take("amount_yuan", parse_yuan(t.amount_yuan));
  r.text("doc", t.doc, ledger::kMaxDocBytes, false);
  r.text("basis", t.basis, ledger::kMaxBasisBytes, true);
  what.basis.level = ledger::BasisLevel::kRule;
  if (!t.basis_level.empty()) {
    if (const auto v = r.take("basis_level", parse_word<ledger::BasisLevel>(t.basis_level)))
      what.basis.level = *v;
  }
  if (code != nullptr && what.basis.level > code->weakest_basis) {
    r.add("basis_level", fmt::format("'{}' is too weak for the code {}: at least '{}'",
                                     ledger::name(what.basis.level), code->text,
                                     ledger::name(code->weakest_basis)));
  }
  if (!t.grid.empty()) what.grid = r.take("grid", parse_grid_text(t.grid));
  f.backfill = backfill_default;
  if (!t.backfill.empty()) {
    if (const auto v = r.take("backfill", parse_yes_no(t.backfill))) f.backfill = *v;
  }
  if (!r.list.empty()) return std::unexpected(std::move(r.list));
  f.occurred = *occurred;
  f.decided = *decided;
  what.doc = t.doc;
  what.basis.text = t.basis;
  f.what = std::move(what);
  return f;
}

std::optional<EventTexts> texts_of(const ledger::EventFacts& f, const Catalog& catalog) {
  const auto* p = std::get_if<ledger::PublicFacts>(&f.what);
  if (p == nullptr) return std::nullopt;
  const ledger::EventCode* code = catalog.find(p->code);
  const ledger::Rule* rule = catalog.find(f.rule);
  if (code == nullptr || rule == nullptr) return std::nullopt;
  EventTexts t;
  t.code = code->text;
  t.gravity = ledger::name(rule->gravity);
  t.occurred = day_text(f.occurred.value);
  t.decided = day_text(f.decided.value);
  if (f.ended) t.ended = day_text(f.ended->value);
  if (f.notified) t.notified = day_text(f.notified->value);
  if (p->amount_fen) {
    t.amount_yuan = yuan_text(*p->amount_fen);
    std::erase(t.amount_yuan, ',');  // the separators of thousands
  }
  t.doc = p->doc;
  t.basis = p->basis.text;
  t.basis_level = ledger::name(p->basis.level);
  if (p->grid) t.grid = ledger::text(*p->grid);
  t.backfill = f.backfill ? "true" : "false";
  return t;
}

}  // namespace imi::cli
