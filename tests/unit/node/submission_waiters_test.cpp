// Clients that wait: answered when their submission is as far as they asked, or cannot get there.
#include "node/submission_waiters.h"

#include "tests/unit/node/parts.h"

namespace imi::node::test {
namespace {

chain::SubmissionId id(std::uint8_t n) {
  chain::SubmissionId out;
  out.bytes[0] = n;
  return out;
}

struct World {
  explicit World(const NodeLimits& limits = {}) : parts(limits) {}
  Parts parts;
  SubmissionWaiters waiters{parts.core};
  std::vector<SubmitResult> answers;

  void wait(std::uint8_t n, WaitFor until, std::uint32_t timeout_ms = 1'000) {
    waiters.wait(id(n), until, timeout_ms, answer());
  }
  SubmissionWaiters::Done answer() {
    return [this](SubmitResult r) { answers.push_back(std::move(r)); };
  }
  void execute(std::uint64_t height, std::initializer_list<std::uint8_t> ids,
               const LedgerPort::Repeats& repeats = {}) {
    std::vector<chain::SubmissionId> list;
    for (const std::uint8_t n : ids) list.push_back(id(n));
    waiters.executed(chain::Height(height), list, repeats);
  }
  [[nodiscard]] NodeRefusal::Reason refusal(std::size_t i) const {
    REQUIRE_FALSE(answers.at(i));
    return std::get<NodeRefusal>(answers[i].error()).reason;
  }
};

}  // namespace

TEST_CASE("who waits for a block is answered when it is executed, with the submission's place") {
  World w;
  w.wait(2, WaitFor::kCommitted);
  w.execute(5, {1, 2, 3});
  REQUIRE(w.answers.size() == 1);
  const SubmissionReport& r = *w.answers[0];
  CHECK(r.status == SubmissionStatus::kCommitted);
  CHECK(r.id == id(2));
  CHECK(r.height.value == 5);
  CHECK(r.index == 1);
  CHECK_FALSE(r.certified);
  CHECK(w.waiters.waiting() == 0);
  CHECK(w.parts.reported.size() == 3);  // subscribers hear of all
}

TEST_CASE(
    "who waits for certification is answered when a head at or above the block is certified") {
  World w;
  w.wait(1, WaitFor::kCertified);
  w.execute(5, {1});
  w.waiters.certified(chain::Height(4));
  CHECK(w.answers.empty());
  w.waiters.certified(chain::Height(6));
  REQUIRE(w.answers.size() == 1);
  CHECK(w.answers[0]->certified);
  CHECK(w.answers[0]->height.value == 5);
}

TEST_CASE("of a repeated submission the first place is told, whichever block repeats it") {
  World w;
  w.execute(5, {1, 2});
  w.wait(2, WaitFor::kCommitted);
  ledger::LedgerDb::Repeat repeat;
  repeat.index = 0;
  repeat.first = {chain::Height(3), 7};
  w.execute(6, {9, 2}, {repeat});
  const auto nine = w.waiters.recent(id(9));
  REQUIRE(nine);
  CHECK(nine->height.value == 3);
  CHECK(nine->index == 7);
  CHECK(w.waiters.recent(id(2))->height.value == 5);
}

TEST_CASE("a wait ends by its own timeout, and the answer says that the outcome is open") {
  World w;
  w.wait(1, WaitFor::kCommitted, 100);
  w.wait(2, WaitFor::kCertified, 300);
  w.execute(5, {2});
  w.parts.now_us += 99'000;
  w.waiters.expire_waits();
  CHECK(w.answers.empty());
  w.parts.now_us += 1'000;
  w.waiters.expire_waits();
  REQUIRE(w.answers.size() == 1);
  CHECK(w.refusal(0) == NodeRefusal::Reason::kTimeout);
  w.parts.now_us += 200'000;
  w.waiters.expire_waits();
  REQUIRE(w.answers.size() == 2);
  CHECK(w.refusal(1) == NodeRefusal::Reason::kTimeout);
  w.waiters.certified(chain::Height(9));  // too late for anybody
  w.execute(6, {1});
  CHECK(w.answers.size() == 2);
}

TEST_CASE("all who wait for a submission that expired are told so") {
  World w;
  w.wait(1, WaitFor::kCommitted);
  w.wait(1, WaitFor::kCertified);
  w.wait(2, WaitFor::kCommitted);
  w.waiters.expired(id(1));
  REQUIRE(w.answers.size() == 2);
  for (const SubmitResult& r : w.answers) {
    REQUIRE(r);
    CHECK(r->status == SubmissionStatus::kExpired);
    CHECK(r->id == id(1));
  }
  CHECK(w.waiters.waiting() == 1);
}

TEST_CASE("more clients than a node serves are turned away at once; one that stops tells all") {
  NodeLimits limits;
  limits.max_waiting_clients = 2;
  World w(limits);
  w.wait(1, WaitFor::kCommitted);
  w.wait(2, WaitFor::kCommitted);
  w.wait(3, WaitFor::kCommitted);
  REQUIRE(w.answers.size() == 1);
  CHECK(w.refusal(0) == NodeRefusal::Reason::kTooManyWait);
  // One that was committed already is turned away only where it would have to wait.
  const SubmissionReport known{SubmissionStatus::kCommitted, id(4), chain::Height(1), 0, false, {}};
  w.waiters.answer(known, WaitFor::kCertified, 100, w.answer());
  CHECK(w.refusal(1) == NodeRefusal::Reason::kTooManyWait);
  w.waiters.answer(known, WaitFor::kCommitted, 100, w.answer());
  CHECK(w.answers.at(2)->height.value == 1);
  w.waiters.stop();
  REQUIRE(w.answers.size() == 5);
  CHECK(w.refusal(3) == NodeRefusal::Reason::kStopping);
  CHECK(w.refusal(4) == NodeRefusal::Reason::kStopping);
}

TEST_CASE("submissions of the last blocks are remembered, older ones are left to the ledger") {
  NodeLimits limits;
  limits.recent_blocks = 2;
  World w(limits);
  w.execute(1, {1});
  w.execute(2, {2});
  CHECK(w.waiters.recent(id(1)));
  CHECK(w.waiters.remembers_above(chain::Height(0)));
  w.execute(3, {3});
  CHECK_FALSE(w.waiters.recent(id(1)));
  CHECK(w.waiters.recent(id(2)));
  CHECK_FALSE(w.waiters.remembers_above(chain::Height(0)));
  CHECK(w.waiters.remembers_above(chain::Height(1)));
  CHECK_FALSE(w.waiters.recent(id(2))->certified);
  w.waiters.certified(chain::Height(2));
  CHECK(w.waiters.recent(id(2))->certified);
  CHECK_FALSE(w.waiters.recent(id(3))->certified);
}

}  // namespace imi::node::test
