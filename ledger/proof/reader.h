// One consistent view of the ledger at a certified head. From LedgerDb::reader(); see there.
//
// Meant for one request: after kReaderSpan further certified heights it answers kExpired.
// Threading: any thread, concurrently. Every function may read the disk.
// Errors: StoreError (kCorruption where a row contradicts the head: the node should stop serving).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "chain/certificate.h"
#include "ledger/dossier/records.h"
#include "ledger/proof/bundle.h"
#include "ledger/state/state_keys.h"
#include "ledger/state/store.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

struct Genesis;

class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  [[nodiscard]] virtual const chain::LedgerHead& head() const = 0;
  // Null at height 0: nothing is certified yet, so nothing can be proved.
  [[nodiscard]] virtual std::shared_ptr<const chain::CheckpointCertificate> certificate() const = 0;
  [[nodiscard]] virtual chain::Lineage lineage() const = 0;
  [[nodiscard]] virtual const Genesis& genesis() const = 0;

  // A record of the state map, raw.
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> record(
      const Hash256& path) const = 0;
  // The same with its proof, of presence or absence.
  [[nodiscard]] virtual std::expected<ProvedRecord, StoreError> prove(
      const Hash256& path) const = 0;

  // A row beside the map, raw (state_keys.h).
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> aux(ByteView key) const = 0;

  // Leaves [from, from + count) of a dossier, with the codes whose cells have them. Fewer if the
  // dossier ends. count <= kMaxDossierScan.
  [[nodiscard]] virtual std::expected<std::vector<DossierRow>, StoreError> dossier(
      const SubjectId& sid, std::uint64_t from, std::uint64_t count) const = 0;

  // Ids of agencies registered after genesis, in the order of registration (by block, then by id),
  // from the one after `after` on; at most `limit`. Nothing proves that a list is complete.
  [[nodiscard]] virtual std::expected<std::vector<AgencyId>, StoreError> later_agencies(
      const std::optional<AgencyId>& after, std::size_t limit) const = 0;

  // One submission of a block, without digests; nullopt above the head.
  [[nodiscard]] virtual std::expected<std::optional<Submission>, StoreError> submission(
      chain::Height height, std::uint32_t index) const = 0;
  // Outcomes of a block's submissions, in block order; nullopt above the head.
  [[nodiscard]] virtual std::expected<std::optional<std::vector<SubmissionOutcomes>>, StoreError>
  outcomes(chain::Height height) const = 0;
  // The head after `height` <= head().height.
  [[nodiscard]] virtual std::expected<std::optional<chain::LedgerHead>, StoreError> head_at(
      chain::Height height) const = 0;

  // Event log: path of leaf `index` to the head's log root, and from an older size to it.
  [[nodiscard]] virtual std::expected<std::vector<Hash256>, StoreError> log_inclusion(
      std::uint64_t index) const = 0;
  [[nodiscard]] virtual std::expected<std::vector<Hash256>, StoreError> log_consistency(
      std::uint64_t old_size) const = 0;
  // Path of the head after `height` < head().height to the head's heads_root.
  [[nodiscard]] virtual std::expected<std::vector<Hash256>, StoreError> heads_inclusion(
      chain::Height height) const = 0;
};

// Leaves read at most for one answer; a cell's page reads all of its dossier's leaves.
inline constexpr std::uint64_t kMaxDossierScan = 100'000;

}  // namespace imi::ledger
