// The key spaces of the state map.
#pragma once

#include <cstdint>

namespace imi::ledger {

// Numbers are part of the format: never change or re-use one.
enum class Space : std::uint8_t {
  kSubject = 1,      // SubjectId -> SubjectState
  kDossier = 2,      // SubjectId -> DossierState
  kEvent = 3,        // EventId -> EventState
  kRule = 4,         // RuleId, 2 bytes big-endian -> RuleState
  kAttestation = 5,  // AttestationId -> AttState
  kAgency = 6,       // AgencyId -> AgencyState
  kCatalog = 7,      // no key -> CatalogState
  kParameters = 8,   // no key -> ParametersState
  kSubmission = 9,   // SubmissionId -> SubmissionState
  kKey = 10,         // key_hash -> KeyState
  // 11 grant, 12 ticket, 13 link, 14 member, 15 list, 16 measure, 17 tally, 18 erase,
  // 19 calendar, 20 governance, 21 delegate, 22 anchor
};

}  // namespace imi::ledger
