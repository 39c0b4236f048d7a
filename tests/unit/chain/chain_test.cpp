#include <doctest/doctest.h>

#include "chain/block.h"
#include "chain/certificate.h"
#include "chain/statement.h"
#include "chain/validator_set.h"

using namespace imi;
using namespace imi::chain;
using E = CertificateError;

namespace {

struct Cluster {
  std::vector<crypto::SecretKey> keys;
  ValidatorSet set;
  GenesisId genesis;

  Cluster(std::size_t n, Epoch epoch, std::uint64_t seed) {
    crypto::SeededRandom random(seed);
    set.epoch = epoch;
    genesis.bytes.fill(7);
    for (std::size_t i = 0; i < n; ++i) {
      keys.push_back(crypto::SecretKey::generate(random));
      set.members.push_back(
          {"v" + std::to_string(i), keys.back().public_key(), random.fixed<Hash256>()});
    }
  }

  [[nodiscard]] LedgerHead head(std::uint64_t height) const {
    LedgerHead h;
    h.genesis = genesis;
    h.epoch = set.epoch;
    h.height = Height(height);
    h.time = TimeMs(1000);
    h.validators_digest = set.digest();
    h.next_validators_digest = set.digest();
    return h;
  }

  [[nodiscard]] CheckpointCertificate certify(const LedgerHead& head,
                                              std::vector<std::uint16_t> members) const {
    CheckpointCertificate c{head, {}};
    for (std::uint16_t m : members) {
      c.signatures.push_back({MemberId(m), keys[m].sign(checkpoint_digest(head, MemberId(m)))});
    }
    return c;
  }
};

}  // namespace

TEST_CASE("quorum sizes: two quorums share an honest member and the honest alone form one") {
  for (std::uint32_t n = 1; n <= 100; ++n) {
    const Quorum s = Quorum::of(n);
    CHECK(s.f == (n - 1) / 3);
    CHECK(2 * s.q - n >= s.f + 1);
    CHECK(s.q <= n - s.f);
    CHECK(s.weak == s.f + 1);
  }
  CHECK(Quorum::of(4).q == 3);
  CHECK(Quorum::of(5).q == 4);
  CHECK(Quorum::of(6).q == 4);
  CHECK(Quorum::of(7).q == 5);
}

TEST_CASE("a certificate of q distinct members verifies; every weakness is refused by its name") {
  Cluster c(4, Epoch(0), 1);
  const LedgerHead head = c.head(5);
  CHECK(verify(c.certify(head, {0, 1, 3}), c.genesis, c.set));
  CHECK(verify(c.certify(head, {0, 1, 2, 3}), c.genesis, c.set));
  CHECK(verify(c.certify(head, {0, 1}), c.genesis, c.set).error() == E::kTooFewSigners);
  CHECK(verify(c.certify(head, {0, 1, 1}), c.genesis, c.set).error() == E::kNotSorted);
  CHECK(verify(c.certify(head, {1, 0, 2}), c.genesis, c.set).error() == E::kNotSorted);
  CHECK(verify(c.certify(head, {0, 1, 2, 3, 3}), c.genesis, c.set).error() == E::kTooManySigners);

  auto outsider = c.certify(head, {0, 1, 2});
  outsider.signatures[2].member = MemberId(9);
  CHECK(verify(outsider, c.genesis, c.set).error() == E::kUnknownMember);

  auto borrowed = c.certify(head, {0, 1, 2});
  borrowed.signatures[2].member = MemberId(3);  // claimed signer is not the signing key
  CHECK(verify(borrowed, c.genesis, c.set).error() == E::kBadSignature);

  auto padded = c.certify(head, {0, 1, 2, 3});  // garbage beyond the quorum spoils it all
  padded.signatures[3].signature.bytes[5] ^= 1;
  CHECK(verify(padded, c.genesis, c.set).error() == E::kBadSignature);

  auto changed = c.certify(head, {0, 1, 2});
  changed.head.log_size = 1;
  CHECK(verify(changed, c.genesis, c.set).error() == E::kBadSignature);

  GenesisId other;
  CHECK(verify(c.certify(head, {0, 1, 2}), other, c.set).error() == E::kWrongGenesis);
  ValidatorSet later = c.set;
  later.epoch = Epoch(1);
  CHECK(verify(c.certify(head, {0, 1, 2}), c.genesis, later).error() == E::kWrongEpoch);
  ValidatorSet renamed = c.set;
  renamed.members[0].name = "x";
  CHECK(verify(c.certify(head, {0, 1, 2}), c.genesis, renamed).error() == E::kWrongSet);
}

TEST_CASE("a lineage leads from the genesis set to the next one and no further than it is signed") {
  Cluster first(4, Epoch(0), 1);
  Cluster second(5, Epoch(1), 2);
  LedgerHead last = first.head(9);
  last.next_validators_digest = second.set.digest();
  Lineage lineage{{first.certify(last, {0, 1, 2}), second.set}};
  auto end = walk(lineage, first.genesis, first.set);
  REQUIRE(end);
  CHECK(*end == second.set);
  CHECK(walk({}, first.genesis, first.set).value() == first.set);

  lineage[0].next.members[0].name = "intruder";
  CHECK(walk(lineage, first.genesis, first.set).error() == E::kBrokenLineage);
  lineage[0].next = second.set;
  lineage[0].last.signatures.pop_back();
  CHECK(walk(lineage, first.genesis, first.set).error() == E::kTooFewSigners);
}

TEST_CASE("a statement of one kind, chain, epoch or member is never another's") {
  GenesisId a;
  GenesisId b;
  b.bytes[0] = 1;
  const View view(3);
  const auto base = vote_digest(a, StatementKind::kPrepare, Epoch(0), MemberId(0), view);
  CHECK(base == vote_digest(a, StatementKind::kPrepare, Epoch(0), MemberId(0), view));
  CHECK(base != vote_digest(b, StatementKind::kPrepare, Epoch(0), MemberId(0), view));
  CHECK(base != vote_digest(a, StatementKind::kCommit, Epoch(0), MemberId(0), view));
  CHECK(base != vote_digest(a, StatementKind::kPrepare, Epoch(1), MemberId(0), view));
  CHECK(base != vote_digest(a, StatementKind::kPrepare, Epoch(0), MemberId(1), view));
}

TEST_CASE("a block's id covers chain, epoch, height, parent, time and body") {
  GenesisId genesis;
  BlockHeader h;
  h.height = Height(4);
  h.time = TimeMs(9);
  const BlockId id = block_id(genesis, h);
  auto differs = [&](auto change) {
    BlockHeader other = h;
    change(other);
    return block_id(genesis, other) != id;
  };
  CHECK(differs([](BlockHeader& x) { x.epoch = Epoch(1); }));
  CHECK(differs([](BlockHeader& x) { x.height = Height(5); }));
  CHECK(differs([](BlockHeader& x) { x.parent.bytes[0] = 1; }));
  CHECK(differs([](BlockHeader& x) { x.time = TimeMs(10); }));
  CHECK(differs([](BlockHeader& x) { x.body_root.bytes[0] = 1; }));
  GenesisId other;
  other.bytes[31] = 1;
  CHECK(block_id(other, h) != id);

  ContentHash one;
  ContentHash two;
  two.bytes[0] = 2;
  CHECK(body_root({one, two}) != body_root({two, one}));
  CHECK(body_root({one}) != body_root({one, one}));  // CVE-2012-2459's shape
}

TEST_CASE("a validator set refuses empty, doubled and unusable members") {
  using V = ValidatorSetError;
  Cluster c(4, Epoch(0), 1);
  CHECK(c.set.validate());
  auto with = [&](auto change) {
    ValidatorSet s = c.set;
    change(s);
    return s.validate().error();
  };
  CHECK(with([](ValidatorSet& s) { s.members.clear(); }) == V::kEmpty);
  CHECK(with([](ValidatorSet& s) { s.members[0].name.clear(); }) == V::kBadName);
  CHECK(with([](ValidatorSet& s) { s.members[0].key.bytes.fill(0); }) == V::kBadKey);
  CHECK(with([](ValidatorSet& s) { s.members[1].name = s.members[0].name; }) == V::kDuplicateName);
  CHECK(with([](ValidatorSet& s) { s.members[1].key = s.members[0].key; }) == V::kDuplicateKey);
  CHECK(with([](ValidatorSet& s) { s.members[1].tls_key_pin = s.members[0].tls_key_pin; }) ==
        V::kDuplicateTlsKey);
  CHECK(with([](ValidatorSet& s) { s.members.resize(101, s.members[0]); }) == V::kTooMany);
}
