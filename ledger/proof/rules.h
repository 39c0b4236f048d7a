// The rules by which evidence becomes an answer: written once, run twice. A node runs them over its
// store and collects the proofs on the way; a verifier runs the very same code over a bundle, whose
// every piece is checked before it is handed over. So a proof holds exactly what its question
// needs, in the order in which the rules ask for it, and no answer can be believed that the rules
// did not compute.
//
// Inside the ledger module only. Pure except for what the source does.
#pragma once

#include <expected>
#include <variant>

#include "ledger/core/parameters.h"
#include "ledger/proof/answer.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/verify.h"

namespace imi::ledger {

// Whichever side runs the rules: a node cannot answer, or a bundle does not hold.
using EvidenceError = std::variant<QueryError, ProofError>;

class EvidenceSource {
 public:
  virtual ~EvidenceSource() = default;

  // The head that the evidence is under: the certified one, or an earlier one that it leads to.
  [[nodiscard]] virtual const chain::LedgerHead& head() const = 0;

  // The record at a path under the head's state root, or nullopt where there is none.
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, EvidenceError> record(
      const Hash256& path) = 0;

  // Leaves [from, from + count) of the range with these peaks: the dossier's, or a code's cell's.
  // Never called for an empty page.
  struct PageOf {
    SubjectId sid;
    std::optional<CodeId> code;
    const crypto::RangePeaks& range;
    std::uint64_t from = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] virtual std::expected<std::vector<DossierLeaf>, EvidenceError> page(
      const PageOf& page) = 0;

  // The outcomes whose digest is `state.outcomes`.
  [[nodiscard]] virtual std::expected<SubmissionOutcomes, EvidenceError> outcomes(
      const SubmissionState& state) = 0;

  // The entry, in the log under the head's log root.
  [[nodiscard]] virtual std::expected<EntryAnswer, EvidenceError> entry(const AskEntry& ask) = 0;

  // That the head's log begins with the log of that size and root.
  [[nodiscard]] virtual std::expected<void, EvidenceError> consistency(
      const AskConsistency& ask) = 0;
};

// Who may see what is not decided here.
[[nodiscard]] std::expected<Answer, EvidenceError> work_out(const Question& question,
                                                            const Parameters& parameters,
                                                            EvidenceSource& source);

}  // namespace imi::ledger
