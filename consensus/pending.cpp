// Submissions the node holds: what the progress timer waits for (C2), and censorship (C6).
#include "consensus/replica.h"

namespace imi::consensus {

namespace {
// Submissions tracked; the pool is bounded by the node, this is the module's own limit.
constexpr std::size_t kMaxPending = std::size_t{1} << 20;
// Candidates looked at for one complaint.
constexpr std::size_t kMaxComplaintCandidates = 64;
}  // namespace

void Replica::on(const PendingAdded& i) {
  for (const ItemFacts& item : i.items) {
    if (pending_.size() >= kMaxPending) return;
    if (pending_.try_emplace(item.content, Pending{item.id, item.expiry, std::nullopt, false})
            .second) {
      ++unproposed_;
    }
  }
}

void Replica::on(const PendingAtPrimary& i) {
  if (i.view != view_ || changing_ || is_primary()) return;
  for (const ContentHash& content : i.items) {
    const auto it = pending_.find(content);
    if (it == pending_.end() || it->second.at_primary) continue;
    it->second.at_primary = tick_;
    if (!it->second.in_block) waiting_.insert({tick_, content});
  }
}

void Replica::on(const PendingRemoved& i) { forget_pending(i.items); }

void Replica::forget_pending(const std::vector<ContentHash>& items) {
  if (pending_.empty()) return;
  for (const ContentHash& content : items) {
    const auto it = pending_.find(content);
    if (it == pending_.end()) continue;
    if (it->second.at_primary) waiting_.erase({*it->second.at_primary, content});
    if (!it->second.in_block) --unproposed_;
    pending_.erase(it);
  }
}

void Replica::mark_in_block(const Block& block, bool in_block) {
  if (pending_.empty()) return;
  for (const ContentHash& content : block.items) {
    const auto it = pending_.find(content);
    if (it == pending_.end()) continue;
    Pending& pending = it->second;
    if (pending.in_block != in_block) unproposed_ += in_block ? -1 : 1;
    pending.in_block = in_block;
    if (!pending.at_primary) continue;
    waiting_.erase({*pending.at_primary, content});
    if (in_block) continue;
    pending.at_primary = tick_;  // it starts to wait again
    waiting_.insert({tick_, content});
  }
}

// C6: the primary has had a submission for T, and then proposed a block that had room for it and
// left it out. Age alone is no complaint: under load everything is old.
void Replica::complain_if_left_out(const BlockInfo& info, Ticks received) {
  if (info.full || is_primary() || changing_) return;
  // A decided block of which only the id is known here may hold what seems left out.
  for (const auto& [h, decision] : decided_) {
    if (h > executed_.height && !decision.info) return;
  }
  const Ticks patience = config_.ticks(config_.progress_timeout_ms);
  const std::int64_t time = info.block->header.time.value;
  std::size_t looked_at = 0;
  for (const auto& [since, content] : waiting_) {
    if (since + patience > received || ++looked_at > kMaxComplaintCandidates) return;
    const Pending& pending = pending_.at(content);
    const bool fits =
        pending.expiry.value > time && pending.expiry.value <= time + config_.max_expiry_ms;
    if (fits) {
      complain_ = true;
      return;
    }
  }
}

}  // namespace imi::consensus
