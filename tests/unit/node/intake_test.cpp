// What comes in from peers and clients: checked away from the loop, handed on in order, with a
// share for each sender.
#include "node/intake.h"

#include "node/wire.h"
#include "tests/unit/node/parts.h"

namespace imi::node::test {
namespace {

NodeLimits one_by_one() {
  NodeLimits limits;
  limits.inline_messages = 0;  // all on the workers
  limits.verify_chunk = 1;
  limits.verify_pieces = 1;
  limits.max_verifying_of_validator = 4;
  limits.max_verifying_for_clients = 10;
  return limits;
}

struct World {
  explicit World(const NodeLimits& limits = one_by_one()) : parts(limits) {}
  Parts parts;
  FairWork work{parts.core};
  Intake intake{parts.core, work,
                std::make_shared<const consensus::Verifier>(parts.options.consensus,
                                                            parts.options.set, parts.signatures)};

  void receive(std::uint32_t from, SharedBytes frame, std::shared_ptr<void> hold = nullptr) {
    intake.message(PeerIndex(from), std::move(frame), std::move(hold));
  }
  void receive_status(std::uint16_t from, std::uint64_t view) {
    receive(from, make_frame(FrameKind::kConsensus, status_message(from, view)));
  }
  // The views of the STATUS messages that consensus got.
  [[nodiscard]] std::vector<std::uint64_t> views() const {
    std::vector<std::uint64_t> out;
    for (const consensus::Input& in : parts.inputs) {
      const auto& message = *std::get<consensus::Receive>(in).message;
      out.push_back(std::get<consensus::Status>(message.payload).view.value);
    }
    return out;
  }
  SharedBytes good() {
    return std::make_shared<const Bytes>(
        encode(*parts.chain.submit({ledger::test::TestChain::enterprise(next_++)})));
  }
  // Signed by nobody who could.
  SharedBytes forged() {
    auto s = *parts.chain.submit({ledger::test::TestChain::enterprise(next_++)});
    s.header.expiry = s.header.expiry.plus(1);
    return std::make_shared<const Bytes>(encode(s));
  }
  std::optional<Intake::Answer> check(WorkSource source, std::vector<SharedBytes> bodies,
                                      bool lookup = false) {
    std::optional<Intake::Answer> answer;
    intake.check(source, std::move(bodies), lookup,
                 [&answer](Intake::Answer a) { answer = std::move(a); });
    parts.settle();
    return answer;
  }

 private:
  std::uint32_t next_ = 1;
};

}  // namespace

TEST_CASE("messages reach consensus in the order of arrival, however their checks finish") {
  World w;
  w.receive_status(1, 11);
  w.receive_status(2, 12);
  w.intake.flush();
  w.receive_status(1, 13);
  w.intake.flush();
  REQUIRE(w.parts.verify.held() == 2);
  w.parts.verify.finish(1);
  w.parts.turn();
  CHECK(w.parts.inputs.empty());
  w.parts.settle();
  CHECK(w.views() == std::vector<std::uint64_t>{11, 12, 13});
}

TEST_CASE("a few short messages are checked at once, on the loop") {
  World w(NodeLimits{});
  w.receive_status(1, 11);
  CHECK(w.parts.flushes_wanted == 1);
  w.intake.flush();
  CHECK(w.parts.verify.held() == 0);
  CHECK(w.views() == std::vector<std::uint64_t>{11});
}

TEST_CASE("a peer that sends what no honest peer sends loses its connection, and no other does") {
  World w;
  w.receive(1, std::make_shared<const Bytes>(Bytes{1, 0xff}));
  consensus::SignedMessage unsigned_vote;
  unsigned_vote.sender = chain::MemberId(2);
  unsigned_vote.payload = consensus::Prepare{chain::View(0), chain::Height(1), chain::BlockId{}};
  w.receive(2, make_frame(FrameKind::kConsensus, unsigned_vote));
  w.receive_status(3, 11);
  w.intake.flush();
  w.parts.settle();
  CHECK(w.parts.disconnected == std::set<std::uint32_t>{1, 2});
  CHECK(w.views() == std::vector<std::uint64_t>{11});
}

TEST_CASE("a message in another's name is refused; an observer that passed it on is not blamed") {
  World w;
  const auto frame = make_frame(FrameKind::kConsensus, status_message(1, 11));
  w.receive(2, frame);
  w.receive(4, frame);  // the observer
  w.intake.flush();
  w.parts.settle();
  CHECK(w.parts.inputs.empty());
  CHECK(w.parts.core.counters.messages_refused == 2);
  CHECK(w.parts.disconnected.empty());
}

TEST_CASE("a message of a kind that this program does not know is skipped and costs its sender") {
  World w;
  auto bytes = *make_frame(FrameKind::kConsensus, status_message(1, 11));
  const auto kind = static_cast<std::uint8_t>(consensus::MessageKind::kStatus);
  const auto at = std::find(bytes.begin() + 1, bytes.end(), kind);
  REQUIRE(at != bytes.end());
  *at = consensus::kMessageKinds;
  REQUIRE(consensus::is_of_unknown_kind(ByteView(bytes).subspan(1)));
  auto credit = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = credit;
  w.receive(1, std::make_shared<const Bytes>(std::move(bytes)), std::move(credit));
  w.intake.flush();
  w.parts.settle();
  CHECK(w.parts.core.counters.messages_unknown == 1);
  CHECK(w.parts.disconnected.empty());
  CHECK_FALSE(watched.expired());  // the sender gets its credit back with the tick alone
  w.intake.give_back();
  CHECK(watched.expired());
}

TEST_CASE("a flood of messages costs its sender's messages and no other peer's") {
  NodeLimits limits = one_by_one();
  limits.max_verifying_messages = 1;  // so the least share of each peer counts
  World w(limits);
  constexpr std::size_t kLeastShare = 128;
  for (std::uint64_t i = 0; i < kLeastShare + 7; ++i) w.receive_status(1, i + 1);
  w.receive_status(2, 5'000);
  CHECK(w.parts.core.counters.messages_refused == 7);
  w.intake.flush();
  w.parts.settle();
  CHECK(w.views().size() == kLeastShare + 1);
  CHECK(w.views().back() == 5'000);
  w.receive_status(1, 6'000);  // dealt with: there is room again
  w.intake.flush();
  w.parts.settle();
  CHECK(w.views().back() == 6'000);
}

TEST_CASE("submissions are answered in the order given, with what the ledger says of them") {
  World w;
  const auto known = w.parts.chain.submit({ledger::test::TestChain::enterprise(50)});
  w.parts.chain.add(*w.parts.db, {known});
  auto answer =
      w.check(w.work.clients(),
              {w.good(), std::make_shared<const Bytes>(encode(*known)), w.forged()}, true);
  REQUIRE(answer);
  CHECK(answer->complete);
  REQUIRE(answer->bodies.size() == 3);
  REQUIRE(answer->prechecks.size() == 3);
  CHECK(answer->bodies[0]);
  CHECK_FALSE(answer->prechecks[0].applied);
  REQUIRE(answer->bodies[1]);
  CHECK(answer->bodies[1]->id() == ledger::digests(*known)->id);
  REQUIRE(answer->prechecks[1].applied);
  CHECK(answer->prechecks[1].applied->height.value == 1);
  REQUIRE_FALSE(answer->bodies[2]);
  CHECK(answer->bodies[2].error().error.reason == ledger::AdmissionError::Reason::kBadSignature);
  CHECK(w.parts.disconnected.empty());  // a client may be wrong
}

TEST_CASE("a forged submission costs a peer its connection, and the rest of it is not checked") {
  World w;
  const auto answer = w.check(FairWork::peer(PeerIndex(1)), {w.forged(), w.good(), w.good()});
  REQUIRE(answer);
  CHECK(w.parts.disconnected == std::set<std::uint32_t>{1});
  CHECK_FALSE(answer->complete);
  CHECK(answer->bodies.size() == 1);
  CHECK(w.parts.core.counters.submissions_forged == 1);
  CHECK(w.intake.verifying() == 0);
}

TEST_CASE("a peer's flood takes its own room, and only an even share of the clients'") {
  World w;
  CHECK(w.intake.room_for_clients() == 10);
  std::vector<SharedBytes> flood;
  for (int i = 0; i < 7; ++i) flood.push_back(w.good());
  std::size_t answers = 0;
  w.intake.check(FairWork::peer(PeerIndex(1)), flood, false, [&](Intake::Answer) { ++answers; });
  CHECK_FALSE(w.intake.has_room(PeerIndex(1), false));
  CHECK(w.intake.has_room(PeerIndex(1), true));  // a block waits for it
  CHECK(w.intake.has_room(PeerIndex(2), false));
  // The clients, four validators and the observers have an even share of ten: one each.
  CHECK(w.intake.room_for_clients() == 9);
  w.parts.settle();
  CHECK(answers == 1);
  CHECK(w.intake.has_room(PeerIndex(1), false));
  CHECK(w.intake.room_for_clients() == 10);
}

}  // namespace imi::node::test
