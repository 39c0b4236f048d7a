// Answers, for people and for programs. Everything shown is computed from the verified answer and
// the catalog of the genesis; days count in UTC+8 at the head's time.
#pragma once

#include <string>

#include "cli/output.h"
#include "ledger/governance/genesis_doc.h"
#include "ledger/proof/answer.h"
#include "ledger/proof/verify.h"

namespace imi::cli {

// The whole answer. `genesis` gives the catalog and the names of agencies.
void show_answer(Output& out, const ledger::VerifiedAnswer& answer, const ledger::Genesis& genesis);
// As the RPC says it: rpc/ledger_json.h.
[[nodiscard]] json::object answer_json(const ledger::VerifiedAnswer& answer,
                                       const ledger::Genesis& genesis);
// False: the answer is that there is none.
[[nodiscard]] bool is_present(const ledger::VerifiedAnswer& answer);
// "there is no enterprise 9144...": of an answer that is not present.
[[nodiscard]] std::string absence_text(const ledger::VerifiedAnswer& answer);
// What a proof establishes, in plain words, and what it leaves open: a proof of one kind of event,
// or of a page, says so.
[[nodiscard]] std::string meaning(const ledger::VerifiedAnswer& answer,
                                  const ledger::Genesis& genesis);

}  // namespace imi::cli
