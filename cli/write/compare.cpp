#include "cli/write/compare.h"

#include <fmt/format.h>

#include "base/hex.h"
#include "base/unicode.h"
#include "cli/read/verified.h"
#include "cli/text.h"

namespace imi::cli {
namespace {

std::optional<ledger::EventState> event_on_ledger(Session& s, const ledger::EventId& id) {
  const Verified v = read_verified(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id});
  return std::get<ledger::EventAnswer>(v.answer.answer).event;
}

// Full-width brackets and the like do not make a different name.
bool same_text(const std::string& a, const std::string& b) {
  return a == b || key_identity(a) == key_identity(b);
}

std::optional<std::string> compare(const std::string& columns, const ledger::EventId* event) {
  if (columns.empty()) return std::nullopt;
  return fmt::format("on the ledger it has a different {}{}", columns,
                     event == nullptr ? "" : fmt::format(" (event {})", to_hex(*event)));
}

OnLedger found(Session& s, const ledger::EventRecord& e, const ledger::AgencyId& agency) {
  if (!e.source) return {};
  const ledger::EventId id = ledger::event_id(agency, ledger::key_of(*e.source));
  const auto there = event_on_ledger(s, id);
  if (!there) return {};
  std::string columns = there->subject == e.subject ? "" : "uscc";
  const std::string facts = differing_facts(there->facts, e.facts);
  if (!columns.empty() && !facts.empty()) columns += ", ";
  OnLedger out{compare(columns + facts, &id), there->life == ledger::Life::kWithdrawn};
  // Of another enterprise: a correction does not move an event.
  if (out.conflict && there->subject != e.subject) {
    *out.conflict +=
        "; an event of the wrong enterprise is withdrawn (imi event withdraw EID "
        "--reason wrong-subject) and recorded under another source key";
  }
  return out;
}

std::optional<std::string> conflict(Session& s, const ledger::EventCorrect& e) {
  const auto there = event_on_ledger(s, e.event);
  if (!there || !there->superseded_by) return std::nullopt;
  const auto newer = event_on_ledger(s, *there->superseded_by);
  return newer ? compare(differing_facts(newer->facts, e.facts), &*there->superseded_by)
               : std::nullopt;
}

std::optional<std::string> conflict(Session& s, const ledger::SubjectEnterprise& e) {
  const auto subject = read_enterprise(s, e.uscc).subject;
  const auto* there = subject ? std::get_if<ledger::EnterpriseState>(&subject->who) : nullptr;
  if (there == nullptr) return std::nullopt;
  std::vector<std::string> columns;
  if (!same_text(there->name, e.name)) columns.emplace_back("name");
  if (there->division != e.division) columns.emplace_back("division");
  if (there->status != e.status) columns.emplace_back("status");
  if (there->sole_trader != e.sole_trader) columns.emplace_back("sole_trader");
  return compare(joined(columns), nullptr);
}

}  // namespace

std::string differing_facts(const ledger::EventFacts& a, const ledger::EventFacts& b) {
  std::vector<std::string> columns;
  const auto* x = std::get_if<ledger::PublicFacts>(&a.what);
  const auto* y = std::get_if<ledger::PublicFacts>(&b.what);
  if (x == nullptr || y == nullptr) return a.what == b.what ? "" : "code";
  const auto add = [&](bool same, const char* column) {
    if (!same) columns.emplace_back(column);
  };
  add(x->code == y->code, "code");
  add(a.rule == b.rule, "class");
  add(a.occurred == b.occurred, "occurred");
  add(a.decided == b.decided, "decided");
  add(a.ended == b.ended, "ended");
  add(a.notified == b.notified, "notified");
  add(x->amount_fen == y->amount_fen, "amount_yuan");
  add(same_text(x->doc, y->doc), "doc");
  add(same_text(x->basis.text, y->basis.text), "basis");
  add(x->basis.level == y->basis.level, "basis_level");
  add(x->grid == y->grid, "grid");
  return joined(columns);
}

ledger::DossierAnswer read_enterprise(Session& s, const ledger::Uscc& uscc) {
  json::object params{{"uscc", ledger::text(uscc)}, {"limit", 1}};
  if (!ledger::check(uscc)) params["as_issued"] = true;
  const Verified v = read_verified(s, "enterprise", params,
                                   ledger::AskEnterprise{uscc, std::nullopt, ledger::Page{0, 1}});
  return std::get<ledger::DossierAnswer>(v.answer.answer);
}

OnLedger compare_with_ledger(Session& s, const ledger::Entry& entry, const ledger::AgencyId& agency,
                             std::string_view refusal) {
  if (const auto* e = std::get_if<ledger::EventRecord>(&entry)) return found(s, *e, agency);
  if (const auto* e = std::get_if<ledger::SubjectEnterprise>(&entry)) return {conflict(s, *e)};
  if (const auto* e = std::get_if<ledger::EventCorrect>(&entry)) {
    if (refusal == "withdrawn") return {"the event was withdrawn: it is not corrected any more"};
    return {conflict(s, *e)};
  }
  if (std::holds_alternative<ledger::EventWithdraw>(entry) && refusal == "superseded") {
    return {"the event was corrected: the one that replaced it stands"};
  }
  return {};
}

}  // namespace imi::cli
