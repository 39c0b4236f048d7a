#include "ledger/db/ledger_db.h"

#include "base/check.h"
#include "base/hex.h"
#include "ledger/db/body_rows.h"
#include "ledger/db/ledger_core.h"
#include "ledger/db/rows.h"
#include "ledger/submission/admission.h"
#include "ledger/submission/records.h"

namespace imi::ledger {

using Reason = LedgerError::Reason;

std::string_view name(Reason r) {
  switch (r) {
    case Reason::kStore: return "store-failed";
    case Reason::kDamaged: return "damaged";
    case Reason::kForeign: return "foreign-chain";
    case Reason::kOlderFormat: return "older-format";
    case Reason::kNewerFormat: return "newer-format";
    case Reason::kStopped: return "stopped";
    case Reason::kNotNext: return "not-next";
    case Reason::kBodyMismatch: return "body-mismatch";
    case Reason::kMismatch: return "head-mismatch";
    case Reason::kNotApplied: return "not-applied";
    case Reason::kBadBlock: return "bad-block";
    case Reason::kNoSuchHeight: return "no-such-height";
  }
  return "unknown";
}

namespace {
std::string_view advice(Reason r) {
  switch (r) {
    case Reason::kStore: return "";  // the store's own sentence
    case Reason::kDamaged:
      return "the stored ledger is damaged: nothing was changed. Move the folder away, check the "
             "disk, and let the node catch up from its peers into an empty one; do not sign with "
             "this node before";
    case Reason::kForeign:
      return "the store belongs to another chain or program: check the data folder and the genesis "
             "file; nothing was changed";
    case Reason::kOlderFormat:
      return "the ledger was written by an older version: start the version that wrote it, or let "
             "the node catch up into an empty folder";
    case Reason::kNewerFormat:
      return "the ledger was written by a newer version: update this program; nothing was changed";
    case Reason::kStopped:
      return "an earlier write failed, so nothing more is written: end the process, see to the "
             "cause "
             "named then, and start again";
    case Reason::kNotNext: return "the block is not the next one of this ledger";
    case Reason::kBodyMismatch: return "the submissions given are not those that the block lists";
    case Reason::kMismatch:
      return "a quorum certified another result than this node computed: stop signing, keep the "
             "data "
             "folder for examination, and let a fresh node catch up";
    case Reason::kNotApplied: return "the certificate is for a block that is not executed here yet";
    case Reason::kBadBlock: return "the block cannot be executed";
    case Reason::kNoSuchHeight: return "this node does not have that height";
  }
  return "";
}
}  // namespace

std::string describe(const LedgerError& e) {
  if (e.reason == Reason::kStore && e.store) return describe(*e.store);
  std::string out(name(e.reason));
  if (!e.detail.empty()) out.append(" (").append(e.detail).append(")");
  return out.append(": ").append(advice(e.reason));
}

// ---- the executor's state ---------------------------------------------------------------------

namespace {

LedgerError refused(Reason r, std::string detail) { return {r, std::move(detail), std::nullopt}; }

// What execution reads: the hot records from memory, an absence that the tree knows of from the
// tree (asking the disk for rows that are not there costs more than anything else here: ADR 0003),
// the rest from the store.
class ExecutorView final : public StateView {
 public:
  ExecutorView(const LedgerCore& core, RecordCache& hot) : core_(core), hot_(hot) {}

  std::expected<std::optional<Bytes>, StoreError> record(const Hash256& path,
                                                         RecordUse use) const override {
    if (use == RecordUse::kAgain) {
      if (const auto* cached = hot_.find(path)) return *cached;
    }
    if (const auto known = core_.tree.find_cached(path); known && !known->has_value()) {
      return std::nullopt;
    }
    auto row = core_.store->get(rows::record_key(path));
    if (use == RecordUse::kAgain && row && row->has_value()) {
      hot_.put(path, std::optional<Bytes>(*row));
    }
    return row;
  }
  std::expected<std::optional<Bytes>, StoreError> aux(ByteView key) const override {
    return core_.store->get(key);
  }

 private:
  const LedgerCore& core_;
  RecordCache& hot_;
};

}  // namespace

struct LedgerDb::Impl {
  Impl(std::shared_ptr<LedgerCore> c, const LedgerDbOptions& options)
      : core(std::move(c)), hot(options.record_cache_bytes) {}

  std::shared_ptr<LedgerCore> core;
  crypto::LogWriter log;
  crypto::LogWriter heads{crypto::Domain::kHeadsNode};  // of the heads below the applied one
  RecordCache hot;
  WriteBatch batch;  // of the block at hand; its buffer is used again
  OpenReport report;

  std::expected<void, LedgerError> check(
      const chain::Block& block,
      const std::vector<std::shared_ptr<const Submission>>& bodies) const;
  std::expected<void, LedgerError> publish(StateDiff&& diff, const chain::LedgerHead& head,
                                           crypto::StagedUpdate&& tree,
                                           crypto::StagedAppend&& log_append,
                                           crypto::StagedAppend&& heads_append);
};

LedgerDb::LedgerDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LedgerDb::~LedgerDb() = default;

std::expected<std::unique_ptr<LedgerDb>, LedgerError> LedgerDb::open(
    std::shared_ptr<Store> store, const Genesis& genesis, const LedgerDbOptions& options) {
  auto core = std::make_shared<LedgerCore>(std::move(store), genesis, options);
  auto recovered = recover(*core, options);
  if (!recovered) return std::unexpected(std::move(recovered.error()));
  auto impl = std::make_unique<Impl>(std::move(core), options);
  impl->log = std::move(recovered->log);
  impl->heads = std::move(recovered->heads);
  impl->report = recovered->report;
  return std::unique_ptr<LedgerDb>(new LedgerDb(std::move(impl)));
}

const chain::GenesisId& LedgerDb::genesis_id() const { return impl_->core->id; }
const Genesis& LedgerDb::genesis() const { return impl_->core->genesis; }
const OpenReport& LedgerDb::open_report() const { return impl_->report; }

// ---- writing ----------------------------------------------------------------------------------

std::expected<void, LedgerError> LedgerDb::Impl::check(
    const chain::Block& block, const std::vector<std::shared_ptr<const Submission>>& bodies) const {
  const chain::BlockHeader& header = block.header;
  const chain::LedgerHead& parent = core->applied;  // written by this thread alone
  const auto at = [&](std::string_view what) {
    return std::string(what) + " at height " + std::to_string(header.height.value) +
           ", applied height " + std::to_string(parent.height.value);
  };
  if (header.height != parent.height.next()) {
    return std::unexpected(refused(Reason::kNotNext, at("block")));
  }
  if (header.parent != parent.block) {
    return std::unexpected(refused(Reason::kNotNext, at("another parent")));
  }
  if (header.epoch != parent.epoch) {
    return std::unexpected(refused(Reason::kBadBlock, at("another epoch")));
  }
  if (header.time <= parent.time) {
    return std::unexpected(refused(Reason::kBadBlock, at("time not after the parent's")));
  }
  if (bodies.size() != block.items.size() || chain::body_root(block.items) != header.body_root) {
    return std::unexpected(refused(Reason::kBodyMismatch, at("list of submissions")));
  }
  const AdmissionLimits limits = admission_limits(core->id, core->policy.parameters);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (bodies[i] == nullptr || digests(*bodies[i])->content != block.items[i]) {
      return std::unexpected(refused(Reason::kBodyMismatch, at("submission " + std::to_string(i))));
    }
    if (auto ok = check_window(bodies[i]->header.expiry, header.time, limits); !ok) {
      return std::unexpected(refused(Reason::kBadBlock, describe(ok.error())));
    }
  }
  return {};
}

std::expected<chain::LedgerHead, LedgerError> LedgerDb::commit_block(
    const chain::Block& block, const std::vector<std::shared_ptr<const Submission>>& bodies,
    ByteView commit_certificate, std::vector<Repeat>* repeats) {
  LedgerCore& core = *impl_->core;
  if (core.stopped.load()) return std::unexpected(refused(Reason::kStopped, {}));
  if (auto ok = impl_->check(block, bodies); !ok) return std::unexpected(std::move(ok.error()));

  const chain::Height height = block.header.height;
  const ExecutorView view(core, impl_->hot);
  auto result = execute(view, {core.policy, height, block.header.time, bodies});
  if (!result) return std::unexpected(store_failed(std::move(result.error())));

  const RecordBuckets buckets(*core.store);
  auto tree = core.tree.stage(map_changes(result->diff), buckets);
  if (!tree) return std::unexpected(damaged(crypto::describe(tree.error())));
  crypto::StagedAppend log = impl_->log.stage(result->diff.log_leaves);
  const Hash256 parent_leaf = core.applied.heads_leaf();
  crypto::StagedAppend heads = impl_->heads.stage({&parent_leaf, 1});

  chain::LedgerHead head = core.applied;
  head.height = height;
  head.time = block.header.time;
  head.block = chain::block_id(core.id, block.header);
  head.state_root = tree->root();
  head.log_root = log.root;
  head.log_size = log.after.size();
  head.heads_root = heads.root;

  WriteBatch& batch = impl_->batch;
  batch.clear();
  add_rows(batch, result->diff, log);
  add_head_rows(batch, heads);
  rows::OutcomesRow outcomes;
  outcomes.reserve(result->submissions.size());
  for (SubmissionResult& s : result->submissions) outcomes.push_back(std::move(s.outcomes));
  if (!bodies.empty()) batch.put(rows::outcomes_key(height), encode(outcomes));
  put_bodies(batch, height, bodies);
  batch.put(rows::block_key(height),
            encode(rows::BlockRow{{}, block, to_bytes(commit_certificate), head}));
  batch.put(rows::applied_key(), encode(rows::AppliedRow{{}, head, log.after, heads.after}));

  if (auto written = core.store->write(batch); !written) {
    core.stopped.store(true);
    return std::unexpected(store_failed(std::move(written.error())));
  }
  for (std::uint32_t i = 0; repeats != nullptr && i < outcomes.size(); ++i) {
    if (!outcomes[i].duplicate) continue;
    const auto first = find_submission(result->submissions[i].id);
    if (!first) return std::unexpected(first.error());
    if (*first) repeats->push_back({i, **first});
  }
  if (auto done = impl_->publish(std::move(result->diff), head, std::move(*tree), std::move(log),
                                 std::move(heads));
      !done) {
    return std::unexpected(std::move(done.error()));
  }
  return head;
}

// The block is durable: memory follows.
std::expected<void, LedgerError> LedgerDb::Impl::publish(StateDiff&& diff,
                                                         const chain::LedgerHead& head,
                                                         crypto::StagedUpdate&& staged,
                                                         crypto::StagedAppend&& log_append,
                                                         crypto::StagedAppend&& heads_append) {
  auto snapshot = core->store->snapshot();
  if (!snapshot) {
    core->stopped.store(true);
    return std::unexpected(store_failed(std::move(snapshot.error())));
  }
  log.apply(std::move(log_append));
  heads.apply(std::move(heads_append));
  for (RecordChange& r : diff.records) {
    if (r.use == RecordUse::kAgain) hot.put(r.path, std::move(r.value));
  }
  {
    const std::lock_guard lock(core->mutex);
    auto undo = std::make_unique<const crypto::MapUndo>(core->tree.apply(std::move(staged)));
    IMI_CHECK(core->tree.root() == head.state_root);
    core->views.push_back({head, std::move(*snapshot), std::move(undo), std::make_shared<int>(0)});
    core->applied = head;
    core->trim();
  }
  core->prechecks.forget(diff.records);
  return {};
}

std::expected<void, LedgerError> LedgerDb::set_certified(
    const chain::CheckpointCertificate& certificate) {
  LedgerCore& core = *impl_->core;
  if (core.stopped.load()) return std::unexpected(refused(Reason::kStopped, {}));
  const chain::Height height = certificate.head.height;
  if (height <= core.certified.height) return {};
  if (height > core.applied.height) {
    return std::unexpected(refused(
        Reason::kNotApplied, "certificate for height " + std::to_string(height.value) +
                                 ", applied height " + std::to_string(core.applied.height.value)));
  }
  const auto own = head(height);
  if (!own) return std::unexpected(own.error());
  if (*own != certificate.head) {
    return std::unexpected(refused(Reason::kMismatch, "height " + std::to_string(height.value) +
                                                          ": own state root " +
                                                          to_hex(own->state_root) + ", certified " +
                                                          to_hex(certificate.head.state_root)));
  }
  WriteBatch batch;
  batch.put(rows::certificate_key(height), encode(certificate));
  batch.put(rows::certified_key(), encode(height));
  if (auto written = core.store->write(batch, Durability::kBuffered); !written) {
    core.stopped.store(true);
    return std::unexpected(store_failed(std::move(written.error())));
  }
  auto shared = std::make_shared<const chain::CheckpointCertificate>(certificate);
  const std::lock_guard lock(core.mutex);
  core.certified = certificate.head;
  core.certificate = std::move(shared);
  core.trim();
  return {};
}

// ---- reading ----------------------------------------------------------------------------------

chain::LedgerHead LedgerDb::applied() const {
  const std::shared_lock lock(impl_->core->mutex);
  return impl_->core->applied;
}
chain::LedgerHead LedgerDb::certified() const {
  const std::shared_lock lock(impl_->core->mutex);
  return impl_->core->certified;
}
std::shared_ptr<const chain::CheckpointCertificate> LedgerDb::certificate() const {
  const std::shared_lock lock(impl_->core->mutex);
  return impl_->core->certificate;
}

std::shared_ptr<const LedgerReader> LedgerDb::reader() const {
  const std::shared_lock lock(impl_->core->mutex);
  const HeightView* view = impl_->core->view_at(impl_->core->certified.height);
  if (view == nullptr) return nullptr;
  return make_reader(impl_->core, *view, impl_->core->certificate);
}

namespace {
std::expected<rows::BlockRow, LedgerError> block_row(const LedgerCore& core, chain::Height height) {
  auto row = core.store->get(rows::block_key(height));
  if (row && !row->has_value()) {
    return std::unexpected(
        refused(Reason::kNoSuchHeight, "height " + std::to_string(height.value)));
  }
  auto parsed =
      rows::parse<rows::BlockRow>(row, "the block row of height " + std::to_string(height.value));
  if (!parsed) return std::unexpected(store_failed(std::move(parsed.error())));
  return std::move(*parsed);
}
}  // namespace

std::expected<StoredBlock, LedgerError> LedgerDb::block_header(chain::Height height) const {
  auto row = block_row(*impl_->core, height);
  if (!row) return std::unexpected(std::move(row.error()));
  return StoredBlock{std::move(row->block), std::move(row->commit_certificate), {}};
}

std::expected<StoredBlock, LedgerError> LedgerDb::block(chain::Height height) const {
  auto out = block_header(height);
  if (!out) return out;
  auto bodies = read_bodies(*impl_->core->store, height);
  if (!bodies) return std::unexpected(store_failed(std::move(bodies.error())));
  out->bodies = std::move(*bodies);
  if (out->bodies.size() != out->block.items.size()) {
    return std::unexpected(
        damaged("height " + std::to_string(height.value) + " lacks submissions of its block"));
  }
  return out;
}

std::expected<std::vector<SubmissionOutcomes>, LedgerError> LedgerDb::outcomes(
    chain::Height height) const {
  if (height.value == 0 || height > applied().height) {
    return std::unexpected(
        refused(Reason::kNoSuchHeight, "height " + std::to_string(height.value)));
  }
  auto row = impl_->core->store->get(rows::outcomes_key(height));
  if (!row) return std::unexpected(store_failed(std::move(row.error())));
  if (!row->has_value()) return rows::OutcomesRow();  // a block without submissions
  auto out = decode<rows::OutcomesRow>(**row);
  if (!out) return std::unexpected(damaged("the outcomes of a block do not decode"));
  return std::move(*out);
}

std::expected<chain::LedgerHead, LedgerError> LedgerDb::head(chain::Height height) const {
  const LedgerCore& core = *impl_->core;
  {
    const std::shared_lock lock(core.mutex);
    if (const HeightView* view = core.view_at(height)) return view->head;
  }
  auto stored = stored_head(*core.store, height);
  if (!stored) return std::unexpected(store_failed(std::move(stored.error())));
  if (stored->has_value()) return std::move(**stored);
  return std::unexpected(refused(Reason::kNoSuchHeight, "height " + std::to_string(height.value)));
}

std::expected<std::optional<chain::CheckpointCertificate>, LedgerError> LedgerDb::certificate_at(
    chain::Height height) const {
  auto row = impl_->core->store->get(rows::certificate_key(height));
  if (row && !row->has_value()) return std::nullopt;
  auto parsed = rows::parse<chain::CheckpointCertificate>(
      row, "the certificate of height " + std::to_string(height.value));
  if (!parsed) return std::unexpected(store_failed(std::move(parsed.error())));
  return std::move(*parsed);
}

std::expected<std::optional<LedgerDb::Applied>, LedgerError> LedgerDb::find_submission(
    const chain::SubmissionId& submission) const {
  const auto row = applied_record(*impl_->core, state_path(Space::kSubmission, submission));
  if (row && !row->has_value()) return std::nullopt;
  const auto state = rows::parse<SubmissionState>(row, "the record of a submission");
  if (!state) return std::unexpected(store_failed(state.error()));
  return Applied{state->height, state->index};
}

std::expected<LedgerDb::Precheck, LedgerError> LedgerDb::precheck(
    const Submission& submission) const {
  Precheck out;
  auto applied = find_submission(digests(submission)->id);
  if (!applied) return std::unexpected(std::move(applied.error()));
  out.applied = *applied;
  if (out.applied) return out;
  auto refusal = look_before_pool(*impl_->core, submission);
  if (!refusal) return std::unexpected(store_failed(std::move(refusal.error())));
  out.refusal = std::move(*refusal);
  return out;
}

}  // namespace imi::ledger
