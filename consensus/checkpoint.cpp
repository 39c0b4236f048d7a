// CHECKPOINT: q signatures over one LedgerHead make a height stable (OSDI'99 section 4.3; D1-D5).
#include "base/invariant.h"
#include "consensus/defects.h"
#include "consensus/replica.h"

namespace imi::consensus {

void Replica::sign_checkpoint(const LedgerHead& head) {
  IMI_INVARIANT("I2", head.height > stable_height_, head.height, stable_height_);
  SignResult vote = rules_.sign_checkpoint(head);
  if (vote) {
    persist(std::move(vote->records));
    const auto message = std::make_shared<const SignedMessage>(std::move(vote->message));
    IMI_INVARIANT("I2", rules_.state().checkpoint && *rules_.state().checkpoint == head,
                  head.height);
    own_checkpoints_[head.height] = message;
    send(std::nullopt, message);
    record_checkpoint(*me_, head, message->signature);
  }
  raise_alarm(head.height);
}

void Replica::receive(const VerifiedMessage& m, const Checkpoint& c) {
  if (auto why = height_refusal(c.head.height)) return ignore(*why);
  record_checkpoint(m->sender, c.head, m->signature);
}

void Replica::record_checkpoint(MemberId member, const LedgerHead& head,
                                const crypto::Signature& signature) {
  IMI_INVARIANT("I18", head.epoch == set_.epoch && set_.contains(member), head.epoch, head.height,
                member);
  const Hash256 digest = head.digest();
  Slot& slot = slots_[head.height];
  if (const auto it = slot.checkpoints.find(member); it != slot.checkpoints.end()) {
    if (it->second.digest == digest) return ignore(Ignored::kDuplicate);
    const auto message = [this, member](const LedgerHead& h, const crypto::Signature& s) {
      auto m = std::make_shared<SignedMessage>();
      m->epoch = set_.epoch;
      m->sender = member;
      m->payload = Checkpoint{h};
      m->signature = s;
      return m;
    };
    keep_evidence(MessageKind::kCheckpoint, member, message(it->second.head, it->second.signature),
                  message(head, signature));
    return ignore(Ignored::kConflict);
  }
  IMI_INVARIANT("I14", head.height > stable_height_, head.height, stable_height_);
  slot.checkpoints[member] = {head, digest, signature};
  IMI_INVARIANT("I20", slot.checkpoints.size() <= set_.members.size(), head.height);
  raise_alarm(head.height);
  certify(head.height, digest);
}

void Replica::certify(Height h, const Hash256& digest) {
  const Slot* slot = find_slot(h);
  IMI_INVARIANT("I10", slot != nullptr, h);
  CheckpointCertificate certificate;
  for (const auto& [member, seen] : slot->checkpoints) {
    if (seen.digest != digest) continue;
    certificate.signatures.push_back({member, seen.signature});
    certificate.head = seen.head;
  }
  IMI_INVARIANT("I10", certificate.signatures.size() <= set_.members.size(), h);
  IMI_INVARIANT("I20", certificate.signatures.empty() || certificate.head.height == h, h);
  if (certificate.signatures.size() >= quorum_.q) adopt_stable(certificate);
}

// D3: f+1 members that sign another head than ours include an honest one.
void Replica::raise_alarm(Height h) {
  const auto own = heads_.find(h);
  const Slot* slot = find_slot(h);
  if (own == heads_.end() || slot == nullptr || h <= alarmed_) return;
  std::uint32_t differing = 0;
  for (const auto& [member, seen] : slot->checkpoints) {
    if (seen.head != own->second) ++differing;
  }
  if (differing < quorum_.weak) return;
  alarmed_ = h;
  out_.alarm = Alarm{h, differing};
}

void Replica::receive(const VerifiedMessage&, const CheckpointNotice& n) {
  const LedgerHead& head = n.certificate.head;
  if (head.height <= stable_height_) return ignore(Ignored::kHeightStable);
  adopt_stable(n.certificate);
}

void Replica::adopt_stable(const CheckpointCertificate& certificate) {
  const LedgerHead& head = certificate.head;
  const Height h = head.height;
  if (halted_ || h <= stable_height_) return;
  IMI_INVARIANT("I10", certificate.signatures.size() >= quorum_.q, h,
                certificate.signatures.size());
  if (const auto it = decided_.find(h); it != decided_.end() && it->second.id != head.block) {
    return halt(HaltReason::kConflictingDecision, h);
  }
  if (const auto own = heads_.find(h);
      own != heads_.end() && own->second != head && !planted(Defect::kIgnoreHeadMismatch)) {
    return halt(HaltReason::kHeadMismatch, h);  // D3
  }
  if (decided_tip_ < h && !decide_below(certificate)) {
    if (halted_) return;
  }
  release_below(h, head.block);
  stable_height_ = h;
  stable_ = certificate;
  stable_link_ = {head.block, head.time};
  persist(rules_.note_stable(certificate));
  out_.stable = certificate;
  slots_.erase(slots_.begin(), slots_.upper_bound(h));
  heads_.erase(heads_.begin(), heads_.upper_bound(h));
  own_checkpoints_.erase(own_checkpoints_.begin(), own_checkpoints_.upper_bound(h));
  IMI_INVARIANT("I14", slots_.empty() || slots_.begin()->first > stable_height_, h);
  IMI_INVARIANT("I2", rules_.state().stable_height() == stable_height_, stable_height_,
                rules_.state().stable_height());
  forget_below();
  want_blocks();
}

// D1: the certificate proves order too. If the blocks down to what is decided are at hand, they are
// decided by it, without their commit certificates.
bool Replica::decide_below(const CheckpointCertificate& certificate) {
  std::vector<std::pair<Height, BlockInfoPtr>> run;
  BlockId id = certificate.head.block;
  for (Height h = certificate.head.height; h > decided_tip_; h = h.prev()) {
    if (h.value - decided_tip_.value > 2 * std::uint64_t{config_.window()}) return false;
    BlockInfoPtr info = find_info(h, id);
    if (!info) return false;
    id = info->block->header.parent;
    run.emplace_back(h, std::move(info));
  }
  if (id != decided_link(decided_tip_)->id) {
    halt(HaltReason::kConflictingDecision, decided_tip_.next());
    return false;
  }
  for (auto it = run.rbegin(); it != run.rend(); ++it) {
    Decision d;
    d.id = it->second->id;
    d.header = it->second->block->header;
    d.info = it->second;
    decide(it->first, std::move(d));
  }
  IMI_INVARIANT("I7", halted_ || decided_tip_ >= certificate.head.height, decided_tip_,
                certificate.head.height);
  return !halted_;
}

}  // namespace imi::consensus
