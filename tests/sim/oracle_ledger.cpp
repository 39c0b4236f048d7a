// What is executed and certified: I7, I12-I17.
#include <algorithm>

#include "tests/sim/oracle.h"

namespace imi::sim {

void Oracle::on_submission(const ContentHash& content, const KnownSubmission& submission) {
  submissions_.try_emplace(content, submission);
}

void Oracle::on_start(MemberId m, Height applied, Height certified) {
  NodeFacts& node = facts(m);
  node.applied = applied;
  node.applied_durable = applied;
  node.certified = certified;
  node.last_view = node.promised;
}

void Oracle::on_executed(MemberId m, const chain::Block& block, const LedgerHead& head,
                         const std::optional<consensus::CommitCertificate>& commit) {
  if (!honest(m)) return;
  NodeFacts& node = facts(m);
  const Height height = block.header.height;
  const BlockId id = chain::block_id(setup_.genesis, block.header);
  const std::string where = at(m, View(0), height, id);
  if (height != node.applied.next()) violate("I13", "executed out of order: " + where);
  node.applied = height;
  see_header(block.header, id);
  items_.try_emplace(id, block.items);
  if (commit) {
    if (commit->height != height || commit->id != id) {
      violate("I10", "executed with a certificate for another block: " + where);
    }
    check_commit_certificate(*commit);
  }
  const auto decided = decisions_.find(height);
  if (decided == decisions_.end()) {
    violate("I13", "executed and never committed: " + where);
    return;
  }
  Decision& decision = decided->second;
  if (decision.id != id) {
    violate("I7", "executed another block than the committed one: " + where);
    return;
  }
  if (head.block != id || head.height != height || head.time != block.header.time) {
    violate("I12", "the head does not describe the block: " + where);
  }
  if (!decision.head) {
    decision.head = head;
  } else if (*decision.head != head) {
    violate("I12", "equal height, different heads: " + where);
  }
  model_blocks();
  if (decision.log_size && *decision.log_size != head.log_size) {
    violate("I16", "the log has " + std::to_string(head.log_size) +
                       " leaves, by count of what may " + "take effect " +
                       std::to_string(*decision.log_size) + ": " + where);
  }
}

// The oracle's own ledger over the decided chain, as far as the blocks are known.
void Oracle::model_blocks() {
  for (;;) {
    const auto next = decisions_.find(modelled_.next());
    if (next == decisions_.end()) return;
    const auto header = headers_.find(next->second.id);
    const auto items = items_.find(next->second.id);
    if (header == headers_.end() || items == items_.end()) return;
    modelled_ = modelled_.next();
    model_block(modelled_, items->second, header->second.time);
    next->second.log_size = log_size_;
  }
}

// Which submissions take effect, and how many entries that makes.
void Oracle::model_block(Height height, const std::vector<ContentHash>& items, TimeMs time) {
  std::set<SubmissionId> in_block;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    const auto known = submissions_.find(items[i]);
    const std::string where =
        "height " + std::to_string(height.value) + ", item " + std::to_string(i);
    if (known == submissions_.end()) {
      violate("I16", "a block lists a submission that no client made: " + where);
      continue;
    }
    const KnownSubmission& s = known->second;
    if (s.expiry <= time) violate("I16", "committed at or after its expiry: " + where);
    if (s.expiry.value > time.value + setup_.max_expiry_ms) {
      violate("I16", "committed with an expiry too far in the future: " + where);
    }
    if (!in_block.insert(s.id).second) violate("I16", "one block lists an id twice (F2): " + where);
    const auto [it, fresh] = effects_.try_emplace(s.id, Place{height, i});
    if (fresh) log_size_ += accepted_entries(s);
  }
}

std::uint64_t Oracle::accepted_entries(const KnownSubmission& submission) {
  std::uint64_t accepted = 0;
  for (const KnownSubmission::Entry& e : submission.entries) {
    const auto it = attestations_.find(e.attestation);
    if (!e.revoke) {
      if (it == attestations_.end()) {
        attestations_[e.attestation] = false;
        ++accepted;
      }
    } else if (it != attestations_.end() && !it->second) {
      it->second = true;
      ++accepted;
    }
  }
  return accepted;
}

void Oracle::on_certified(MemberId m, const chain::CheckpointCertificate& certificate, Height now) {
  if (!honest(m)) return;
  check_checkpoint_certificate(certificate);
  const Height height = certificate.head.height;
  NodeFacts& node = facts(m);
  if (now < node.certified || now < height) {
    violate("I17", "member " + std::to_string(m.value) + " serves height " +
                       std::to_string(now.value) + " with certificates up to " +
                       std::to_string(std::max(node.certified, height).value));
  }
  node.certified = std::max(node.certified, now);
  const auto decided = decisions_.find(height);
  if (decided == decisions_.end() || decided->second.id != certificate.head.block) {
    violate("I17", "a certified head is not of the committed chain: height " +
                       std::to_string(height.value));
  } else if (decided->second.head && *decided->second.head != certificate.head) {
    violate("I12",
            "a certified head is not the executed one: height " + std::to_string(height.value));
  }
}

void Oracle::on_acknowledged(MemberId m, const SubmissionId& id, Height height,
                             std::uint32_t index) {
  if (!honest(m)) return;
  ++counters_.acknowledged;
  const auto it = effects_.find(id);
  if (it == effects_.end() || it->second.height != height || it->second.index != index) {
    std::string truth = "that is not in the history";
    if (it != effects_.end()) {
      truth = "and it took effect at height " + std::to_string(it->second.height.value) +
              ", place " + std::to_string(it->second.index);
    }
    violate("I17", "member " + std::to_string(m.value) + " told a client of a commit at height " +
                       std::to_string(height.value) + ", place " + std::to_string(index) + ", " +
                       truth);
  }
  if (!certified_heads_.contains(height) && highest_certified_ < height) {
    violate("I17",
            "a client was told before height " + std::to_string(height.value) + " was certified");
  }
  acknowledged_.try_emplace(id, Place{height, index});
}

void Oracle::on_status(MemberId m, const Status& status) {
  if (!honest(m)) return;
  NodeFacts& node = facts(m);
  const std::string who = "member " + std::to_string(m.value);
  if (!node.lost_state && (status.view < node.last_view || status.view < node.promised)) {
    violate("I5", who + " went back to view " + std::to_string(status.view.value));
  }
  node.last_view = status.view;
  // Certified anywhere: a member that hears late learns of decisions (A6) before it learns that
  // what lies below them is certified.
  const Height certified = std::max(status.stable, highest_certified_);
  if (status.decided > certified && status.decided.value - certified.value > setup_.window) {
    violate("I14", who + " decided " + std::to_string(status.decided.value) + " with " +
                       std::to_string(certified.value) + " certified");
  }
  if (status.executed > status.decided) violate("I13", who + " executed beyond what is decided");
}

}  // namespace imi::sim
