// What the progress timer waits for (C2), and censorship (C6).
#include "consensus/pending.h"

#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

// ---- the submissions ----------------------------------------------------------------------------

PendingSubmissions::Place PendingSubmissions::place_now(TimeMs expiry) const {
  if (planted(Defect::kCountUndue)) return Place::kWaiting;
  if (expiry.value > next_block_time_.value + max_expiry_ms_ - slack_ms_) return Place::kTooEarly;
  if (expiry.value <= next_block_time_.value + slack_ms_) return Place::kTooLate;
  return Place::kWaiting;
}

void PendingSubmissions::put(const SubmissionId& id, Item& item, Place place) {
  item.place = place;
  switch (place) {
    case Place::kInBlock: break;
    case Place::kTooEarly: too_early_.insert({item.expiry, id}); break;
    case Place::kTooLate: too_late_.insert({item.expiry, id}); break;
    case Place::kWaiting:
      item.since = item.at_primary_since = tick_;
      waiting_.insert({tick_, id});
      if (item.at_primary) at_primary_.insert({tick_, id});
      break;
  }
  IMI_INVARIANT("C2", waiting_.size() + too_early_.size() + too_late_.size() <= items_.size(),
                waiting_.size(), too_early_.size(), too_late_.size());
  IMI_INVARIANT("C6", at_primary_.size() <= waiting_.size(), at_primary_.size(), waiting_.size());
}

void PendingSubmissions::take_out(const SubmissionId& id, Item& item) {
  IMI_INVARIANT("C2", item.place != Place::kWaiting || waiting_.contains({item.since, id}), id);
  switch (item.place) {
    case Place::kInBlock: break;
    case Place::kTooEarly: too_early_.erase({item.expiry, id}); break;
    case Place::kTooLate: too_late_.erase({item.expiry, id}); break;
    case Place::kWaiting:
      waiting_.erase({item.since, id});
      if (item.at_primary) at_primary_.erase({item.at_primary_since, id});
      break;
  }
  item.place = Place::kInBlock;
}

void PendingSubmissions::add(const ItemFacts& facts, bool in_block) {
  const auto [it, is_new] = items_.try_emplace(facts.id);
  if (!is_new) return;
  it->second.content = facts.content;
  it->second.expiry = facts.expiry;
  ids_.insert_or_assign(facts.content, facts.id);
  by_expiry_.insert({facts.expiry, facts.id});
  put(facts.id, it->second, in_block ? Place::kInBlock : place_now(facts.expiry));
  IMI_INVARIANT("C2", by_expiry_.size() == items_.size() && ids_.size() <= items_.size(),
                items_.size(), ids_.size());
}

void PendingSubmissions::remove(const SubmissionId& id) {
  const auto it = items_.find(id);
  if (it == items_.end()) return;
  take_out(id, it->second);
  by_expiry_.erase({it->second.expiry, id});
  ids_.erase(it->second.content);
  items_.erase(it);
  IMI_INVARIANT("C2", by_expiry_.size() == items_.size(), by_expiry_.size(), items_.size());
}

void PendingSubmissions::remove(const ContentHash& content) {
  if (const auto it = ids_.find(content); it != ids_.end()) remove(SubmissionId(it->second));
}

void PendingSubmissions::expire(TimeMs block_time) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= block_time) {
    remove(SubmissionId(by_expiry_.begin()->second));
  }
  IMI_INVARIANT("I16", by_expiry_.empty() || by_expiry_.begin()->first > block_time, block_time);
}

void PendingSubmissions::set_in_block(const SubmissionId& id, bool in_block) {
  const auto it = items_.find(id);
  if (it == items_.end() || (it->second.place == Place::kInBlock) == in_block) return;
  take_out(id, it->second);
  if (!in_block) put(id, it->second, place_now(it->second.expiry));
}

void PendingSubmissions::set_in_block(const ContentHash& content, bool in_block) {
  if (const auto it = ids_.find(content); it != ids_.end()) set_in_block(it->second, in_block);
}

void PendingSubmissions::set_at_primary(const ContentHash& content) {
  const auto id = ids_.find(content);
  if (id == ids_.end()) return;
  Item& item = items_.at(id->second);
  if (item.at_primary) return;
  item.at_primary = true;
  if (item.place != Place::kWaiting) return;
  item.at_primary_since = tick_;
  at_primary_.insert({tick_, id->second});
  IMI_INVARIANT("C6", at_primary_.size() <= waiting_.size(), at_primary_.size(), waiting_.size());
}

void PendingSubmissions::forget_primary() {
  for (auto& [id, item] : items_) item.at_primary = false;
  at_primary_.clear();
}

void PendingSubmissions::update(TimeMs next_block_time, Ticks tick) {
  next_block_time_ = next_block_time;
  tick_ = tick;
  const auto begin_to_wait = [this](ByExpiry& from, ByExpiry::iterator first) {
    const SubmissionId id = first->second;
    Item& item = items_.at(id);
    from.erase(first);
    put(id, item, Place::kWaiting);
  };
  while (!too_early_.empty() && place_now(too_early_.begin()->first) != Place::kTooEarly) {
    begin_to_wait(too_early_, too_early_.begin());
  }
  // A clock that was set back.
  while (!too_late_.empty() && place_now(std::prev(too_late_.end())->first) != Place::kTooLate) {
    begin_to_wait(too_late_, std::prev(too_late_.end()));
  }
  recheck_first(waiting_);
  recheck_first(at_primary_);
}

// What is first and no longer fits is removed. (The next one is looked at once it is first: only
// the first one counts.)
void PendingSubmissions::recheck_first(BySince& order) {
  while (!order.empty()) {
    const SubmissionId id = order.begin()->second;
    Item& item = items_.at(id);
    const Place place = place_now(item.expiry);
    if (place == Place::kWaiting) return;
    take_out(id, item);
    put(id, item, place);
  }
}

std::optional<Ticks> PendingSubmissions::waiting_since() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

std::optional<PendingSubmissions::Waiting> PendingSubmissions::longest_at_primary() const {
  if (at_primary_.empty()) return std::nullopt;
  if (planted(Defect::kShielded) && too_early_.size() > 64) return std::nullopt;
  return Waiting{at_primary_.begin()->first, at_primary_.begin()->second};
}

bool PendingSubmissions::is_left_out(const SubmissionId& id) const {
  const auto it = items_.find(id);
  return it != items_.end() && it->second.at_primary && it->second.place == Place::kWaiting &&
         place_now(it->second.expiry) == Place::kWaiting;
}

// ---- the replica's side -------------------------------------------------------------------------

namespace {
// Submissions tracked; the pool is bounded by the node, this is the module's own limit.
constexpr std::size_t kMaxPending = std::size_t{1} << 20;
}  // namespace

void Replica::on(const PendingAdded& i) {
  for (const ItemFacts& item : i.items) {
    if (pending_.size() >= kMaxPending) return;
    if (item.expiry <= executed_.time) continue;
    pending_.add(item, is_under_way(item.id));
  }
}

void Replica::on(const PendingAtPrimary& i) {
  if (i.view != view_ || changing_ || is_primary()) return;
  for (const ContentHash& content : i.items) pending_.set_at_primary(content);
}

void Replica::on(const PrimaryForgot& i) {
  if (i.view != view_ || changing_) return;
  pending_.forget_primary();
  complaint_.reset();
}

void Replica::on(const PendingRemoved& i) {
  for (const ContentHash& content : i.items) pending_.remove(content);
}

// Calls `f` for each block that is decided and not executed, or accepted and not decided.
template <class F>
void Replica::each_under_way(F&& f) const {
  for (auto it = decided_.upper_bound(executed_.height); it != decided_.end(); ++it) {
    if (it->second.info) f(*it->second.info);
  }
  for (auto it = slots_.upper_bound(executed_.height); it != slots_.end(); ++it) {
    const Slot& slot = it->second;
    if (!slot.accepted || decided_.contains(it->first)) continue;
    if (const BlockInfoPtr info = find_info(it->first, slot.proposal->id)) f(*info);
  }
}

bool Replica::is_under_way(const SubmissionId& id) const {
  bool found = false;
  each_under_way(
      [&](const BlockInfo& info) { found = found || std::ranges::binary_search(info.ids, id); });
  return found;
}

// By id once the bodies are known, so that another signature of the same submission counts too.
void Replica::mark_in_block(const BlockInfo& info, bool in_block) {
  if (pending_.empty()) return;
  for (const ContentHash& content : info.block->items) pending_.set_in_block(content, in_block);
  for (const SubmissionId& id : info.ids) pending_.set_in_block(id, in_block);
}

// The block is abandoned. What another block under way holds as well does not wait.
void Replica::release_items(const BlockInfo& info) {
  for (const ContentHash& item : info.block->items) {
    out_.returned.push_back({item, ReturnReason::kNotChosen});
  }
  const auto decided = decided_.find(info.block->header.height);
  IMI_INVARIANT("I7", decided == decided_.end() || decided->second.id != info.id, info.id);
  if (pending_.empty()) return;
  mark_in_block(info, false);
  each_under_way([&](const BlockInfo& other) {
    if (other.id != info.id) mark_in_block(other, true);
  });
}

void Replica::forget_executed(const BlockInfo& info, const Executed& executed) {
  if (pending_.empty()) return;
  for (const ContentHash& content : info.block->items) pending_.remove(content);
  for (const SubmissionId& id : info.ids) pending_.remove(id);
  for (const SubmissionId& id : executed.ids) pending_.remove(id);
  pending_.expire(executed.head.time);
}

// C6: the primary has had a submission for T, and then proposed a block that had space for it and
// left it out. Age alone is not a reason: under load everything is old.
void Replica::complain_if_left_out(const BlockInfo& info, Ticks received) {
  if (info.full || is_primary() || changing_) return;
  // A decided block whose list or bodies are not known here may hold what seems left out.
  for (const auto& [h, decision] : decided_) {
    if (h <= executed_.height) continue;
    if (!decision.info || decision.info->bodies != Bodies::kReady) return;
  }
  const auto waiting = pending_.longest_at_primary();
  if (!waiting || waiting->since + config_.ticks(config_.progress_timeout_ms) > received) return;
  complaint_ = waiting->id;
}

}  // namespace imi::consensus
