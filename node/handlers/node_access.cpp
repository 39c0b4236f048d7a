#include "node/handlers/node_access.h"

#include "node/driver.h"

namespace imi::node {

namespace {
SubmitResult stopping() {
  return std::unexpected(SubmitError(NodeRefusal{NodeRefusal::Reason::kStopping, {}}));
}
}  // namespace

void LoopNodeAccess::attach(Driver& driver) {
  attached_->driver = &driver;
  refresh();
}

void LoopNodeAccess::detach() { attached_->driver = nullptr; }

void LoopNodeAccess::refresh() {
  if (attached_->driver == nullptr) return;
  NodeStatus status = attached_->driver->status();
  const DriverCounters counters = attached_->driver->counters();
  NodeHealth health = watch_.look(status, peers_());
  const std::lock_guard lock(mutex_);
  health_ = std::move(health);
  status_ = std::move(status);
  counters_ = counters;
}

void LoopNodeAccess::submit(SharedBytes submission, WaitFor wait, std::uint32_t timeout_ms,
                            std::function<void(SubmitResult)> done) {
  loop_.post([attached = attached_, submission = std::move(submission), wait, timeout_ms,
              done = std::move(done)]() mutable {
    if (attached->driver == nullptr) return done(stopping());
    attached->driver->submit(std::move(submission), wait, timeout_ms, std::move(done));
  });
}

void LoopNodeAccess::submit_batch(std::vector<SharedBytes> submissions,
                                  std::function<void(std::vector<SubmitResult>)> done) {
  loop_.post([attached = attached_, submissions = std::move(submissions),
              done = std::move(done)]() mutable {
    if (attached->driver == nullptr) {
      return done(std::vector<SubmitResult>(submissions.size(), stopping()));
    }
    attached->driver->submit_batch(std::move(submissions), std::move(done));
  });
}

void LoopNodeAccess::submission(const chain::SubmissionId& id,
                                std::function<void(SubmissionReport)> done) {
  loop_.post([attached = attached_, id, done = std::move(done)] {
    SubmissionReport f;
    f.id = id;
    done(attached->driver == nullptr ? f : attached->driver->submission(id));
  });
}

NodeStatus LoopNodeAccess::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

DriverCounters LoopNodeAccess::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

NodeHealth LoopNodeAccess::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

}  // namespace imi::node
