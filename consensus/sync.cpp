// Catch-up (D2) and observers (D6): blocks that peers hand over with certificates.
#include "base/check.h"
#include "base/invariant.h"
#include "consensus/replica.h"

namespace imi::consensus {

// The lowest height above what was handed to the executor whose block is not known.
Height Replica::first_missing() const {
  Height h = emitted_.next();
  for (auto it = decided_.find(h); it != decided_.end() && it->second.info && h <= decided_tip_;
       it = decided_.find(h)) {
    h = h.next();
  }
  return h;
}

void Replica::want_blocks() {
  if (emitted_ >= stable_height_) return;
  const Height from = first_missing();
  if (from <= stable_height_) out_.fetch_blocks = FetchBlocks{from, stable_height_};
}

void Replica::on(const Synced& i) {
  const VerifiedBlocks& run = i.blocks;
  const auto* checkpoint = std::get_if<CheckpointCertificate>(&run.proof());
  if (checkpoint == nullptr && !me_) return ignore(Ignored::kSyncNotCertified);
  std::visit([this](const auto& proof) { note_statements(proof); }, run.proof());
  const Height first = run.blocks().front()->header.height;
  const Height last = run.blocks().back()->header.height;
  IMI_INVARIANT("I13", first <= last && run.ids().size() == run.blocks().size(), first, last);
  if (last <= emitted_) {
    if (checkpoint != nullptr && last > stable_height_) return adopt_stable(*checkpoint);
    return ignore(Ignored::kNotWanted);
  }
  if (first > decided_tip_.next()) return ignore(Ignored::kSyncGap);
  for (std::size_t n = 0; n < run.blocks().size() && !halted_; ++n) {
    const std::shared_ptr<const Block>& block = run.blocks()[n];
    const Height h = block->header.height;
    if (h <= emitted_) continue;
    IMI_INVARIANT("I13", h.value == first.value + n, h, first);
    Decision d;
    d.id = run.ids()[n];
    d.header = block->header;
    d.info = find_info(h, d.id);
    if (!d.info) {
      d.info = std::make_shared<BlockInfo>();
      d.info->block = block;
      d.info->id = d.id;
    }
    d.info->bodies = Bodies::kReady;  // the driver holds them (see Synced)
    if (const auto* commit = std::get_if<CommitCertificate>(&run.proof())) {
      d.view = commit->view;
      d.commit = *commit;
    }
    decide(h, std::move(d));
  }
  if (!halted_ && checkpoint != nullptr) adopt_stable(*checkpoint);
}

}  // namespace imi::consensus
