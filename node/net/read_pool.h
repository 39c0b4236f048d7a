// Internal to node/net: the threads that answer reads, in the order of FairQueue. With more than
// one thread, one takes only short calls. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "node/net/fair_queue.h"

namespace imi::node {

class ReadPool {
 public:
  // Told what a call used of its thread's processor time, on that thread.
  using OnUsed = std::function<void(const ClientKey& client, FairQueue::Micros used)>;
  ReadPool(unsigned threads, OnUsed on_used);
  ~ReadPool();
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  // Nothing is begun after stop().
  void run(const ClientKey& client, std::string_view method, FairQueue::Task task);
  // Returns when no task runs. What waits is kept until clear(). Idempotent.
  void stop();
  void clear();

 private:
  void work(bool only_short);

  OnUsed on_used_;
  std::mutex mutex_;
  std::condition_variable any_;    // for workers that take every call
  std::condition_variable short_;  // for the one that takes short ones
  FairQueue queue_;                // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace imi::node
