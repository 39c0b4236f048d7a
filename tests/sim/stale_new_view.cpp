// A NEW-VIEW that is withheld until it is stale (A4).
//
// The trap. In view v-1 one honest member, the victim, is heard by the liars alone, and it alone
// gets their votes: so it prepares a block Y that nobody else can. All leave for view v, whose
// primary is a liar. It builds a valid NEW-VIEW that proposes Y again, on the victim's certificate,
// and withholds it; the victim hears only the liars. The others go on to view v+1, where the
// liars hide what they know, and decide another block X at Y's height. Now the victim is shown X's
// commit certificate and then the NEW-VIEW of view v, both of them genuine.
#include <algorithm>

#include "consensus/new_view.h"
#include "tests/sim/byzantine.h"

namespace imi::sim {

using consensus::SignedMessage;

namespace {
constexpr Micros kAfterTheNotice = 30'000;
constexpr std::size_t kSprings = 4;  // heights for which the trap is sprung
}  // namespace

void ByzantineMind::set_trap(MemberId victim, View view, std::function<void()> left) {
  Trap trap;
  trap.victim = victim;
  trap.view = view;
  trap.left = std::move(left);
  trap_ = std::move(trap);
}

bool ByzantineMember::trap_outgoing(std::uint16_t to, const SignedMessage& m, Out& out) {
  ByzantineMind::Trap& trap = *mind_->trap_;
  const bool to_victim = to == trap.victim.value;
  if (m.kind() == consensus::MessageKind::kViewChange && m.sender == me_) note_view_change(m);
  if (to_victim && trap.victim_left) return true;  // it hears what the trap says and no more
  const auto below = [&](View view) { return view < trap.view && !to_victim; };
  if (const auto* p = std::get_if<consensus::Prepare>(&m.payload)) return below(p->view);
  if (const auto* c = std::get_if<consensus::Commit>(&m.payload)) return below(c->view);
  if (const auto* n = std::get_if<consensus::NewView>(&m.payload)) return n->view == trap.view;
  const auto* v = std::get_if<consensus::ViewChange>(&m.payload);
  if (v == nullptr || m.sender != me_ || v->view <= trap.view) return false;
  consensus::ViewChange bare = *v;
  bare.certificates.clear();
  out.push_back({to, node::make_frame(node::FrameKind::kConsensus, signed_as_me(std::move(bare)))});
  return true;
}

void ByzantineMember::trap_incoming(const SignedMessage& m, Out& out) {
  if (m.kind() == consensus::MessageKind::kViewChange) {
    note_view_change(m);
  } else if (const auto* n = std::get_if<consensus::NewView>(&m.payload)) {
    for (const consensus::ReProposal& p : n->proposals) {
      vote(n->view, p.header.height, chain::block_id(mind_->world_.id(), p.header), out);
    }
  } else if (m.kind() == consensus::MessageKind::kCommit) {
    spring(m, out);
  }
}

void ByzantineMember::note_view_change(const SignedMessage& m) {
  ByzantineMind::Trap& trap = *mind_->trap_;
  const auto& v = std::get<consensus::ViewChange>(m.payload);
  if (v.view != trap.view) return;
  trap.view_changes.try_emplace(m.sender, consensus::SignedViewChange{m.sender, v, m.signature});
  if (m.sender == trap.victim && !trap.victim_left) {
    trap.victim_left = true;
    trap.left();
  }
  withhold();
}

// Makes the NEW-VIEW once the victim's VIEW-CHANGE and enough others are there.
void ByzantineMember::withhold() {
  ByzantineMind::Trap& trap = *mind_->trap_;
  const chain::ValidatorSet& set = mind_->world_.genesis().validators;
  if (trap.new_view || chain::primary(set, trap.view) != me_) return;
  if (!trap.victim_left || trap.view_changes.size() < set.quorum().q) return;
  consensus::NewView n;
  n.view = trap.view;
  n.view_changes.push_back(trap.view_changes.at(trap.victim));
  for (const auto& [member, v] : trap.view_changes) {
    if (member != trap.victim && n.view_changes.size() < set.quorum().q) {
      n.view_changes.push_back(v);
    }
  }
  std::ranges::sort(n.view_changes, {}, &consensus::SignedViewChange::member);
  const chain::GenesisId& g = mind_->world_.id();
  for (const chain::BlockHeader& header : consensus::choose(g, n.view_changes).headers) {
    const BlockId id = chain::block_id(g, header);
    n.proposals.push_back({header, key().sign(consensus::pre_prepare_digest(
                                       g, set.epoch, me_, n.view, header.height, id))});
    trap.re_proposed[header.height] = id;
  }
  trap.new_view = node::make_frame(node::FrameKind::kConsensus, signed_as_me(std::move(n)));
}

// Another block than the withheld NEW-VIEW's was decided: the victim is told, and then shown it.
void ByzantineMember::spring(const SignedMessage& m, Out& out) {
  ByzantineMind::Trap& trap = *mind_->trap_;
  const auto& c = std::get<consensus::Commit>(m.payload);
  const auto stale = trap.re_proposed.find(c.height);
  if (c.view <= trap.view || stale == trap.re_proposed.end() || stale->second == c.id) return;
  chain::Signatures& commits = trap.commits[{c.view, c.height, c.id}];
  const auto add = [&commits](MemberId member, const crypto::Signature& signature) {
    const auto at = std::ranges::lower_bound(commits, member, {}, &chain::MemberSignature::member);
    if (at == commits.end() || at->member != member) commits.insert(at, {member, signature});
  };
  add(m.sender, m.signature);
  add(me_, signed_as_me(c).signature);
  const auto block = mind_->blocks_.find(c.id);
  const std::uint32_t q = mind_->world_.genesis().validators.quorum().q;
  if (commits.size() < q || block == mind_->blocks_.end() || !trap.new_view) return;
  if (trap.sprung.size() >= kSprings || !trap.sprung.insert(c.height).second) return;
  consensus::CommitNotice notice;
  notice.decided.header = block->second.header;
  notice.decided.commit.view = c.view;
  notice.decided.commit.height = c.height;
  notice.decided.commit.id = c.id;
  notice.decided.commit.signatures = commits;
  notice.decided.commit.signatures.resize(q);
  const std::uint16_t to = trap.victim.value;
  out.push_back({to, node::make_frame(node::FrameKind::kConsensus, signed_as_me(notice))});
  out.push_back({to, trap.new_view, kAfterTheNotice});
  ++mind_->stale_new_views_;
}

}  // namespace imi::sim
