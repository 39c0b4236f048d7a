// The answers to questions (question.h), with everything that a proof of them establishes. A node's
// reply and a verifier's result are the same types, computed by the same code (rules.h).
// Values; not a wire format.
#pragma once

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "chain/certificate.h"
#include "ledger/agency/records.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/identity/records.h"
#include "ledger/proof/question.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/records.h"
#include "ledger/submission/status.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

struct HeadAnswer {};

// A subject with a page of its transitions. Complete: `leaves` are exactly positions
// [page.from, page.from + leaves.size()) of the `total` that the dossier (or the code's cell) has,
// and a page shorter than its limit is the last. `events` holds the current record of every event
// that those leaves name.
struct DossierAnswer {
  SubjectId sid;                        // of an enterprise: derived from its code
  std::optional<SubjectState> subject;  // nullopt: proved that there is none
  std::optional<DossierState> dossier;  // with its rolls and cells
  std::uint64_t total = 0;  // transitions ever: of the subject, or of the code asked for
  std::vector<DossierLeaf> leaves;
  std::map<EventId, EventState> events;
};

struct EventAnswer {
  std::optional<EventState> event;  // nullopt: proved that there is none
};
struct AttestationAnswer {
  std::optional<AttState> attestation;
};
struct AgencyAnswer {
  std::optional<AgencyState> agency;
};

struct SubmissionAnswer {
  SubmissionStatus status = SubmissionStatus::kUnknown;  // never kPending
  std::optional<SubmissionState> state;
  std::optional<SubmissionOutcomes> outcomes;  // with kCommitted
};

struct EntryAnswer {
  LogLeafHeader header;
  Entry entry;
  std::uint64_t log_index = 0;
};

// The log asked about is a prefix of the head's log.
struct ConsistencyAnswer {};

using Answer = std::variant<HeadAnswer, DossierAnswer, EventAnswer, AttestationAnswer, AgencyAnswer,
                            SubmissionAnswer, EntryAnswer, ConsistencyAnswer>;

}  // namespace imi::ledger
