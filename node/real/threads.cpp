#include "node/real/threads.h"

#include "node/this_thread.h"

namespace imi::node {

chain::TimeMs SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return chain::TimeMs(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

std::uint64_t SystemClock::monotonic_us() const {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

void ThreadLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first) wake_.notify_one();  // otherwise the loop is awake, or has been woken
}

void ThreadLoop::run(std::chrono::milliseconds interval, const std::function<void()>& tick) {
  auto next = std::chrono::steady_clock::now() + interval;
  std::vector<Task> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, next, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      batch.swap(tasks_);
    }
    for (Task& task : batch) {
      task();
      // A long batch must not hold the timers back.
      if (std::chrono::steady_clock::now() >= next) {
        tick();
        next = std::chrono::steady_clock::now() + interval;
      }
    }
    batch.clear();
    if (const auto now = std::chrono::steady_clock::now(); now >= next) {
      tick();
      next = now + interval;
    }
  }
}

void ThreadLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

ThreadWorker::ThreadWorker(Loop& loop, unsigned threads, const char* name, int nice)
    : loop_(loop), ordered_(threads == 1) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name, nice] {
      name_this_thread(name);
      nice_this_thread(nice);
      serve();
    });
  }
}

ThreadWorker::~ThreadWorker() { stop(); }

void ThreadWorker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
}

void ThreadWorker::run(Priority priority, Task work, Task done) {
  {
    const std::lock_guard lock(mutex_);
    auto& queue = ordered_ || priority == Priority::kBulk ? bulk_ : votes_;
    queue.push_back({std::move(work), std::move(done)});
  }
  wake_.notify_one();
}

void ThreadWorker::serve() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !votes_.empty() || !bulk_.empty(); });
      if (stopping_) return;
      auto& queue = votes_.empty() ? bulk_ : votes_;
      job = std::move(queue.front());
      queue.pop_front();
    }
    job.work();
    job.work = nullptr;  // what it held is freed here, not on the loop
    loop_.post(std::move(job.done));
  }
}

}  // namespace imi::node
