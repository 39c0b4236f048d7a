#include "cli/write/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hex.h"
#include "cli/text.h"
#include "cli/typed.h"
#include "cli/values.h"

namespace imi::cli {
namespace {

using ledger::Catalog;
using ledger::Entry;

template <class E>
struct Word {
  std::string_view text;
  E value;
};

// The value of a word; the error lists the words, and the nearest if one was probably meant.
template <class E, std::size_t N>
std::expected<E, std::string> one_of(const std::array<Word<E>, N>& words, std::string_view text) {
  std::vector<std::string> all;
  for (const auto& w : words) {
    if (w.text == text) return w.value;
    // Synonyms in Chinese are taken and not listed.
    if (static_cast<unsigned char>(w.text.empty() ? ' ' : w.text[0]) < 0x80 && !w.text.empty()) {
      all.emplace_back(w.text);
    }
  }
  if (text.empty()) {
    return std::unexpected("is empty; one of " + joined(all, "or") + " is needed");
  }
  return std::unexpected(
      fmt::format("'{}' is not one of {}", cut(printable(text), 40), joined(all, "or")));
}

using Problems = std::vector<NamedProblem>;

// Collects values and what was wrong with them.
class Reader {
 public:
  template <class T, class E>
  std::optional<T> take(std::string_view field, std::expected<T, E> value) {
    if (value) return std::move(*value);
    if constexpr (std::is_same_v<E, ValueError>) {
      problem(field, value.error().reason);
    } else {
      problem(field, std::string(value.error()));
    }
    return std::nullopt;
  }
  // The first of a field: what follows from it would only repeat it.
  void problem(std::string_view field, std::string reason) {
    const bool known =
        std::ranges::any_of(problems, [&](const NamedProblem& p) { return p.field == field; });
    if (!known) problems.push_back({std::string(field), std::move(reason)});
  }
  std::optional<ledger::Day> day(std::string_view field, std::string_view text) {
    const auto d = take(field, parse_day(text));
    return d ? std::optional(ledger::Day(*d)) : std::nullopt;
  }
  // In its one form; empty where it has none, with the problem noted.
  std::string typed(std::string_view field, Value<std::string> value) {
    return take(field, std::move(value)).value_or("");
  }
  void text(std::string_view field, std::string_view value, std::size_t most, bool required) {
    if (value.empty() && required) problem(field, "is empty");
    if (value.size() > most) {
      problem(field, fmt::format("is {} bytes long; the limit is {}", value.size(), most));
    }
  }
  Problems problems;
};

std::expected<ledger::Division, std::string> parse_division_text(std::string_view text) {
  auto d = ledger::parse_division(text);
  if (!d) {
    const bool district = text.size() == 6 && ledger::parse_division(std::string(text) + "000000");
    return std::unexpected(
        fmt::format("'{}' is not a division code of 12 digits{}", cut(printable(text), 40),
                    district ? fmt::format(": did you mean the whole district, {}000000?", text)
                             : fmt::format(": {}", ledger::describe(d.error()))));
  }
  return *d;
}

std::expected<ledger::Grid, std::string> parse_grid_text(std::string_view text) {
  auto g = ledger::parse_grid(text);
  if (!g) {
    return std::unexpected(fmt::format("'{}' is not a grid id such as 440604G0460: {}",
                                       cut(printable(text), 40), ledger::describe(g.error())));
  }
  return *g;
}

const ledger::EventCode* find_code(Reader& r, const std::string& text, const Catalog& catalog) {
  const ledger::EventCode* code = catalog.code(text);
  if (code != nullptr) return code;
  std::vector<std::string> all;
  for (const ledger::EventCode& c : catalog.codes) all.push_back(c.text);
  const auto near = nearest(text, all);
  r.problem("code", text.empty()
                        ? std::string("is empty; imi catalog lists the codes")
                        : fmt::format("'{}' is not in the catalog{}", cut(printable(text), 40),
                                      near ? ": did you mean '" + *near + "'?"
                                           : "; imi catalog lists the codes"));
  return nullptr;
}

void check_needs(Reader& r, const ledger::EventCode& code, const EventTexts& t) {
  const auto need = [&](std::uint8_t bit, std::string_view field, const std::string& value) {
    if ((code.needs & bit) != 0 && value.empty()) {
      r.problem(field, fmt::format("the code {} requires it", code.text));
    }
  };
  need(ledger::kNeedsAmount, "amount_yuan", t.amount_yuan);
  need(ledger::kNeedsDoc, "doc", t.doc);
  need(ledger::kNeedsGrid, "grid", t.grid);
  need(ledger::kNeedsNotice, "notified", t.notified);
}

// All digits, of which a spreadsheet keeps fifteen.
bool is_rounded_code(std::string_view code) {
  return code.size() == 18 && code.find_first_not_of("0123456789") == std::string_view::npos &&
         code.ends_with("000");
}

// The code of a row, with what the row or the whole file says of its check character.
std::optional<EnterpriseCode> take_code(Reader& r, std::string_view text, std::string_view mark,
                                        bool as_issued_by_default) {
  std::optional<bool> said;
  if (const std::string word = r.typed("as_issued", typed_word(mark)); !word.empty()) {
    said = r.take("as_issued", parse_yes_no(word));
  }
  if (said) return r.take("uscc", parse_enterprise_code(text, *said));
  // The default of a file is for those of its codes that do not fit.
  if (auto strict = parse_enterprise_code(text, false); strict || !as_issued_by_default) {
    return r.take("uscc", std::move(strict));
  }
  // It is not a word for those that a spreadsheet rounded.
  const auto typed = typed_code(text);
  const bool rounded = typed && is_rounded_code(*typed);
  return r.take("uscc", parse_enterprise_code(text, !rounded));
}

class ByName : public RowMapper {
 public:
  explicit ByName(std::vector<FieldSpec> fields) : fields_(std::move(fields)) {}
  [[nodiscard]] const std::vector<FieldSpec>& fields() const override { return fields_; }

 protected:
  [[nodiscard]] std::size_t index(std::string_view name) const {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name == name) return i;
    }
    return 0;
  }
  [[nodiscard]] const std::string& value(const Record& r, std::string_view name) const {
    return r.values[index(name)];
  }
  [[nodiscard]] std::optional<EnterpriseCode> code(Reader& r, const Record& rec,
                                                   const RowOptions& options) const {
    return take_code(r, value(rec, "uscc"), value(rec, "as_issued"), options.as_issued);
  }
  [[nodiscard]] std::vector<FieldProblem> located(const Problems& problems) const {
    std::vector<FieldProblem> out;
    for (const NamedProblem& p : problems) {
      const std::string_view field = p.field == "gravity" ? std::string_view("class") : p.field;
      out.push_back({index(field), p.reason});
    }
    return out;
  }

 private:
  std::vector<FieldSpec> fields_;
};

class Enterprises final : public ByName {
 public:
  explicit Enterprises(const RowOptions& options)
      : ByName({{"uscc"},
                {"name"},
                {"division"},
                {"status", false},
                {"sole_trader", false},
                {"established_id", false},
                {"as_issued", false}}),
        options_(options) {}
  [[nodiscard]] std::optional<std::size_t> key() const override { return index("uscc"); }
  [[nodiscard]] std::optional<ledger::Uscc> enterprise(const Record& rec) const override {
    Reader r;
    const auto found = code(r, rec, options_);
    return found ? std::optional(found->uscc) : std::nullopt;
  }
  std::expected<std::optional<Entry>, std::vector<FieldProblem>> map(
      const Record& rec) const override {
    Reader r;
    ledger::SubjectEnterprise e;
    const auto found = code(r, rec, options_);
    const auto division = r.take(
        "division", parse_division_text(r.typed("division", typed_code(value(rec, "division")))));
    e.name = r.typed("name", typed_name(value(rec, "name")));
    r.text("name", e.name, ledger::kMaxNameBytes, true);
    if (const std::string s = r.typed("status", typed_word(value(rec, "status"))); !s.empty()) {
      if (const auto v = r.take("status", parse_enterprise_status(s))) e.status = *v;
    }
    const std::string trader = r.typed("sole_trader", typed_word(value(rec, "sole_trader")));
    if (!trader.empty()) {
      if (const auto v = r.take("sole_trader", parse_yes_no(trader))) e.sole_trader = *v;
    }
    if (!r.problems.empty()) return std::unexpected(located(r.problems));
    e.uscc = found->uscc;
    e.as_issued = found->as_issued;
    e.division = *division;
    return Entry(std::move(e));
  }

 private:
  RowOptions options_;
};

class Events final : public ByName {
 public:
  Events(const RowOptions& options, bool outcomes)
      : ByName({{"source_key"},
                {"uscc"},
                {"code"},
                {"class"},
                {"occurred"},
                {"decided"},
                {"basis"},
                {"polarity", false},
                {"amount_yuan", false},
                {"doc", false},
                {"grid", false},
                {"ended", false},
                {"notified", false},
                {"basis_level", false},
                {"backfill", false},
                {"outcome", outcomes},
                {"note", false},
                {"as_issued", false}}),
        options_(options),
        outcomes_(outcomes) {}

  [[nodiscard]] std::optional<std::size_t> key() const override { return index("source_key"); }
  [[nodiscard]] std::optional<ledger::Uscc> enterprise(const Record& rec) const override {
    Reader r;
    const auto found = code(r, rec, options_);
    return found ? std::optional(found->uscc) : std::nullopt;
  }
  std::expected<std::optional<Entry>, std::vector<FieldProblem>> map(
      const Record& rec) const override {
    Reader r;
    const std::string outcome = r.typed("outcome", typed_word(value(rec, "outcome")));
    const bool corrected = outcome == "correct";
    if (!outcome.empty() && outcome != "pending" && !corrected && outcome != "withdraw") {
      r.problem("outcome", fmt::format("'{}' is not one of correct, withdraw or pending",
                                       cut(printable(outcome), 40)));
    }
    EventTexts t = texts(rec);
    // The correction brings the final amount, unless the ledger takes no record without one.
    if (corrected && !outcomes_ && !needs_amount(t.code)) t.amount_yuan.clear();
    auto facts = event_facts(t, *options_.catalog, options_.backfill);
    if (!facts) {
      for (NamedProblem& p : facts.error()) r.problems.push_back(std::move(p));
    }
    const auto found = code(r, rec, options_);
    const std::string source = r.typed("source_key", typed_source(value(rec, "source_key")));
    r.text("source_key", source, ledger::kMaxSourceBytes, true);
    if (!r.problems.empty()) return std::unexpected(located(r.problems));
    return entry(outcome, found->uscc, source, std::move(*facts));
  }
  [[nodiscard]] bool has_outcome(const Record& rec) const override {
    const auto outcome = typed_word(value(rec, "outcome"));
    return !outcomes_ && outcome && (*outcome == "correct" || *outcome == "withdraw");
  }

 private:
  [[nodiscard]] bool needs_amount(const std::string& code) const {
    const ledger::EventCode* found = options_.catalog->code(typed_word(code).value_or(""));
    return found != nullptr && (found->needs & ledger::kNeedsAmount) != 0;
  }
  [[nodiscard]] EventTexts texts(const Record& rec) const {
    EventTexts t;
    t.code = value(rec, "code");
    t.gravity = value(rec, "class");
    t.polarity = value(rec, "polarity");
    t.occurred = value(rec, "occurred");
    t.decided = value(rec, "decided");
    t.ended = value(rec, "ended");
    t.notified = value(rec, "notified");
    t.amount_yuan = value(rec, "amount_yuan");
    t.doc = value(rec, "doc");
    t.basis = value(rec, "basis");
    t.basis_level = value(rec, "basis_level");
    t.grid = value(rec, "grid");
    t.backfill = value(rec, "backfill");
    return t;
  }

  [[nodiscard]] std::optional<Entry> entry(const std::string& outcome, const ledger::Uscc& uscc,
                                           const std::string& source,
                                           ledger::EventFacts facts) const {
    if (!outcomes_) {
      return Entry(ledger::EventRecord{ledger::enterprise_id(uscc), std::move(facts),
                                       ledger::Source(source)});
    }
    const ledger::EventId event = ledger::event_id(options_.agency, ledger::source_key(source));
    if (outcome == "correct") {
      return Entry(ledger::EventCorrect{event, ledger::Version(1), std::move(facts),
                                        ledger::ChangeReason::kFinalDecision});
    }
    if (outcome == "withdraw") {
      return Entry(
          ledger::EventWithdraw{event, ledger::Version(1), ledger::ChangeReason::kRevoked});
    }
    return std::nullopt;
  }

  RowOptions options_;
  bool outcomes_;
};

class AttestationStatus final : public ByName {
 public:
  AttestationStatus() : ByName({{"aid"}, {"action"}, {"reason", false}}) {}
  std::expected<std::optional<Entry>, std::vector<FieldProblem>> map(
      const Record& rec) const override {
    Reader r;
    const auto aid =
        fixed_from_hex<ledger::AttestationId>(r.typed("aid", typed_word(value(rec, "aid"))));
    if (!aid) r.problem("aid", "is not 64 hexadecimal characters");
    const auto action =
        r.take("action", parse_att_action(r.typed("action", typed_word(value(rec, "action")))));
    ledger::AttReason reason = ledger::AttReason::kUnspecified;
    if (const std::string s = r.typed("reason", typed_word(value(rec, "reason"))); !s.empty()) {
      if (const auto v = r.take("reason", parse_att_reason(s))) reason = *v;
    }
    if (!r.problems.empty()) return std::unexpected(located(r.problems));
    return Entry(ledger::AttStatus{*aid, *action, reason});
  }
};

}  // namespace

const std::vector<std::string>& row_kinds() {
  static const std::vector<std::string> kinds = {"enterprises", "events", "event-outcomes",
                                                 "attestation-status"};
  return kinds;
}

std::unique_ptr<RowMapper> make_mapper(std::string_view kind, const RowOptions& options) {
  if (kind == "enterprises") return std::make_unique<Enterprises>(options);
  if (kind == "events") return std::make_unique<Events>(options, false);
  if (kind == "event-outcomes") return std::make_unique<Events>(options, true);
  if (kind == "attestation-status") return std::make_unique<AttestationStatus>();
  return nullptr;
}

std::expected<EnterpriseCode, std::string> parse_enterprise_code(std::string_view text,
                                                                 bool as_issued) {
  const auto typed = typed_code(text);
  if (!typed) return std::unexpected(typed.error().reason);
  const auto u = as_issued ? ledger::parse_uscc_as_issued(*typed) : ledger::parse_uscc(*typed);
  if (u) return EnterpriseCode{*u, as_issued};
  // No other code is offered: one that fits may be unassigned, or another enterprise's.
  std::string why(ledger::describe(u.error()));
  if (u.error() == ledger::CodeError::kCheckCharacter) {
    why += is_rounded_code(*typed)
               ? ", and a spreadsheet that takes a code for a number keeps 15 digits and writes "
                 "000 for the rest: take it from the source"
               : "; if it was really issued like that, accept it with the column as_issued (yes) "
                 "in a file, or --as-issued";
  } else if (u.error() == ledger::CodeError::kLength) {
    why += fmt::format(": {} characters instead of 18", typed->size());
  } else if (u.error() == ledger::CodeError::kAlphabet) {
    why += " (digits, and letters without I, O, S, V and Z)";
  }
  return std::unexpected(
      fmt::format("'{}' is not a unified social credit code: {}", cut(printable(text), 40), why));
}

namespace {

// Each text in its one form.
EventTexts typed(Reader& r, const EventTexts& t) {
  EventTexts out;
  out.code = r.typed("code", typed_word(t.code));
  out.gravity = r.typed("gravity", typed_word(t.gravity));
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
  const auto gravity = r.take("gravity", parse_gravity(t.gravity));
  if (code != nullptr && gravity) {
    what.code = code->id;
    if (const ledger::Rule* rule = catalog.rule_for(*code, *gravity)) {
      f.rule = rule->id;
    } else {
      r.problem("gravity",
                fmt::format("the code {} has no rule of class '{}'", code->text, t.gravity));
    }
    if (!t.polarity.empty() && t.polarity != ledger::name(code->polarity)) {
      r.problem("polarity",
                fmt::format("is '{}', and the code {} is {}", cut(printable(t.polarity), 40),
                            code->text, ledger::name(code->polarity)));
    }
    check_needs(r, *code, t);
  }
  const auto occurred = r.day("occurred", t.occurred);
  const auto decided = r.day("decided", t.decided);
  if (occurred && decided && *decided < *occurred) {
    r.problem("decided",
              fmt::format("{} is before the day it occurred, {}", t.decided, t.occurred));
  }
  if (!t.ended.empty()) f.ended = r.day("ended", t.ended);
  if (!t.notified.empty()) f.notified = r.day("notified", t.notified);
  if (!t.amount_yuan.empty()) what.amount_fen = r.take("amount_yuan", parse_yuan(t.amount_yuan));
  r.text("doc", t.doc, ledger::kMaxDocBytes, false);
  r.text("basis", t.basis, ledger::kMaxBasisBytes, true);
  what.basis.level = ledger::BasisLevel::kRule;
  if (!t.basis_level.empty()) {
    if (const auto v = r.take("basis_level", parse_basis_level(t.basis_level)))
      what.basis.level = *v;
  }
  if (code != nullptr && what.basis.level > code->weakest_basis) {
    r.problem("basis_level", fmt::format("'{}' is too weak for the code {}: at least '{}'",
                                         ledger::name(what.basis.level), code->text,
                                         ledger::name(code->weakest_basis)));
  }
  if (!t.grid.empty()) what.grid = r.take("grid", parse_grid_text(t.grid));
  f.backfill = backfill_default;
  if (!t.backfill.empty()) {
    if (const auto v = r.take("backfill", parse_yes_no(t.backfill))) f.backfill = *v;
  }
  if (!r.problems.empty()) return std::unexpected(std::move(r.problems));
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

std::expected<ledger::EnterpriseStatus, std::string> parse_enterprise_status(
    std::string_view text) {
  using S = ledger::EnterpriseStatus;
  constexpr std::array<Word<S>, 8> kWords = {{{"active", S::kActive},
                                              {"suspended", S::kSuspended},
                                              {"revoked", S::kRevoked},
                                              {"deregistered", S::kDeregistered},
                                              {"存续", S::kActive},
                                              {"停业", S::kSuspended},
                                              {"吊销", S::kRevoked},
                                              {"注销", S::kDeregistered}}};
  return one_of(kWords, text);
}

std::expected<ledger::Gravity, std::string> parse_gravity(std::string_view text) {
  using G = ledger::Gravity;
  constexpr std::array<Word<G>, 8> kWords = {{{"", G::kNone},
                                              {"none", G::kNone},
                                              {"minor", G::kMinor},
                                              {"general", G::kGeneral},
                                              {"serious", G::kSerious},
                                              {"轻微", G::kMinor},
                                              {"一般", G::kGeneral},
                                              {"严重", G::kSerious}}};
  return one_of(kWords, text);
}

std::expected<ledger::BasisLevel, std::string> parse_basis_level(std::string_view text) {
  using B = ledger::BasisLevel;
  constexpr std::array<Word<B>, 5> kWords = {{{"law", B::kLaw},
                                              {"regulation", B::kRegulation},
                                              {"rule", B::kRule},
                                              {"normative", B::kNormative},
                                              {"pact", B::kPact}}};
  return one_of(kWords, text);
}

std::expected<ledger::AttAction, std::string> parse_att_action(std::string_view text) {
  using A = ledger::AttAction;
  constexpr std::array<Word<A>, 3> kWords = {
      {{"revoke", A::kRevoke}, {"suspend", A::kSuspend}, {"reinstate", A::kReinstate}}};
  return one_of(kWords, text);
}

std::expected<ledger::AttReason, std::string> parse_att_reason(std::string_view text) {
  using R = ledger::AttReason;
  constexpr std::array<Word<R>, 6> kWords = {{{"unspecified", R::kUnspecified},
                                              {"key-compromised", R::kKeyCompromised},
                                              {"claims-wrong", R::kClaimsWrong},
                                              {"replaced", R::kReplaced},
                                              {"no-longer-holds", R::kNoLongerHolds},
                                              {"surrendered", R::kSurrendered}}};
  return one_of(kWords, text);
}

std::expected<ledger::ChangeReason, std::string> parse_change_reason(std::string_view text) {
  using R = ledger::ChangeReason;
  constexpr std::array<Word<R>, 6> kWords = {{{"typo", R::kTypo},
                                              {"wrong-subject", R::kWrongSubject},
                                              {"final-decision", R::kFinalDecision},
                                              {"revoked", R::kRevoked},
                                              {"duplicate", R::kDuplicate},
                                              {"other", R::kOther}}};
  return one_of(kWords, text);
}

}  // namespace imi::cli
