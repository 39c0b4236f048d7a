#include "tests/sim/byzantine.h"

#include <algorithm>
#include <utility>

namespace imi::sim {

using consensus::SignedMessage;

namespace {
constexpr std::size_t kSeenFrames = 64;
constexpr std::uint64_t kHalf = 500'000;
constexpr std::size_t kTraps = 3;        // views
constexpr Micros kJustInTime = 400'000;  // of a timeout of 500 ms
}  // namespace

ByzantineTraits ByzantineTraits::draw(Rng& rng) {
  ByzantineTraits t;
  t.equivocate = rng.chance_ppm(600'000);
  t.vote_for_all = rng.chance_ppm(700'000);
  t.hide_certificates = rng.chance_ppm(400'000);
  t.tamper_new_view = rng.chance_ppm(400'000);
  t.wrong_head = rng.chance_ppm(300'000);
  t.replay_kinds = rng.chance_ppm(300'000);
  t.forge_certificates = rng.chance_ppm(300'000);
  t.bad_blocks = rng.chance_ppm(300'000);
  t.mute = rng.chance_ppm(200'000);
  t.garble = rng.chance_ppm(200'000);
  t.replay_old = rng.chance_ppm(200'000);
  t.censor = rng.chance_ppm(400'000);
  return t;
}

std::uint64_t ByzantineMember::dice(std::uint64_t a, std::uint64_t b) const {
  return Rng(a * 0x9e3779b97f4a7c15U + b * 31 + 7).next() >> 8;
}

bool ByzantineMember::side(std::uint16_t peer, View view) const {
  return dice(view.value, peer) % 2 == 1;
}

SignedMessage ByzantineMember::signed_as_me(consensus::Payload payload) const {
  SignedMessage m;
  m.epoch = mind_->world_.genesis().validators.epoch;
  m.sender = me_;
  m.payload = std::move(payload);
  const chain::GenesisId& g = mind_->world_.id();
  Hash256 digest;
  if (const auto* p = std::get_if<consensus::PrePrepare>(&m.payload)) {
    digest = consensus::pre_prepare_digest(g, m.epoch, me_, p->view, p->header.height,
                                           chain::block_id(g, p->header));
  } else if (const auto* v = std::get_if<consensus::Prepare>(&m.payload)) {
    digest = consensus::prepare_digest(g, m.epoch, me_, v->view, v->height, v->id);
  } else if (const auto* c = std::get_if<consensus::Commit>(&m.payload)) {
    digest = consensus::commit_digest(g, m.epoch, me_, c->view, c->height, c->id);
  } else if (const auto* h = std::get_if<consensus::Checkpoint>(&m.payload)) {
    digest = chain::checkpoint_digest(h->head, me_);
  } else if (const auto* vc = std::get_if<consensus::ViewChange>(&m.payload)) {
    digest = consensus::view_change_digest(g, m.epoch, me_, *vc);
  } else if (const auto* nv = std::get_if<consensus::NewView>(&m.payload)) {
    digest = consensus::new_view_digest(g, m.epoch, me_, *nv);
  } else {
    return m;
  }
  m.signature = key().sign(digest);
  return m;
}

void ByzantineMember::send_all(const SignedMessage& message, Out& out) const {
  const auto frame = node::make_frame(node::FrameKind::kConsensus, message);
  for (std::uint16_t to = 0; to < peers(); ++to) {
    if (to != me_.value) out.push_back({to, frame});
  }
}

// A block was proposed, by whomever: it gets our votes too.
void ByzantineMember::learn(View view, const chain::Block& block, Out& out) {
  const BlockId id = chain::block_id(mind_->world_.id(), block.header);
  mind_->known_[{view, block.header.height}].insert(id);
  mind_->blocks_.try_emplace(id, block);
  if (mind_->traits_.vote_for_all) vote(view, block.header.height, id, out);
}

void ByzantineMember::vote(View view, Height height, const BlockId& id, Out& out) {
  if (!voted_.insert({{view, height}, id}).second) return;
  std::vector<SignedMessage> votes;
  if (chain::primary(mind_->world_.genesis().validators, view) != me_) {
    votes.push_back(signed_as_me(consensus::Prepare{view, height, id}));
  }
  if (!mind_->trapped_.contains(view)) {
    votes.push_back(signed_as_me(consensus::Commit{view, height, id}));
  }
  for (const SignedMessage& v : votes) {
    if (mind_->trap_ && view < mind_->trap_->view) {
      out.push_back({mind_->trap_->victim.value, node::make_frame(node::FrameKind::kConsensus, v)});
    } else {
      send_all(v, out);
    }
  }
}

// The block that the other half is shown: it differs by a millisecond, or by its items, and its
// parent is what that half was shown before.
chain::Block ByzantineMember::other_block(View view, const chain::Block& block) {
  const BlockId id = chain::block_id(mind_->world_.id(), block.header);
  const auto made = mind_->other_side_.find(id);
  if (made != mind_->other_side_.end()) return mind_->blocks_.at(made->second);
  chain::Block other = block;
  const auto parent = mind_->other_side_.find(block.header.parent);
  if (parent != mind_->other_side_.end()) other.header.parent = parent->second;
  if (!other.items.empty() && dice(view.value, block.header.height.value) % 2 == 0) {
    other.items.pop_back();
    other.header.body_root = chain::body_root(other.items);
  } else {
    other.header.time = TimeMs(other.header.time.value + 1);
  }
  const BlockId other_id = chain::block_id(mind_->world_.id(), other.header);
  mind_->other_side_[id] = other_id;
  mind_->blocks_[other_id] = other;
  return other;
}

// The same one to everybody, or it could never gather a quorum.
chain::Block ByzantineMember::bad_block(View view, const chain::Block& block) {
  const auto made = mind_->bad_.find({view, block.header.height});
  if (made != mind_->bad_.end()) return made->second;
  chain::Block bad = block;
  switch (mind_->rng_.below(6)) {
    case 0:  // far in the future
      bad.header.time = TimeMs(bad.header.time.value + 30'000);
      break;
    case 1:  // long ago: before its parent
      bad.header.time = mind_->world_.genesis().time;
      break;
    case 2:  // no such parent
      bad.header.parent.bytes[3] ^= 0x40;
      break;
    case 3:  // one submission twice
      if (!bad.items.empty()) bad.items.push_back(bad.items.front());
      break;
    case 4:  // repeats what the parent has
      if (const auto parent = mind_->blocks_.find(bad.header.parent);
          parent != mind_->blocks_.end()) {
        bad.items.insert(bad.items.end(), parent->second.items.begin(), parent->second.items.end());
      }
      break;
    case 5:  // leaves out a height
      bad.header.height = bad.header.height.next();
      break;
  }
  bad.header.body_root = chain::body_root(bad.items);
  mind_->bad_.emplace(std::pair(view, block.header.height), bad);
  return bad;
}

consensus::Payload ByzantineMember::lie_propose(std::uint16_t to, const consensus::PrePrepare& p,
                                                Out& out) {
  chain::Block block{p.header, p.items};
  const std::uint64_t d = dice(p.view.value * 1'000 + p.header.height.value, 77);
  std::set<View>& trapped = mind_->trapped_;
  if (mind_->traits_.return_proposals && trapped.size() < kTraps) trapped.insert(p.view);
  if (trapped.contains(p.view)) {
    const MemberId next = chain::primary(mind_->world_.genesis().validators, p.view.next());
    if (next.value == to) block = other_block(p.view, block);
  } else if (mind_->traits_.bad_blocks && d % 4 == 0) {
    block = bad_block(p.view, block);
  } else if (mind_->traits_.equivocate && side(to, p.view)) {
    block = other_block(p.view, block);
  }
  learn(p.view, block, out);
  return consensus::PrePrepare{p.view, block.header, block.items};
}

consensus::Payload ByzantineMember::lie_view_change(std::uint16_t to,
                                                    const consensus::ViewChange& v) {
  consensus::ViewChange lie = v;
  if (mind_->traits_.hide_certificates && side(to, v.view)) {
    lie.certificates.resize(dice(v.view.value, 5) % (lie.certificates.size() + 1));
  }
  if (mind_->traits_.forge_certificates && !mind_->blocks_.empty()) {
    // A certificate for some other block, signed by nobody.
    for (const auto& [id, block] : mind_->blocks_) {
      const Height h = block.header.height;
      if (h != v.stable_height().next() || v.view.value == 0) continue;
      consensus::PreparedCertificate forged;
      forged.view = View(v.view.value - 1);
      forged.header = block.header;
      const MemberId primary = chain::primary(mind_->world_.genesis().validators, forged.view);
      for (std::uint16_t m = 0; m < peers(); ++m) {
        if (m != primary.value) forged.prepares.push_back({MemberId(m), {}});
      }
      const std::size_t needed = mind_->world_.genesis().validators.quorum().q - 1;
      forged.prepares.resize(std::min(forged.prepares.size(), needed));
      lie.certificates = {consensus::HeightCertificate{forged}};
      break;
    }
  }
  return lie;
}

consensus::Payload ByzantineMember::lie_new_view(const consensus::NewView& n) {
  consensus::NewView lie = n;
  const chain::GenesisId& g = mind_->world_.id();
  if (!lie.proposals.empty() && mind_->rng_.chance_ppm(kHalf)) {
    lie.proposals.resize(mind_->rng_.below(lie.proposals.size()));
  } else if (!lie.proposals.empty()) {
    chain::BlockHeader& header = lie.proposals.back().header;
    header.time = TimeMs(header.time.value + 1);
    lie.proposals.back().signature = key().sign(
        consensus::pre_prepare_digest(g, mind_->world_.genesis().validators.epoch, me_, lie.view,
                                      header.height, chain::block_id(g, header)));
  } else if (!lie.view_changes.empty()) {
    lie.view_changes.pop_back();
  }
  return lie;
}

// Certificates for a block that nobody committed: our own signature as often as it takes.
void ByzantineMember::forge(const chain::Block& block, View view, Out& out) {
  const BlockId id = chain::block_id(mind_->world_.id(), block.header);
  const SignedMessage own = signed_as_me(consensus::Commit{view, block.header.height, id});
  consensus::CommitNotice notice;
  notice.decided.header = block.header;
  notice.decided.commit.view = view;
  notice.decided.commit.height = block.header.height;
  notice.decided.commit.id = id;
  const std::uint32_t q = mind_->world_.genesis().validators.quorum().q;
  notice.decided.commit.signatures.assign(q, {me_, own.signature});
  send_all(signed_as_me(notice), out);
}

// The new primary has signed them, and may lack the blocks: it must know its own signatures (B6).
void ByzantineMember::return_proposals(MemberId primary, const consensus::NewView& n, Out& out) {
  for (const consensus::ReProposal& p : n.proposals) {
    const auto block = mind_->blocks_.find(chain::block_id(mind_->world_.id(), p.header));
    if (block == mind_->blocks_.end()) continue;
    SignedMessage m;
    m.epoch = mind_->world_.genesis().validators.epoch;
    m.sender = primary;
    m.payload = consensus::PrePrepare{n.view, p.header, block->second.items};
    m.signature = p.signature;
    ++mind_->returned_;
    out.push_back({primary.value, node::make_frame(node::FrameKind::kConsensus, m)});
  }
}

std::optional<consensus::Payload> ByzantineMember::lie(std::uint16_t to, const SignedMessage& m,
                                                       Out& out) {
  const ByzantineTraits& t = mind_->traits_;
  if (const auto* p = std::get_if<consensus::PrePrepare>(&m.payload)) {
    return lie_propose(to, *p, out);
  }
  if (const auto* c = std::get_if<consensus::Checkpoint>(&m.payload)) {
    if (!t.wrong_head || !side(to, View(c->head.height.value))) return std::nullopt;
    consensus::Checkpoint other = *c;
    other.head.state_root.bytes[0] ^= 1;
    return other;
  }
  if (const auto* v = std::get_if<consensus::ViewChange>(&m.payload)) {
    if (!t.hide_certificates && !t.forge_certificates) return std::nullopt;
    return lie_view_change(to, *v);
  }
  if (const auto* n = std::get_if<consensus::NewView>(&m.payload)) {
    if (!t.tamper_new_view || m.sender != me_) return std::nullopt;
    return lie_new_view(*n);
  }
  return std::nullopt;
}

std::vector<ByzantineMember::Outgoing> ByzantineMember::outgoing(std::uint16_t to,
                                                                 const node::SharedBytes& frame) {
  Out out;
  const ByzantineTraits& t = mind_->traits_;
  if (mind_->at_rest_) return mind_->silent_ ? Out{} : Out{{to, frame}};
  if (t.mute && dice(to, me_.value) % 3 == 0) return out;
  if (t.garble && mind_->rng_.chance_ppm(30'000)) {
    auto damaged = std::make_shared<Bytes>(*frame);
    (*damaged)[mind_->rng_.below(damaged->size())] ^=
        static_cast<std::uint8_t>(1u << mind_->rng_.below(8));
    out.push_back({to, damaged});
    return out;
  }
  if (t.replay_old && !seen_.empty() && mind_->rng_.chance_ppm(100'000)) {
    const auto peer = static_cast<std::uint16_t>(mind_->rng_.below(peers()));
    if (peer != me_.value) out.push_back({peer, seen_[mind_->rng_.below(seen_.size())]});
  }
  if ((*frame)[0] == static_cast<std::uint8_t>(node::FrameKind::kConsensus)) {
    const auto message = consensus::decode_message(ByteView(*frame).subspan(1));
    if (message && mind_->trap_ && trap_outgoing(to, *message, out)) return out;
    if (message && message->sender == me_) {
      const auto* s = std::get_if<consensus::Status>(&message->payload);
      if (t.feign_wishes && s != nullptr) {
        consensus::Status wishing = *s;
        wishing.wish = s->view.next();
        out.push_back({to, node::make_frame(node::FrameKind::kConsensus, signed_as_me(wishing))});
        return out;
      }
      if (t.censorship == Censorship::kSlow &&
          message->kind() == consensus::MessageKind::kPrePrepare) {
        out.push_back({to, frame, kJustInTime});
        return out;
      }
      const auto* c = std::get_if<consensus::Commit>(&message->payload);
      if (c != nullptr && mind_->trapped_.contains(c->view)) return out;
      if (auto other = lie(to, *message, out)) {
        out.push_back(
            {to, node::make_frame(node::FrameKind::kConsensus, signed_as_me(std::move(*other)))});
        return out;
      }
    }
  }
  out.push_back({to, frame});
  return out;
}

// A push is dropped, and acknowledged as if it were held (C6). Which ones follows from the seed.
bool ByzantineMember::censor(std::uint16_t from, const node::SharedBytes& frame, Out& out) {
  if ((*frame)[0] != static_cast<std::uint8_t>(node::FrameKind::kPush)) return false;
  const auto push = node::read_frame<node::PushFrame>(*frame);
  if (!push || dice(push->number, from) % 2 == 0) return false;
  ++mind_->censored_;
  out.push_back({from, node::make_frame(node::FrameKind::kAck, node::AckFrame{push->number, {}})});
  return true;
}

// Every push is dropped; the kind of censorship is which members are told that it was accepted.
bool ByzantineMember::keep_out(std::uint16_t from, const node::SharedBytes& frame, Out& out) {
  if ((*frame)[0] != static_cast<std::uint8_t>(node::FrameKind::kPush)) return false;
  const auto push = node::read_frame<node::PushFrame>(*frame);
  if (!push) return false;
  ++mind_->censored_;
  bool told = true;
  switch (mind_->traits_.censorship) {
    case Censorship::kNone:
    case Censorship::kNeverAck: told = false; break;
    case Censorship::kAckOne: told = from == (me_.value + 1) % peers(); break;
    case Censorship::kAckSome: told = dice(push->number, from) % 2 == 0; break;
    case Censorship::kAckAll:
    case Censorship::kShield:
    case Censorship::kSlow: break;
  }
  if (!told) return true;
  out.push_back({from, node::make_frame(node::FrameKind::kAck, node::AckFrame{push->number, {}})});
  return true;
}

bool ByzantineMember::incoming(std::uint16_t from, const node::SharedBytes& frame, Out& reply) {
  if (mind_->at_rest_ || frame->empty()) return true;
  const ByzantineTraits& t = mind_->traits_;
  if (t.replay_old) {
    seen_.push_back(frame);
    if (seen_.size() > kSeenFrames) seen_.pop_front();
  }
  if (t.censor && censor(from, frame, reply)) return false;
  if (t.censorship != Censorship::kNone && keep_out(from, frame, reply)) return false;
  if ((*frame)[0] != static_cast<std::uint8_t>(node::FrameKind::kConsensus)) return true;
  const auto message = consensus::decode_message(ByteView(*frame).subspan(1));
  if (!message) return true;
  if (mind_->trap_) trap_incoming(*message, reply);
  if (const auto* p = std::get_if<consensus::PrePrepare>(&message->payload)) {
    learn(p->view, {p->header, p->items}, reply);
    if (t.forge_certificates && mind_->rng_.chance_ppm(100'000)) {
      chain::Block never{p->header, p->items};
      never.header.time = TimeMs(never.header.time.value + 3);
      mind_->blocks_.try_emplace(chain::block_id(mind_->world_.id(), never.header), never);
      forge(never, p->view, reply);
    }
  } else if (const auto* v = std::get_if<consensus::Prepare>(&message->payload)) {
    if (t.replay_kinds && message->sender.value == from) {
      SignedMessage other = *message;
      other.payload = consensus::Commit{v->view, v->height, v->id};
      send_all(other, reply);
    }
  } else if (const auto* c = std::get_if<consensus::Commit>(&message->payload)) {
    if (t.replay_kinds && message->sender.value == from) {
      SignedMessage other = *message;
      other.payload = consensus::Prepare{c->view, c->height, c->id};
      send_all(other, reply);
    }
  } else if (const auto* n = std::get_if<consensus::NewView>(&message->payload)) {
    if (t.return_proposals && message->sender != me_) return_proposals(message->sender, *n, reply);
  } else if (const auto* f = std::get_if<consensus::FetchBlock>(&message->payload)) {
    const auto block = mind_->blocks_.find(f->id);
    if (block != mind_->blocks_.end()) {
      reply.push_back({from, node::make_frame(node::FrameKind::kConsensus,
                                              signed_as_me(consensus::BlockData{block->second}))});
    }
  }
  // The honest part must not learn of its own second signatures: it would stop signing (B6).
  return !(consensus::is_signed(message->kind()) && message->sender == me_);
}

}  // namespace imi::sim
