#include "node/net/read_pool.h"

#include <ctime>

#include "node/this_thread.h"

namespace imi::node {
namespace {

// Of this thread: a call is not charged for the time in which others ran.
FairQueue::Micros processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<FairQueue::Micros>(t.tv_sec) * 1'000'000 +
         static_cast<FairQueue::Micros>(t.tv_nsec) / 1'000;
}

}  // namespace

ReadPool::ReadPool(unsigned threads, OnUsed on_used) : on_used_(std::move(on_used)) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, only_short = i > 0 && i + 1 == threads] { work(only_short); });
  }
}

ReadPool::~ReadPool() { stop(); }

void ReadPool::run(const ClientKey& client, std::string_view method, FairQueue::Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push(client, method, std::move(task));
  }
  any_.notify_one();
  short_.notify_one();
}

void ReadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  any_.notify_all();
  short_.notify_all();
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
}

void ReadPool::clear() {
  FairQueue rest;
  const std::lock_guard lock(mutex_);
  std::swap(rest, queue_);
}

void ReadPool::work(bool only_short) {
  name_this_thread("reads");
  std::unique_lock lock(mutex_);
  for (;;) {
    std::optional<FairQueue::Turn> turn;
    (only_short ? short_ : any_).wait(lock, [&] {
      return stopping_ || (turn = queue_.pop(only_short)).has_value();
    });
    if (!turn || stopping_) return;
    lock.unlock();
    const FairQueue::Micros begun = processor_time();
    turn->task();
    turn->task = nullptr;  // what it holds is freed on its own account
    const FairQueue::Micros used = processor_time() - begun;
    on_used_(turn->client, used);
    lock.lock();
    queue_.done(*turn, used);
    // Calls of a method that was not known may now be known as short.
    short_.notify_one();
  }
}

}  // namespace imi::node
