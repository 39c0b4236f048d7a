// Attacks of one member or one peer on an honest node, each by messages that are well-formed and
// useless, late, or shown to one node alone; and honest runs that must not look like an attack.
#include <doctest/doctest.h>

#include "chain/statement.h"
#include "consensus/messages.h"
#include "tests/unit/node/running.h"

namespace imi::node::test {
namespace {

bool is(const Bytes& frame, FrameKind kind) { return frame[0] == static_cast<std::uint8_t>(kind); }

std::optional<consensus::SignedMessage> message_in(const Bytes& frame) {
  if (!is(frame, FrameKind::kConsensus)) return std::nullopt;
  auto decoded = consensus::decode_message(ByteView(frame).subspan(1));
  if (!decoded) return std::nullopt;
  return std::move(*decoded);
}

SharedBytes frame_of(const consensus::SignedMessage& m) {
  return make_frame(FrameKind::kConsensus, m);
}

struct Attacked : Running {
  explicit Attacked(std::uint32_t observers = 0) : Running(observers) {
    commit(0, 0, 2);
    run_for(300);
  }
  [[nodiscard]] std::uint32_t backup(std::uint32_t i) { return (primary().index + i) % 4; }
  [[nodiscard]] const crypto::SecretKey& key(std::uint32_t member) const {
    return chain.validators()[member];
  }
  [[nodiscard]] static chain::MemberId id(std::uint32_t member) {
    return chain::MemberId(static_cast<std::uint16_t>(member));
  }
  [[nodiscard]] chain::Height height() { return node(0).driver->status().executed.height; }
};

}  // namespace

TEST_CASE("a peer that answers at once with nothing of use does not keep catch-up to itself") {
  // The others are late once (they were overloaded): from then on it must not be asked alone.
  Attacked c;
  const std::uint32_t me = c.backup(2);
  const std::uint32_t liar = c.backup(1);
  const std::uint32_t via = c.primary().index;
  c.node(me).kill();
  for (std::uint32_t n = 0; n < 120; ++n) c.commit(via, 100 + 3 * n, 1);
  const chain::Height goal = c.node(via).driver->status().executed.height;
  std::set<std::uint32_t> was_late;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to != me || !is(frame, FrameKind::kRuns)) return true;
    if (from != liar) return !was_late.insert(from).second;
    c.schedule(0, [&c, me, liar] {
      c.node(me).driver->on_message(
          PeerIndex(liar), make_frame(FrameKind::kRuns, RunsFrame{chain::Height(1), {}, {}}));
    });
    return false;
  };
  c.node(me).start();
  CHECK(c.run_until([&] { return c.node(me).driver->status().executed.height >= goal; }, 60'000));
  CHECK(was_late.size() == 2);
}

TEST_CASE("a block that lost does not keep its submissions out of the next primary's blocks") {
  // The liar, before it falls silent, shows the next primary alone a block that nobody can accept;
  // it lists a submission that everybody but the liar holds.
  Attacked c;
  const std::uint32_t liar = c.primary().index;
  const std::uint32_t next = c.backup(1);
  const auto victim = c.submission(50);
  std::size_t shown = 0;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (to == liar && is(frame, FrameKind::kPush)) return false;
    const auto m = message_in(frame);
    if (!m) return true;
    // Nothing is certified before the view changes.
    if (c.highest_view() == 0 && (m->kind() == consensus::MessageKind::kCheckpoint ||
                                  m->kind() == consensus::MessageKind::kCheckpointNotice)) {
      return false;
    }
    const auto* p = std::get_if<consensus::PrePrepare>(&m->payload);
    if (p == nullptr || from != liar || to != next) return true;
    chain::Block junk{p->header, {victim->digests->content}};
    junk.header.parent = chain::BlockId{};
    junk.header.body_root = chain::body_root(junk.items);
    consensus::SignedMessage lie = *m;
    lie.payload = consensus::PrePrepare{p->view, junk.header, junk.items};
    lie.signature = c.key(liar).sign(consensus::pre_prepare_digest(
        c.chain.id(), m->epoch, m->sender, p->view, junk.header.height,
        chain::block_id(c.chain.id(), junk.header)));
    ++shown;
    c.schedule(200, [&c, next, liar, f = frame_of(lie)] {
      c.node(next).driver->on_message(PeerIndex(liar), f);
    });
    return false;
  };
  const chain::Height before = c.height();
  std::optional<SubmitResult> answer;
  c.node(c.backup(2)).submit_later(*victim, WaitFor::kCommitted, 30'000, [&](SubmitResult r) {
    answer = std::move(r);
  });
  c.run_for(50);
  REQUIRE_FALSE(answer);
  c.node(liar).submit_later(*c.submission(60), WaitFor::kAccepted, 1'000, [](SubmitResult) {});
  REQUIRE(c.run_until(
      [&] { return c.node(next).driver->status().executed.height == before.next(); }, 900));
  CHECK(shown > 0);
  c.node(liar).kill();
  CHECK(c.run_until([&] { return answer.has_value(); }, 10'000));
  CHECK(c.highest_view() == 1);
}

TEST_CASE("submissions that seemed expired are proposed once the clocks are set back (C1)") {
  Attacked c;
  const auto s = c.submission(50);  // it lives a minute
  c.clock_ahead_ms = 120'000;
  c.run_for(20);
  for (std::uint32_t i = 0; i < 4; ++i) push(c.node(i), (i + 1) % 4, *s);
  c.run_for(100);
  CHECK(c.primary().driver->status().pool_items == 1);
  c.clock_ahead_ms = 0;
  CHECK(c.run_until([&] { return c.node(0).driver->status().pool_items == 0; }, 3'000));
  CHECK(c.highest_view() == 0);
  CHECK(c.node(0).entries_executed == 3);
}

TEST_CASE("a VIEW-CHANGE with a forged certificate in it costs the connection") {
  Attacked c;
  TestNode& n = c.node(c.backup(1));
  const std::uint32_t liar = c.backup(2);
  consensus::PreparedCertificate forged;
  forged.header.epoch = chain::Epoch(0);
  forged.header.height = c.height().next();
  for (std::uint32_t m = 1; m < 3; ++m) {
    forged.prepares.push_back({Attacked::id(m), crypto::Signature{}});
  }
  consensus::ViewChange change{chain::View(1), std::nullopt, {{forged}}};
  change.stable = c.chain.certificate(n.certified);
  consensus::SignedMessage m;
  m.sender = Attacked::id(liar);
  m.signature =
      c.key(liar).sign(consensus::view_change_digest(c.chain.id(), m.epoch, m.sender, change));
  m.payload = change;
  n.driver->on_message(PeerIndex(liar), frame_of(m));
  c.run_for(20);
  CHECK(n.disconnected.contains(liar));
  c.commit(n.index, 10, 1);
}

TEST_CASE("a flood of requests to follow is answered once in a while") {
  Attacked c(1);
  TestNode& n = c.node(0);
  std::size_t notices = 0;
  c.filter = [&](std::uint32_t from, std::uint32_t to, const Bytes& frame) {
    if (from == 0 && to == 4 && is(frame, FrameKind::kConsensus)) ++notices;
    return true;
  };
  for (int i = 0; i < 1'000; ++i) {
    n.driver->on_message(PeerIndex(4), std::make_shared<const Bytes>(
                                           Bytes{static_cast<std::uint8_t>(FrameKind::kFollow)}));
  }
  c.run_for(10);
  CHECK(notices <= 2);
  CHECK(n.disconnected.empty());
}

}  // namespace imi::node::test
