#include "node/bodies.h"

#include <algorithm>

#include "base/check.h"
#include "node/checks.h"
#include "node/wire.h"

namespace imi::node {

void Bodies::restore(RecoveredBodies recovered, chain::Height until) {
  for (Body& b : recovered.logged) {
    const chain::ContentHash content = b.content();
    recovered_logged_.insert(content);
    recovered_.emplace(content, std::move(b));
  }
  for (Body& b : recovered.executed) {
    const chain::ContentHash content = b.content();
    recovered_.emplace(content, std::move(b));
  }
  recovered_until_ = until;
}

const Body* Bodies::find(const chain::ContentHash& content) const {
  if (const auto kept = kept_.find(content); kept != kept_.end()) return &kept->second.body;
  if (const auto old = recovered_.find(content); old != recovered_.end()) return &old->second;
  return pool_.find(content);
}

Bodies::BlockState& Bodies::track(chain::Height height, const chain::BlockId& id,
                                  const std::shared_ptr<const chain::Block>& block) {
  const Key key{height, id};
  const auto [it, fresh] = blocks_.try_emplace(key);
  BlockState& state = it->second;
  if (!fresh) return state;
  const std::uint64_t now = core_.now_us();
  state.block = block;
  state.next_fetch_us = now + core_.limits.fetch_grace_us;
  state.give_up_us = now + core_.limits.fetch_grace_max_us;
  state.received_before = core_.counters.submissions_received;
  state.distinct = block->items;
  std::ranges::sort(state.distinct);
  const auto repeats = std::ranges::unique(state.distinct);
  state.distinct.erase(repeats.begin(), repeats.end());
  for (const chain::ContentHash& content : state.distinct) {
    const Body* body = pool_.mark_taken(content, now);
    const auto [kept, is_new] = kept_.try_emplace(content);
    if (is_new && body == nullptr) {
      if (const auto old = recovered_.find(content); old != recovered_.end()) body = &old->second;
    }
    if (!is_new) {
      ++kept->second.uses;
    } else if (body != nullptr) {
      kept->second = {*body, 1, recovered_logged_.contains(content)};
    } else {
      kept_.erase(kept);
      state.missing.insert(content);
      wanted_[content].insert(key);
    }
  }
  return state;
}

void Bodies::need(const consensus::NeedBodies& request) {
  BlockState& state = track(request.height, request.id, request.block);
  state.answer = true;
  for (const chain::MemberId m : request.holders) {
    if (std::find(state.holders.begin(), state.holders.end(), m) == state.holders.end()) {
      state.holders.push_back(m);
    }
  }
  settle({request.height, request.id}, state);
}

void Bodies::keep(chain::Height height, const chain::BlockId& id,
                  const std::shared_ptr<const chain::Block>& block) {
  (void)track(height, id, block);
}

bool Bodies::complete(chain::Height height, const chain::BlockId& id) const {
  const auto block = blocks_.find({height, id});
  return block != blocks_.end() && block->second.missing.empty();
}

std::set<chain::ContentHash> Bodies::contents_of(const Which& which) const {
  std::set<chain::ContentHash> out;
  for (const auto& [key, state] : blocks_) {
    if (!which(key.first, key.second)) continue;
    out.insert(state.block->items.begin(), state.block->items.end());
  }
  return out;
}

std::optional<LedgerPort::Bodies> Bodies::all_of(const chain::Block& block) const {
  LedgerPort::Bodies out;
  out.reserve(block.items.size());
  for (const chain::ContentHash& content : block.items) {
    const Body* body = find(content);
    if (body == nullptr) return std::nullopt;
    out.push_back(body->submission);
  }
  return out;
}

bool Bodies::is_full(std::size_t items, std::uint64_t entries, std::uint64_t bytes) const {
  const NodeLimits& l = core_.limits;
  return items >= l.block_items / l.full_from || entries >= l.block_entries / l.full_from ||
         bytes >= l.block_bytes / l.full_from;
}

void Bodies::settle(const Key& key, BlockState& state) {
  if (!state.answer || (!state.missing.empty() && !state.invalid)) return;
  state.answer = false;
  if (state.invalid) {
    core_.input(consensus::BodiesInvalid{key.first, key.second});
    return;
  }
  consensus::BodiesReady ready{key.first, key.second, {}, false};
  ready.items.reserve(state.block->items.size());
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  for (const chain::ContentHash& content : state.block->items) {
    const Body& body = kept_.at(content).body;
    ready.items.push_back(body.facts());
    entries += body.entries();
    bytes += body.bytes->size();
  }
  // The chain's own limits: beyond them the block is invalid for all members alike.
  if (entries > core_.parameters.max_block_entries ||
      bytes > core_.parameters.max_block_body_bytes) {
    core_.input(consensus::BodiesInvalid{key.first, key.second});
    return;
  }
  ready.full = is_full(ready.items.size(), entries, bytes);
  core_.input(std::move(ready));
}

void Bodies::offer(const Body& body) {
  const auto wanted = wanted_.find(body.content());
  if (wanted == wanted_.end()) return;
  const std::set<Key> keys = std::move(wanted->second);
  wanted_.erase(wanted);
  kept_.insert_or_assign(body.content(), Kept{body, keys.size(), false});
  for (const Key& key : keys) {
    const auto block = blocks_.find(key);
    IMI_CHECK(block != blocks_.end(), "a wanted body has its block");
    block->second.missing.erase(body.content());
    if (block->second.missing.empty()) settle(key, block->second);
  }
  if (on_arrival) on_arrival();
}

void Bodies::refuse(const chain::ContentHash& content) {
  const auto wanted = wanted_.find(content);
  if (wanted == wanted_.end()) return;
  const std::set<Key> keys = wanted->second;
  for (const Key& key : keys) {
    const auto block = blocks_.find(key);
    if (block == blocks_.end()) continue;
    block->second.invalid = true;
    settle(key, block->second);
  }
}

void Bodies::drop(BlockState& state) {
  for (const chain::ContentHash& content : state.distinct) {
    if (state.missing.contains(content)) continue;
    const auto kept = kept_.find(content);
    if (kept != kept_.end() && --kept->second.uses == 0) kept_.erase(kept);
  }
}

void Bodies::release(chain::Height height) {
  while (!blocks_.empty() && blocks_.begin()->first.first <= height) {
    const auto block = blocks_.begin();
    for (const chain::ContentHash& content : block->second.missing) {
      const auto wanted = wanted_.find(content);
      if (wanted == wanted_.end()) continue;
      wanted->second.erase(block->first);
      if (wanted->second.empty()) wanted_.erase(wanted);
    }
    drop(block->second);
    blocks_.erase(block);
  }
  if (height >= recovered_until_) {
    recovered_.clear();
    recovered_logged_.clear();
  }
}

void Bodies::log_one(const chain::ContentHash& content, std::vector<WalBody>& out) {
  const auto kept = kept_.find(content);
  if (kept == kept_.end()) {  // of a vote from before a restart
    if (recovered_logged_.contains(content)) return;
    const Body* body = find(content);
    IMI_CHECK(body != nullptr, "a vote needs every body");
    out.push_back({content, body->bytes});
    return;
  }
  if (kept->second.logged) return;
  kept->second.logged = true;
  out.push_back({content, kept->second.body.bytes});
}

std::vector<WalBody> Bodies::to_log(const std::vector<chain::ContentHash>& contents) {
  std::vector<WalBody> out;
  out.reserve(contents.size());
  for (const chain::ContentHash& content : contents) log_one(content, out);
  return out;
}

std::vector<WalBody> Bodies::to_log(const consensus::SafetyState& state) {
  for (auto& [content, kept] : kept_) kept.logged = false;
  recovered_logged_.clear();
  std::set<chain::ContentHash> listed;
  for (const auto& [height, at] : state.heights) {
    if (at.accepted)
      listed.insert(at.accepted->block.items.begin(), at.accepted->block.items.end());
    for (const chain::Block& b : at.voted) listed.insert(b.items.begin(), b.items.end());
  }
  std::vector<WalBody> out;
  for (const chain::ContentHash& content : listed) {
    if (find(content) != nullptr) log_one(content, out);
  }
  return out;
}

void Bodies::fetch_due() {
  if (wanted_.empty()) return;
  const std::uint64_t now = core_.now_us();
  for (auto& [key, state] : blocks_) {
    if (state.missing.empty() || state.invalid || now < state.next_fetch_us) continue;
    if (state.attempts == 0 && now < state.give_up_us && arrivals_under_way(state)) continue;
    // Slower each time: what does not come for lack of capacity must not be asked for more often.
    if (fetch(key, state)) {
      state.next_fetch_us = now + (core_.limits.fetch_retry_us << std::min(state.attempts, 2U));
    }
  }
}

// True while something that came before the block's list is not verified yet: bodies are pushed
// before they are proposed, so what is missing is likely among it.
bool Bodies::arrivals_under_way(const BlockState& state) const {
  const DriverCounters& c = core_.counters;
  return c.submissions_verified + c.submissions_refused < state.received_before;
}

// Nothing if the peer has not answered the last request and still may.
Bodies::Asked* Bodies::free_to_ask(PeerIndex peer) {
  if (core_.is_self(peer) || !core_.ports.network.is_connected(peer)) return nullptr;
  const NodeLimits& l = core_.limits;
  const Pace fresh({l.fetch_retry_us << 2U, l.fetch_patience_max_us, l.fetch_items, 1});
  Asked& asked = asked_.try_emplace(peer.value, Asked{fresh, std::nullopt}).first->second;
  if (!asked.since_us) return &asked;
  if (core_.now_us() - *asked.since_us < asked.pace.patience_us()) return nullptr;
  asked.pace.late();
  asked.since_us.reset();
  return &asked;
}

void Bodies::answered(PeerIndex peer) {
  const auto asked = asked_.find(peer.value);
  if (asked == asked_.end() || !asked->second.since_us) return;
  asked->second.pace.answered(core_.now_us() - *asked->second.since_us);
  asked->second.since_us.reset();
}

bool Bodies::fetch(const Key& key, BlockState& state) {
  if (key.first <= core_.ports.ledger.applied().height && !state.asked_ledger) {
    state.asked_ledger = true;
    load_from_ledger(key.first);
    return true;
  }
  // Peers that showed that they hold the block come first, then all others in turn.
  std::vector<chain::MemberId> order = state.holders;
  for (std::uint32_t m = 0; m < core_.validators; ++m) {
    const chain::MemberId member(static_cast<std::uint16_t>(m));
    if (std::find(order.begin(), order.end(), member) == order.end()) order.push_back(member);
  }
  for (std::size_t tried = 0; tried < order.size(); ++tried) {
    const PeerIndex peer(order[state.attempts++ % order.size()].value);
    Asked* asked = free_to_ask(peer);
    if (asked == nullptr) continue;
    FetchBodiesFrame request{key.first, {}};
    for (const chain::ContentHash& content : state.missing) {
      if (request.contents.size() == asked->pace.size()) break;
      request.contents.push_back(content);
    }
    if (!core_.send(peer, Urgency::kControl, make_frame(FrameKind::kFetchBodies, request)))
      continue;
    asked->since_us = core_.now_us();
    return true;
  }
  return false;
}

// A block executed before a restart that is proposed again: its bodies are in the ledger.
void Bodies::load_from_ledger(chain::Height height) {
  auto found = std::make_shared<std::vector<Body>>();
  core_.run(
      core_.ports.verify, Priority::kVote,
      [found, height, limits = core_.admission, &ledger = core_.ports.ledger] {
        const auto block = ledger.block(height);
        if (!block) return;
        for (const Bytes& bytes : block->bodies) {
          auto body = check_certified_body(std::make_shared<const Bytes>(bytes), limits);
          if (body) found->push_back(std::move(*body));
        }
      },
      [this, found] {
        for (const Body& b : *found) offer(b);
      });
}

}  // namespace imi::node
