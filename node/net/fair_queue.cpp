#include "node/net/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace imi::node {

// Rises at once and falls slowly: a client that mixes long calls with short ones of the same method
// is expected to make long ones.
void FairQueue::Expected::learn(Micros used) {
  time = is_known ? std::max(used, time - time / 8) : used;
  is_known = true;
}

// ---- shares
// --------------------------------------------------------------------------------------

template <class Key>
void FairQueue::Ready<Key>::add_waiting(const Key& key, Share& s) {
  // A client that was idle has no claim to the time that others used meanwhile.
  if (s.is_idle()) s.used = std::max(s.used, now);
  if (s.waiting++ == 0) order.emplace(s.used, key);
}

template <class Key>
void FairQueue::Ready<Key>::take(const Key& key, Share& s, Micros expected) {
  now = std::max(now, s.used);
  order.erase({s.used, key});
  s.used += expected;
  ++s.running;
  if (--s.waiting != 0) order.emplace(s.used, key);
}

template <class Key>
void FairQueue::Ready<Key>::finish(const Key& key, Share& s, Micros expected, Micros used) {
  IMI_CHECK(s.running > 0);
  --s.running;
  if (s.waiting != 0) order.erase({s.used, key});
  s.used = s.used - expected + used;
  if (s.waiting != 0) order.emplace(s.used, key);
}

// ---- calls
// ---------------------------------------------------------------------------------------

void FairQueue::push(const Asker& asker, Task task) {
  if (clients_.size() >= kRemembered && !clients_.contains(asker.client)) forget_idle(clients_);
  Client& client = clients_[asker.client];
  auto& connections = client.connections;
  if (connections.size() >= kConnections && !connections.contains(asker.connection)) {
    forget_idle(connections);
  }
  Connection& connection = connections[asker.connection];
  connection.lines[asker.method].waiting.emplace_back(next_number_++, std::move(task));
  client.ready.add_waiting(asker.connection, connection.share);
  ready_.add_waiting(asker.client, client.share);
  ++waiting_;
}

bool FairQueue::may_run(const Line& line, const Method& method, bool only_short) {
  if (line.waiting.empty()) return false;
  if (!only_short) return true;
  if (line.expected.is_known) return line.expected.time <= kShort;
  return method.expected.is_known ? method.expected.time <= kShort : method.running == 0;
}

FairQueue::Line* FairQueue::next_line(Client& client, Connection& connection, bool only_short,
                                      std::string_view& method) {
  Line* best = nullptr;
  for (auto& [name, line] : connection.lines) {
    if (!may_run(line, client.methods[name], only_short)) continue;
    if (best != nullptr && best->waiting.front().first < line.waiting.front().first) continue;
    best = &line;
    method = name;
  }
  return best;
}

std::optional<FairQueue::Turn> FairQueue::pop(bool only_short) {
  for (const auto& by_client : ready_.order) {
    Client& client = clients_.at(by_client.second);
    for (const auto& by_connection : client.ready.order) {
      Asker asker{by_client.second, by_connection.second, {}};
      Connection& connection = client.connections.at(asker.connection);
      Line* line = next_line(client, connection, only_short, asker.method);
      if (line != nullptr) return take(client, connection, *line, asker);
    }
  }
  return std::nullopt;
}

FairQueue::Turn FairQueue::take(Client& client, Connection& connection, Line& line,
                                const Asker& asker) {
  Method& method = client.methods[asker.method];
  const Micros expected = line.expected.is_known ? line.expected.time : method.expected.time;
  Turn turn{asker, expected, std::move(line.waiting.front().second)};
  line.waiting.pop_front();
  ++method.running;
  client.ready.take(asker.connection, connection.share, expected);
  ready_.take(asker.client, client.share, expected);
  --waiting_;
  return turn;
}

void FairQueue::done(const Turn& turn, Micros used) {
  const Asker& asker = turn.asker;
  used = std::max(used, kLeast);
  Client& client = clients_.at(asker.client);
  Connection& connection = client.connections.at(asker.connection);
  Method& method = client.methods.at(asker.method);
  --method.running;
  method.expected.learn(used);
  connection.lines.at(asker.method).expected.learn(used);
  client.ready.finish(asker.connection, connection.share, turn.expected, used);
  ready_.finish(asker.client, client.share, turn.expected, used);
}

template <class Map>
void FairQueue::forget_idle(Map& map) {
  std::erase_if(map, [](const auto& entry) { return entry.second.share.is_idle(); });
}

}  // namespace imi::node
