#include "node/pool.h"

#include "base/check.h"

namespace imi::node {

std::string_view describe(PoolRefusal r) {
  switch (r) {
    case PoolRefusal::kFull: return "the node's pool is full; send it again in a moment";
    case PoolRefusal::kAuthorFull:
      return "this author's share of the node's pool is used up; wait until some are committed";
    case PoolRefusal::kConflict:
      return "another submission with the same id and another signature is pending";
  }
  return "unknown";
}

std::expected<Pool::Added, PoolRefusal> Pool::add(const Body& body, std::uint64_t now_us,
                                                  bool local) {
  const auto [known, is_new] = items_.try_emplace(body.content());
  if (!is_new) {
    known->second->local = known->second->local || local;
    return Added::kKnown;
  }
  const auto [same_id, id_is_new] = by_id_.try_emplace(body.id());
  known->second = std::make_unique<Item>();
  Item& item = *known->second;
  item.body = body;
  const auto refused = id_is_new ? enter_author(item) : PoolRefusal::kConflict;
  if (refused) {
    if (id_is_new) by_id_.erase(same_id);
    items_.erase(known);
    return std::unexpected(*refused);
  }
  same_id->second = &item;
  item.arrival = next_arrival_++;
  item.added_us = now_us;
  item.local = local;
  item.in_order = order_.emplace_hint(order_.end(), item.arrival, &item);
  // Most expire after all that came before.
  item.in_by_expiry =
      by_expiry_.emplace_hint(by_expiry_.end(), std::pair(body.expiry(), item.arrival), &item);
  enqueue(item, false);
  return Added::kNew;
}

// The item is in items_ already.
std::optional<PoolRefusal> Pool::enter_author(Item& item) {
  const std::size_t size = item.body.bytes->size();
  if (items_.size() > limits_.max_items || bytes_ + size > limits_.max_bytes) {
    return PoolRefusal::kFull;
  }
  item.author = authors_.try_emplace(item.body.submission->header.author).first;
  Author& author = item.author->second;
  if (author.items >= limits_.max_author_items || author.bytes + size > limits_.max_author_bytes) {
    if (author.items == 0) authors_.erase(item.author);
    return PoolRefusal::kAuthorFull;
  }
  ++author.items;
  author.bytes += size;
  bytes_ += size;
  return std::nullopt;
}

const Body* Pool::find(const chain::ContentHash& content) const {
  const auto it = items_.find(content);
  return it == items_.end() ? nullptr : &it->second->body;
}

const Body* Pool::find_by_id(const chain::SubmissionId& id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second->body;
}

std::size_t Pool::author_items(const ledger::AuthorId& author) const {
  const auto it = authors_.find(author);
  return it == authors_.end() ? 0 : it->second.items;
}

std::optional<std::uint64_t> Pool::oldest_queued_us() const {
  if (queued_order_.empty()) return std::nullopt;
  return queued_order_.begin()->second->added_us;
}

void Pool::leave(Author& author) {
  if (author.ready) ready_.erase(author.in_ready);
  author.ready = false;
}

void Pool::make_ready(Author& author, bool front) {
  leave(author);
  author.in_ready = ready_.insert(front ? ready_.begin() : ready_.end(), &author);
  author.ready = true;
}

// The first of its author's queue expires too late for a block now. It stays queued; those behind
// it go on.
void Pool::set_aside(Item& item) {
  Author& author = item.author->second;
  author.queue.erase(item.place);
  if (author.queue.empty()) leave(author);
  item.undue = true;
  item.in_undue = undue_.emplace(std::pair(item.body.expiry(), item.arrival), &item).first;
}

// Back to the front of its author's queue: each item that has come due. Returns how many.
std::size_t Pool::wake_due(std::int64_t latest_expiry) {
  std::size_t woken = 0;
  while (woken < kMaxPassedOver && !undue_.empty() &&
         undue_.begin()->first.first.value <= latest_expiry) {
    Item& item = *undue_.begin()->second;
    undue_.erase(undue_.begin());
    item.undue = false;
    Author& author = item.author->second;
    item.place = author.queue.insert(author.queue.begin(), &item);
    if (!author.ready) make_ready(author, false);
    ++woken;
  }
  return woken;
}

void Pool::enqueue(Item& item, bool front) {
  Author& author = item.author->second;
  auto& queue = author.queue;
  item.place = queue.insert(front ? queue.begin() : queue.end(), &item);
  if (!author.ready) make_ready(author, front);
  item.queued = true;
  not_expired(item);
  item.in_queued_order = queued_order_.emplace_hint(
      front ? queued_order_.begin() : queued_order_.end(), item.arrival, &item);
  ++queued_;
  queued_entries_ += item.body.entries();
  queued_bytes_ += item.body.bytes->size();
}

void Pool::dequeue(Item& item) {
  Author& author = item.author->second;
  if (item.undue) {
    undue_.erase(item.in_undue);
    item.undue = false;
  } else {
    author.queue.erase(item.place);
    if (author.queue.empty()) leave(author);
  }
  item.queued = false;
  queued_order_.erase(item.in_queued_order);
  --queued_;
  queued_entries_ -= item.body.entries();
  queued_bytes_ -= item.body.bytes->size();
}

void Pool::erase(ById::iterator it) {
  Item& item = *it->second;
  if (item.queued) dequeue(item);
  not_expired(item);
  const auto author = item.author;
  --author->second.items;
  author->second.bytes -= item.body.bytes->size();
  bytes_ -= item.body.bytes->size();
  if (author->second.items == 0) authors_.erase(author);
  order_.erase(item.in_order);
  by_expiry_.erase(item.in_by_expiry);
  by_id_.erase(it);
  const chain::ContentHash content = item.body.content();
  items_.erase(content);
}

Pool::Batch Pool::take(const BatchLimits& limits, chain::TimeMs block_time,
                       std::int64_t max_expiry_ms, std::uint64_t now_us) {
  // Authors whose item does not fit: this many are tried, as smaller ones may still fit.
  constexpr std::size_t kMaxLeftOut = 32;
  Batch batch;
  std::vector<Author*> left_out;
  const std::int64_t latest_expiry = block_time.value + max_expiry_ms;
  std::size_t passed_over = wake_due(latest_expiry);
  batch.looked_at = passed_over;
  while (!ready_.empty() && passed_over < kMaxPassedOver) {
    // One item always fits: admission bounds it by the chain's own limits of a block.
    const bool some = !batch.items.empty();
    if (some && (batch.items.size() >= limits.max_items || left_out.size() == kMaxLeftOut)) {
      batch.full = true;
      break;
    }
    Author& author = *ready_.front();
    Item& item = *author.queue.front();
    const chain::TimeMs expiry = item.body.expiry();
    ++batch.looked_at;
    if (expiry.value > latest_expiry) {  // not yet: our clock is behind the author's
      ++passed_over;
      set_aside(item);
      continue;
    }
    if (expiry <= block_time) {  // it leaves the pool when the chain's time says so (expire())
      ++passed_over;
      dequeue(item);
      item.expired = true;
      expired_.emplace(std::pair(expiry, item.arrival), &item);
      continue;
    }
    if (some && (batch.entries + item.body.entries() > limits.max_entries ||
                 batch.bytes + item.body.bytes->size() > limits.max_bytes)) {
      batch.full = true;
      leave(author);
      left_out.push_back(&author);
      continue;
    }
    dequeue(item);
    if (!author.queue.empty()) make_ready(author, false);
    item.taken_us = now_us;
    batch.items.push_back(item.body.facts());
    batch.entries += item.body.entries();
    batch.bytes += item.body.bytes->size();
  }
  for (auto author = left_out.rbegin(); author != left_out.rend(); ++author) {
    make_ready(**author, true);
  }
  return batch;
}

void Pool::not_expired(Item& item) {
  if (!item.expired) return;
  expired_.erase({item.body.expiry(), item.arrival});
  item.expired = false;
}

void Pool::requeue_unexpired(chain::TimeMs block_time) {
  while (!expired_.empty() && std::prev(expired_.end())->first.first > block_time) {
    enqueue(*std::prev(expired_.end())->second, true);
  }
}

const Body* Pool::mark_taken(const chain::ContentHash& content, std::uint64_t now_us) {
  const auto it = items_.find(content);
  if (it == items_.end()) return nullptr;
  it->second->taken_us = now_us;
  if (it->second->queued) dequeue(*it->second);
  not_expired(*it->second);
  return &it->second->body;
}

void Pool::requeue(const chain::ContentHash& content) {
  const auto it = items_.find(content);
  if (it != items_.end() && !it->second->queued) enqueue(*it->second, true);
}

void Pool::requeue_taken_before(std::uint64_t before_us) {
  for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
    Item& item = *it->second;
    if (!item.queued && !item.expired && item.taken_us < before_us) enqueue(item, true);
  }
}

void Pool::requeue_taken_except(const std::set<chain::ContentHash>& decided) {
  for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
    Item& item = *it->second;
    if (!item.queued && !item.expired && !decided.contains(item.body.content())) {
      enqueue(item, true);
    }
  }
}

std::optional<std::uint64_t> Pool::remove(const chain::SubmissionId& id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return std::nullopt;
  const std::uint64_t added_us = it->second->added_us;
  erase(it);
  return added_us;
}

std::vector<Pool::Expired> Pool::expire(chain::TimeMs block_time) {
  std::vector<Expired> out;
  while (!by_expiry_.empty() && by_expiry_.begin()->first.first <= block_time) {
    const Item& item = *by_expiry_.begin()->second;
    out.push_back({item.body.id(), item.body.content()});
    erase(by_id_.find(out.back().id));
  }
  return out;
}

void Pool::mark_held(const chain::ContentHash& content, std::uint32_t member) {
  const auto it = items_.find(content);
  if (it != items_.end()) it->second->holders.set(member);
}

std::vector<chain::ContentHash> Pool::held_by(std::uint32_t member, std::size_t max) const {
  std::vector<chain::ContentHash> out;
  for (const auto& [arrival, item] : order_) {
    if (out.size() == max) break;
    if (item->holders.test(member)) out.push_back(item->body.content());
  }
  return out;
}

bool Pool::forget_held(std::uint32_t member) {
  bool any = false;
  for (const auto& [arrival, item] : order_) {
    any = any || item->holders.test(member);
    item->holders.clear(member);
  }
  return any;
}

std::vector<Body> Pool::not_held(Unheld& next) const {
  std::vector<Body> out;
  std::size_t bytes = 0;
  for (auto it = order_.upper_bound(next.after); it != order_.end(); ++it) {
    const Item& item = *it->second;
    if (item.added_us >= next.before_us) break;
    if (out.size() == next.max || bytes >= next.max_bytes) return out;
    next.after = it->first;
    if (item.holders.test(next.member) || (next.local_only && !item.local)) continue;
    bytes += item.body.bytes->size();
    out.push_back(item.body);
  }
  next.after = 0;
  return out;
}

std::uint8_t Pool::count_push(const chain::ContentHash& content) {
  const auto it = items_.find(content);
  if (it == items_.end()) return 0;
  if (it->second->pushes != UINT8_MAX) ++it->second->pushes;
  return it->second->pushes;
}

void Pool::forget_pushes() {
  for (const auto& [arrival, item] : order_) item->pushes = 0;
}

}  // namespace imi::node
