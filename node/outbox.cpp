#include "node/outbox.h"

#include <algorithm>

#include "node/wire.h"

namespace imi::node {

void Outbox::add(WalGroup group, std::vector<consensus::Send> sends, Task after) {
  Step step{std::move(group), std::move(sends), std::move(after)};
  if (core_.ports.wal == nullptr) step.group = {};
  if (step.group.empty() && !writing_ && waiting_.empty()) {
    carry_out(step);
    return;
  }
  waiting_.push_back(std::move(step));
  if (!writing_) write();
}

void Outbox::carry_out(Step& step) {
  for (const consensus::Send& s : step.sends) {
    core_.events.on_sent(*s.message, s.to);
    const SharedBytes frame = make_frame(FrameKind::kConsensus, *s.message);
    const Urgency urgency = consensus::is_signed(s.message->kind()) ? Urgency::kVote
                            : s.message->kind() == consensus::MessageKind::kBlockData
                                ? Urgency::kBulk
                                : Urgency::kControl;
    if (s.to) {
      (void)core_.send(PeerIndex(s.to->value), urgency, frame);
    } else {
      core_.send_to_validators(urgency, frame);
    }
  }
  if (step.after) step.after();
}

void Outbox::write() {
  struct Write {
    std::vector<Step> steps;
    WalGroup group;
    std::optional<Snapshot> snapshot;
    std::expected<void, WalError> result;
    std::uint64_t file_bytes = 0;
    std::uint64_t bytes = 0;
    std::uint64_t syncs = 0;
    std::uint64_t began_us = 0;
  };
  auto job = std::make_shared<Write>();
  for (Step& s : waiting_) {
    auto& g = job->group;
    std::copy(s.group.records.begin(), s.group.records.end(), std::back_inserter(g.records));
    std::copy(s.group.bodies.begin(), s.group.bodies.end(), std::back_inserter(g.bodies));
    job->steps.push_back(std::move(s));
  }
  waiting_.clear();
  job->began_us = core_.now_us();
  in_flight_ = job->steps.size();
  writing_ = true;
  // The snapshot has everything that any step so far recorded, so it makes the waiting steps
  // durable as an append would.
  if (std::exchange(rotate_, false)) job->snapshot = snapshot_();
  const auto finish = [this, job] {
    if (job->syncs != core_.counters.log_syncs) {
      core_.counters.log_sync_latency.add(core_.now_us() - job->began_us);
    }
    core_.counters.log_syncs = job->syncs;
    core_.counters.log_bytes = job->bytes;
    if (job->snapshot) base_bytes_ = job->file_bytes;
    if (job->result) core_.events.on_durable(job->group.records);
    written(job->result, job->file_bytes, job->steps);
  };
  core_.run(
      core_.ports.log_writer, Priority::kVote,
      [job, wal = core_.ports.wal] {
        if (job->snapshot) {
          job->result = wal->start(job->snapshot->state, job->snapshot->bodies);
        } else if (!job->group.empty()) {
          job->result = wal->append(job->group);
        }
        job->file_bytes = wal->file_bytes();
        job->bytes = wal->bytes_written();
        job->syncs = wal->syncs();
      },
      finish);
}

void Outbox::written(std::expected<void, WalError> result, std::uint64_t file_bytes,
                     std::vector<Step>& steps) {
  if (!result) {
    const bool full = result.error().reason == WalError::Reason::kNoSpace;
    core_.halt(full ? HaltCode::kSafetyLogFull : HaltCode::kSafetyLogFailed,
               describe(result.error()));
    return;
  }
  rotate_ = file_bytes > kWalRotateBytes + base_bytes_;
  for (Step& s : steps) {
    carry_out(s);
    if (!core_.running()) return;
  }
  in_flight_ = 0;
  writing_ = false;
  while (!waiting_.empty() && waiting_.front().group.empty() && !rotate_) {
    Step s = std::move(waiting_.front());
    waiting_.pop_front();
    carry_out(s);
  }
  if (!waiting_.empty()) write();
}

}  // namespace imi::node
