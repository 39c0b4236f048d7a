// The threads of a running node: the driver's loop, the workers beside it, the clock.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "node/ports.h"

namespace imi::node {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] chain::TimeMs now() const override;
  [[nodiscard]] std::uint64_t monotonic_us() const override;
};

// A Loop on the thread that calls run(). post() and stop() are thread-safe.
class ThreadLoop final : public Loop {
 public:
  void post(Task task) override;
  // Runs tasks, and `tick` every `interval`, until stop(). A tick that comes late comes once, not
  // as often as it was missed.
  void run(std::chrono::milliseconds interval, const std::function<void()>& tick);
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> tasks_;  // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
};

// A Worker of `threads` threads; with one thread it keeps the order given (kVote work does not
// overtake), as Ports demands of executor and log_writer.
class ThreadWorker final : public Worker {
 public:
  // The first 15 bytes of `name` are shown. `nice`: 0..19, how far its threads give way to others.
  ThreadWorker(Loop& loop, unsigned threads, const char* name, int nice = 0);
  ~ThreadWorker() override;  // finishes what runs, drops what waits
  void run(Priority priority, Task work, Task done) override;
  // Nothing more is begun; returns when nothing runs. Idempotent.
  void stop();

 private:
  struct Job {
    Task work;
    Task done;
  };
  void serve();
  Loop& loop_;
  const bool ordered_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> votes_;  // guarded by mutex_
  std::deque<Job> bulk_;   // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

// consensus::BoundedSignatureCache behind a lock, for the verify threads.
class SharedSignatureCache final : public consensus::SignatureCache {
 public:
  [[nodiscard]] bool contains(const consensus::SignatureKey& key) override {
    const std::lock_guard lock(mutex_);
    return cache_.contains(key);
  }
  void insert(const consensus::SignatureKey& key) override {
    const std::lock_guard lock(mutex_);
    cache_.insert(key);
  }

 private:
  std::mutex mutex_;
  consensus::BoundedSignatureCache cache_;  // guarded by mutex_
};

}  // namespace imi::node
