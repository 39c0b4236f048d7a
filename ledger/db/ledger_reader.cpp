// The reader at one certified height: values from the store's snapshot of that height, proofs from
// the tree walked back by the undo records above it (ADR 0006).
#include "base/check.h"
#include "ledger/db/body_rows.h"
#include "ledger/db/ledger_core.h"
#include "ledger/db/rows.h"
#include "ledger/submission/admission.h"

namespace imi::ledger {
namespace {

using Reason = StoreError::Reason;
template <class T>
using Result = std::expected<T, StoreError>;

std::unexpected<StoreError> corrupt(std::string what) {
  return std::unexpected(StoreError{Reason::kCorruption, std::move(what)});
}

class CoreReader final : public LedgerReader {
 public:
  CoreReader(std::shared_ptr<const LedgerCore> core, const HeightView& view,
             std::shared_ptr<const chain::CheckpointCertificate> certificate)
      : core_(std::move(core)),
        head_(view.head),
        certificate_(std::move(certificate)),
        pin_(view.pin) {}

  const chain::LedgerHead& head() const override { return head_; }
  std::shared_ptr<const chain::CheckpointCertificate> certificate() const override {
    return certificate_;
  }
  // One epoch in this version: the genesis set signs.
  chain::Lineage lineage() const override { return {}; }
  const Genesis& genesis() const override { return core_->genesis; }

  Result<std::optional<Bytes>> record(const Hash256& path) const override {
    return aux(rows::record_key(path));
  }
  Result<std::optional<Bytes>> aux(ByteView key) const override {
    const auto snap = snapshot();
    if (!snap) return std::unexpected(snap.error());
    return (*snap)->get(key);
  }

  Result<ProvedRecord> prove(const Hash256& path) const override;
  Result<std::vector<DossierRow>> dossier(const SubjectId& sid, std::uint64_t from,
                                          std::uint64_t count) const override;
  Result<std::vector<AgencyId>> later_agencies(const std::optional<AgencyId>& after,
                                               std::size_t limit) const override;
  Result<std::optional<Submission>> submission(chain::Height height,
                                               std::uint32_t index) const override;
  Result<std::optional<std::vector<SubmissionOutcomes>>> outcomes(
      chain::Height height) const override;
  Result<std::optional<chain::LedgerHead>> head_at(chain::Height height) const override;
  Result<std::vector<Hash256>> log_inclusion(std::uint64_t index) const override {
    return log_proof<TileRows>(
        [&](const TileRows& t) { return crypto::log_inclusion_proof(t, index, head_.log_size); });
  }
  Result<std::vector<Hash256>> log_consistency(std::uint64_t old_size) const override {
    return log_proof<TileRows>([&](const TileRows& t) {
      return crypto::log_consistency_proof(t, old_size, head_.log_size);
    });
  }
  Result<std::vector<Hash256>> heads_inclusion(chain::Height height) const override {
    return log_proof<HeadRows>([&](const HeadRows& t) {
      return crypto::log_inclusion_proof(t, height.value, head_.height.value,
                                         crypto::Domain::kHeadsNode);
    });
  }

 private:
  // Looked up for each read: a reader that is held for long pins no old version of the store.
  Result<std::shared_ptr<const StoreView>> snapshot() const {
    const std::shared_lock lock(core_->mutex);
    const HeightView* view = core_->view_at(head_.height);
    if (view == nullptr) return expired();
    return view->snapshot;
  }
  std::unexpected<StoreError> expired() const {
    return std::unexpected(
        StoreError{Reason::kExpired, "height " + std::to_string(head_.height.value)});
  }
  template <class Tiles, class Make>
  Result<std::vector<Hash256>> log_proof(const Make& make) const;

  std::shared_ptr<const LedgerCore> core_;
  chain::LedgerHead head_;
  std::shared_ptr<const chain::CheckpointCertificate> certificate_;
  std::shared_ptr<const int> pin_;  // keeps the height's view while this reader is at work
};

Result<ProvedRecord> CoreReader::prove(const Hash256& path) const {
  std::shared_ptr<const StoreView> rows;
  std::expected<crypto::ProvedValue, crypto::MapError> proved;
  {
    const std::shared_lock lock(core_->mutex);
    const HeightView* view = core_->view_at(head_.height);
    if (view == nullptr) return expired();
    rows = view->snapshot;
    std::vector<const crypto::MapUndo*> undos;
    for (std::uint64_t h = head_.height.value + 1; h <= core_->applied.height.value; ++h) {
      undos.push_back(core_->view_at(chain::Height(h))->undo.get());
    }
    proved = core_->tree.prove(path, RecordBuckets(*rows), undos);
  }
  if (!proved) return corrupt(crypto::describe(proved.error()));
  ProvedRecord out{std::nullopt, std::move(proved->proof)};
  if (!proved->value_hash) return out;
  auto value = rows->get(rows::record_key(path));
  if (!value) return std::unexpected(std::move(value.error()));
  if (!value->has_value() || crypto::map_value_hash(**value) != *proved->value_hash) {
    return corrupt("a record is not the one that the state root has");
  }
  out.value = std::move(*value);
  return out;
}

Result<std::vector<DossierRow>> CoreReader::dossier(const SubjectId& sid, std::uint64_t from,
                                                    std::uint64_t count) const {
  IMI_CHECK(count <= kMaxDossierScan && from <= UINT64_MAX - count);
  std::vector<DossierRow> out;
  if (count == 0) return out;
  const auto snap = snapshot();
  if (!snap) return std::unexpected(snap.error());
  bool whole = true;
  const auto scanned = (*snap)->scan(dossier_row_key(sid, from), dossier_row_key(sid, from + count),
                                     [&](ByteView, ByteView value) {
                                       auto row = decode<DossierRow>(value);
                                       whole =
                                           row.has_value() && row->leaf.seq == from + out.size();
                                       if (whole) out.push_back(std::move(*row));
                                       return whole;
                                     });
  if (!scanned) return std::unexpected(scanned.error());
  if (!whole) return corrupt("a dossier's leaves are not in unbroken order");
  return out;
}

Result<std::vector<AgencyId>> CoreReader::later_agencies(const std::optional<AgencyId>& after,
                                                         std::size_t limit) const {
  const auto snap = snapshot();
  if (!snap) return std::unexpected(snap.error());
  Bytes from = agency_row_key(chain::Height(0), {});
  if (after) {
    const auto row = (*snap)->get(rows::record_key(state_path(Space::kAgency, *after)));
    if (!row) return std::unexpected(row.error());
    const auto state = *row ? decode<AgencyState>(**row) : std::unexpected(CodecError{});
    if (*row && !state) return corrupt("an agency's record does not decode");
    if (state) from = agency_row_key(state->registered, *after);
  }
  std::vector<AgencyId> out;
  bool whole = true;
  const auto scanned = (*snap)->scan(from, rows::agencies_end(), [&](ByteView key, ByteView) {
    const auto parsed = rows::parse_agency_key(key);
    whole = parsed.has_value();
    if (whole && parsed->second != after) out.push_back(parsed->second);
    return whole && out.size() < limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  if (!whole) return corrupt("a row of the list of agencies has a key of another form");
  return out;
}

Result<std::optional<Submission>> CoreReader::submission(chain::Height height,
                                                         std::uint32_t index) const {
  if (height > head_.height) return std::nullopt;
  const auto snap = snapshot();
  if (!snap) return std::unexpected(snap.error());
  const auto body = read_body(**snap, height, index);
  if (!body) return std::unexpected(body.error());
  if (!body->has_value()) return std::nullopt;
  auto submission = decode<Submission>(**body);
  if (!submission) return corrupt("a submission does not decode");
  return std::move(*submission);
}

Result<std::optional<std::vector<SubmissionOutcomes>>> CoreReader::outcomes(
    chain::Height height) const {
  if (height > head_.height || height.value == 0) return std::nullopt;
  const auto row = aux(rows::outcomes_key(height));
  if (!row) return std::unexpected(row.error());
  if (!row->has_value()) return rows::OutcomesRow();  // a block without submissions
  auto out = decode<rows::OutcomesRow>(**row);
  if (!out) return corrupt("the outcomes of a block do not decode");
  return std::move(*out);
}

Result<std::optional<chain::LedgerHead>> CoreReader::head_at(chain::Height height) const {
  if (height > head_.height) return std::nullopt;
  if (height == head_.height) return head_;
  const auto snap = snapshot();
  if (!snap) return std::unexpected(snap.error());
  return stored_head(**snap, height);
}

template <class Tiles, class Make>
Result<std::vector<Hash256>> CoreReader::log_proof(const Make& make) const {
  const auto snap = snapshot();
  if (!snap) return std::unexpected(snap.error());
  const Tiles tiles(**snap);
  auto path = make(tiles);
  if (path) return std::move(*path);
  if (tiles.failure()) return std::unexpected(*tiles.failure());
  return corrupt(crypto::describe(path.error()));
}

}  // namespace

std::shared_ptr<const LedgerReader> make_reader(
    std::shared_ptr<const LedgerCore> core, const HeightView& view,
    std::shared_ptr<const chain::CheckpointCertificate> certificate) {
  return std::make_shared<CoreReader>(std::move(core), view, std::move(certificate));
}

}  // namespace imi::ledger
