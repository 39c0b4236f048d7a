// The order of the safety log, what is sent and what is executed (I4).
#include "node/outbox.h"

#include "tests/unit/node/parts.h"

namespace imi::node::test {
namespace {

struct World {
  Parts parts;
  std::size_t snapshots = 0;
  Outbox outbox{parts.core, [this] {
                  ++snapshots;
                  return Outbox::Snapshot{};
                }};

  // A step with a record, a message to member `to` and something to execute.
  void step(std::uint16_t to, bool recorded = true) {
    WalGroup group;
    if (recorded) group.records.emplace_back(consensus::CommitVote{});
    auto message = std::make_shared<const consensus::SignedMessage>(status_message(0, 1));
    outbox.add(std::move(group), {{chain::MemberId(to), std::move(message)}},
               [this, to] { parts.happened.push_back("execute " + std::to_string(to)); });
  }
  void write() {
    parts.log_writer.finish();
    parts.turn();
  }
};
using Happened = std::vector<std::string>;

}  // namespace

TEST_CASE("what a step makes durable is synced before it is sent, and sent before it is executed") {
  World w;
  const std::size_t before = w.parts.disk.syncs;
  w.step(1);
  w.parts.turn();
  CHECK(w.parts.happened.empty());
  CHECK(w.outbox.queued() == 1);
  w.write();
  CHECK(w.parts.disk.syncs == before + 1);
  CHECK(w.parts.happened == Happened{"durable 1", "frame to 1", "execute 1"});
  CHECK(w.outbox.queued() == 0);
}

TEST_CASE("a step that records nothing waits for no sync, but never overtakes a step before it") {
  World w;
  w.step(1, false);
  CHECK(w.parts.happened == Happened{"frame to 1", "execute 1"});
  w.parts.happened.clear();

  w.step(2);
  w.step(3, false);
  CHECK(w.parts.happened.empty());
  w.write();
  CHECK(w.parts.happened ==
        Happened{"durable 1", "frame to 2", "execute 2", "frame to 3", "execute 3"});
  CHECK(w.parts.log_writer.held() == 0);  // nothing was left to write
}

TEST_CASE("steps that come while the log is written share the next sync, in their order") {
  World w;
  const std::size_t before = w.parts.disk.syncs;
  w.step(1);
  w.step(2);
  w.step(3);
  CHECK(w.parts.log_writer.held() == 1);
  CHECK(w.outbox.queued() == 3);
  w.write();
  CHECK(w.parts.happened == Happened{"durable 1", "frame to 1", "execute 1"});
  w.parts.happened.clear();
  w.write();
  CHECK(w.parts.happened ==
        Happened{"durable 2", "frame to 2", "execute 2", "frame to 3", "execute 3"});
  CHECK(w.parts.disk.syncs == before + 2);
}

TEST_CASE("after a failed write nothing of that step or a later one is sent or executed") {
  for (const auto& [error, halt] :
       {std::pair(IoError::Reason::kIo, HaltCode::kSafetyLogFailed),
        std::pair(IoError::Reason::kNoSpace, HaltCode::kSafetyLogFull)}) {
    World w;
    w.parts.disk.fail_sync = error;
    w.step(1);
    w.step(2);
    w.write();
    REQUIRE(w.parts.halted);
    CHECK(w.parts.halted->code == halt);
    w.parts.disk.fail_sync.reset();
    w.step(3);
    w.step(0, false);
    w.parts.settle();
    CHECK(w.parts.happened.empty());
  }
}

TEST_CASE("a log that has grown large is replaced by a snapshot, which makes the waiting durable") {
  World w;
  WalGroup large;
  large.bodies.push_back({{}, std::make_shared<const Bytes>(kWalRotateBytes + 1)});
  w.outbox.add(std::move(large), {}, {});
  w.write();
  CHECK(w.snapshots == 0);
  CHECK(w.parts.log->file_bytes() > kWalRotateBytes);
  w.step(1);
  CHECK(w.snapshots == 1);
  CHECK(w.parts.happened.empty());
  w.write();
  CHECK(w.parts.log->file_bytes() < kWalRotateBytes);
  CHECK(w.parts.happened == Happened{"durable 1", "frame to 1", "execute 1"});
  w.step(2);
  CHECK(w.snapshots == 1);  // the new file is small again
  w.write();
  CHECK(w.parts.happened.back() == "execute 2");
}

}  // namespace imi::node::test
