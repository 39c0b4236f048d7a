#include "cli/read/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/hex.h"
#include "cli/values.h"
#include "ledger/core/calendar.h"
#include "ledger/credit/status.h"
#include "rpc/ledger_json.h"

namespace imi::cli {
namespace {

using ledger::EventState;
using ledger::Genesis;
using ledger::VerifiedAnswer;
using rpc::agency_name;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

struct View {
  const Genesis& genesis;
  ledger::Day today;
};

std::string day(ledger::Day d) { return day_text(d.value); }

std::string code_text(const View& v, const EventState& e) {
  if (const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    const ledger::EventCode* code = v.genesis.catalog.find(facts->code);
    return code != nullptr ? code->text : fmt::format("code {}", facts->code.value);
  }
  return fmt::format("bucket {}", std::get<ledger::CommittedFacts>(e.facts.what).bucket.value);
}

ledger::Polarity polarity_of(const View& v, const EventState& e) {
  if (const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    const ledger::EventCode* code = v.genesis.catalog.find(facts->code);
    return code != nullptr ? code->polarity : ledger::Polarity::kNeutral;
  }
  const auto* bucket =
      v.genesis.catalog.find(std::get<ledger::CommittedFacts>(e.facts.what).bucket);
  return bucket != nullptr ? bucket->polarity : ledger::Polarity::kNeutral;
}

std::string amount_text(const EventState& e) {
  const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what);
  return facts != nullptr && facts->amount_fen ? yuan_text(*facts->amount_fen) : std::string();
}

// The words of a status, most telling first.
std::string status_text(const View& v, const EventState& e) {
  std::string out(ledger::name(e.life));
  const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule);
  if (rule == nullptr) return out;
  const ledger::EventStatus st = ledger::status(e, *rule, v.today);
  if (st.disputed) out += st.overdue ? ", dispute overdue" : ", disputed";
  if (st.sealed) return out + ", sealed";
  if (st.life == ledger::Life::kLive) {
    out += st.published       ? ", published"
           : !rule->published ? ", never published (its rule)"
           : st.expired       ? ", publication over"
                              : ", not published";
  }
  return out;
}

std::string gravity_text(const View& v, const EventState& e) {
  const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule);
  return rule == nullptr ? std::string() : std::string(ledger::name(rule->gravity));
}

// "minor", or the polarity where there is no gravity.
std::string class_text(const View& v, const EventState& e) {
  const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule);
  if (rule != nullptr && rule->gravity != ledger::Gravity::kNone) return gravity_text(v, e);
  return std::string(ledger::name(polarity_of(v, e)));
}

// One word for a table.
std::string short_status(const View& v, const EventState& e) {
  const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule);
  if (e.life != ledger::Life::kLive || rule == nullptr) return std::string(ledger::name(e.life));
  const ledger::EventStatus st = ledger::status(e, *rule, v.today);
  if (st.sealed) return "sealed";
  if (st.disputed) return "disputed";
  return st.published ? "published" : st.expired ? "expired" : "unpublished";
}

void show_event(Output& out, const View& v, const std::string& id, const EventState& e) {
  Fields f;
  f.add("event", id);
  f.add("code", code_text(v, e));
  if (const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    const ledger::EventCode* code = v.genesis.catalog.find(facts->code);
    if (code != nullptr) f.add("name", code->names.zh + " / " + code->names.en);
  }
  f.add("class", gravity_text(v, e) + " " + std::string(ledger::name(polarity_of(v, e))));
  f.add("status",
        Cell(status_text(v, e), e.life == ledger::Life::kLive ? Style::kPlain : Style::kWarn));
  f.add("occurred", day(e.facts.occurred));
  f.add("decided", day(e.facts.decided));
  if (const std::string amount = amount_text(e); !amount.empty()) f.add("amount", amount + " yuan");
  if (const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    if (!facts->doc.empty()) f.add("document", facts->doc);
    f.add("basis", fmt::format("{} ({})", facts->basis.text, ledger::name(facts->basis.level)));
    if (facts->grid) f.add("grid", ledger::text(*facts->grid));
  }
  if (const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule)) {
    const ledger::EventStatus st = ledger::status(e, *rule, v.today);
    f.add("rule", rule->text);
    // Days of publication are those of an event that stands and that its rule publishes at all.
    const bool stands = st.life == ledger::Life::kLive && !st.sealed;
    if (stands && rule->published && st.publish_until) {
      f.add(st.expired ? "publication ended" : "published until", day(*st.publish_until));
    }
    if (stands && st.repair_from) {
      f.add(st.repairable ? "repair since" : "repair from", day(*st.repair_from));
    }
  }
  f.add("recorded by", agency_name(v.genesis, e.recorder));
  f.add("recorded", fmt::format("{} in block {}{}", day(e.recorded), grouped(e.height.value),
                                e.facts.backfill ? " (from older stock)" : ""));
  f.add("version", std::to_string(e.record_version.value));
  f.add("subject", to_hex(e.subject));
  if (e.supersedes) f.add("corrects", to_hex(*e.supersedes));
  if (e.superseded_by) f.add("corrected by", to_hex(*e.superseded_by));
  if (e.life == ledger::Life::kWithdrawn) {
    f.add("withdrawn",
          "the day and reason are in the withdrawal, which this proof does not contain");
  }
  out.show(f);
}

// Events of a page in the order of their latest transition.
std::vector<std::pair<ledger::EventId, const EventState*>> in_order(
    const ledger::DossierAnswer& d) {
  std::vector<std::pair<ledger::EventId, const EventState*>> out;
  for (const auto& [id, e] : d.events) out.emplace_back(id, &e);
  const auto place = [](const auto& e) {
    return std::tuple(e.second->facts.decided, e.second->last_seq, e.first);
  };
  std::ranges::sort(out, {}, place);
  return out;
}

// Which of a subject's transitions an answer is about: of every kind or of one, and from where on.
// Everything said of completeness is said of these alone.
struct Scope {
  std::string kind;  // empty: every kind
  std::uint64_t from = 0;
};

Scope scope_of(const ledger::Question& q, const Genesis& g) {
  Scope out;
  if (const auto* e = std::get_if<ledger::AskEnterprise>(&q)) {
    out.from = e->page.from;
    if (!e->code) return out;
    const ledger::EventCode* code = g.catalog.find(*e->code);
    out.kind = code != nullptr ? code->text : fmt::format("code {}", e->code->value);
  } else if (const auto* p = std::get_if<ledger::AskPerson>(&q)) {
    out.from = p->page.from;
  }
  return out;
}

bool is_whole(const Scope& scope, const ledger::DossierAnswer& d) {
  return scope.from == 0 && d.leaves.size() == d.total;
}

std::uint64_t of_all_kinds(const ledger::DossierAnswer& d) {
  return d.dossier ? d.dossier->peaks.size() : 0;
}

std::string transitions_text(const Scope& scope, const ledger::DossierAnswer& d) {
  const bool whole = is_whole(scope, d);
  if (scope.kind.empty()) {
    return fmt::format("{} ever{}", grouped(d.total), whole ? "; the list below is complete" : "");
  }
  return fmt::format("{} of kind {} ever{}; {} of all kinds, the others are not shown",
                     grouped(d.total), scope.kind,
                     whole ? ", and the list below is complete for this kind" : "",
                     grouped(of_all_kinds(d)));
}

// "transitions 200 to 399 of 8,011"; there is at least one.
std::string part_text(const Scope& scope, const ledger::DossierAnswer& d) {
  return fmt::format("transitions {} to {} of {}{}", grouped(scope.from),
                     grouped(scope.from + d.leaves.size() - 1), grouped(d.total),
                     scope.kind.empty() ? "" : " of kind " + scope.kind);
}

// What a proof of a subject's page says, and what it does not.
std::string dossier_meaning(const std::string& what, const std::string& at, const Scope& scope,
                            const ledger::DossierAnswer& d) {
  if (!d.subject) return fmt::format("There is no {} {}.", what, at);
  const std::string of_kind = scope.kind.empty() ? "" : " of kind " + scope.kind;
  const std::string others =
      scope.kind.empty()
          ? std::string()
          : fmt::format(" Of its {} transitions of all kinds, those of other kinds are not shown.",
                        grouped(of_all_kinds(d)));
  if (d.leaves.empty() && d.total > 0) {
    return fmt::format("The record of {} {}; it has {} transitions{}, none from {} on.{}", what, at,
                       grouped(d.total), of_kind, grouped(scope.from), others);
  }
  if (!is_whole(scope, d)) {
    return fmt::format("The record of {} {}, with {}: the others are not shown.{}", what, at,
                       part_text(scope, d), others);
  }
  if (scope.kind.empty()) {
    return fmt::format(
        "The record of {} {}, with all {} transitions it ever had: nothing is left out.", what, at,
        grouped(d.total));
  }
  return fmt::format(
      "The record of {} {}, with all {} transitions of kind {} it ever had: of this kind nothing "
      "is left out.{}",
      what, at, grouped(d.total), scope.kind, others);
}

// What a status of the table means, and who may be shown such an event.
void explain_statuses(Output& out, const std::set<std::string>& statuses) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"unpublished", "its rule does not publish it, or not yet"},
      {"expired", "the time for which its rule published it is over"},
      {"disputed", "an objection to it is open"},
      {"sealed", "so old that its rule removes it from every answer"}};
  bool hidden = false;
  for (const auto& [status, text] : all) {
    if (!statuses.contains(status)) continue;
    out.line(fmt::format("{}: {}", status, text));
    hidden = hidden || status != "disputed";
  }
  if (hidden) {
    out.line(
        "Unpublished events are for the enterprise itself, the agency that recorded them and "
        "agencies with a duty to know them; do not pass them on to the public.");
  }
}

void show_dossier(Output& out, const View& v, const Scope& scope, const ledger::DossierAnswer& d) {
  if (!d.subject) return;
  Fields f;
  if (const auto* e = std::get_if<ledger::EnterpriseState>(&d.subject->who)) {
    f.add("enterprise", Cell(e->name, Style::kBold));
    f.add("uscc", ledger::text(e->uscc));
    f.add("status", std::string(ledger::name(e->status)) + (e->sole_trader ? ", sole trader" : ""));
    if (e->as_issued) f.add("code", "as issued: its last character does not fit GB 32100");
    f.add("division", ledger::text(e->division));
  } else {
    f.add("person", to_hex(d.sid));
    f.add("status", d.subject->life == ledger::SubjectLife::kOpen ? "open" : "closed");
  }
  f.add("registered", fmt::format("block {}, by {}", grouped(d.subject->registered.value),
                                  agency_name(v.genesis, d.subject->registrar)));
  if (d.subject->record_version != ledger::Version(1)) {
    f.add("changed", fmt::format("block {}; version {}", grouped(d.subject->changed.value),
                                 d.subject->record_version.value));
  }
  f.add("transitions", transitions_text(scope, d));
  out.show(f);
  if (d.events.empty()) return;
  out.line();
  Table t({{"decided"},
           {"code", Align::kLeft, 20},
           {"class", Align::kLeft, 8},
           {"amount", Align::kRight},
           {"status", Align::kLeft, 11},
           {"document", Align::kLeft, 10},
           id_column("event")});
  std::set<std::string> statuses;
  for (const auto& [id, e] : in_order(d)) {
    statuses.insert(short_status(v, *e));
    const auto* facts = std::get_if<ledger::PublicFacts>(&e->facts.what);
    const ledger::Polarity polarity = polarity_of(v, *e);
    const Style style = polarity == ledger::Polarity::kNegative   ? Style::kWarn
                        : polarity == ledger::Polarity::kPositive ? Style::kGood
                                                                  : Style::kPlain;
    t.add({day(e->facts.decided), code_text(v, *e), Cell(class_text(v, *e), style), amount_text(*e),
           short_status(v, *e), facts != nullptr ? facts->doc : "", to_hex(id)});
  }
  out.show(t);
  explain_statuses(out, statuses);
  if (is_whole(scope, d)) return;
  const std::uint64_t next = scope.from + d.leaves.size();
  out.line(part_text(scope, d) + (next < d.total
                                      ? fmt::format(" shown; the next: --from {}", next)
                                      : std::string(" shown; the first: without --from")));
}

std::string att_validity(const ledger::AttState& a, chain::TimeMs now) {
  if (a.life != ledger::AttLife::kActive) return std::string(ledger::name(a.life));
  if (now < a.from) return "not valid yet";
  if (now >= a.until) return "no longer valid";
  return "valid";
}

void show_attestation(Output& out, const View& v, const std::string& id, const ledger::AttState& a,
                      chain::TimeMs now) {
  const ledger::Schema* schema = v.genesis.catalog.find(a.attests);
  const std::string validity = att_validity(a, now);
  Fields f;
  f.add("attestation", id);
  f.add("state", Cell(validity, validity == "valid" ? Style::kGood : Style::kBad));
  f.add("schema", schema != nullptr ? schema->text : std::to_string(a.attests.value));
  f.add("assurance level", std::to_string(a.level));
  f.add("issuer", agency_name(v.genesis, a.issuer));
  f.add("valid", time_text(a.from.value) + " to " + time_text(a.until.value) + " (UTC+8)");
  f.add("claims", fmt::format("{} salted claims under {}", a.claims, to_hex(a.claims_root)));
  f.add("holder key", to_hex(a.holder_key_hash));
  if (a.life != ledger::AttLife::kActive) f.add("reason", std::string(ledger::name(a.reason)));
  f.add("issued", fmt::format("block {}; last change in block {}", grouped(a.issued.value),
                              grouped(a.changed.value)));
  out.show(f);
}

void show_agency(Output& out, const View& v, const std::string& id, const ledger::AgencyState& a) {
  Fields f;
  f.add("agency", Cell(a.profile.title, Style::kBold));
  f.add("short name", a.profile.short_name);
  f.add("id", id);
  f.add("status", std::string(ledger::name(a.status)));
  f.add("roles", joined(a.profile.roles.names()));
  std::vector<std::string> fields;
  for (const auto& x : a.profile.fields) {
    const ledger::WorkField* field = v.genesis.catalog.find(x);
    fields.push_back(field != nullptr ? field->text : std::to_string(x.value));
  }
  if (!fields.empty()) f.add("fields", joined(fields));
  std::vector<std::string> divisions;
  for (const auto& d : a.profile.divisions) divisions.push_back(ledger::text(d));
  f.add("divisions", joined(divisions));
  for (const auto& k : a.profile.keys) f.add("key", to_hex(k));
  f.add("version", std::to_string(a.record_version.value));
  out.show(f);
}

void show_submission(Output& out, const ledger::SubmissionAnswer& a) {
  Fields f;
  const bool done = a.status == ledger::SubmissionStatus::kCommitted;
  f.add("fate", Cell(std::string(ledger::name(a.status)), done ? Style::kGood : Style::kWarn));
  if (a.state) {
    f.add("block", fmt::format("{}, place {}", grouped(a.state->height.value), a.state->index));
    f.add("entries",
          fmt::format("{}, {} accepted, {} refused", grouped(a.state->count),
                      grouped(a.state->count - a.state->refused), grouped(a.state->refused)));
  }
  out.show(f);
  if (!a.outcomes) return;
  for (std::size_t i = 0; i < a.outcomes->refused.size() && i < 50; ++i) {
    const auto& r = a.outcomes->refused[i];
    out.line(fmt::format("  entry {} refused: {}: {}", r.index, ledger::name(r.refusal.code),
                         ledger::describe(r.refusal)));
  }
}

std::string asked_id(const ledger::Question& q) {
  return std::visit(Overloaded{[](const ledger::AskEnterprise& a) { return ledger::text(a.uscc); },
                               [](const ledger::AskPerson& a) { return to_hex(a.sid); },
                               [](const ledger::AskEvent& a) { return to_hex(a.eid); },
                               [](const ledger::AskAttestation& a) { return to_hex(a.aid); },
                               [](const ledger::AskAgency& a) { return to_hex(a.id); },
                               [](const ledger::AskSubmission& a) { return to_hex(a.id); },
                               [](const ledger::AskEntry& a) { return to_hex(a.id); },
                               [](const ledger::AskHead&) { return std::string(); },
                               [](const ledger::AskConsistency&) { return std::string(); }},
                    q);
}

std::string_view asked_what(const ledger::Question& q) {
  return std::visit(
      Overloaded{[](const ledger::AskEnterprise&) { return std::string_view("enterprise"); },
                 [](const ledger::AskPerson&) { return std::string_view("person"); },
                 [](const ledger::AskEvent&) { return std::string_view("event"); },
                 [](const ledger::AskAttestation&) { return std::string_view("attestation"); },
                 [](const ledger::AskAgency&) { return std::string_view("agency"); },
                 [](const ledger::AskSubmission&) { return std::string_view("submission"); },
                 [](const ledger::AskEntry&) { return std::string_view("entry"); },
                 [](const ledger::AskHead&) { return std::string_view("head"); },
                 [](const ledger::AskConsistency&) { return std::string_view("consistency"); }},
      q);
}

}  // namespace

bool is_present(const VerifiedAnswer& a) { return rpc::is_present(a.answer); }

std::string absence_text(const VerifiedAnswer& a) {
  return fmt::format("there is no {} {}", asked_what(a.question), asked_id(a.question));
}

void show_answer(Output& out, const VerifiedAnswer& a, const Genesis& g) {
  const View v{g, ledger::day_of(a.head.time)};
  const std::string id = asked_id(a.question);
  std::visit(
      Overloaded{
          [&](const ledger::DossierAnswer& d) { show_dossier(out, v, scope_of(a.question, g), d); },
          [&](const ledger::EventAnswer& e) {
            if (e.event) show_event(out, v, id, *e.event);
          },
          [&](const ledger::AttestationAnswer& x) {
            if (x.attestation) show_attestation(out, v, id, *x.attestation, a.head.time);
          },
          [&](const ledger::AgencyAnswer& x) {
            if (x.agency) show_agency(out, v, id, *x.agency);
          },
          [&](const ledger::SubmissionAnswer& x) { show_submission(out, x); },
          [&](const ledger::EntryAnswer& x) {
            out.line(fmt::format("entry {} of submission {}: {}, place {} of the log, block {}",
                                 x.header.index, id, ledger::name(x.header.kind),
                                 grouped(x.log_index), grouped(x.header.height.value)));
          },
          [&](const ledger::HeadAnswer&) {}, [&](const ledger::ConsistencyAnswer&) {}},
      a.answer);
}

json::object answer_json(const VerifiedAnswer& a, const Genesis& g) {
  return rpc::answer_json(a.question, a.answer, a.head, g);
}

std::string meaning(const VerifiedAnswer& a, const Genesis& g) {
  const std::string at = fmt::format("as of block {} ({} UTC+8)", grouped(a.head.height.value),
                                     time_text(a.head.time.value));
  const std::string what = std::string(asked_what(a.question)) + " " + asked_id(a.question);
  return std::visit(
      Overloaded{[&](const ledger::DossierAnswer& d) {
                   return dossier_meaning(what, at, scope_of(a.question, g), d);
                 },
                 [&](const ledger::EventAnswer& e) {
                   return e.event ? fmt::format("The {} {}.", what, at)
                                  : fmt::format("There is no {} {}.", what, at);
                 },
                 [&](const ledger::AttestationAnswer& x) {
                   return x.attestation ? fmt::format("The state of {} {}.", what, at)
                                        : fmt::format("There is no {} {}.", what, at);
                 },
                 [&](const ledger::AgencyAnswer& x) {
                   return x.agency ? fmt::format("The {} {}.", what, at)
                                   : fmt::format("There is no {} {}.", what, at);
                 },
                 [&](const ledger::SubmissionAnswer& x) {
                   return fmt::format("The fate of {} {}: {}.", what, at, ledger::name(x.status));
                 },
                 [&](const ledger::EntryAnswer&) {
                   return fmt::format("That an entry of submission {} is in the log {}.",
                                      asked_id(a.question), at);
                 },
                 [&](const ledger::HeadAnswer&) {
                   return fmt::format("The state of the whole ledger {}: {} entries in its log.",
                                      at, grouped(a.head.log_size));
                 },
                 [&](const ledger::ConsistencyAnswer&) {
                   return fmt::format("That the log {} begins with all of the older log.", at);
                 }},
      a.answer);
}

}  // namespace imi::cli
