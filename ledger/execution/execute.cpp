#include "ledger/execution/execute.h"

#include <algorithm>

#include "base/check.h"
#include "ledger/agency/apply.h"
#include "ledger/agency/authority.h"
#include "ledger/agency/records.h"
#include "ledger/core/calendar.h"
#include "ledger/credit/apply.h"
#include "ledger/governance/records.h"
#include "ledger/identity/apply.h"
#include "ledger/state/context.h"
#include "ledger/submission/records.h"

namespace imi::ledger {
namespace {

using execution::Context;
using execution::Overlay;

// Fate records removed in one block, at least one height's worth: a burst after a long pause does
// not make one block slow.
constexpr std::size_t kMaxPrunedRecords = 16'384;

struct PruneRow {
  chain::TimeMs keep_until;
  std::vector<Hash256> paths;  // of the submissions' records, in block order
  template <class A>
  void serialize(A& ar) {
    ar(keep_until, paths);
  }
};

StoreError damaged(std::string_view what, const CodecError& e) {
  return {StoreError::Reason::kCorruption, std::string(what) + ": " + describe(e)};
}

void sort_records(StateDiff& diff) {
  std::ranges::sort(diff.records, {}, &RecordChange::path);
  IMI_CHECK(std::ranges::adjacent_find(diff.records, {}, &RecordChange::path) == diff.records.end(),
            "a block leaves one value at a path");
}

// One block's execution. `result` is complete when run() returned without an error.
class BlockExecution {
 public:
  BlockExecution(const StateView& view, const BlockInput& block)
      : view_(view), block_(block), overlay_(view), today_(day_of(block.time)) {}

  std::expected<ExecutionResult, StoreError> run() {
    result_.submissions.reserve(block_.submissions.size());
    const std::uint64_t keep =
        std::uint64_t{block_.policy.parameters.max_expiry_ms} + block_.policy.parameters.grace_ms;
    added_.keep_until = block_.time.plus(static_cast<std::int64_t>(keep));
    for (const auto& submission : block_.submissions) {
      run_submission(*submission);
      if (overlay_.failure()) return std::unexpected(*overlay_.failure());
    }
    if (!added_.paths.empty()) {
      result_.diff.aux.put(prune_row_key(block_.height), encode(added_));
    }
    overlay_.flush(result_.diff);
    if (auto ok = prune(); !ok) return std::unexpected(ok.error());
    sort_records(result_.diff);
    return std::move(result_);
  }

 private:
  void run_submission(const Submission& submission);
  // The outcome of one entry; its log leaf and its effects if accepted.
  Ruling run_entry(const Entry& entry, Context& context);
  std::expected<void, StoreError> prune();
  std::expected<chain::Height, StoreError> prune_cursor() const;

  const StateView& view_;
  const BlockInput& block_;
  Overlay overlay_;
  Day today_;
  PruneRow added_;
  ExecutionResult result_;
};

void BlockExecution::run_submission(const Submission& submission) {
  const SubmissionHeader& header = submission.header;
  const Parameters& parameters = block_.policy.parameters;
  IMI_CHECK(header.genesis == block_.policy.genesis);
  IMI_CHECK(
      header.expiry > block_.time && header.expiry <= block_.time.plus(parameters.max_expiry_ms),
      "a block holds a submission outside its window (F1)");
  const auto d = digests(submission);
  IMI_CHECK(d->entries.size() == submission.entries.size());

  SubmissionResult& out = result_.submissions.emplace_back();
  out.id = d->id;
  out.outcomes.count = static_cast<std::uint32_t>(submission.entries.size());
  auto& fate = overlay_.at<SubmissionState>(d->id);
  if (fate.value) {
    out.outcomes.duplicate = true;
    return;
  }

  Context context{.state = overlay_,
                  .policy = block_.policy,
                  .diff = result_.diff,
                  .height = block_.height,
                  .time = block_.time,
                  .today = today_,
                  .header = header,
                  .submission = d->id,
                  .place = static_cast<std::uint32_t>(result_.submissions.size() - 1),
                  .author = overlay_.at<AgencyState>(chain::retag<AgencyId>(header.author)),
                  .index = 0,
                  .actor = nullptr,
                  .entry_hash = {}};
  for (std::uint32_t i = 0; i < out.outcomes.count; ++i) {
    context.index = i;
    context.entry_hash = d->entries[i];
    if (auto ok = run_entry(submission.entries[i], context); !ok) {
      out.outcomes.refused.push_back({i, ok.error()});
    }
    if (overlay_.failure()) return;
  }

  SubmissionState state;
  state.height = block_.height;
  state.index = context.place;
  state.count = out.outcomes.count;
  state.refused = static_cast<std::uint32_t>(out.outcomes.refused.size());
  state.outcomes = out.outcomes.digest();
  state.keep_until = added_.keep_until;
  result_.accepted += state.count - state.refused;
  result_.refused += state.refused;
  fate.put(std::move(state));
  added_.paths.push_back(fate.path);
}

Ruling BlockExecution::run_entry(const Entry& entry, Context& context) {
  auto ruling = std::visit(
      [&](const auto& e) -> Ruling {
        const auto actor = execution::authorise(e.kKind.authors.value, context);
        if (!actor) return std::unexpected(actor.error());
        context.actor = *actor;
        if (auto ok = execution::check(e, block_.policy, today_); !ok) return ok;
        return execution::apply(e, context);
      },
      entry);
  if (!ruling) return ruling;
  const LogLeafHeader header{block_.height, context.submission, context.index, kind_of(entry)};
  result_.diff.log_leaves.push_back(log_leaf(log_header_hash(header), context.entry_hash));
  result_.diff.log_places.push_back(
      {static_cast<std::uint32_t>(result_.submissions.size() - 1), context.index});
  return ruling;
}

std::expected<chain::Height, StoreError> BlockExecution::prune_cursor() const {
  const auto row = view_.aux(prune_cursor_key());
  if (!row) return std::unexpected(row.error());
  if (!*row) return chain::Height(1);
  const auto height = decode<chain::Height>(**row);
  if (!height) return std::unexpected(damaged("prune cursor", height.error()));
  return *height;
}

// Removes the fate records whose time has come, oldest height first, whole heights at a time. What
// is removed follows from the records alone (space, height, index, keep_until): the rows are only
// an index, and can be made again from them.
std::expected<void, StoreError> BlockExecution::prune() {
  const auto start = prune_cursor();
  if (!start) return std::unexpected(start.error());
  chain::Height at = *start;
  for (std::size_t removed = 0; at < block_.height; at = at.next()) {
    const Bytes key = prune_row_key(at);
    const auto row = view_.aux(key);
    if (!row) return std::unexpected(row.error());
    if (!*row) continue;  // no submissions at that height
    const auto due = decode<PruneRow>(**row);
    if (!due) return std::unexpected(damaged("prune row", due.error()));
    if (due->keep_until > block_.time) break;
    if (removed != 0 && removed + due->paths.size() > kMaxPrunedRecords) break;
    for (const Hash256& path : due->paths) {
      result_.diff.records.push_back({path, {}, RecordUse::kOnce});
    }
    result_.diff.aux.erase(key);
    removed += due->paths.size();
  }
  if (at != *start) result_.diff.aux.put(prune_cursor_key(), encode(at));
  return {};
}

}  // namespace

std::expected<ExecutionResult, StoreError> execute(const StateView& view, const BlockInput& block) {
  return BlockExecution(view, block).run();
}

std::expected<StateDiff, GenesisError> execute_genesis(const Genesis& genesis) {
  if (auto ok = validate(genesis); !ok) return std::unexpected(ok.error());
  StateDiff diff;
  const auto put = [&diff](const Hash256& path, Bytes value) {
    diff.records.push_back({path, std::move(value), RecordUse::kOnce});
  };
  put(catalog_path(), encode(CatalogState{{}, genesis.catalog}));
  put(parameters_path(), encode(ParametersState{{}, genesis.parameters}));
  for (const Rule& rule : genesis.catalog.rules) {
    RuleState state;
    state.rule = rule;
    put(rule_path(rule.id), encode(state));
  }
  for (const AgencyRegister& a : genesis.agencies) {
    AgencyState state;
    state.profile = a.profile;
    put(state_path(Space::kAgency, a.id), encode(state));
    for (const auto& key : a.profile.keys) {
      KeyState owner;
      owner.owner = chain::retag<AuthorId>(a.id);
      put(state_path(Space::kKey, key_hash(key)), encode(owner));
    }
  }
  sort_records(diff);
  return diff;
}

std::vector<Outcome> expand(const Submission& submission, const SubmissionOutcomes& outcomes) {
  const auto d = digests(submission);
  std::vector<Outcome> out(submission.entries.size());
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    if (outcomes.duplicate) {
      out[i].kind = Outcome::Kind::kDuplicate;
    } else if (const Refusal* r = outcomes.refusal(i)) {
      out[i].kind = Outcome::Kind::kRefused;
      out[i].refusal = *r;
    } else {
      out[i].id = result_id(submission.entries[i], submission.header.author, d->id, i);
    }
  }
  return out;
}

std::expected<void, Refusal> check_fields(const Entry& entry, const Policy& policy, Day today) {
  return std::visit([&](const auto& e) { return execution::check(e, policy, today); }, entry);
}

}  // namespace imi::ledger
