// The ledger's answers as JSON: one form, whether a node says it or a client computed it from a
// proof. Names of codes, rules and agencies come from the genesis document; days are UTC+8.
//
// Pure and re-entrant.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "chain/head.h"
#include "chain/validator_set.h"
#include "ledger/governance/genesis_doc.h"
#include "ledger/proof/answer.h"

namespace imi::rpc {

namespace json = boost::json;

// {"genesis", "epoch", "height", "time_ms", "block", "state_root", "log_root", "log_size", ...}
[[nodiscard]] json::object head_json(const chain::LedgerHead& head);

// [{"index", "name", "key", "tls_key_pin"}].
[[nodiscard]] json::array validators_json(const chain::ValidatorSet& set);

// "2026-11-24".
[[nodiscard]] std::string day_text(ledger::Day day);

// An agency's short name from genesis, else its id, whole.
[[nodiscard]] std::string agency_name(const ledger::Genesis& genesis, const ledger::AgencyId& id);

// The answer to `question` as of `head`. "found": false where the answer is that there is none.
[[nodiscard]] json::object answer_json(const ledger::Question& question,
                                       const ledger::Answer& answer, const chain::LedgerHead& head,
                                       const ledger::Genesis& genesis);

// False: the answer is that there is none.
[[nodiscard]] bool is_present(const ledger::Answer& answer);

// The event codes, rules, fields of work, buckets and schemas.
[[nodiscard]] json::object catalog_json(const ledger::Catalog& catalog);

}  // namespace imi::rpc
