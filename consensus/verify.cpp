#include "consensus/verify.h"

#include "base/check.h"
#include "consensus/defects.h"

namespace imi::consensus {

bool BoundedSignatureCache::contains(const SignatureKey& key) {
  return young_.contains(key) || old_.contains(key);
}

void BoundedSignatureCache::insert(const SignatureKey& key) {
  if (young_.size() >= capacity_) {
    old_.swap(young_);
    young_.clear();
  }
  young_.insert(key);
}

Verifier::Verifier(const Config& config, const ValidatorSet& set, SignatureCache& cache)
    : genesis_(config.genesis),
      set_(set),
      quorum_(set.quorum()),
      set_digest_(set.digest()),
      window_(config.window()),
      max_block_items_(config.max_block_items),
      cache_(cache) {
  IMI_CHECK(config.valid());
  if (planted(Defect::kQuorumOneShort)) --quorum_.q;
  for (const chain::Validator& v : set_.members) {
    auto key = crypto::VerifyKey::parse(v.key);
    IMI_CHECK(key.has_value(), "a validated set has valid keys");
    keys_.push_back(*key);
  }
}

bool Verifier::signature_holds(MemberId member, const Hash256& digest,
                               const crypto::Signature& signature) const {
  if (!set_.contains(member)) return false;
  const SignatureKey key{digest, set_.member(member).key, signature};
  if (cache_.contains(key)) return true;
  if (!keys_[member.value].verify(digest, signature)) return false;
  cache_.insert(key);
  return true;
}

namespace {

// Rule I10: enough distinct members of the set, in strictly ascending order.
bool shape_holds(const Signatures& signatures, const ValidatorSet& set, std::size_t least) {
  if (signatures.size() < least || signatures.size() > set.members.size()) return false;
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (!set.contains(signatures[i].member)) return false;
    if (i > 0 && !(signatures[i - 1].member < signatures[i].member) &&
        !planted(Defect::kCountSignatures)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool Verifier::holds(const CommitCertificate& c) const {
  if (c.epoch != set_.epoch || c.view.value > kMaxView || c.height.value == 0 ||
      !shape_holds(c.signatures, set_, quorum_.q)) {
    return false;
  }
  for (const MemberSignature& s : c.signatures) {
    const Hash256 digest = commit_digest(genesis_, c.epoch, s.member, c.view, c.height, c.id);
    if (!signature_holds(s.member, digest, s.signature)) return false;
  }
  return true;
}

bool Verifier::holds(const PreparedCertificate& c) const {
  if (c.header.epoch != set_.epoch || c.view.value > kMaxView ||
      !shape_holds(c.prepares, set_, quorum_.q - 1)) {
    return false;
  }
  const BlockId id = chain::block_id(genesis_, c.header);
  const Height height = c.header.height;
  const MemberId leader = chain::primary(set_, c.view);
  if (!signature_holds(leader, pre_prepare_digest(genesis_, set_.epoch, leader, c.view, height, id),
                       c.primary)) {
    return false;
  }
  for (const MemberSignature& s : c.prepares) {
    if (s.member == leader) return false;
    if (!signature_holds(s.member,
                         prepare_digest(genesis_, set_.epoch, s.member, c.view, height, id),
                         s.signature)) {
      return false;
    }
  }
  return true;
}

bool Verifier::holds(const CheckpointCertificate& c) const {
  const LedgerHead& head = c.head;
  if (head.genesis != genesis_ || head.epoch != set_.epoch ||
      head.validators_digest != set_digest_ || head.height.value == 0 ||
      !shape_holds(c.signatures, set_, quorum_.q)) {
    return false;
  }
  for (const MemberSignature& s : c.signatures) {
    if (!signature_holds(s.member, chain::checkpoint_digest(head, s.member), s.signature)) {
      return false;
    }
  }
  return true;
}

bool Verifier::decided_holds(const DecidedCertificate& decided, BlockId& id) const {
  id = chain::block_id(genesis_, decided.header);
  return decided.commit.id == id && decided.commit.height == decided.header.height &&
         check_header(decided.header).has_value() && holds(decided.commit);
}

Verifier::Result Verifier::check_header(const BlockHeader& header) const {
  if (header.epoch != set_.epoch) return std::unexpected(E::kWrongEpoch);
  if (header.height.value == 0 || header.height.value > kMaxHeight) {
    return std::unexpected(E::kHeightTooLarge);
  }
  return {};
}

Verifier::Result Verifier::check(const SignedMessage& m, const PrePrepare& p, BlockId& id) const {
  if (p.view.value > kMaxView) return std::unexpected(E::kViewTooLarge);
  if (m.sender != chain::primary(set_, p.view)) return std::unexpected(E::kNotPrimary);
  if (auto ok = check_header(p.header); !ok) return ok;
  if (p.items.size() > max_block_items_) return std::unexpected(E::kTooManyItems);
  id = chain::block_id(genesis_, p.header);
  if (!signature_holds(m.sender,
                       pre_prepare_digest(genesis_, m.epoch, m.sender, p.view, p.header.height, id),
                       m.signature)) {
    return std::unexpected(E::kBadSignature);
  }
  // After the signature: only a member can make this node hash a long list.
  if (chain::body_root(p.items) != p.header.body_root) return std::unexpected(E::kWrongBodyRoot);
  return {};
}

Verifier::Result Verifier::check_vote(const SignedMessage& m, View view, Height height,
                                      const Hash256& digest) const {
  if (view.value > kMaxView) return std::unexpected(E::kViewTooLarge);
  if (height.value == 0 || height.value > kMaxHeight) return std::unexpected(E::kHeightTooLarge);
  if (!signature_holds(m.sender, digest, m.signature)) return std::unexpected(E::kBadSignature);
  return {};
}

Verifier::Result Verifier::check(const SignedMessage& m, const Checkpoint& c) const {
  if (c.head.genesis != genesis_) return std::unexpected(E::kWrongGenesis);
  if (c.head.epoch != set_.epoch) return std::unexpected(E::kWrongEpoch);
  if (c.head.validators_digest != set_digest_) return std::unexpected(E::kWrongSet);
  return check_vote(m, View(0), c.head.height, chain::checkpoint_digest(c.head, m.sender));
}

Verifier::Result Verifier::check_certificate(const HeightCertificate& c) const {
  if (auto ok = check_header(c.header()); !ok) return ok;
  if (const auto* prepared = std::get_if<PreparedCertificate>(&c.proof)) {
    if (!holds(*prepared)) return std::unexpected(E::kBadPreparedCertificate);
    return {};
  }
  BlockId id;
  if (!decided_holds(std::get<DecidedCertificate>(c.proof), id)) {
    return std::unexpected(E::kBadCommitCertificate);
  }
  return {};
}

Verifier::Result Verifier::check_view_change(MemberId member, const ViewChange& v,
                                             const crypto::Signature& signature) const {
  if (v.view.value > kMaxView || v.view.value == 0) return std::unexpected(E::kViewTooLarge);
  if (!set_.contains(member)) return std::unexpected(E::kUnknownSender);
  if (!signature_holds(member, view_change_digest(genesis_, set_.epoch, member, v), signature)) {
    return std::unexpected(E::kBadSignature);
  }
  if (v.stable && !holds(*v.stable)) return std::unexpected(E::kBadCheckpointCertificate);
  Height last = v.stable_height();
  const Height end = last.plus(window_);
  for (const HeightCertificate& c : v.certificates) {
    const Height h = c.header().height;
    if (h > end || h <= v.stable_height()) return std::unexpected(E::kCertificateWindow);
    if (h <= last) return std::unexpected(E::kCertificateOrder);
    if (c.view() >= v.view) return std::unexpected(E::kCertificateView);
    if (!planted(Defect::kNestedUnverified)) {
      if (auto ok = check_certificate(c); !ok) return ok;
    }
    last = h;
  }
  return {};
}

Verifier::Result Verifier::check(const SignedMessage& m, const NewView& n) const {
  if (n.view.value > kMaxView || n.view.value == 0) return std::unexpected(E::kViewTooLarge);
  if (m.sender != chain::primary(set_, n.view)) return std::unexpected(E::kNotPrimary);
  if (!signature_holds(m.sender, new_view_digest(genesis_, m.epoch, m.sender, n), m.signature)) {
    return std::unexpected(E::kBadSignature);
  }
  if (n.view_changes.size() != quorum_.q) return std::unexpected(E::kViewChangeCount);
  for (std::size_t i = 0; i < n.view_changes.size(); ++i) {
    const SignedViewChange& v = n.view_changes[i];
    if (i > 0 && !(n.view_changes[i - 1].member < v.member)) {
      return std::unexpected(E::kViewChangeOrder);
    }
    if (v.message.view != n.view) return std::unexpected(E::kViewChangeView);
    if (auto ok = check_view_change(v.member, v.message, v.signature); !ok) return ok;
  }
  for (std::size_t i = 0; i < n.proposals.size(); ++i) {
    const ReProposal& p = n.proposals[i];
    if (auto ok = check_header(p.header); !ok) return ok;
    if (i > 0 && p.header.height != n.proposals[i - 1].header.height.next()) {
      return std::unexpected(E::kProposalHeights);
    }
    const BlockId id = chain::block_id(genesis_, p.header);
    if (!signature_holds(
            m.sender, pre_prepare_digest(genesis_, m.epoch, m.sender, n.view, p.header.height, id),
            p.signature)) {
      return std::unexpected(E::kBadSignature);
    }
  }
  return {};
}

Verifier::Result Verifier::check_unsigned(const SignedMessage& m, std::optional<MemberId> peer,
                                          BlockId& id) const {
  if (peer != m.sender) return std::unexpected(E::kSenderNotPeer);
  if (!m.signature.is_zero()) return std::unexpected(E::kSignatureNotZero);
  if (const auto* s = std::get_if<Status>(&m.payload)) {
    if (s->view.value > kMaxView) return std::unexpected(E::kViewTooLarge);
    if (s->stable.value > kMaxHeight || s->executed.value > kMaxHeight) {
      return std::unexpected(E::kHeightTooLarge);
    }
    return {};
  }
  if (const auto* b = std::get_if<BlockData>(&m.payload)) {
    if (auto ok = check_header(b->block.header); !ok) return ok;
    if (b->block.items.size() > max_block_items_) return std::unexpected(E::kTooManyItems);
    if (chain::body_root(b->block.items) != b->block.header.body_root) {
      return std::unexpected(E::kWrongBodyRoot);
    }
    id = chain::block_id(genesis_, b->block.header);
    return {};
  }
  if (const auto* c = std::get_if<CommitNotice>(&m.payload)) {
    if (!decided_holds(c->decided, id)) return std::unexpected(E::kBadCommitCertificate);
    return {};
  }
  if (const auto* c = std::get_if<CheckpointNotice>(&m.payload)) {
    if (!holds(c->certificate)) return std::unexpected(E::kBadCheckpointCertificate);
    return {};
  }
  if (const auto* l = std::get_if<LastSeen>(&m.payload)) return check(*l);
  if (std::holds_alternative<AskLastSeen>(m.payload)) return {};
  const Height asked = std::get<FetchBlock>(m.payload).height;
  if (asked.value == 0 || asked.value > kMaxHeight) return std::unexpected(E::kHeightTooLarge);
  return {};
}

Verifier::Result Verifier::check(const LastSeen& l) const {
  if (!set_.contains(l.member)) return std::unexpected(E::kUnknownSender);
  for (std::size_t i = 0; i < l.statements.size(); ++i) {
    const Statement& s = l.statements[i];
    if (s.view.value > kMaxView) return std::unexpected(E::kViewTooLarge);
    if (s.height.value > kMaxHeight) return std::unexpected(E::kHeightTooLarge);
    const auto digest = signed_digest(genesis_, set_.epoch, l.member, s);
    if (!digest || (i > 0 && s.kind <= l.statements[i - 1].kind)) {
      return std::unexpected(E::kBadStatement);
    }
    if (!signature_holds(l.member, *digest, s.signature)) return std::unexpected(E::kBadSignature);
  }
  return {};
}

Verifier::Result Verifier::check_payload(const SignedMessage& m, BlockId& id) const {
  if (const auto* p = std::get_if<PrePrepare>(&m.payload)) return check(m, *p, id);
  if (const auto* p = std::get_if<Prepare>(&m.payload)) {
    if (p->view.value <= kMaxView && m.sender == chain::primary(set_, p->view)) {
      return std::unexpected(E::kFromPrimary);
    }
    return check_vote(m, p->view, p->height,
                      prepare_digest(genesis_, m.epoch, m.sender, p->view, p->height, p->id));
  }
  if (const auto* c = std::get_if<Commit>(&m.payload)) {
    return check_vote(m, c->view, c->height,
                      commit_digest(genesis_, m.epoch, m.sender, c->view, c->height, c->id));
  }
  if (const auto* c = std::get_if<Checkpoint>(&m.payload)) return check(m, *c);
  if (const auto* v = std::get_if<ViewChange>(&m.payload)) {
    return check_view_change(m.sender, *v, m.signature);
  }
  return check(m, std::get<NewView>(m.payload));
}

std::expected<VerifiedMessage, MessageError> Verifier::verify(SignedMessage message,
                                                              std::optional<MemberId> peer) const {
  if (message.epoch != set_.epoch) return std::unexpected(E::kWrongEpoch);
  if (!set_.contains(message.sender)) return std::unexpected(E::kUnknownSender);
  BlockId id;
  const Result ok =
      is_signed(message.kind()) ? check_payload(message, id) : check_unsigned(message, peer, id);
  if (!ok) return std::unexpected(ok.error());
  return VerifiedMessage(std::make_shared<const SignedMessage>(std::move(message)), id);
}

std::expected<VerifiedBlocks, MessageError> Verifier::verify(SyncedBlocks synced) const {
  if (synced.blocks.empty()) return std::unexpected(E::kEmptyRun);
  VerifiedBlocks out;
  for (Block& b : synced.blocks) {
    if (auto ok = check_header(b.header); !ok) return std::unexpected(ok.error());
    if (b.items.size() > max_block_items_) return std::unexpected(E::kTooManyItems);
    if (chain::body_root(b.items) != b.header.body_root) return std::unexpected(E::kWrongBodyRoot);
    if (!out.blocks_.empty() && (b.header.height != out.blocks_.back()->header.height.next() ||
                                 b.header.parent != out.ids_.back())) {
      return std::unexpected(E::kBrokenRun);
    }
    out.ids_.push_back(chain::block_id(genesis_, b.header));
    out.blocks_.push_back(std::make_shared<const Block>(std::move(b)));
  }
  const Height last = out.blocks_.back()->header.height;
  if (const auto* commit = std::get_if<CommitCertificate>(&synced.proof)) {
    if (out.blocks_.size() != 1 || commit->height != last || commit->id != out.ids_.back()) {
      return std::unexpected(E::kBrokenRun);
    }
    if (!holds(*commit)) return std::unexpected(E::kBadCommitCertificate);
  } else {
    const auto& checkpoint = std::get<CheckpointCertificate>(synced.proof);
    if (checkpoint.head.height != last || checkpoint.head.block != out.ids_.back()) {
      return std::unexpected(E::kBrokenRun);
    }
    if (!holds(checkpoint)) return std::unexpected(E::kBadCheckpointCertificate);
  }
  out.proof_ = std::move(synced.proof);
  return out;
}

}  // namespace imi::consensus
