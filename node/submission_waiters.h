// Internal to the driver: clients that wait for the fate of a submission, and the fates of the last
// blocks, so that a repeat is answered and not proposed again.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "ledger/db/ledger_db.h"
#include "node/core.h"
#include "node/ports.h"
#include "node/submission_report.h"

namespace imi::node {

class SubmissionWaiters {
 public:
  explicit SubmissionWaiters(Core& core) : core_(core) {
    // It is asked of every submission that comes, mostly in vain: an empty bucket is the cheapest
    // answer.
    recent_.max_load_factor(0.5F);
  }
  using Done = std::function<void(SubmitResult)>;

  // Calls `done` when the submission is as far as `wait` says, expired, or `timeout_ms` passed.
  void wait(const chain::SubmissionId& id, WaitFor wait, std::uint32_t timeout_ms, Done done);
  // As wait(), for a submission that was committed before.
  void answer(SubmissionReport report, WaitFor wait, std::uint32_t timeout_ms, Done done);

  // A block was executed; `ids` in block order. The first place of an id stands: for those that
  // took effect before, `repeats` has it.
  void executed(chain::Height height, const std::vector<chain::SubmissionId>& ids,
                const LedgerPort::Repeats& repeats);
  void certified(chain::Height height);
  void expired(const chain::SubmissionId& id);
  // Once a tick.
  void expire_waits();
  void stop();

  // Committed within the last blocks.
  [[nodiscard]] std::optional<SubmissionReport> recent(const chain::SubmissionId& id) const;
  // True if recent() knows every submission that was executed above this height.
  [[nodiscard]] bool remembers_above(chain::Height h) const { return forgotten_ <= h; }
  [[nodiscard]] chain::Height certified_height() const { return certified_; }
  void set_certified_height(chain::Height h) { certified_ = h; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    chain::SubmissionId id;
    WaitFor wait{};
    std::uint64_t deadline_us = 0;
    std::uint32_t timeout_ms = 0;
    Done done;
  };
  void finish(std::uint64_t number, SubmitResult result);
  void add(const chain::SubmissionId& id, WaitFor wait, std::uint32_t timeout_ms, Done done);

  Core& core_;
  chain::Height certified_;
  std::map<std::uint64_t, Waiter> waiters_;  // by number
  std::unordered_map<chain::SubmissionId, std::vector<std::uint64_t>, FixedBytesHash> by_id_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> deadlines_;  // (deadline, number)
  std::multimap<chain::Height, std::pair<std::uint64_t, SubmissionReport>> until_certified_;
  std::uint64_t next_ = 0;

  struct Place {
    ledger::LedgerDb::Applied at;
    chain::Height block;  // remembered with this block
  };
  std::unordered_map<chain::SubmissionId, Place, FixedBytesHash> recent_;
  std::deque<std::pair<chain::Height, std::vector<chain::SubmissionId>>> recent_blocks_;
  chain::Height forgotten_;  // the last block that left recent_blocks_
};

}  // namespace imi::node
