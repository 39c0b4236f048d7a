#include "tests/sim/workers.h"

#include <algorithm>
#include <utility>

namespace imi::sim {

void SimLoop::post(node::Task task) {
  last_ = std::max(last_, queue_.now() + speed_.loop);
  queue_.schedule(life_, last_ - queue_.now(), std::move(task));
}

void ParallelWorker::run(node::Priority, node::Task work, node::Task done) {
  queue_.schedule(life_, rng_.range_i64(speed_.verify_min, speed_.verify_max),
                  [work = std::move(work), done = std::move(done)] {
                    work();
                    done();
                  });
}

void SerialWorker::run(node::Priority, node::Task work, node::Task done) {
  jobs_.push_back({std::move(work), std::move(done)});
  if (!busy_) begin();
}

void SerialWorker::begin() {
  busy_ = true;
  queue_.schedule(life_, rng_.range_i64(min_, max_), [this] { finish(); });
}

void SerialWorker::finish() {
  const Job job = std::move(jobs_.front());
  jobs_.pop_front();
  job.work();
  // Between the two a process may die: what was done is durable, and unreported.
  queue_.schedule(life_, 1, job.done);
  busy_ = false;
  if (!jobs_.empty()) begin();
}

void SerialWorker::die() {
  if (busy_) jobs_.front().work();
}

}  // namespace imi::sim
