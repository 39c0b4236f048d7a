// Test support: a validator set with its keys, and hand-made messages of any member.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "consensus/replica.h"
#include "consensus/verify.h"

namespace imi::consensus::test {

inline std::vector<MemberId> ids(std::initializer_list<int> numbers) {
  std::vector<MemberId> out;
  for (const int n : numbers) out.emplace_back(static_cast<std::uint16_t>(n));
  return out;
}

struct Members {
  std::vector<crypto::SecretKey> keys;
  ValidatorSet set;
  Config config;

  explicit Members(std::size_t n, std::uint64_t seed = 1) {
    crypto::SeededRandom random(seed);
    config.genesis.bytes.fill(0x47);
    for (std::size_t i = 0; i < n; ++i) {
      keys.push_back(crypto::SecretKey::generate(random));
      set.members.push_back(
          {"v" + std::to_string(i), keys.back().public_key(), random.fixed<Hash256>()});
    }
  }

  [[nodiscard]] std::uint32_t q() const { return set.quorum().q; }
  [[nodiscard]] MemberId leader(View view) const { return chain::primary(set, view); }
  [[nodiscard]] crypto::Signature sign(MemberId m, const Hash256& digest) const {
    return keys[m.value].sign(digest);
  }

  [[nodiscard]] LedgerHead genesis_head() const {
    LedgerHead h;
    h.genesis = config.genesis;
    h.epoch = set.epoch;
    h.time = TimeMs(1'000);
    h.validators_digest = h.next_validators_digest = set.digest();
    return h;
  }
  // The head after executing a block on a head: any pure function of both will do.
  [[nodiscard]] LedgerHead execute(const LedgerHead& on, const Block& block) const {
    LedgerHead h = on;
    h.height = block.header.height;
    h.time = block.header.time;
    h.block = id_of(block);
    h.state_root = crypto::Hasher(crypto::Domain::kTest).add(on.state_root).add(h.block).finish();
    h.log_size += block.items.size();
    return h;
  }
  [[nodiscard]] BlockId id_of(const Block& b) const {
    return chain::block_id(config.genesis, b.header);
  }

  static ItemFacts item(std::uint64_t n, std::int64_t expiry_ms) {
    Bytes name = to_bytes(as_bytes("item"));
    encode_to(name, n);
    ItemFacts f;
    f.content = chain::retag<ContentHash>(crypto::hash(crypto::Domain::kTest, name));
    name.push_back(1);
    f.id = chain::retag<SubmissionId>(crypto::hash(crypto::Domain::kTest, name));
    f.expiry = TimeMs(expiry_ms);
    return f;
  }

  [[nodiscard]] Block block(Height h, const BlockId& parent, std::int64_t time_ms,
                            const std::vector<ItemFacts>& items = {}) const {
    Block b;
    for (const ItemFacts& i : items) b.items.push_back(i.content);
    b.header.epoch = set.epoch;
    b.header.height = h;
    b.header.parent = parent;
    b.header.time = TimeMs(time_ms);
    b.header.body_root = chain::body_root(b.items);
    return b;
  }

  // ---- messages of any member -------------------------------------------------------------------
  [[nodiscard]] SignedMessage wrap(MemberId m, Payload payload) const {
    SignedMessage out;
    out.epoch = set.epoch;
    out.sender = m;
    out.payload = std::move(payload);
    return out;
  }
  [[nodiscard]] SignedMessage pre_prepare(View v, const Block& b) const {
    return pre_prepare(leader(v), v, b);
  }
  [[nodiscard]] SignedMessage pre_prepare(MemberId m, View v, const Block& b) const {
    SignedMessage out = wrap(m, PrePrepare{v, b.header, b.items});
    out.signature =
        sign(m, pre_prepare_digest(config.genesis, set.epoch, m, v, b.header.height, id_of(b)));
    return out;
  }
  [[nodiscard]] SignedMessage prepare(MemberId m, View v, Height h, const BlockId& id) const {
    SignedMessage out = wrap(m, Prepare{v, h, id});
    out.signature = sign(m, prepare_digest(config.genesis, set.epoch, m, v, h, id));
    return out;
  }
  [[nodiscard]] SignedMessage commit(MemberId m, View v, Height h, const BlockId& id) const {
    SignedMessage out = wrap(m, Commit{v, h, id});
    out.signature = sign(m, commit_digest(config.genesis, set.epoch, m, v, h, id));
    return out;
  }
  [[nodiscard]] SignedMessage checkpoint(MemberId m, const LedgerHead& head) const {
    SignedMessage out = wrap(m, Checkpoint{head});
    out.signature = sign(m, chain::checkpoint_digest(head, m));
    return out;
  }
  [[nodiscard]] SignedMessage view_change(MemberId m, const ViewChange& v) const {
    SignedMessage out = wrap(m, v);
    out.signature = sign(m, view_change_digest(config.genesis, set.epoch, m, v));
    return out;
  }
  [[nodiscard]] SignedMessage new_view(MemberId m, const NewView& n) const {
    SignedMessage out = wrap(m, n);
    out.signature = sign(m, new_view_digest(config.genesis, set.epoch, m, n));
    return out;
  }
  // A NEW-VIEW by the view's primary over the given VIEW-CHANGEs; `headers` as O.
  [[nodiscard]] SignedMessage new_view(View v, const std::vector<SignedMessage>& changes,
                                       const std::vector<BlockHeader>& headers) const {
    NewView n;
    n.view = v;
    for (const SignedMessage& c : changes) {
      n.view_changes.push_back({c.sender, std::get<ViewChange>(c.payload), c.signature});
    }
    for (const BlockHeader& h : headers) {
      const BlockId id = chain::block_id(config.genesis, h);
      n.proposals.push_back({h, sign(leader(v), pre_prepare_digest(config.genesis, set.epoch,
                                                                   leader(v), v, h.height, id))});
    }
    return new_view(leader(v), n);
  }

  // The statement that a signed message of m makes on its own.
  [[nodiscard]] std::vector<Statement> statements(const SignedMessage& message) const {
    std::vector<Statement> out;
    StatementFinder(config.genesis, set, [&](const FoundStatement& s) {
      if (out.empty()) out.push_back(s.take(config.genesis));
    }).in(message);
    return out;
  }

  // ---- certificates, by the lowest members without `absent` -------------------------------------
  // (a certificate with a member's own signature that it never made would tell it, by B6, to stop)
  std::optional<MemberId> absent;

  [[nodiscard]] std::vector<MemberId> signers(std::size_t count,
                                              std::optional<MemberId> besides = {}) const {
    std::vector<MemberId> out;
    for (std::uint16_t m = 0; out.size() < count; ++m) {
      IMI_CHECK(m < set.members.size());
      if (MemberId(m) != absent && MemberId(m) != besides) out.emplace_back(m);
    }
    return out;
  }
  [[nodiscard]] PreparedCertificate prepared(View v, const Block& b) const {
    PreparedCertificate c;
    c.view = v;
    c.header = b.header;
    c.primary = pre_prepare(v, b).signature;
    for (const MemberId m : signers(q() - 1, leader(v))) {
      c.prepares.push_back({m, prepare(m, v, b.header.height, id_of(b)).signature});
    }
    return c;
  }
  [[nodiscard]] CommitCertificate committed(View v, const Block& b) const {
    CommitCertificate c;
    c.epoch = set.epoch;
    c.view = v;
    c.height = b.header.height;
    c.id = id_of(b);
    for (const MemberId m : signers(q())) {
      c.signatures.push_back({m, commit(m, v, b.header.height, c.id).signature});
    }
    return c;
  }
  [[nodiscard]] CheckpointCertificate certified(const LedgerHead& head) const {
    CheckpointCertificate c{head, {}};
    for (const MemberId m : signers(q())) {
      c.signatures.push_back({m, checkpoint(m, head).signature});
    }
    return c;
  }
};

}  // namespace imi::consensus::test
