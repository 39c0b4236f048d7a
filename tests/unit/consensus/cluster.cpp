#include "tests/unit/consensus/cluster.h"

#include <algorithm>

#include "consensus/defects.h"

namespace imi::consensus::test {

namespace {
constexpr std::uint64_t kAnyLife = ~std::uint64_t{0};
}

Cluster::Cluster(ClusterOptions options)
    : members(options.n, 7), options_(options), dice_(options.seed) {
  options_.config.genesis = members.config.genesis;
  members.config = options_.config;
  drop_percent = options.drop_percent;
  verifier_ = std::make_unique<Verifier>(members.config, members.set, cache_);
  nodes_.resize(options.n);
  for (std::size_t i = 0; i < options.n; ++i) {
    nodes_[i].disk.heads.push_back(members.genesis_head());
    restart(i);
  }
}

void Cluster::schedule(std::uint64_t after, std::size_t node, bool bound_to_life,
                       std::function<void()> run) {
  events_.push({tick_ + after, order_++, node, bound_to_life ? nodes_[node].life : kAnyLife,
                std::move(run)});
}

void Cluster::run(std::uint64_t ticks) {
  for (std::uint64_t end = tick_ + ticks; tick_ < end;) {
    ++tick_;
    while (!events_.empty() && events_.top().at <= tick_) {
      const Event e = events_.top();
      events_.pop();
      if (e.life == kAnyLife || e.life == nodes_[e.node].life) e.run();
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      step(i, Tick{TimeMs(now_ms())});
    }
  }
}

bool Cluster::run_until(const std::function<bool()>& condition, std::uint64_t ticks) {
  for (std::uint64_t t = 0; t < ticks; ++t) {
    if (condition()) return true;
    run(1);
  }
  return condition();
}

void Cluster::submit(std::uint64_t count) {
  PendingAdded added;
  for (std::uint64_t n = 0; n < count; ++n) {
    // As clients do: from the later of the clock and the newest head's time (C1).
    std::int64_t now = now_ms();
    for (const Node& node : nodes_) now = std::max(now, node.disk.heads.back().time.value);
    const ItemFacts f = Members::item(next_item_++, now + 300'000);
    items_[f.content] = f;
    added.items.push_back(f);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!alive(i)) continue;
    for (const ItemFacts& f : added.items) nodes_[i].pool[f.content] = f;
    step(i, added);
    tell_primary(i);
  }
}

// Forwards the pool to the primary, which acknowledges it, if it lives and can be reached.
void Cluster::tell_primary(std::size_t i) {
  schedule(2, i, true, [this, i] {
    const Replica& replica = *nodes_[i].replica;
    const std::size_t to = replica.primary().value;
    if (!alive(to) || isolated_.contains(i) != isolated_.contains(to)) {
      return schedule(50, i, true, [this, i] { tell_primary(i); });
    }
    PendingAtPrimary told{replica.view(), {}};
    PendingAdded forwarded;
    for (const auto& [content, facts] : nodes_[i].pool) {
      told.items.push_back(content);
      if (nodes_[to].applied.contains(facts.id)) continue;
      if (nodes_[to].pool.insert({content, facts}).second) forwarded.items.push_back(facts);
    }
    step(to, forwarded);
    step(i, told);
  });
}

void Cluster::crash(std::size_t i) {
  ++nodes_[i].life;
  nodes_[i].replica.reset();
  nodes_[i].pool.clear();
  nodes_[i].proposed.clear();
  nodes_[i].fetching_until.reset();
}

void Cluster::restart(std::size_t i) {
  Node& node = nodes_[i];
  if (node.replica) crash(i);
  SafetyState state;
  for (const Bytes& record : node.disk.log) {
    auto decoded = decode<SafetyRecord>(record);
    IMI_CHECK(decoded.has_value(), "the safety log decodes");
    state.apply(*decoded);
  }
  if (state != node.disk.durable) violate("folding the log differs from the state kept");
  RestartFacts facts;
  facts.executed = node.disk.heads.back();
  facts.stable = node.disk.stable;
  const std::uint64_t stable = node.disk.stable ? node.disk.stable->head.height.value : 0;
  for (std::uint64_t h = stable; h < node.disk.blocks.size(); ++h) {
    if (node.disk.commits[h]) facts.decided.push_back({node.disk.blocks[h], *node.disk.commits[h]});
  }
  facts.start_number = node.life;
  node.signed_since_start = 0;
  const MemberId me(static_cast<std::uint16_t>(i));
  node.replica = std::make_unique<Replica>(
      members.config, members.set,
      SafetyRules(members.config, members.set, me, members.keys[i].clone(), std::move(state)),
      facts);
  apply(i, node.replica->start());
  if (alive(i)) offer(i);
}

void Cluster::replace_disk(std::size_t i, Disk disk) {
  IMI_CHECK(!alive(i));
  nodes_[i].disk = std::move(disk);
  nodes_[i].applied.clear();
  for (const Block& b : nodes_[i].disk.blocks) {
    for (const ContentHash& c : b.items) nodes_[i].applied.insert(items_.at(c).id);
  }
}

void Cluster::isolate(const std::set<std::size_t>& group) { isolated_ = group; }
void Cluster::heal() {
  isolated_.clear();
  drop_percent = 0;
  lose = nullptr;
}

void Cluster::inject(MemberId from, MemberId to, SignedMessage message) {
  const Bytes bytes = encode(message);
  schedule(1, to.value, false, [this, to, from, bytes] { deliver(to.value, from, bytes); });
}

void Cluster::step(std::size_t i, const Input& input) {
  Node& node = nodes_[i];
  if (!node.replica || node.replica->halted()) return;
  apply(i, node.replica->step(input));
  if (node.replica) offer(i);
}

void Cluster::offer(std::size_t i) {
  Node& node = nodes_[i];
  for (int guard = 0; guard < 64 && node.replica->proposal_slots() > 0; ++guard) {
    Propose p;
    p.now = TimeMs(now_ms());
    for (const auto& [content, facts] : node.pool) {
      if (p.items.size() >= options_.batch) break;
      if (!node.proposed.contains(content)) p.items.push_back(facts);
    }
    if (p.items.empty()) return;
    for (const ItemFacts& f : p.items) node.proposed.insert(f.content);
    apply(i, node.replica->step(p));
    if (!node.replica || node.replica->halted()) return;
  }
}

// Durable, then sent, then executed (I4).
void Cluster::apply(std::size_t i, Effects effects) {
  Node& node = nodes_[i];
  for (const SafetyRecord& r : effects.persist.records) {
    node.disk.log.push_back(encode(r));
    node.disk.durable.apply(r);
  }
  for (const Send& s : effects.send) {
    if (is_signed(s.message->kind()) && s.message->sender.value == i) ++node.signed_since_start;
    check_sent(i, *s.message);
    transmit(i, s);
  }
  for (const Execute& e : effects.execute) {
    // One executor thread per node: in order.
    node.executor_free =
        std::max(node.executor_free, tick_) + 1 + dice_.below(options_.executor_delay_ticks + 1);
    schedule(node.executor_free - tick_, i, true, [this, i, e] { execute(i, e); });
  }
  if (effects.stable) {
    node.disk.stable = effects.stable;
    ++counters["stable"];
  }
  for (const NeedBodies& need : effects.need_bodies) {
    schedule(dice_.below(options_.bodies_delay_ticks + 1), i, true,
             [this, i, need] { answer_bodies(i, need); });
  }
  if (effects.fetch_blocks) fetch(i, *effects.fetch_blocks);
  for (const Returned& r : effects.returned) {
    node.proposed.erase(r.item);
    ++counters["returned"];
  }
  for (const Committed& c : effects.committed) {
    ++counters["committed"];
    const auto [it, first] = decided_.insert({c.height, {c.view, c.id}});
    if (!first && it->second.second != c.id && !faulty.contains(i)) violate("I7: two ids decided");
    if (c.height > node.replica->stable_height().plus(members.config.window())) {
      violate("I14: decided beyond the window");
    }
  }
  for (Evidence& e : effects.evidence) evidence.push_back(std::move(e));
  if (effects.view && !effects.view->changing && effects.view->view.value > 0) {
    ++counters["views entered"];
    node.proposed.clear();
    tell_primary(i);
  }
  for (const Ignored r : effects.ignored) ++counters["ignored " + std::string(describe(r))];
  if (effects.signing_stop) signing_stops[i] = effects.signing_stop->reason;
  if (effects.alarm) ++counters["alarm"];
  if (effects.halt) {
    halts[i] = effects.halt->reason;
    if (!faulty.contains(i) && !alter_head) {
      violate("an honest member halted: " + std::string(describe(effects.halt->reason)));
    }
  }
}

void Cluster::transmit(std::size_t i, const Send& send) {
  const MemberId from(static_cast<std::uint16_t>(i));
  const Bytes bytes = send.bytes();
  trace = crypto::Hasher(crypto::Domain::kTest).add(trace).add(ByteView(bytes)).finish();
  for (std::size_t to = 0; to < nodes_.size(); ++to) {
    const MemberId target(static_cast<std::uint16_t>(to));
    if (to == i || (send.to && *send.to != target)) continue;
    ++counters["sent " + std::string(name(send.message->kind()))];
    if (isolated_.contains(i) != isolated_.contains(to)) continue;
    if (lose && lose(from, target, *send.message)) continue;
    if (dice_.chance(drop_percent)) continue;
    const int copies = dice_.chance(options_.duplicate_percent) ? 2 : 1;
    for (int c = 0; c < copies; ++c) {
      const std::uint64_t spread = options_.max_delay_ticks - options_.min_delay_ticks + 1;
      schedule(options_.min_delay_ticks + dice_.below(spread), to, false,
               [this, to, from, bytes] { deliver(to, from, bytes); });
    }
  }
}

void Cluster::deliver(std::size_t to, MemberId from, const Bytes& bytes) {
  if (!nodes_[to].replica) return;
  auto message = decode_message(bytes);
  if (!message) return violate("a sent message does not decode");
  if (encode(*message) != bytes) violate("decode then encode changed a message");
  auto verified = verifier_->verify(std::move(*message), from);
  if (!verified) {
    ++counters["rejected " + std::string(describe(verified.error()))];
    if (!faulty.contains(from.value)) {
      violate("an honest message was rejected: " + std::string(describe(verified.error())));
    }
    return;
  }
  step(to, Receive{*verified});
}

void Cluster::answer_bodies(std::size_t i, const NeedBodies& need) {
  BodiesReady ready{need.height, need.id, {}, need.block->items.size() >= options_.batch};
  for (const ContentHash& content : need.block->items) {
    const auto it = items_.find(content);
    if (it == items_.end()) return step(i, BodiesInvalid{need.height, need.id});
    ready.items.push_back(it->second);
  }
  step(i, ready);
}

void Cluster::execute(std::size_t i, const Execute& e) {
  Node& node = nodes_[i];
  if (e.block->header.height.value != node.disk.heads.size())
    violate("I13: execution out of order");
  LedgerHead head = members.execute(node.disk.heads.back(), *e.block);
  if (alter_head) head = alter_head(MemberId(static_cast<std::uint16_t>(i)), head);
  if (!faulty.contains(i)) check_executed(i, *e.block, head);
  node.disk.blocks.push_back(*e.block);
  node.disk.commits.push_back(e.commit);
  node.disk.heads.push_back(head);
  for (const ContentHash& c : e.block->items) {
    node.pool.erase(c);
    node.applied.insert(items_.at(c).id);
  }
  step(i, Executed{head});
}

// The node's catch-up: any live peer that has what is asked for, block by block with commit
// certificates or as a run under a checkpoint certificate.
void Cluster::fetch(std::size_t i, const FetchBlocks& f) {
  Node& node = nodes_[i];
  if (node.fetching_until && *node.fetching_until > tick_) return;
  node.fetching_until = tick_ + 5;
  const std::size_t peer = dice_.below(nodes_.size());
  if (peer == i || !alive(peer) || isolated_.contains(i) != isolated_.contains(peer)) return;
  const Node& from = nodes_[peer];
  const bool whole = from.disk.stable && from.disk.stable->head.height >= f.to &&
                     from.disk.blocks.size() >= from.disk.stable->head.height.value;
  SyncedBlocks synced;
  if (whole) {
    for (std::uint64_t h = f.from.value; h <= from.disk.stable->head.height.value; ++h) {
      synced.blocks.push_back(from.disk.blocks[h - 1]);
    }
    synced.proof = *from.disk.stable;
  } else if (from.disk.blocks.size() >= f.from.value && from.disk.commits[f.from.value - 1]) {
    synced.blocks.push_back(from.disk.blocks[f.from.value - 1]);
    synced.proof = *from.disk.commits[f.from.value - 1];
  } else {
    return;
  }
  ++counters["synced"];
  auto verified = verifier_->verify(std::move(synced));
  if (!verified) return violate("an honest peer's blocks were rejected");
  schedule(2, i, true, [this, i, v = *verified] { step(i, Synced{v}); });
}

// ---- the oracle ---------------------------------------------------------------------------------

void Cluster::check_sent(std::size_t i, const SignedMessage& m) {
  if (faulty.contains(i) || m.sender.value != i) return;
  const SafetyState& d = nodes_[i].disk.durable;
  const auto vote = [&](View view, Height h, const BlockId& id) {
    const auto [it, first] = signed_.insert({{m.kind(), m.sender, view, h}, id});
    if (!first && it->second != id) violate("I1: two ids signed by " + std::to_string(i));
    const auto at = d.heights.find(h);
    const bool known = h <= d.stable_height() || (at != d.heights.end() && at->second.accepted &&
                                                  at->second.accepted->view >= view);
    if (!known) violate("I4: a vote left before its record");
    if (first && view < d.view) violate("I5: a vote below the promised view");
  };
  if (const auto* p = std::get_if<PrePrepare>(&m.payload)) {
    const BlockId id = chain::block_id(members.config.genesis, p->header);
    vote(p->view, p->header.height, id);
    const auto [it, first] = times_.insert({id, p->header.time});
    if (!first && it->second != p->header.time) violate("I15: a re-proposal changed its time");
  } else if (const auto* prepare = std::get_if<Prepare>(&m.payload)) {
    vote(prepare->view, prepare->height, prepare->id);
  } else if (const auto* c = std::get_if<Commit>(&m.payload)) {
    vote(c->view, c->height, c->id);
    const auto at = d.heights.find(c->height);
    const bool known =
        c->height <= d.stable_height() ||
        (at != d.heights.end() && at->second.committed && at->second.committed->view >= c->view &&
         at->second.prepared && at->second.prepared->view >= c->view);
    if (!known) violate("I4: a COMMIT left before its certificate");
    for (Height h = d.stable_height().next(); h < c->height; h = h.next()) {
      const auto below = d.heights.find(h);
      if (below == d.heights.end() || (!below->second.prepared && !below->second.decided)) {
        violate("I9: a COMMIT above a hole");
      }
    }
  } else if (const auto* k = std::get_if<Checkpoint>(&m.payload)) {
    const auto [it, first] = heads_signed_.insert({{m.sender, k->head.height}, k->head.digest()});
    if (!first && it->second != k->head.digest()) violate("I2: two heads signed");
    if (!d.checkpoint || d.checkpoint->height < k->head.height) {
      violate("I4: a CHECKPOINT left before its record");
    }
  } else if (const auto* v = std::get_if<ViewChange>(&m.payload)) {
    const auto [it, first] = views_signed_.insert({{m.kind(), m.sender, v->view}, encode(m)});
    if (!first && it->second != encode(m)) violate("I3: two VIEW-CHANGEs");
    if (d.view < v->view) violate("I4: a VIEW-CHANGE left before its record");
  } else if (const auto* n = std::get_if<NewView>(&m.payload)) {
    const auto [it, first] = views_signed_.insert({{m.kind(), m.sender, n->view}, encode(m)});
    if (!first && it->second != encode(m)) violate("I3: two NEW-VIEWs");
    // I8: what was decided below this view is in it, or lies at or below its base.
    for (const auto& [h, decided] : decided_) {
      Height base;
      for (const SignedViewChange& change : n->view_changes) {
        base = std::max(base, change.message.stable_height());
      }
      if (!first || h <= base || decided.first >= n->view) continue;
      const bool carried = std::ranges::any_of(n->proposals, [&](const ReProposal& again) {
        return chain::block_id(members.config.genesis, again.header) == decided.second;
      });
      if (!carried) violate("I8: a NEW-VIEW left out a decided block");
    }
  }
}

void Cluster::check_executed(std::size_t i, const Block& block, const LedgerHead& head) {
  const Height h = block.header.height;
  const auto [it, first] = heads_.insert({h, head});
  if (!first && it->second != head && !alter_head) violate("I12: different heads");
  if (block.header.parent != nodes_[i].disk.heads.back().block) violate("I7: a broken parent");
  if (block.header.time <= nodes_[i].disk.heads.back().time) violate("I15: time went back");
  for (const ContentHash& c : block.items) {
    const auto item = items_.find(c);
    if (item == items_.end()) return violate("an unknown submission was executed");
    if (item->second.expiry <= block.header.time) violate("I16: executed after its expiry");
    if (nodes_[i].applied.contains(item->second.id)) ++counters["repeated"];
  }
}

std::uint64_t Cluster::lowest_executed() const {
  std::uint64_t low = ~std::uint64_t{0};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (alive(i) && !faulty.contains(i)) low = std::min(low, executed(i));
  }
  return low;
}

std::uint64_t Cluster::lowest_stable() const {
  std::uint64_t low = ~std::uint64_t{0};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (alive(i) && !faulty.contains(i)) {
      low = std::min(low, nodes_[i].replica->stable_height().value);
    }
  }
  return low;
}

View Cluster::highest_view() const {
  View high;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (alive(i)) high = std::max(high, nodes_[i].replica->view());
  }
  return high;
}

}  // namespace imi::consensus::test
