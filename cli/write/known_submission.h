// What became of a submission: as a node reports it (`submit` and `submission` answer it), or as a
// proof establishes it.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ledger/proof/verify.h"

namespace imi::cli {

struct EntryOutcome {
  bool ok = false;
  std::string refusal;  // stable name, if not ok
  std::string message;  // the refusal as a sentence
  std::string id;       // hexadecimal: of what the entry made
  std::string field;    // of the entry, that the refusal is about; may be empty
};

using ledger::SubmissionStatus;

struct KnownSubmission {
  SubmissionStatus status = SubmissionStatus::kUnknown;
  std::string id;
  std::uint64_t height = 0;  // if committed
  std::uint64_t index = 0;
  bool certified = false;
  bool proved = false;  // verified here; else it is what a node said
  // Empty where the node kept only their digest.
  std::vector<EntryOutcome> outcomes;
};

// When what is signed now expires, in block time: `valid_ms` after the later of this machine's
// clock and the newest head verified here. A chain whose clocks were ahead and were set back (C1)
// is ahead of this clock, and takes nothing that expires by it.
[[nodiscard]] chain::TimeMs expiry_from(std::int64_t now_ms,
                                        const std::optional<chain::LedgerHead>& newest,
                                        std::int64_t valid_ms);

// What a verified answer to AskSubmission{id, expiry} establishes. The ids of what its entries made
// are not in it: they follow from the submission.
[[nodiscard]] KnownSubmission known_by_proof(const ledger::VerifiedAnswer& answer);

// The error says what is missing or wrong in the node's answer.
[[nodiscard]] std::expected<KnownSubmission, std::string> known_by_report(
    const boost::json::value& value);

}  // namespace imi::cli
