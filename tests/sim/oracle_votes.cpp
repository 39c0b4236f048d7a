// What is signed: I1-I3, I5-I8, I10, I18-I20.
#include <algorithm>

#include "tests/sim/oracle.h"

namespace imi::sim {

using consensus::MessageKind;

namespace {
const char* vote_name(int kind) {
  static constexpr const char* kNames[] = {"PRE-PREPARE", "PREPARE", "COMMIT"};
  return kNames[kind];
}
}  // namespace

// Sent before by this member: what it repeats promises nothing new.
bool Oracle::is_known(const NodeFacts& node, const consensus::SignedMessage& m) const {
  const auto voted = [&](Vote kind, View view, Height height, const BlockId& id) {
    const auto it = node.signed_votes.find({kind, {view, height}});
    return it != node.signed_votes.end() && it->second == id;
  };
  if (const auto* p = std::get_if<consensus::PrePrepare>(&m.payload)) {
    return voted(Vote::kPrePrepare, p->view, p->header.height,
                 chain::block_id(setup_.genesis, p->header));
  }
  if (const auto* p = std::get_if<consensus::Prepare>(&m.payload)) {
    return voted(Vote::kPrepare, p->view, p->height, p->id);
  }
  if (const auto* p = std::get_if<consensus::Commit>(&m.payload)) {
    return voted(Vote::kCommit, p->view, p->height, p->id);
  }
  if (const auto* p = std::get_if<consensus::Checkpoint>(&m.payload)) {
    return node.signed_heads.contains(p->head.height);
  }
  if (const auto* p = std::get_if<consensus::ViewChange>(&m.payload)) {
    return node.signed_view_changes.contains(p->view);
  }
  if (const auto* p = std::get_if<consensus::NewView>(&m.payload)) {
    return node.signed_new_views.contains(p->view);
  }
  return true;
}

// What an excused member signs is no new statement when it is sent again.
void Oracle::remember(NodeFacts& node, const consensus::SignedMessage& m) const {
  if (const auto* p = std::get_if<consensus::PrePrepare>(&m.payload)) {
    node.signed_votes[{Vote::kPrePrepare, {p->view, p->header.height}}] =
        chain::block_id(setup_.genesis, p->header);
  } else if (const auto* v = std::get_if<consensus::Prepare>(&m.payload)) {
    node.signed_votes[{Vote::kPrepare, {v->view, v->height}}] = v->id;
  } else if (const auto* c = std::get_if<consensus::Commit>(&m.payload)) {
    node.signed_votes[{Vote::kCommit, {c->view, c->height}}] = c->id;
  } else if (const auto* k = std::get_if<consensus::Checkpoint>(&m.payload)) {
    node.signed_heads[k->head.height] = k->head.digest();
  } else if (const auto* change = std::get_if<consensus::ViewChange>(&m.payload)) {
    node.signed_view_changes[change->view] = crypto::hash_of(crypto::Domain::kTest, *change);
  } else if (const auto* n = std::get_if<consensus::NewView>(&m.payload)) {
    node.signed_new_views[n->view] = crypto::hash_of(crypto::Domain::kTest, *n);
  }
}

void Oracle::on_message(MemberId from, const consensus::SignedMessage& m) {
  ++counters_.statements;
  if (consensus::is_signed(m.kind())) {
    if (m.sender != from) return;  // a relay: its author was seen when it first sent it
    if (judged(from)) {
      if (m.epoch != setup_.set.epoch) violate("I18", "a vote of another epoch was signed");
      const bool fresh = !is_known(facts(from), m);
      facts(from).statements += fresh ? 1 : 0;
      if (fresh && facts(from).lost_state) {
        violate("I19", "member " + std::to_string(from.value) + " signed a " +
                           std::string(name(m.kind())) + " without its safety state");
      }
    } else if (facts(from).excused) {
      remember(facts(from), m);
    }
  }
  struct Visit {
    Oracle& o;
    MemberId from;
    const consensus::SignedMessage& m;
    void operator()(const consensus::PrePrepare& p) const {
      const BlockId id = chain::block_id(o.setup_.genesis, p.header);
      o.see_block(p.header, id, p.items);
      o.see_vote(from, Vote::kPrePrepare, p.view, p.header.height, id);
    }
    void operator()(const consensus::Prepare& p) const {
      o.see_vote(from, Vote::kPrepare, p.view, p.height, p.id);
    }
    void operator()(const consensus::Commit& p) const {
      o.see_vote(from, Vote::kCommit, p.view, p.height, p.id);
    }
    void operator()(const consensus::Checkpoint& p) const { o.see_checkpoint(from, p.head); }
    void operator()(const consensus::ViewChange& p) const { o.see_view_change(from, p); }
    void operator()(const consensus::NewView&) const { o.see_new_view(from, m); }
    void operator()(const consensus::Status& s) const { o.see_wish(from, s.wish); }
    void operator()(const consensus::FetchBlock&) const {}
    void operator()(const consensus::AskLastSeen&) const {}
    void operator()(const consensus::LastSeen&) const {}
    void operator()(const consensus::BlockData& p) const {
      if (!o.judged(from)) return;
      const BlockId id = chain::block_id(o.setup_.genesis, p.block.header);
      o.see_block(p.block.header, id, p.block.items);
    }
    void operator()(const consensus::CommitNotice& p) const {
      if (!o.judged(from)) return;
      o.see_header(p.decided.header, chain::block_id(o.setup_.genesis, p.decided.header));
      o.check_commit_certificate(p.decided.commit);
    }
    void operator()(const consensus::CheckpointNotice& p) const {
      if (o.judged(from)) o.check_checkpoint_certificate(p.certificate);
    }
  };
  std::visit(Visit{*this, from, m}, m.payload);
}

void Oracle::see_header(const chain::BlockHeader& header, const BlockId& id) {
  headers_.try_emplace(id, header);
}

// The signature covers the header only: a liar's list may be another than the header's.
void Oracle::see_block(const chain::BlockHeader& header, const BlockId& id,
                       const std::vector<ContentHash>& items) {
  see_header(header, id);
  if (chain::body_root(items) == header.body_root) items_.try_emplace(id, items);
}

void Oracle::see_vote(MemberId m, Vote kind, View view, Height height, const BlockId& id) {
  if (judged(m)) judge_vote(m, kind, view, height, id);
  Slot& slot = slots_[{view, height}];
  auto& tally = slot.of(kind);
  Members& members = tally[id];
  if (members.test(m.value)) return;
  members.set(m.value);
  for (const auto& [other, signers] : tally) {
    if (other != id && signers.test(m.value)) ++counters_.equivocations;
  }
  if (kind == Vote::kPrePrepare) {
    const auto [it, fresh] = first_view_.try_emplace(id, view);
    if (!fresh) it->second = std::min(it->second, view);
  }
  if (kind == Vote::kCommit) {
    check_committed(view, height, id, slot);
  } else {
    check_prepared(view, height, id, slot);
  }
}

void Oracle::judge_vote(MemberId m, Vote kind, View view, Height height, const BlockId& id) {
  NodeFacts& node = facts(m);
  const auto [it, fresh] = node.signed_votes.try_emplace({kind, {view, height}}, id);
  if (it->second != id) {
    violate("I1", std::string("two ids signed in ") + vote_name(static_cast<int>(kind)) + ": " +
                      at(m, view, height, id));
  }
  const bool primary = chain::primary(setup_.set, view) == m;
  if (kind == Vote::kPrepare && primary)
    violate("A0", "a primary sent PREPARE: " + at(m, view, height, id));
  if (kind == Vote::kPrePrepare && !primary) {
    violate("A0", "PRE-PREPARE by another than the primary: " + at(m, view, height, id));
  }
  if (fresh) require_durable_vote(m, kind, view, height, id);
}

// Rule A0: the primary's PRE-PREPARE and q-1 PREPAREs of distinct others.
void Oracle::check_prepared(View view, Height height, const BlockId& id, Slot& slot) {
  const MemberId primary = chain::primary(setup_.set, view);
  const auto proposed = slot.pre_prepare.find(id);
  if (proposed == slot.pre_prepare.end() || !proposed->second.test(primary.value)) return;
  const auto prepares = slot.prepare.find(id);
  if (prepares == slot.prepare.end()) return;
  Members backers = prepares->second;
  backers.reset(primary.value);
  if (backers.count() + 1 < q_) return;
  if (slot.prepared && *slot.prepared != id) {
    violate("I6", "two blocks prepared: " + at(primary, view, height, id));
  }
  const bool first = !slot.prepared;
  slot.prepared = id;
  if (first) check_holders(height, id);
}

void Oracle::check_committed(View view, Height height, const BlockId& id, Slot& slot) {
  if (slot.commit[id].count() >= q_) decide(view, height, id);
}

void Oracle::decide(View view, Height height, const BlockId& id) {
  auto [it, fresh] = decisions_.try_emplace(height);
  Decision& decision = it->second;
  if (fresh) {
    decision.id = id;
    decision.view = view;
    ++counters_.decided;
    highest_decided_ = std::max(highest_decided_, height);
    const auto first = first_view_.find(id);
    if (first != first_view_.end() && first->second < view) ++counters_.re_proposals_decided;
  } else if (decision.id != id) {
    violate("I7", "two blocks decided at height " + std::to_string(height.value) + ": view " +
                      std::to_string(decision.view.value) + " and view " +
                      std::to_string(view.value));
    return;
  } else if (view < decision.view) {
    decision.view = view;
  } else {
    return;
  }
  check_chain(height);
  check_chain(height.next());
  for (const auto& [nv_view, nv] : new_views_) check_new_view_holds(nv, height, decision);
}

// I7 and I15 between `height` and the one below, once both are decided and their headers known.
void Oracle::check_chain(Height height) {
  const auto below = decisions_.find(height.prev());
  const auto here = decisions_.find(height);
  if (here == decisions_.end() || below == decisions_.end()) return;
  const auto header = headers_.find(here->second.id);
  if (header == headers_.end()) return;
  if (header->second.parent != below->second.id) {
    violate("I7", "the parent of the block decided at height " + std::to_string(height.value) +
                      " is not the block decided below it");
  }
  TimeMs parent_time = setup_.genesis_head.time;
  if (below->first.value != 0) {
    const auto parent = headers_.find(below->second.id);
    if (parent == headers_.end()) return;
    parent_time = parent->second.time;
  }
  if (header->second.time <= parent_time) {
    violate("I15", "block time does not increase at height " + std::to_string(height.value));
  }
}

void Oracle::see_checkpoint(MemberId m, const LedgerHead& head) {
  const Hash256 digest = head.digest();
  if (judged(m)) {
    NodeFacts& node = facts(m);
    const auto [it, fresh] = node.signed_heads.try_emplace(head.height, digest);
    const std::string where =
        "member " + std::to_string(m.value) + ", height " + std::to_string(head.height.value);
    if (it->second != digest) violate("I2", "two heads signed: " + where);
    const auto decision = decisions_.find(head.height);
    if (decision == decisions_.end() || decision->second.id != head.block) {
      violate("I13", "CHECKPOINT for a block that is not decided: " + where);
    } else if (decision->second.head && *decision->second.head != head) {
      violate("I12", "CHECKPOINT differs from the head that others computed: " + where);
    }
    if (fresh && !node.checkpoints.contains({head.height, digest})) {
      violate("I4", "CHECKPOINT left before its record was synced: " + where);
    }
    if (node.applied_durable < head.height) {
      violate("I4", "CHECKPOINT left before the block was durable: " + where);
    }
  }
  Members& signers = checkpoints_[head.height][digest];
  signers.set(m.value);
  if (signers.count() >= q_) see_certified(head.height, digest);
}

void Oracle::see_certified(Height height, const Hash256& digest) {
  const auto [it, fresh] = certified_heads_.try_emplace(height, digest);
  if (fresh) {
    ++counters_.certified;
    highest_certified_ = std::max(highest_certified_, height);
  } else if (it->second != digest) {
    violate("I20", "two heads certified at height " + std::to_string(height.value));
  }
}

void Oracle::see_wish(MemberId m, View view) {
  NodeFacts& node = facts(m);
  node.wished = std::max(node.wished, view);
}

// C4: f+1 members, the one that leaves included, have told that they want this view or a higher
// one. Whether they still want it is not known here.
void Oracle::check_not_alone(MemberId m, View view) {
  std::uint32_t count = 1;
  for (std::uint16_t other = 0; other < nodes_.size(); ++other) {
    if (other != m.value && nodes_[other].wished >= view) ++count;
  }
  if (count < f_ + 1) {
    violate("C4", "member " + std::to_string(m.value) + " signs a VIEW-CHANGE for view " +
                      std::to_string(view.value) + " that only " + std::to_string(count) +
                      " member(s) want");
  }
}

void Oracle::see_view_change(MemberId m, const consensus::ViewChange& message) {
  see_wish(m, message.view);
  if (!judged(m)) return;
  const Hash256 digest = crypto::hash_of(crypto::Domain::kTest, message);
  NodeFacts& node = facts(m);
  const auto [it, fresh] = node.signed_view_changes.try_emplace(message.view, digest);
  const std::string where =
      "member " + std::to_string(m.value) + ", view " + std::to_string(message.view.value);
  if (it->second != digest) violate("I3", "two VIEW-CHANGEs: " + where);
  if (!fresh) return;
  if (!node.promises.contains({message.view, digest})) {
    violate("I4", "VIEW-CHANGE left before it was synced: " + where);
  }
  check_not_alone(m, message.view);
  check_certificates(message);
  // A4: what was prepared here above stable is shown, at its highest view.
  for (const auto& [slot, id] : node.prepared) {
    const auto& [view, height] = slot;
    if (height <= message.stable_height() || view >= message.view) continue;
    const bool shown =
        std::any_of(message.certificates.begin(), message.certificates.end(), [&](const auto& c) {
          return c.header().height == height && (c.view() >= view || c.proof.index() == 1);
        });
    if (!shown) {
      violate("A4", "VIEW-CHANGE hides a prepared certificate: " + at(m, view, height, id));
    }
  }
}

void Oracle::see_new_view(MemberId m, const consensus::SignedMessage& signed_message) {
  const auto& message = std::get<consensus::NewView>(signed_message.payload);
  for (const consensus::ReProposal& p : message.proposals) {
    const BlockId id = chain::block_id(setup_.genesis, p.header);
    see_header(p.header, id);
    see_vote(m, Vote::kPrePrepare, message.view, p.header.height, id);
  }
  if (!judged(m)) return;
  const Hash256 digest = crypto::hash_of(crypto::Domain::kTest, message);
  NodeFacts& node = facts(m);
  const auto [it, fresh] = node.signed_new_views.try_emplace(message.view, digest);
  const std::string where =
      "member " + std::to_string(m.value) + ", view " + std::to_string(message.view.value);
  if (it->second != digest) violate("I3", "two NEW-VIEWs: " + where);
  if (fresh && !node.entered.contains({message.view, digest})) {
    violate("I4", "NEW-VIEW left before it was synced: " + where);
  }
}

// A3, independent of consensus' own code: at each height the certificate of the highest view, from
// the stable block up, as long as each builds on the one below.
std::map<Height, BlockId> Oracle::carried_over(const consensus::NewView& message,
                                               Height start) const {
  BlockId parent;
  std::map<Height, std::map<View, chain::BlockHeader>> certified;
  for (const consensus::SignedViewChange& vc : message.view_changes) {
    const auto& stable = vc.message.stable;
    if (stable && stable->head.height == start) parent = stable->head.block;
    for (const consensus::HeightCertificate& c : vc.message.certificates) {
      certified[c.header().height].try_emplace(c.view(), c.header());
    }
  }
  std::map<Height, BlockId> out;
  for (Height h = start.next(); certified.contains(h); h = h.next()) {
    const chain::BlockHeader& header = certified[h].rbegin()->second;
    if (header.parent != parent) break;
    parent = chain::block_id(setup_.genesis, header);
    out[h] = parent;
  }
  return out;
}

// I10: what a VIEW-CHANGE rests on was signed by those that it names.
void Oracle::check_certificates(const consensus::ViewChange& message) {
  if (message.stable) check_checkpoint_certificate(*message.stable);
  for (const consensus::HeightCertificate& c : message.certificates) {
    see_header(c.header(), chain::block_id(setup_.genesis, c.header()));
    if (const auto* prepared = std::get_if<consensus::PreparedCertificate>(&c.proof)) {
      check_prepared_certificate(*prepared);
    } else {
      check_commit_certificate(std::get<consensus::DecidedCertificate>(c.proof).commit);
    }
  }
}

// An honest member has entered `message.view` by it.
void Oracle::accept_new_view(MemberId node, const consensus::NewView& message) {
  AcceptedNewView nv;
  nv.view = message.view;
  std::set<MemberId> members;
  for (const consensus::SignedViewChange& vc : message.view_changes) {
    members.insert(vc.member);
    nv.start = std::max(nv.start, vc.message.stable_height());
    check_certificates(vc.message);
    if (judged(vc.member)) {
      const auto& sent = facts(vc.member).promises;
      const Hash256 digest = crypto::hash_of(crypto::Domain::kTest, vc.message);
      if (!sent.contains({vc.message.view, digest})) {
        violate("I10", "a NEW-VIEW holds a VIEW-CHANGE that member " +
                           std::to_string(vc.member.value) + " never signed");
      }
    }
  }
  if (members.size() < q_) {
    violate("I10", "member " + std::to_string(node.value) + " entered a view by a NEW-VIEW with " +
                       std::to_string(members.size()) + " VIEW-CHANGEs");
  }
  for (const consensus::ReProposal& p : message.proposals) {
    nv.proposals[p.header.height] = chain::block_id(setup_.genesis, p.header);
  }
  if (nv.proposals != carried_over(message, nv.start)) {
    violate("A3", "member " + std::to_string(node.value) + " entered view " +
                      std::to_string(nv.view.value) +
                      " by a NEW-VIEW that does not follow from its VIEW-CHANGEs");
  }
  const auto [it, fresh] = new_views_.try_emplace(message.view, nv);
  if (!fresh) return;  // another member entered by it, or by another that an equivocator signed
  ++counters_.new_views;
  if (!message.proposals.empty()) ++counters_.new_views_with_proposals;
  for (const auto& [height, decision] : decisions_) {
    if (height.value != 0) check_new_view_holds(nv, height, decision);
  }
}

void Oracle::check_new_view_holds(const AcceptedNewView& nv, Height height,
                                  const Decision& decision) {
  if (nv.view <= decision.view || height <= nv.start) return;
  const auto it = nv.proposals.find(height);
  if (it == nv.proposals.end() || it->second != decision.id) {
    violate("I8", "the NEW-VIEW of view " + std::to_string(nv.view.value) +
                      " does not carry height " + std::to_string(height.value) +
                      ", decided in view " + std::to_string(decision.view.value));
  }
}

bool Oracle::distinct_quorum(const chain::Signatures& signatures, std::size_t needed) const {
  std::set<MemberId> members;
  for (const chain::MemberSignature& s : signatures) {
    if (setup_.set.contains(s.member)) members.insert(s.member);
  }
  return members.size() >= needed && members.size() == signatures.size();
}

void Oracle::check_prepared_certificate(const consensus::PreparedCertificate& c) {
  const BlockId id = chain::block_id(setup_.genesis, c.header);
  const Slot& slot = slots_[{c.view, c.header.height}];
  const std::string where = at(chain::primary(setup_.set, c.view), c.view, c.header.height, id);
  if (!distinct_quorum(c.prepares, q_ - 1)) violate("I10", "prepared without a quorum: " + where);
  const auto prepares = slot.prepare.find(id);
  for (const chain::MemberSignature& s : c.prepares) {
    if (!setup_.set.contains(s.member) || !judged(s.member)) continue;
    const bool sent = prepares != slot.prepare.end() && prepares->second.test(s.member.value);
    // Its own vote counts for a member once it is on disk: it leaves after the same sync.
    if (!sent && !facts(s.member).accepted.contains({{c.view, c.header.height}, id})) {
      violate("I10", "a prepared certificate names member " + std::to_string(s.member.value) +
                         ", which never prepared: " + where);
    }
  }
}

void Oracle::check_commit_certificate(const consensus::CommitCertificate& c) {
  const std::string where =
      "view " + std::to_string(c.view.value) + ", height " + std::to_string(c.height.value);
  if (!distinct_quorum(c.signatures, q_)) violate("I10", "committed without a quorum: " + where);
  const Slot& slot = slots_[{c.view, c.height}];
  const auto commits = slot.commit.find(c.id);
  for (const chain::MemberSignature& s : c.signatures) {
    if (!setup_.set.contains(s.member) || !judged(s.member)) continue;
    const bool sent = commits != slot.commit.end() && commits->second.test(s.member.value);
    if (!sent && !facts(s.member).commit_votes.contains({{c.view, c.height}, c.id})) {
      violate("I10", "a commit certificate names member " + std::to_string(s.member.value) +
                         ", which never committed: " + where);
    }
  }
  // Its holder's own COMMIT may be on its disk and not sent: the certificate decides all the same.
  decide(c.view, c.height, c.id);
}

void Oracle::check_checkpoint_certificate(const chain::CheckpointCertificate& c) {
  const std::string where = "height " + std::to_string(c.head.height.value);
  const Hash256 digest = c.head.digest();
  if (!distinct_quorum(c.signatures, q_)) violate("I10", "certified without a quorum: " + where);
  see_certified(c.head.height, digest);
  for (const chain::MemberSignature& s : c.signatures) {
    if (!setup_.set.contains(s.member) || !judged(s.member)) continue;
    const auto& signed_heads = facts(s.member).signed_heads;
    const auto it = signed_heads.find(c.head.height);
    const bool sent = it != signed_heads.end() && it->second == digest;
    if (!sent && !facts(s.member).checkpoints.contains({c.head.height, digest})) {
      violate("I10", "a certificate names member " + std::to_string(s.member.value) +
                         ", which never signed that head: " + where);
    }
  }
}

}  // namespace imi::sim
