// Where the ledger says that it has a row's subject or event already: does it have the same?
#pragma once

#include <optional>
#include <string>

#include "cli/session.h"
#include "ledger/proof/answer.h"
#include "ledger/submission/entry.h"

namespace imi::cli {

struct OnLedger {
  // What the ledger has otherwise, as a sentence that names the event; nullopt where it has the
  // same, or where that cannot be told.
  std::optional<std::string> conflict;
  bool withdrawn = false;  // it has the same, and it does not count any more
};

// What the ledger has in an entry's place. `refusal` is the ledger's name for why it refused the
// entry of `agency`. Reads what it compares with a proof (one or two reads). `backfill` is not
// compared. Throws Failure.
[[nodiscard]] OnLedger compare_with_ledger(Session& session, const ledger::Entry& entry,
                                           const ledger::AgencyId& agency,
                                           std::string_view refusal);

// An enterprise's record and dossier, with the first of its transitions; proved. Throws Failure.
[[nodiscard]] ledger::DossierAnswer read_enterprise(Session& session, const ledger::Uscc& uscc);

// The names of the columns in which two events' facts differ: "amount_yuan, doc"; empty if none.
[[nodiscard]] std::string differing_facts(const ledger::EventFacts& a, const ledger::EventFacts& b);

}  // namespace imi::cli
