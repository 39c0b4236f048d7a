// The ledger's records for a dry run, each read from a node with its proof.
#pragma once

#include "cli/session.h"
#include "cli/write/dry_run.h"

namespace imi::cli {

class ProvedRecords final : public LedgerRecords {
 public:
  explicit ProvedRecords(Session& session) : session_(session) {}
  // All throw Failure.
  std::optional<ledger::AgencyState> agency(const ledger::AgencyId& id) override;
  Enterprise enterprise(const ledger::Uscc& uscc) override;
  std::optional<ledger::EventState> event(const ledger::EventId& id) override;
  std::optional<ledger::AttState> attestation(const ledger::AttestationId& id) override;

 private:
  Session& session_;
};

}  // namespace imi::cli
