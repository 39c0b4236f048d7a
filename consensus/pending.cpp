// What the progress timer waits for (C2), and censorship (C6).
#include "consensus/pending.h"

#include <algorithm>

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

std::optional<PendingSubmissions::Ref> PendingSubmissions::find(const SubmissionId& id) {
  const Ref* found = by_id_.find(id);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::optional<PendingSubmissions::Ref> PendingSubmissions::find(const ContentHash& content) {
  const Ref* found = by_content_.find(content);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

// From others_ to where it belongs.
void PendingSubmissions::put(Ref item, Place place) {
  item->place = place;
  switch (place) {
    case Place::kInBlock: break;
    case Place::kTooEarly: item->in_undue = too_early_.emplace(item->expiry, item); break;
    case Place::kTooLate: item->in_undue = too_late_.emplace(item->expiry, item); break;
    case Place::kWaiting:
      IMI_INVARIANT("C2", waiting_.empty() || waiting_.back().since <= tick_, tick_);
      item->since = tick_;
      waiting_.splice(waiting_.end(), others_, item);
      if (item->at_primary) put_at_primary(item);
      break;
  }
  IMI_INVARIANT("C2", waiting_.size() + too_early_.size() + too_late_.size() <= size(),
                waiting_.size(), too_early_.size(), too_late_.size());
}

void PendingSubmissions::put_at_primary(Ref item) {
  IMI_INVARIANT("C6", at_primary_.empty() || at_primary_.back()->at_primary_since <= tick_, tick_);
  item->at_primary_since = tick_;
  item->in_at_primary = at_primary_.insert(at_primary_.end(), item);
  IMI_INVARIANT("C6", at_primary_.size() <= waiting_.size(), at_primary_.size(), waiting_.size());
}

// From where it is to others_.
void PendingSubmissions::take_out(Ref item) {
  switch (item->place) {
    case Place::kInBlock: break;
    case Place::kTooEarly: too_early_.erase(item->in_undue); break;
    case Place::kTooLate: too_late_.erase(item->in_undue); break;
    case Place::kWaiting:
      others_.splice(others_.end(), waiting_, item);
      if (item->at_primary) at_primary_.erase(item->in_at_primary);
      break;
  }
  item->place = Place::kInBlock;
}

void PendingSubmissions::add(const ItemFacts& facts, bool in_block) {
  const auto [slot, is_new] = by_id_.try_emplace(facts.id);
  if (!is_new) return;
  const Ref item = *slot = others_.emplace(others_.end());
  item->id = facts.id;
  item->content = facts.content;
  item->expiry = facts.expiry;
  by_content_.set(facts.content, item);
  // Most expire after all that came before.
  item->in_by_expiry = by_expiry_.emplace_hint(by_expiry_.end(), facts.expiry, item);
  put(item, in_block ? Place::kInBlock : place_now(facts.expiry));
  IMI_INVARIANT("C2", by_expiry_.size() == size() && by_content_.size() <= size(), size(),
                by_content_.size());
}

void PendingSubmissions::remove(Ref item) {
  take_out(item);
  by_expiry_.erase(item->in_by_expiry);
  by_content_.erase(item->content);
  by_id_.erase(item->id);
  others_.erase(item);
  IMI_INVARIANT("C2", by_expiry_.size() == size(), by_expiry_.size(), size());
}

void PendingSubmissions::remove(const SubmissionId& id) {
  if (const auto item = find(id)) remove(*item);
}

void PendingSubmissions::remove(const ContentHash& content) {
  if (const auto item = find(content)) remove(*item);
}

void PendingSubmissions::expire(TimeMs block_time) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= block_time) {
    remove(by_expiry_.begin()->second);
  }
  IMI_INVARIANT("I16", by_expiry_.empty() || by_expiry_.begin()->first > block_time, block_time);
}

void PendingSubmissions::set_in_block(Ref item, bool in_block) {
  if ((item->place == Place::kInBlock) == in_block) return;
  take_out(item);
  if (!in_block) put(item, place_now(item->expiry));
}

void PendingSubmissions::set_in_block(const SubmissionId& id, bool in_block) {
  if (const auto item = find(id)) set_in_block(*item, in_block);
}

void PendingSubmissions::set_in_block(const ContentHash& content, bool in_block) {
  if (const auto item = find(content)) set_in_block(*item, in_block);
}

void PendingSubmissions::set_at_primary(const ContentHash& content) {
  const auto item = find(content);
  if (!item || (*item)->at_primary) return;
  (*item)->at_primary = true;
  if ((*item)->place == Place::kWaiting) put_at_primary(*item);
}

void PendingSubmissions::forget_primary() {
  for (Item& item : waiting_) item.at_primary = false;
  for (Item& item : others_) item.at_primary = false;
  at_primary_.clear();
}

void PendingSubmissions::update(TimeMs next_block_time, Ticks tick) {
  IMI_INVARIANT("C2", tick_ <= tick, tick_, tick);
  next_block_time_ = next_block_time;
  tick_ = tick;
  const auto begin_to_wait = [this](Ref item) {
    take_out(item);
    put(item, Place::kWaiting);
  };
  while (!too_early_.empty() && place_now(too_early_.begin()->first) != Place::kTooEarly) {
    begin_to_wait(too_early_.begin()->second);
  }
  // A clock that was set back.
  while (!too_late_.empty() && place_now(std::prev(too_late_.end())->first) != Place::kTooLate) {
    begin_to_wait(std::prev(too_late_.end())->second);
  }
  // What is first and no longer fits is removed. (The next one is looked at once it is first: only
  // the first one counts.)
  while (!waiting_.empty() && recheck(waiting_.begin())) {
  }
  while (!at_primary_.empty() && recheck(at_primary_.front())) {
  }
}

// True if it waited for what it no longer fits.
bool PendingSubmissions::recheck(Ref item) {
  const Place place = place_now(item->expiry);
  if (place == Place::kWaiting) return false;
  take_out(item);
  put(item, place);
  return true;
}

std::optional<Ticks> PendingSubmissions::waiting_since() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().since;
}

std::optional<PendingSubmissions::Waiting> PendingSubmissions::longest_at_primary() const {
  if (at_primary_.empty()) return std::nullopt;
  if (planted(Defect::kShielded) && too_early_.size() > 64) return std::nullopt;
  return Waiting{at_primary_.front()->at_primary_since, at_primary_.front()->id};
}

bool PendingSubmissions::is_left_out(const SubmissionId& id) const {
  const Ref* found = by_id_.find(id);
  return found != nullptr && (*found)->at_primary && (*found)->place == Place::kWaiting &&
         place_now((*found)->expiry) == Place::kWaiting;
}

// ---- the replica's side -------------------------------------------------------------------------

namespace {
// Submissions tracked; the pool is bounded by the node, this is the module's own limit.
constexpr std::size_t kMaxPending = std::size_t{1} << 20;
}  // namespace

void Replica::on(const PendingAdded& i) {
  std::vector<const std::vector<SubmissionId>*> under_way;
  each_under_way([&under_way](const BlockInfo& info) { under_way.push_back(&info.ids); });
  for (const ItemFacts& item : i.items) {
    if (pending_.size() >= kMaxPending) return;
    if (item.expiry <= executed_.time) continue;
    pending_.add(item, std::ranges::any_of(under_way, [&item](const auto* ids) {
                   return std::ranges::binary_search(*ids, item.id);
                 }));
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

// By id once the bodies are known, so that another signature of the same submission counts too.
void Replica::mark_in_block(const BlockInfo& info, bool in_block) {
  if (pending_.empty()) return;
  for (const SubmissionId& id : info.ids) pending_.set_in_block(id, in_block);
  if (!info.ids.empty()) return;
  for (const ContentHash& content : info.block->items) pending_.set_in_block(content, in_block);
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
  const std::vector<SubmissionId>& ids = executed.ids.empty() ? info.ids : executed.ids;
  for (const SubmissionId& id : ids) pending_.remove(id);
  if (ids.empty()) {
    for (const ContentHash& content : info.block->items) pending_.remove(content);
  }
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
