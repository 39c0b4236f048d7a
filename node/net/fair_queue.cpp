#include "node/net/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace imi::node {

bool FairQueue::Line::may_run(bool only_short) const {
  if (waiting.empty()) return false;
  if (!only_short) return true;
  return is_known ? expected <= kShort : running == 0;
}

void FairQueue::push(const ClientKey& client, std::string_view method, Task task) {
  if (clients_.size() >= kRemembered && !clients_.contains(client)) forget_idle();
  const auto it = clients_.try_emplace(client).first;
  Client& c = it->second;
  if (c.waiting == 0 && c.running == 0) {
    // Who was away has no claim to the time that others used meanwhile.
    c.used = std::max(c.used, now_);
  }
  c.lines[method].waiting.emplace_back(next_number_++, std::move(task));
  if (c.waiting++ == 0) ready_.emplace(c.used, client);
  ++waiting_;
}

FairQueue::Line* FairQueue::next_line(Client& c, bool only_short, std::string_view& method) {
  Line* best = nullptr;
  for (auto& [name, line] : c.lines) {
    if (!line.may_run(only_short)) continue;
    if (best != nullptr && best->waiting.front().first < line.waiting.front().first) continue;
    best = &line;
    method = name;
  }
  return best;
}

std::optional<FairQueue::Turn> FairQueue::pop(bool only_short) {
  for (const auto& [used, key] : ready_) {
    const auto it = clients_.find(key);
    IMI_CHECK(it != clients_.end());
    Client& c = it->second;
    Turn turn;
    Line* line = next_line(c, only_short, turn.method);
    if (line == nullptr) continue;
    turn.client = key;
    turn.expected = line->expected;
    turn.task = std::move(line->waiting.front().second);
    line->waiting.pop_front();
    ++line->running;
    ++c.running;
    --waiting_;
    now_ = std::max(now_, used);
    const Micros before = c.used;
    ready_.erase({before, turn.client});
    c.used = before + turn.expected;
    if (--c.waiting != 0) ready_.emplace(c.used, turn.client);
    return turn;
  }
  return std::nullopt;
}

void FairQueue::done(const Turn& turn, Micros used) {
  const auto it = clients_.find(turn.client);
  IMI_CHECK(it != clients_.end() && it->second.running > 0);
  Client& c = it->second;
  used = std::max(used, kLeast);
  --c.running;
  Line& line = c.lines[turn.method];
  --line.running;
  // Rises at once and falls slowly: who mixes long calls with short ones of the same method is
  // taken for what is worse.
  line.expected = line.is_known ? std::max(used, line.expected - line.expected / 8) : used;
  line.is_known = true;
  change_used(it, c.used - turn.expected + used);
}

void FairQueue::change_used(Clients::iterator c, Micros used) {
  if (c->second.waiting != 0) {
    ready_.erase({c->second.used, c->first});
    ready_.emplace(used, c->first);
  }
  c->second.used = used;
}

void FairQueue::forget_idle() {
  std::erase_if(clients_, [](const Clients::value_type& c) {
    return c.second.waiting == 0 && c.second.running == 0;
  });
}

void FairQueue::clear() {
  clients_.clear();
  ready_.clear();
  waiting_ = 0;
}

}  // namespace imi::node
