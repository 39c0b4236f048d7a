// Where records live: the paths of the state map, and the rows beside it.
//
// path = H(kMapKey, space byte || key). docs/DATA_FORMAT.md repeats the table.
#pragma once

#include "ledger/codes.h"
#include "ledger/types.h"

namespace imi::ledger {

// Numbers are part of the format: never change or re-use one.
enum class Space : std::uint8_t {
  kSubject = 1,      // SubjectId -> SubjectState
  kDossier = 2,      // SubjectId -> DossierState
  kEvent = 3,        // EventId -> EventState
  kRule = 4,         // RuleId, 2 bytes big-endian -> RuleState
  kAttestation = 5,  // AttestationId -> AttState
  kAgency = 6,       // AgencyId -> AgencyState
  kCatalog = 7,      // no key -> Catalog
  kParameters = 8,   // no key -> Parameters
  kSubmission = 9,   // SubmissionId -> SubmissionState
  kKey = 10,         // key_hash -> KeyState
  // 11 grant, 12 ticket, 13 link, 14 member, 15 list, 16 measure, 17 tally, 18 erase,
  // 19 calendar, 20 governance, 21 delegate, 22 anchor
};

[[nodiscard]] Hash256 state_path(Space space, ByteView key);
template <class Tag>
[[nodiscard]] Hash256 state_path(Space space, const FixedBytes<Tag, 32>& key) {
  return state_path(space, key.view());
}
[[nodiscard]] Hash256 rule_path(RuleId rule);
[[nodiscard]] Hash256 catalog_path();
[[nodiscard]] Hash256 parameters_path();

// Rows beside the map (StateDiff::aux); the first letter is the store's (rows.h). They can be made
// again from the map and the blocks: nothing under the root depends on anything else.
//   A height(8) id(32)             an agency registered after genesis (rows.h); never read here
//   D sid(32) seq(8, big-endian)   DossierRow
//   X height(8, big-endian)        list of submission ids to prune with that height
//   X                              next height to look at, u64
[[nodiscard]] Bytes dossier_row_key(const SubjectId& subject, std::uint64_t seq);
[[nodiscard]] Bytes prune_row_key(chain::Height height);
[[nodiscard]] Bytes prune_cursor_key();

}  // namespace imi::ledger
