// What comes from a peer: decoding, and the door of verification. Goal: each refusal by its name.
#include <doctest/doctest.h>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;
using E = MessageError;

namespace {

struct Door {
  Members m{4};
  BoundedSignatureCache cache;
  Verifier verifier{m.config, m.set, cache};
  Block b1 = m.block(Height(1), BlockId{}, 2'000);
  Block b2 = m.block(Height(2), m.id_of(b1), 2'001, {Members::item(1, 9'000)});

  std::optional<E> refusal(const SignedMessage& message) {
    return refusal(message, message.sender);
  }
  std::optional<E> refusal(const SignedMessage& message, std::optional<MemberId> peer) {
    auto ok = verifier.verify(message, peer);
    if (ok) return std::nullopt;
    return ok.error();
  }
};

}  // namespace

TEST_CASE("every kind of message decodes to itself and passes the door") {
  Door d;
  const Members& m = d.m;
  const LedgerHead head = m.execute(m.genesis_head(), d.b1);
  ViewChange v{View(1), m.certified(head), {{m.prepared(View(0), d.b2)}}};
  const Block b3 = m.block(Height(3), m.id_of(d.b2), 2'002);
  v.certificates.push_back({DecidedCertificate{b3.header, m.committed(View(0), b3)}});
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 3; ++i) changes.push_back(m.view_change(MemberId(i), v));
  const std::vector<SignedMessage> all = {
      m.pre_prepare(View(0), d.b2),
      m.prepare(MemberId(2), View(0), Height(2), m.id_of(d.b2)),
      m.commit(MemberId(2), View(0), Height(2), m.id_of(d.b2)),
      m.checkpoint(MemberId(3), head),
      changes[0],
      m.new_view(View(1), changes, {d.b2.header, b3.header}),
      m.wrap(MemberId(1), Status{View(1), true, Height(1), Height(2), {}, {HeightStatus{}}}),
      m.wrap(MemberId(1), FetchBlock{Height(2), m.id_of(d.b2)}),
      m.wrap(MemberId(1), BlockData{d.b2}),
      m.wrap(MemberId(1), CommitNotice{{d.b2.header, m.committed(View(0), d.b2)}}),
      m.wrap(MemberId(1), CheckpointNotice{m.certified(head)}),
      m.wrap(MemberId(1), AskLastSeen{7}),
      m.wrap(MemberId(1), LastSeen{7, MemberId(2), m.statements(m.checkpoint(MemberId(2), head))}),
  };
  REQUIRE(all.size() == kMessageKinds);
  for (const SignedMessage& message : all) {
    CAPTURE(name(message.kind()));
    const Bytes bytes = encode(message);
    auto back = decode_message(bytes);
    REQUIRE(back);
    CHECK(*back == message);
    CHECK(encode(*back) == bytes);
    CHECK_FALSE(d.refusal(message));
    for (std::size_t cut : {std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
      CHECK_FALSE(decode_message(ByteView(bytes).first(cut)));
    }
  }
}

TEST_CASE("a message beyond the size limit is refused before it is read") {
  const Bytes big(kMaxMessageBytes + 1);
  auto r = decode_message(big);
  REQUIRE_FALSE(r);
  CHECK(r.error().reason == CodecError::Reason::kLengthTooLarge);
}

TEST_CASE("a vote counts for its own kind, member, epoch, chain, view, height and block only") {
  Door d;
  const BlockId id = d.m.id_of(d.b1);
  const auto digest = [&](auto f, GenesisId g, Epoch e, MemberId who, View v, Height h, BlockId b) {
    return f(g, e, who, v, h, b);
  };
  const GenesisId g = d.m.config.genesis;
  GenesisId other = g;
  other.bytes[0] ^= 1;
  const Hash256 base = digest(prepare_digest, g, Epoch(0), MemberId(1), View(0), Height(1), id);
  CHECK(base != digest(commit_digest, g, Epoch(0), MemberId(1), View(0), Height(1), id));
  CHECK(base != digest(pre_prepare_digest, g, Epoch(0), MemberId(1), View(0), Height(1), id));
  CHECK(base != digest(prepare_digest, other, Epoch(0), MemberId(1), View(0), Height(1), id));
  CHECK(base != digest(prepare_digest, g, Epoch(1), MemberId(1), View(0), Height(1), id));
  CHECK(base != digest(prepare_digest, g, Epoch(0), MemberId(2), View(0), Height(1), id));
  CHECK(base != digest(prepare_digest, g, Epoch(0), MemberId(1), View(1), Height(1), id));
  CHECK(base != digest(prepare_digest, g, Epoch(0), MemberId(1), View(0), Height(2), id));
  CHECK(base != digest(prepare_digest, g, Epoch(0), MemberId(1), View(0), Height(1), BlockId{}));
}

TEST_CASE("a PREPARE does not replay as a COMMIT, nor under another sender") {
  Door d;
  const BlockId id = d.m.id_of(d.b1);
  SignedMessage m = d.m.prepare(MemberId(1), View(0), Height(1), id);
  m.payload = Commit{View(0), Height(1), id};
  CHECK(d.refusal(m) == E::kBadSignature);
  m = d.m.prepare(MemberId(1), View(0), Height(1), id);
  m.sender = MemberId(2);
  CHECK(d.refusal(m) == E::kBadSignature);
}

TEST_CASE("votes are refused for wrong epoch, sender, role and range") {
  Door d;
  const BlockId id = d.m.id_of(d.b1);
  SignedMessage m = d.m.prepare(MemberId(1), View(0), Height(1), id);
  m.epoch = Epoch(1);
  CHECK(d.refusal(m) == E::kWrongEpoch);
  m = d.m.prepare(MemberId(1), View(0), Height(1), id);
  m.sender = MemberId(4);
  CHECK(d.refusal(m) == E::kUnknownSender);
  CHECK(d.refusal(d.m.prepare(MemberId(0), View(0), Height(1), id)) == E::kFromPrimary);
  CHECK(d.refusal(d.m.pre_prepare(MemberId(1), View(0), d.b1)) == E::kNotPrimary);
  CHECK(d.refusal(d.m.commit(MemberId(1), View(kMaxView + 1), Height(1), id)) == E::kViewTooLarge);
  CHECK(d.refusal(d.m.commit(MemberId(1), View(~0ull), Height(1), id)) == E::kViewTooLarge);
  CHECK(d.refusal(d.m.commit(MemberId(1), View(0), Height(0), id)) == E::kHeightTooLarge);
  CHECK(d.refusal(d.m.commit(MemberId(1), View(0), Height(~0ull), id)) == E::kHeightTooLarge);
}

TEST_CASE("a PRE-PREPARE's list must match its header and the chain's limit") {
  Door d;
  SignedMessage m = d.m.pre_prepare(View(0), d.b2);
  std::get<PrePrepare>(m.payload).items.clear();
  CHECK(d.refusal(m) == E::kWrongBodyRoot);
  Config small = d.m.config;
  small.max_block_items = 1;
  const Verifier strict(small, d.m.set, d.cache);
  const Block two =
      d.m.block(Height(1), BlockId{}, 2'000, {Members::item(1, 1), Members::item(2, 1)});
  auto r = strict.verify(d.m.pre_prepare(View(0), two), std::nullopt);
  REQUIRE_FALSE(r);
  CHECK(r.error() == E::kTooManyItems);
}

TEST_CASE("a CHECKPOINT for another chain or set is refused") {
  Door d;
  LedgerHead head = d.m.execute(d.m.genesis_head(), d.b1);
  head.genesis.bytes[3] ^= 1;
  CHECK(d.refusal(d.m.checkpoint(MemberId(1), head)) == E::kWrongGenesis);
  head = d.m.execute(d.m.genesis_head(), d.b1);
  head.validators_digest.bytes[3] ^= 1;
  CHECK(d.refusal(d.m.checkpoint(MemberId(1), head)) == E::kWrongSet);
  head = d.m.execute(d.m.genesis_head(), d.b1);
  head.epoch = Epoch(2);
  CHECK(d.refusal(d.m.checkpoint(MemberId(1), head)) == E::kWrongEpoch);
}

TEST_CASE("unsigned kinds come from their TLS identity and carry no signature") {
  Door d;
  SignedMessage m = d.m.wrap(MemberId(1), FetchBlock{Height(1), d.m.id_of(d.b1)});
  CHECK(d.refusal(m, MemberId(2)) == E::kSenderNotPeer);
  CHECK(d.refusal(m, std::nullopt) == E::kSenderNotPeer);
  m.signature.bytes[0] = 1;
  CHECK(d.refusal(m, MemberId(1)) == E::kSignatureNotZero);
  for (const std::uint64_t h : {std::uint64_t{0}, kMaxHeight + 1}) {
    const SignedMessage ask = d.m.wrap(MemberId(1), FetchBlock{Height(h), d.m.id_of(d.b1)});
    CHECK(d.refusal(ask, MemberId(1)) == E::kHeightTooLarge);
  }
  SignedMessage data = d.m.wrap(MemberId(1), BlockData{d.b2});
  std::get<BlockData>(data.payload).block.items.clear();
  CHECK(d.refusal(data, MemberId(1)) == E::kWrongBodyRoot);
}

TEST_CASE("certificates need q distinct members, every signature valid (I10)") {
  Door d;
  const CommitCertificate good = d.m.committed(View(0), d.b1);
  CHECK(d.verifier.holds(good));
  CommitCertificate c = good;
  c.signatures.pop_back();
  CHECK_FALSE(d.verifier.holds(c));
  c = good;
  c.signatures.back() = c.signatures.front();  // one member twice
  CHECK_FALSE(d.verifier.holds(c));
  c = good;
  c.signatures.push_back({MemberId(3), {}});  // padded beyond the quorum
  CHECK_FALSE(d.verifier.holds(c));
  c = good;
  c.signatures[1].member = MemberId(3);
  CHECK_FALSE(d.verifier.holds(c));
  PreparedCertificate p = d.m.prepared(View(0), d.b1);
  CHECK(d.verifier.holds(p));
  p.prepares[0] = {MemberId(0),
                   d.m.prepare(MemberId(0), View(0), Height(1), d.m.id_of(d.b1)).signature};
  CHECK_FALSE(d.verifier.holds(p));  // the primary's PREPARE
  p = d.m.prepared(View(0), d.b1);
  p.primary.bytes[5] ^= 1;
  CHECK_FALSE(d.verifier.holds(p));
}

TEST_CASE("a VIEW-CHANGE is refused for each way its certificates can lie") {
  Door d;
  const Members& m = d.m;
  const LedgerHead head = m.execute(m.genesis_head(), d.b1);
  const auto refused = [&](const ViewChange& v) {
    return d.refusal(m.view_change(MemberId(2), v));
  };
  CHECK(refused({View(0), {}, {}}) == E::kViewTooLarge);
  CHECK(refused({View(kMaxView + 1), {}, {}}) == E::kViewTooLarge);
  ViewChange v{View(2), {}, {{m.prepared(View(1), d.b1)}}};
  CHECK_FALSE(refused(v));
  v.view = View(1);
  CHECK(refused(v) == E::kCertificateView);
  v = {View(2), m.certified(head), {{m.prepared(View(0), d.b1)}}};
  CHECK(refused(v) == E::kCertificateWindow);  // at stable
  Block far = d.b2;
  far.header.height = Height(2 + m.config.window());
  v = {View(2), m.certified(head), {{m.prepared(View(0), far)}}};
  CHECK(refused(v) == E::kCertificateWindow);  // above stable + L
  v = {View(2), {}, {{m.prepared(View(0), d.b2)}, {m.prepared(View(0), d.b1)}}};
  CHECK(refused(v) == E::kCertificateOrder);
  PreparedCertificate forged = m.prepared(View(0), d.b1);
  forged.header.time = TimeMs(3'000);
  v = {View(2), {}, {{forged}}};
  CHECK(refused(v) == E::kBadPreparedCertificate);
  CommitCertificate few = m.committed(View(0), d.b1);
  few.signatures.pop_back();
  v = {View(2), {}, {{DecidedCertificate{d.b1.header, few}}}};
  CHECK(refused(v) == E::kBadCommitCertificate);
  CheckpointCertificate weak = m.certified(head);
  weak.signatures.pop_back();
  CHECK(refused({View(2), weak, {}}) == E::kBadCheckpointCertificate);
}

TEST_CASE(
    "a NEW-VIEW needs exactly q sorted VIEW-CHANGEs for its view and its primary's signatures") {
  Door d;
  const Members& m = d.m;
  std::vector<SignedMessage> changes;
  for (std::uint16_t i = 0; i < 4; ++i) {
    changes.push_back(m.view_change(MemberId(i), {View(1), {}, {}}));
  }
  const auto three = std::vector(changes.begin(), changes.begin() + 3);
  CHECK_FALSE(d.refusal(m.new_view(View(1), three, {})));
  CHECK(d.refusal(m.new_view(View(1), changes, {})) == E::kViewChangeCount);
  CHECK(d.refusal(m.new_view(View(1), {changes[0], changes[1]}, {})) == E::kViewChangeCount);
  CHECK(d.refusal(m.new_view(View(1), {changes[0], changes[0], changes[1]}, {})) ==
        E::kViewChangeOrder);
  CHECK(d.refusal(m.new_view(View(5), three, {})) == E::kViewChangeView);
  NewView n = std::get<NewView>(m.new_view(View(1), three, {d.b1.header}).payload);
  CHECK(d.refusal(m.new_view(MemberId(2), n)) == E::kNotPrimary);
  n.proposals[0].signature.bytes[1] ^= 1;
  CHECK(d.refusal(m.new_view(MemberId(1), n)) == E::kBadSignature);
  const Block gap = m.block(Height(3), m.id_of(d.b1), 4'000);
  CHECK(d.refusal(m.new_view(View(1), three, {d.b1.header, gap.header})) == E::kProposalHeights);
  SignedMessage forged = changes[2];
  forged.signature.bytes[0] ^= 1;
  CHECK(d.refusal(m.new_view(View(1), {changes[0], changes[1], forged}, {})) == E::kBadSignature);
}

TEST_CASE("synced blocks must chain by parents and end in their certificate") {
  Door d;
  const Members& m = d.m;
  const LedgerHead h2 = m.execute(m.execute(m.genesis_head(), d.b1), d.b2);
  const auto refused = [&](const SyncedBlocks& s) -> std::optional<E> {
    auto ok = d.verifier.verify(s);
    if (ok) return std::nullopt;
    return ok.error();
  };
  CHECK_FALSE(refused({{d.b1, d.b2}, m.certified(h2)}));
  CHECK_FALSE(refused({{d.b2}, m.committed(View(0), d.b2)}));
  CHECK(refused({{}, m.certified(h2)}) == E::kEmptyRun);
  CHECK(refused({{d.b1}, m.certified(h2)}) == E::kBrokenRun);
  CHECK(refused({{d.b1, d.b2}, m.committed(View(0), d.b2)}) == E::kBrokenRun);
  Block other = d.b1;
  other.header.time = TimeMs(1'999);
  CHECK(refused({{other, d.b2}, m.certified(h2)}) == E::kBrokenRun);
  Block cut = d.b2;
  cut.items.clear();
  CHECK(refused({{d.b1, cut}, m.certified(h2)}) == E::kWrongBodyRoot);
  CheckpointCertificate weak = m.certified(h2);
  weak.signatures[0].signature.bytes[0] ^= 1;
  CHECK(refused({{d.b1, d.b2}, weak}) == E::kBadCheckpointCertificate);
}

TEST_CASE("the signature cache holds only what was found valid, bounded, under the whole key") {
  Door d;
  const BlockId id = d.m.id_of(d.b1);
  SignedMessage m = d.m.commit(MemberId(1), View(0), Height(1), id);
  CHECK_FALSE(d.refusal(m));
  CHECK(d.cache.size() == 1);
  m.signature.bytes[7] ^= 1;
  CHECK(d.refusal(m) == E::kBadSignature);
  CHECK(d.cache.size() == 1);
  BoundedSignatureCache small(4);
  for (std::uint8_t i = 0; i < 100; ++i) {
    SignatureKey k;
    k.digest.bytes[0] = i;
    small.insert(k);
    CHECK(small.contains(k));
  }
  CHECK(small.size() <= 8);
}
