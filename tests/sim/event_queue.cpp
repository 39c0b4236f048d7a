#include "tests/sim/event_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace imi::sim {

void EventQueue::schedule(LifeId life, Micros delay, Action action) {
  IMI_CHECK(delay >= 0);
  heap_.push_back({now_ + delay, next_order_++, life, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

LifeId EventQueue::new_life() {
  lives_.push_back(true);
  return static_cast<LifeId>(lives_.size() - 1);
}

void EventQueue::end_life(LifeId life) {
  IMI_CHECK(life != kWorld);
  lives_[life] = false;
  std::erase_if(heap_, [life](const Event& e) { return e.life == life; });
  std::make_heap(heap_.begin(), heap_.end(), Later{});
}

bool EventQueue::run_one(Micros until) {
  if (heap_.empty() || heap_.front().at > until) {
    now_ = std::max(now_, until);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.at;
  ++events_run_;
  event.action();
  return true;
}

}  // namespace imi::sim
