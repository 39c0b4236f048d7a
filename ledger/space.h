// The key spaces of the state map, and the tag that every record begins with.
#pragma once

#include "base/codec.h"

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

// The first two bytes of a record: its space, and the version of its fields. A record can thus be
// told from its bytes alone, and none passes for another whose fields happen to fit.
//
// `kNewest` is what this program writes. It reads every version from 1 on: a record keeps the
// version it was written with, and its serialize() asks `version` before it reads or writes a field
// that came later.
template <Space S, std::uint8_t kNewest = 1>
struct RecordTag {
  std::uint8_t version = kNewest;
  bool operator==(const RecordTag&) const = default;
  template <class A>
  void serialize(A& ar) {
    auto space = static_cast<std::uint8_t>(S);
    ar(space);
    require(ar, space == static_cast<std::uint8_t>(S));
    ar(version);
    require(ar, version >= 1 && version <= kNewest);
  }
};

}  // namespace imi::ledger
