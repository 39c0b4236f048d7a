// What is on disk when something leaves: I4, I5, I9, I11.
#include <algorithm>

#include "tests/sim/oracle.h"

namespace imi::sim {

void Oracle::on_durable_record(MemberId m, const consensus::SafetyRecord& record) {
  if (!judged(m) || facts(m).lost_state) return;
  struct Visit {
    Oracle& o;
    MemberId m;
    NodeFacts& node;
    void below_promise(View view, Height height, const BlockId& id) const {
      if (view < node.promised) {
        o.violate("I5", "a vote below the promised view " + std::to_string(node.promised.value) +
                            ": " + at(m, view, height, id));
      }
    }
    void operator()(const consensus::PromisedView& r) const {
      const auto& vc = std::get<consensus::ViewChange>(r.view_change.payload);
      node.promises.insert({vc.view, crypto::hash_of(crypto::Domain::kTest, vc)});
      node.promised = std::max(node.promised, vc.view);
    }
    void operator()(const consensus::EnteredView& r) const {
      const auto& nv = std::get<consensus::NewView>(r.new_view.payload);
      node.entered.insert({nv.view, crypto::hash_of(crypto::Domain::kTest, nv)});
      if (nv.view < node.promised) o.violate("I5", "a view below the promised one was entered");
      node.promised = std::max(node.promised, nv.view);
      o.note_durable_new_view(m, nv);
    }
    void operator()(const consensus::AcceptedProposal& r) const {
      const BlockId id = chain::block_id(o.setup_.genesis, r.block.header);
      o.see_header(r.block.header, id);
      o.items_.try_emplace(id, r.block.items);
      below_promise(r.view, r.block.header.height, id);
      node.accepted.insert({{r.view, r.block.header.height}, id});
    }
    void operator()(const consensus::RecordedPrepared& r) const {
      const BlockId id = chain::block_id(o.setup_.genesis, r.certificate.header);
      node.prepared.insert({{r.certificate.view, r.certificate.header.height}, id});
      o.check_prepared_certificate(r.certificate);
    }
    void operator()(const consensus::RecordedDecision& r) const {
      node.decided[r.decided.header.height] = chain::block_id(o.setup_.genesis, r.decided.header);
      o.check_commit_certificate(r.decided.commit);
    }
    void operator()(const consensus::CommitVote& r) const {
      below_promise(r.view, r.height, r.id);
      node.commit_votes.insert({{r.view, r.height}, r.id});
    }
    void operator()(const consensus::CheckpointVote& r) const {
      node.checkpoints.insert({r.head.height, r.head.digest()});
    }
    void operator()(const consensus::StableCheckpoint& r) const {
      node.stable = std::max(node.stable, r.certificate.head.height);
      std::erase_if(node.prepared,
                    [&](const auto& entry) { return entry.first.second <= node.stable; });
    }
    void operator()(const consensus::SigningStopped&) const {}
    void operator()(const consensus::PeersSeen&) const {}
  };
  std::visit(Visit{*this, m, facts(m)}, record);
}

void Oracle::on_durable_body(MemberId node, const ContentHash& content, ByteView bytes) {
  if (!honest(node)) return;
  const auto known = submissions_.find(content);
  if (known == submissions_.end() ||
      !std::equal(bytes.begin(), bytes.end(), known->second.bytes->begin(),
                  known->second.bytes->end())) {
    violate("I11", "member " + std::to_string(node.value) + " stored other bytes than the body's");
    return;
  }
  facts(node).bodies.insert(content);
}

void Oracle::on_durable_state(MemberId m, const consensus::SafetyState& state) {
  if (!judged(m) || facts(m).lost_state) return;
  NodeFacts& node = facts(m);
  const std::string who = "member " + std::to_string(m.value);
  if (state.view < node.promised) {
    violate("B1", who + " forgot that it promised view " + std::to_string(node.promised.value));
  }
  if (state.stable_height() < node.stable) {
    violate("B1", who + " forgot the stable checkpoint at " + std::to_string(node.stable.value));
  }
  node.promised = std::max(node.promised, state.view);
  node.stable = std::max(node.stable, state.stable_height());
  if (state.checkpoint) {
    node.checkpoints.insert({state.checkpoint->height, state.checkpoint->digest()});
  }
  if (state.view_change) {
    const auto& vc = std::get<consensus::ViewChange>(state.view_change->payload);
    node.promises.insert({vc.view, crypto::hash_of(crypto::Domain::kTest, vc)});
  }
  if (state.new_view) {
    const auto& nv = std::get<consensus::NewView>(state.new_view->payload);
    node.entered.insert({nv.view, crypto::hash_of(crypto::Domain::kTest, nv)});
    note_durable_new_view(m, nv);
  }
  for (const auto& [height, at_height] : state.heights) {
    note_durable_height(node, height, at_height);
  }
  check_nothing_forgotten(m, state);
  node.bodies.clear();  // those that this file repeats follow
}

// The re-proposals of a NEW-VIEW are durable with it: its primary may not hold the blocks yet.
void Oracle::note_durable_new_view(MemberId m, const consensus::NewView& nv) {
  if (chain::primary(setup_.set, nv.view) == m) {
    for (const consensus::ReProposal& p : nv.proposals) {
      facts(m).re_proposed.insert(
          {{nv.view, p.header.height}, chain::block_id(setup_.genesis, p.header)});
    }
  }
  accept_new_view(m, nv);
}

void Oracle::note_durable_height(NodeFacts& node, Height height,
                                 const consensus::SafetyState::AtHeight& at_height) {
  if (at_height.accepted) {
    const BlockId id = chain::block_id(setup_.genesis, at_height.accepted->block.header);
    see_header(at_height.accepted->block.header, id);
    items_.try_emplace(id, at_height.accepted->block.items);
    node.accepted.insert({{at_height.accepted->view, height}, id});
  }
  if (at_height.prepared) {
    const BlockId id = chain::block_id(setup_.genesis, at_height.prepared->header);
    node.prepared.insert({{at_height.prepared->view, height}, id});
  }
  if (at_height.decided) {
    node.decided[height] = chain::block_id(setup_.genesis, at_height.decided->header);
  }
  if (at_height.committed) {
    node.commit_votes.insert({{at_height.committed->view, height}, at_height.committed->id});
  }
}

// What was once durable above the stable checkpoint is there, in its highest view (B1, A4).
void Oracle::check_nothing_forgotten(MemberId m, const consensus::SafetyState& state) {
  const NodeFacts& node = facts(m);
  const auto at_height = [&](Height h) -> const consensus::SafetyState::AtHeight* {
    const auto it = state.heights.find(h);
    return it == state.heights.end() ? nullptr : &it->second;
  };
  for (const auto& [slot, id] : node.accepted) {
    if (slot.second <= state.stable_height()) continue;
    const auto* now = at_height(slot.second);
    if (now == nullptr || !now->accepted || now->accepted->view < slot.first) {
      violate("B1", "an accepted proposal was forgotten: " + at(m, slot.first, slot.second, id));
    }
  }
  for (const auto& [slot, id] : node.commit_votes) {
    if (slot.second <= state.stable_height()) continue;
    const auto* now = at_height(slot.second);
    if (now == nullptr || !now->committed || now->committed->view < slot.first) {
      violate("B1", "a COMMIT was forgotten: " + at(m, slot.first, slot.second, id));
    }
  }
  for (const auto& [slot, id] : node.prepared) {
    if (slot.second <= state.stable_height()) continue;
    const auto* now = at_height(slot.second);
    if (now == nullptr || !now->prepared || now->prepared->view < slot.first) {
      violate("A4", "a prepared certificate was forgotten: " + at(m, slot.first, slot.second, id));
    }
  }
}

void Oracle::on_durable_applied(MemberId node, Height height) {
  facts(node).applied_durable = height;
}

void Oracle::on_state_lost(MemberId node) { facts(node).lost_state = true; }
void Oracle::on_state_lost_unnoticed(MemberId node) {
  on_state_lost(node);
  facts(node).excused = true;
}

void Oracle::require_durable_vote(MemberId m, Vote kind, View view, Height height,
                                  const BlockId& id) {
  const NodeFacts& node = facts(m);
  const std::pair<std::pair<View, Height>, BlockId> statement{{view, height}, id};
  switch (kind) {
    case Vote::kPrePrepare:
      if (node.re_proposed.contains(statement)) break;
      [[fallthrough]];
    case Vote::kPrepare:
      if (!node.accepted.contains(statement)) {
        violate("I4", "a proposal or PREPARE left before its record was synced: " +
                          at(m, view, height, id));
      }
      require_bodies(m, height, id);
      break;
    case Vote::kCommit:
      if (!node.commit_votes.contains(statement)) {
        violate("I4", "a COMMIT left before its record was synced: " + at(m, view, height, id));
      }
      require_prefix(m, view, height);
      break;
  }
}

bool Oracle::holds_bodies(const NodeFacts& node, Height height, const BlockId& id) const {
  if (height <= node.applied_durable) return true;
  const auto items = items_.find(id);
  if (items == items_.end()) return false;
  return std::all_of(items->second.begin(), items->second.end(),
                     [&](const ContentHash& item) { return node.bodies.contains(item); });
}

void Oracle::require_bodies(MemberId m, Height height, const BlockId& id) {
  if (!holds_bodies(facts(m), height, id)) {
    violate("I4",
            "a vote left before the block's bodies were synced: " + at(m, View(0), height, id));
  }
}

// I9: a COMMIT stands on certificates or decisions of its own for the whole prefix.
void Oracle::require_prefix(MemberId m, View view, Height height) {
  const NodeFacts& node = facts(m);
  const Height from = std::max(node.stable, node.applied_durable);
  for (Height h = from.next(); h <= height; h = h.next()) {
    if (node.decided.contains(h)) continue;
    const bool decided = decisions_.contains(h);
    const bool ok = std::any_of(node.prepared.begin(), node.prepared.end(), [&](const auto& p) {
      if (p.first.second != h) return false;
      return p.first.first == view || (decided && decisions_.at(h).id == p.second);
    });
    if (!ok) {
      violate("I9", "a COMMIT above a height that is neither prepared nor decided there: member " +
                        std::to_string(m.value) + ", view " + std::to_string(view.value) +
                        ", COMMIT at " + std::to_string(height.value) + ", gap at " +
                        std::to_string(h.value));
      return;
    }
  }
}

// I11: q - f honest members hold the bodies of a prepared block durably.
void Oracle::check_holders(Height height, const BlockId& id) {
  std::uint32_t holders = 0;
  std::uint32_t faulty = 0;
  for (std::size_t m = 0; m < nodes_.size(); ++m) {
    if (!setup_.honest[m]) {
      ++faulty;
      continue;
    }
    if (holds_bodies(nodes_[m], height, id)) ++holders;
  }
  if (faulty <= f_ && holders < q_ - f_) {
    violate("I11", "prepared at height " + std::to_string(height.value) + " with only " +
                       std::to_string(holders) + " honest holders of its bodies");
  }
}

}  // namespace imi::sim
