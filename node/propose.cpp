// When a turn of the loop ends: batches leave, and the primary decides whether a block is due.
#include <algorithm>
#include <utility>

#include "node/driver_impl.h"

namespace imi::node {

void Driver::Impl::want_flush() {
  if (flush_posted) return;
  flush_posted = true;
  // Behind everything that is already posted: what arrived together is dealt with together.
  core.post([this] {
    flush_posted = false;
    flush();
  });
}

void Driver::Impl::flush() {
  if (!core.running()) return;
  intake.flush();
  check_submitted();
  dissemination.flush();
  if (core.running()) propose();
}

// An idle chain takes what there is at once (latency). While blocks are under way, a further one
// must be worth its votes and syncs, or a submission waited long enough (throughput).
bool Driver::Impl::worth_proposing(std::uint32_t slots) const {
  const std::size_t backlog = execution.backlog();
  if (pool.queued() == 0 || backlog >= core.limits.max_execution_backlog) return false;
  const bool idle = slots >= config.pipeline && backlog == 0;
  if (idle) return true;
  if (pool.queued_entries() >= core.limits.eager_entries ||
      pool.queued_bytes() >= core.limits.eager_bytes) {
    return true;
  }
  const auto oldest = pool.oldest_queued_us();
  return oldest && core.now_us() - *oldest >= std::max(core.limits.batch_wait_us, block_us);
}

void Driver::Impl::measure_block() {
  const std::uint64_t now = core.now_us();
  const std::uint64_t executed_before_us = std::exchange(executed_us, now);
  if (proposed_us.empty()) return;
  const std::uint64_t took = now - proposed_us.front();
  // Blocks overlap: what one adds is the time since the one before it.
  const std::uint64_t alone = now - std::max(proposed_us.front(), executed_before_us);
  const std::uint64_t wait = std::min(took, core.limits.max_batch_wait_us);
  proposed_us.pop_front();
  block_us = block_us == 0 ? wait : (7 * block_us + wait) / 8;
  // The members' patience (C2) is from one commit to the next: on machines that are too slow for
  // large blocks, blocks become smaller before slowness is taken for failure.
  const std::uint64_t patience_us = std::uint64_t{config.progress_timeout_ms} * 1'000;
  if (alone > patience_us / 2) {
    block_share = std::max(block_share / 2, kFullShare / core.limits.full_from);
  } else if (alone < patience_us / 4) {
    block_share = std::min(block_share + block_share / 8, kFullShare);
  }
}

void Driver::Impl::propose() {
  if (pool.queued() == 0 || stepping) return;
  const auto share = [this](std::uint64_t limit) { return limit * block_share / kFullShare; };
  const BatchLimits limits{
      std::min(static_cast<std::uint32_t>(share(core.limits.block_items)),
               core.parameters.max_block_items),
      std::min(static_cast<std::uint32_t>(share(core.limits.block_entries)),
               core.parameters.max_block_entries),
      std::min<std::size_t>(share(core.limits.block_bytes), core.parameters.max_block_body_bytes)};
  for (std::uint32_t slots = replica.proposal_slots(); slots != 0 && worth_proposing(slots);
       slots = replica.proposal_slots()) {
    const chain::TimeMs now = core.now();
    Pool::Batch batch = pool.take(limits, replica.next_block_time(now),
                                  core.parameters.max_expiry_ms, core.now_us());
    if (batch.items.empty()) return;
    ++core.counters.blocks_proposed;
    proposed_us.push_back(core.now_us());
    if (proposed_us.size() > config.window()) proposed_us.pop_front();  // some were abandoned
    input(consensus::Propose{std::move(batch.items), batch.full, now});
    if (!core.running()) return;
  }
}

}  // namespace imi::node
