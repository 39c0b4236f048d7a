#include "node/submission_waiters.h"

#include <algorithm>

namespace imi::node {

std::optional<SubmissionReport> SubmissionWaiters::recent(const chain::SubmissionId& id) const {
  const auto it = recent_.find(id);
  if (it == recent_.end()) return std::nullopt;
  return SubmissionReport{
      SubmissionStatus::kCommitted,       id, it->second.at.height, it->second.at.index,
      it->second.at.height <= certified_, {}};
}

void SubmissionWaiters::add(const chain::SubmissionId& id, WaitFor wait, std::uint32_t timeout_ms,
                            Done done) {
  const std::uint64_t number = next_++;
  const std::uint64_t deadline = core_.now_us() + std::uint64_t{timeout_ms} * 1000;
  waiters_.emplace(number, Waiter{id, wait, deadline, timeout_ms, std::move(done)});
  deadlines_.emplace(deadline, number);
}

void SubmissionWaiters::wait(const chain::SubmissionId& id, WaitFor wait, std::uint32_t timeout_ms,
                             Done done) {
  if (waiters_.size() >= core_.limits.max_waiting_clients) {
    done(std::unexpected(NodeRefusal{NodeRefusal::Reason::kTooManyWait, {}}));
    return;
  }
  by_id_[id].push_back(next_);
  add(id, wait, timeout_ms, std::move(done));
}

void SubmissionWaiters::answer(SubmissionReport report, WaitFor wait, std::uint32_t timeout_ms,
                               Done done) {
  report.certified = report.height <= certified_;
  if (wait != WaitFor::kCertified || report.certified) {
    done(report);
    return;
  }
  if (waiters_.size() >= core_.limits.max_waiting_clients) {
    done(std::unexpected(NodeRefusal{NodeRefusal::Reason::kTooManyWait, {}}));
    return;
  }
  until_certified_.emplace(report.height, std::pair(next_, report));
  add(report.id, wait, timeout_ms, std::move(done));
}

void SubmissionWaiters::finish(std::uint64_t number, SubmitResult result) {
  const auto it = waiters_.find(number);
  if (it == waiters_.end()) return;
  const Waiter waiter = std::move(it->second);
  waiters_.erase(it);
  deadlines_.erase({waiter.deadline_us, number});
  const auto same = by_id_.find(waiter.id);
  if (same != by_id_.end()) {
    std::erase(same->second, number);
    if (same->second.empty()) by_id_.erase(same);
  }
  waiter.done(std::move(result));
}

void SubmissionWaiters::executed(chain::Height height, const std::vector<chain::SubmissionId>& ids,
                                 const LedgerPort::Repeats& repeats) {
  auto repeat = repeats.begin();  // ascending by index
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    ledger::LedgerDb::Applied at{height, i};
    if (repeat != repeats.end() && repeat->index == i) at = (repeat++)->first;
    if (!recent_.try_emplace(ids[i], Place{at, height}).second) continue;
    const SubmissionReport report{SubmissionStatus::kCommitted, ids[i], at.height, at.index,
                                  at.height <= certified_,      {}};
    core_.events.on_submission(report);
    const auto waiting = by_id_.find(ids[i]);
    if (waiting == by_id_.end()) continue;
    const std::vector<std::uint64_t> numbers = std::move(waiting->second);
    by_id_.erase(waiting);
    for (const std::uint64_t number : numbers) {
      const auto waiter = waiters_.find(number);
      if (waiter == waiters_.end()) continue;
      if (waiter->second.wait == WaitFor::kCertified && !report.certified) {
        until_certified_.emplace(at.height, std::pair(number, report));
      } else {
        finish(number, report);
      }
    }
  }
  recent_blocks_.emplace_back(height, ids);
  while (recent_blocks_.size() > core_.limits.recent_blocks ||
         (recent_.size() > core_.limits.max_recent && recent_blocks_.size() > 1)) {
    for (const chain::SubmissionId& id : recent_blocks_.front().second) {
      const auto it = recent_.find(id);
      if (it != recent_.end() && it->second.block == recent_blocks_.front().first) {
        recent_.erase(it);
      }
    }
    forgotten_ = recent_blocks_.front().first;
    recent_blocks_.pop_front();
  }
}

void SubmissionWaiters::certified(chain::Height height) {
  certified_ = std::max(certified_, height);
  while (!until_certified_.empty() && until_certified_.begin()->first <= certified_) {
    auto [number, report] = until_certified_.begin()->second;
    until_certified_.erase(until_certified_.begin());
    report.certified = true;
    finish(number, report);
  }
}

void SubmissionWaiters::expired(const chain::SubmissionId& id) {
  SubmissionReport report;
  report.status = SubmissionStatus::kExpired;
  report.id = id;
  core_.events.on_submission(report);
  const auto waiting = by_id_.find(id);
  if (waiting == by_id_.end()) return;
  const std::vector<std::uint64_t> numbers = std::move(waiting->second);
  by_id_.erase(waiting);
  for (const std::uint64_t number : numbers) finish(number, report);
}

void SubmissionWaiters::expire_waits() {
  const std::uint64_t now = core_.now_us();
  if (deadlines_.empty() || deadlines_.begin()->first > now) return;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::uint64_t number = deadlines_.begin()->second;
    const std::uint32_t timeout_ms = waiters_.at(number).timeout_ms;
    finish(number, std::unexpected(NodeRefusal{NodeRefusal::Reason::kTimeout,
                                               std::to_string(timeout_ms) + " ms"}));
  }
  // Those that left by their deadline.
  std::erase_if(until_certified_,
                [this](const auto& w) { return !waiters_.contains(w.second.first); });
}

void SubmissionWaiters::stop() {
  while (!waiters_.empty()) {
    finish(waiters_.begin()->first,
           std::unexpected(NodeRefusal{NodeRefusal::Reason::kStopping, {}}));
  }
}

}  // namespace imi::node
