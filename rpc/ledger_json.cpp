#include "rpc/ledger_json.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cstdio>
#include <tuple>

#include "base/hex.h"
#include "ledger/core/calendar.h"
#include "ledger/credit/status.h"

namespace imi::rpc {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

struct View {
  const ledger::Genesis& genesis;
  ledger::Day today;
  chain::TimeMs now;
};

template <class Name>
json::string word(Name n) {
  const std::string_view v = ledger::name(n);
  return json::string(v.data(), v.size());
}

ledger::Polarity polarity_of(const View& v, const ledger::EventState& e) {
  if (const auto* facts = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    const ledger::EventCode* code = v.genesis.catalog.find(facts->code);
    return code != nullptr ? code->polarity : ledger::Polarity::kNeutral;
  }
  const auto* b = v.genesis.catalog.find(std::get<ledger::CommittedFacts>(e.facts.what).bucket);
  return b != nullptr ? b->polarity : ledger::Polarity::kNeutral;
}

void add_status(json::object& o, const View& v, const ledger::EventState& e) {
  const ledger::Rule* rule = v.genesis.catalog.find(e.facts.rule);
  if (rule == nullptr) return;
  const ledger::EventStatus st = ledger::status(e, *rule, v.today);
  o["rule"] = rule->text;
  o["class"] = word(rule->gravity);
  o["published"] = st.published;
  o["shared"] = st.shared;
  o["disputed"] = st.disputed;
  o["sealed"] = st.sealed;
  // Days of publication are those of an event that stands and that its rule publishes at all.
  const bool stands = st.life == ledger::Life::kLive && !st.sealed;
  if (stands && rule->published && st.publish_until) {
    o["publish_until"] = day_text(*st.publish_until);
  }
  if (stands && st.repair_from) o["repair_from"] = day_text(*st.repair_from);
}

void add_facts(json::object& o, const View& v, const ledger::EventState& e) {
  if (const auto* f = std::get_if<ledger::PublicFacts>(&e.facts.what)) {
    const ledger::EventCode* code = v.genesis.catalog.find(f->code);
    o["code"] = code != nullptr ? code->text : std::to_string(f->code.value);
    if (f->amount_fen) o["amount_fen"] = *f->amount_fen;
    if (!f->doc.empty()) o["doc"] = f->doc;
    o["basis"] = f->basis.text;
    o["basis_level"] = word(f->basis.level);
    if (f->grid) o["grid"] = ledger::text(*f->grid);
    return;
  }
  const auto& c = std::get<ledger::CommittedFacts>(e.facts.what);
  o["bucket"] = c.bucket.value;
  o["commitment"] = to_hex(c.commitment);
}

json::object event_json(const View& v, const ledger::EventId& id, const ledger::EventState& e) {
  json::object o{{"eid", to_hex(id)},
                 {"found", true},
                 {"subject", to_hex(e.subject)},
                 {"recorder", agency_name(v.genesis, e.recorder)},
                 {"version", e.record_version.value},
                 {"life", word(e.life)},
                 {"polarity", word(polarity_of(v, e))},
                 {"occurred", day_text(e.facts.occurred)},
                 {"decided", day_text(e.facts.decided)},
                 {"recorded", day_text(e.recorded)},
                 {"height", e.height.value},
                 {"backfill", e.facts.backfill}};
  if (e.facts.ended) o["ended"] = day_text(*e.facts.ended);
  if (e.supersedes) o["supersedes"] = to_hex(*e.supersedes);
  if (e.superseded_by) o["superseded_by"] = to_hex(*e.superseded_by);
  add_status(o, v, e);
  add_facts(o, v, e);
  return o;
}

void add_subject(json::object& o, const ledger::SubjectState& s) {
  if (const auto* e = std::get_if<ledger::EnterpriseState>(&s.who)) {
    o["uscc"] = ledger::text(e->uscc);
    o["name"] = e->name;
    o["division"] = ledger::text(e->division);
    o["status"] = word(e->status);
    o["sole_trader"] = e->sole_trader;
    o["as_issued"] = e->as_issued;
    return;
  }
  const auto& p = std::get<ledger::PersonState>(s.who);
  o["status"] = s.life == ledger::SubjectLife::kOpen ? "open" : "closed";
  o["index_epoch"] = p.index_epoch;
  o["commitment"] = to_hex(p.commitment);
}

// Events in the order of their decision, then of their latest transition.
json::array events_json(const View& v, const ledger::DossierAnswer& d) {
  std::vector<std::pair<ledger::EventId, const ledger::EventState*>> order;
  for (const auto& [id, e] : d.events) order.emplace_back(id, &e);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.second->facts.decided, a.second->last_seq, a.first) <
           std::tuple(b.second->facts.decided, b.second->last_seq, b.first);
  });
  json::array out;
  for (const auto& [id, e] : order) {
    json::object o = event_json(v, id, *e);
    // Why it was corrected or withdrawn: in the leaf of that transition.
    const auto last = std::ranges::find(d.leaves, e->last_seq, &ledger::DossierLeaf::seq);
    if (last != d.leaves.end() && last->detail != 0) {
      o["reason"] = word(static_cast<ledger::ChangeReason>(last->detail));
    }
    out.push_back(std::move(o));
  }
  return out;
}

// `complete` is said of `kind` alone where there is one, and never of a later page.
json::object dossier_json(const View& v, const ledger::Question& q,
                          const ledger::DossierAnswer& d) {
  json::object o{{"sid", to_hex(d.sid)}, {"found", d.subject.has_value()}};
  if (!d.subject) return o;
  add_subject(o, *d.subject);
  o["version"] = d.subject->record_version.value;
  o["changed"] = d.subject->changed.value;
  o["registrar"] = agency_name(v.genesis, d.subject->registrar);
  o["registered"] = d.subject->registered.value;
  const auto* enterprise = std::get_if<ledger::AskEnterprise>(&q);
  const auto* person = std::get_if<ledger::AskPerson>(&q);
  const std::uint64_t from = enterprise != nullptr ? enterprise->page.from
                             : person != nullptr   ? person->page.from
                                                   : 0;
  if (enterprise != nullptr && enterprise->code) {
    const ledger::EventCode* code = v.genesis.catalog.find(*enterprise->code);
    o["kind"] = code != nullptr ? code->text : std::to_string(enterprise->code->value);
    o["transitions_of_all_kinds"] = d.dossier ? d.dossier->peaks.size() : 0;
  }
  o["transitions"] = d.total;
  o["from"] = from;
  o["shown"] = d.leaves.size();
  o["complete"] = from == 0 && d.leaves.size() == d.total;
  o["events"] = events_json(v, d);
  return o;
}

std::string_view validity(const ledger::AttState& a, chain::TimeMs now) {
  if (a.life != ledger::AttLife::kActive) return ledger::name(a.life);
  if (now < a.from) return "not valid yet";
  return now >= a.until ? "no longer valid" : "valid";
}

json::object attestation_json(const View& v, const ledger::AttestationId& id,
                              const ledger::AttState& a) {
  const ledger::Schema* schema = v.genesis.catalog.find(a.attests);
  return {{"aid", to_hex(id)},
          {"found", true},
          {"state", std::string(validity(a, v.now))},
          {"life", word(a.life)},
          {"reason", word(a.reason)},
          {"schema", schema != nullptr ? schema->text : std::to_string(a.attests.value)},
          {"level", a.level},
          {"issuer", agency_name(v.genesis, a.issuer)},
          {"issuer_id", to_hex(a.issuer)},
          {"from_ms", a.from.value},
          {"until_ms", a.until.value},
          {"claims", a.claims},
          {"claims_root", to_hex(a.claims_root)},
          {"holder_key_hash", to_hex(a.holder_key_hash)},
          {"issued", a.issued.value},
          {"changed", a.changed.value}};
}

json::object agency_json(const View& v, const ledger::AgencyId& id, const ledger::AgencyState& a) {
  const std::vector<std::string> names = a.profile.roles.names();
  json::array roles(names.begin(), names.end());
  json::array fields;
  for (const auto& f : a.profile.fields) {
    const ledger::WorkField* field = v.genesis.catalog.find(f);
    fields.emplace_back(field != nullptr ? field->text : std::to_string(f.value));
  }
  json::array divisions;
  for (const auto& d : a.profile.divisions) divisions.emplace_back(ledger::text(d));
  json::array keys;
  for (const auto& k : a.profile.keys) keys.emplace_back(to_hex(k));
  return {{"id", to_hex(id)},
          {"found", true},
          {"short_name", a.profile.short_name},
          {"title", a.profile.title},
          {"as_issued", a.profile.as_issued},
          {"status", word(a.status)},
          {"version", a.record_version.value},
          {"roles", std::move(roles)},
          {"fields", std::move(fields)},
          {"divisions", std::move(divisions)},
          {"keys", std::move(keys)}};
}

json::object submission_json(const chain::SubmissionId& id, const ledger::SubmissionAnswer& a) {
  json::object o{{"id", to_hex(id)}, {"fate", word(a.status)}};
  if (a.state) {
    o["height"] = a.state->height.value;
    o["index"] = a.state->index;
    o["entries"] = a.state->count;
    o["refused"] = a.state->refused;
  }
  json::array refusals;
  if (a.outcomes) {
    for (const auto& r : a.outcomes->refused) {
      refusals.push_back(json::object{{"index", r.index},
                                      {"refusal", word(r.refusal.code)},
                                      {"message", ledger::describe(r.refusal)}});
    }
  }
  o["refusals"] = std::move(refusals);
  return o;
}

json::object names_json(const ledger::Names& n) { return {{"zh", n.zh}, {"en", n.en}}; }

json::object rule_json(const ledger::Rule& r) {
  json::object o{{"id", r.id.value},
                 {"rule", r.text},
                 {"names", names_json(r.names)},
                 {"class", word(r.gravity)},
                 {"polarity", word(r.polarity)},
                 {"published", r.published},
                 {"min_months", r.min_months},
                 {"max_months", r.max_months},
                 {"seal_months", r.seal_months},
                 {"repairable", r.repairable},
                 {"law", r.law}};
  if (r.valid_from) o["valid_from"] = day_text(*r.valid_from);
  if (r.valid_until) o["valid_until"] = day_text(*r.valid_until);
  return o;
}

json::object code_json(const ledger::Catalog& c, const ledger::EventCode& e) {
  json::array rules;
  for (const auto& id : e.rules) {
    const ledger::Rule* r = c.find(id);
    if (r != nullptr) rules.emplace_back(r->text);
  }
  const ledger::WorkField* field = c.find(e.field);
  return {{"id", e.id.value},
          {"code", e.text},
          {"names", names_json(e.names)},
          {"field", field != nullptr ? field->text : std::string()},
          {"polarity", word(e.polarity)},
          {"weakest_basis", word(e.weakest_basis)},
          {"needs_amount", (e.needs & ledger::kNeedsAmount) != 0},
          {"needs_doc", (e.needs & ledger::kNeedsDoc) != 0},
          {"needs_grid", (e.needs & ledger::kNeedsGrid) != 0},
          {"needs_notice", (e.needs & ledger::kNeedsNotice) != 0},
          {"rules", std::move(rules)}};
}

}  // namespace

json::array validators_json(const chain::ValidatorSet& set) {
  json::array list;
  for (std::size_t i = 0; i < set.members.size(); ++i) {
    const chain::Validator& v = set.members[i];
    list.push_back(json::object{{"index", i},
                                {"name", v.name},
                                {"key", to_hex(v.key)},
                                {"tls_key_pin", to_hex(v.tls_key_pin)}});
  }
  return list;
}

json::object head_json(const chain::LedgerHead& h) {
  return {{"genesis", to_hex(h.genesis)},
          {"epoch", h.epoch.value},
          {"height", h.height.value},
          {"time_ms", h.time.value},
          {"block", to_hex(h.block)},
          {"state_root", to_hex(h.state_root)},
          {"log_root", to_hex(h.log_root)},
          {"log_size", h.log_size},
          {"validators_digest", to_hex(h.validators_digest)},
          {"next_validators_digest", to_hex(h.next_validators_digest)},
          {"params_digest", to_hex(h.params_digest)}};
}

std::string day_text(ledger::Day day) { return ledger::text(day); }

std::string agency_name(const ledger::Genesis& genesis, const ledger::AgencyId& id) {
  for (const ledger::AgencyRegister& a : genesis.agencies) {
    if (a.id == id) return a.profile.short_name;
  }
  return to_hex(id);
}

bool is_present(const ledger::Answer& answer) {
  return std::visit(
      Overloaded{[](const ledger::DossierAnswer& d) { return d.subject.has_value(); },
                 [](const ledger::EventAnswer& e) { return e.event.has_value(); },
                 [](const ledger::AttestationAnswer& x) { return x.attestation.has_value(); },
                 [](const ledger::AgencyAnswer& x) { return x.agency.has_value(); },
                 [](const auto&) { return true; }},
      answer);
}

json::object answer_json(const ledger::Question& question, const ledger::Answer& answer,
                         const chain::LedgerHead& head, const ledger::Genesis& genesis) {
  const View v{genesis, ledger::day_of(head.time), head.time};
  return std::visit(
      Overloaded{[&](const ledger::DossierAnswer& d) { return dossier_json(v, question, d); },
                 [&](const ledger::EventAnswer& a) {
                   const ledger::EventId& id = std::get<ledger::AskEvent>(question).eid;
                   return a.event ? event_json(v, id, *a.event)
                                  : json::object{{"eid", to_hex(id)}, {"found", false}};
                 },
                 [&](const ledger::AttestationAnswer& a) {
                   const ledger::AttestationId& id = std::get<ledger::AskAttestation>(question).aid;
                   return a.attestation ? attestation_json(v, id, *a.attestation)
                                        : json::object{{"aid", to_hex(id)}, {"found", false}};
                 },
                 [&](const ledger::AgencyAnswer& a) {
                   const ledger::AgencyId& id = std::get<ledger::AskAgency>(question).id;
                   return a.agency ? agency_json(v, id, *a.agency)
                                   : json::object{{"id", to_hex(id)}, {"found", false}};
                 },
                 [&](const ledger::SubmissionAnswer& a) {
                   return submission_json(std::get<ledger::AskSubmission>(question).id, a);
                 },
                 [&](const ledger::EntryAnswer& a) {
                   return json::object{{"submission", to_hex(a.header.submission)},
                                       {"index", a.header.index},
                                       {"kind", word(a.header.kind)},
                                       {"log_index", a.log_index},
                                       {"height", a.header.height.value}};
                 },
                 [&](const ledger::HeadAnswer&) { return head_json(head); },
                 [&](const ledger::ConsistencyAnswer&) { return json::object(); }},
      answer);
}

json::object catalog_json(const ledger::Catalog& c) {
  json::array fields;
  for (const auto& f : c.fields) {
    fields.push_back(
        json::object{{"id", f.id.value}, {"field", f.text}, {"names", names_json(f.names)}});
  }
  json::array rules;
  for (const auto& r : c.rules) rules.push_back(rule_json(r));
  json::array codes;
  for (const auto& e : c.codes) codes.push_back(code_json(c, e));
  json::array schemas;
  for (const auto& s : c.schemas) {
    schemas.push_back(json::object{{"id", s.id.value},
                                   {"schema", s.text},
                                   {"names", names_json(s.names)},
                                   {"registrar_level", s.registrar_level},
                                   {"issuer_level", s.issuer_level},
                                   {"max_days", s.max_days}});
  }
  return {{"codes", std::move(codes)},
          {"rules", std::move(rules)},
          {"fields", std::move(fields)},
          {"schemas", std::move(schemas)}};
}

}  // namespace imi::rpc
