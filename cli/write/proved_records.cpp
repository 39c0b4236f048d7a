#include "cli/write/proved_records.h"

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/read/verified.h"
#include "cli/write/compare.h"

namespace imi::cli {
namespace {

template <class Answer>
Answer read(Session& s, std::string_view method, const json::object& params,
            const ledger::Question& question) {
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted; nothing was sent");
  return std::get<Answer>(read_verified(s, method, params, question).answer.answer);
}

}  // namespace

std::optional<ledger::AgencyState> ProvedRecords::agency(const ledger::AgencyId& id) {
  return read<ledger::AgencyAnswer>(session_, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id})
      .agency;
}

LedgerRecords::Enterprise ProvedRecords::enterprise(const ledger::Uscc& uscc) {
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted; nothing was sent");
  ledger::DossierAnswer a = read_enterprise(session_, uscc);
  return {std::move(a.subject), std::move(a.dossier)};
}

std::optional<ledger::EventState> ProvedRecords::event(const ledger::EventId& id) {
  return read<ledger::EventAnswer>(session_, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id})
      .event;
}

std::optional<ledger::AttState> ProvedRecords::attestation(const ledger::AttestationId& id) {
  return read<ledger::AttestationAnswer>(session_, "attestation", {{"aid", to_hex(id)}},
                                         ledger::AskAttestation{id})
      .attestation;
}

}  // namespace imi::cli
