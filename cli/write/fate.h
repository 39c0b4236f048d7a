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

struct Fate {
  // kTooLongAgo: its record would be pruned by now, so that it can no longer be determined whether
  // it committed; it never will any more. From a proof only.
  enum class Kind : std::uint8_t { kUnknown, kPending, kCommitted, kExpired, kTooLongAgo };
  Kind kind = Kind::kUnknown;
  std::string id;
  std::uint64_t height = 0;  // if committed
  std::uint64_t index = 0;
  bool certified = false;
  bool proved = false;  // verified here; else it is what a node said
  // Empty where the node kept only their digest.
  std::vector<EntryOutcome> outcomes;
};
[[nodiscard]] std::string_view name(Fate::Kind k);

// When what is signed now expires, in block time: `valid_ms` after the later of this machine's
// clock and the newest head verified here. A chain whose clocks were ahead and were set back (C1)
// is ahead of this clock, and takes nothing that expires by it.
[[nodiscard]] chain::TimeMs expiry_from(std::int64_t now_ms,
                                        const std::optional<chain::LedgerHead>& newest,
                                        std::int64_t valid_ms);

// What a verified answer to AskSubmission{id, ...} establishes of a submission that expires at
// `expiry`: rule F3 (docs/PROTOCOL.md) is applied here, so that the question need not name the
// expiry. kUnknown = not committed under that head, and it still may be. `submission`: the ids of
// what its entries made are taken from it.
[[nodiscard]] Fate proved_fate(const ledger::VerifiedAnswer& answer, chain::TimeMs expiry,
                               std::int64_t grace_ms,
                               const ledger::Submission* submission = nullptr);

// The error says what is missing or wrong in the node's answer.
[[nodiscard]] std::expected<Fate, std::string> parse_fate(const boost::json::value& value);

}  // namespace imi::cli
