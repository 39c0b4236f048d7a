// Bulk work in turns: no backlog of one sender delays another's work.
#include "node/fair_work.h"

#include "tests/unit/node/parts.h"

namespace imi::node::test {
namespace {

NodeLimits one_at_a_time() {
  NodeLimits limits;
  limits.verify_pieces = 1;
  return limits;
}

struct World {
  Parts parts{one_at_a_time()};
  FairWork work{parts.core};
  std::vector<std::string> done;

  void run(WorkSource source, const std::string& what) {
    work.run(source, [] {}, [this, what](bool ran) { done.push_back(ran ? what : "no " + what); });
  }
};

}  // namespace

TEST_CASE("validators and clients have their turns; a backlog waits for its own turn") {
  World w;
  const WorkSource flood = FairWork::peer(PeerIndex(0));
  for (const char* what : {"flood 1", "flood 2", "flood 3"}) w.run(flood, what);
  w.run(FairWork::peer(PeerIndex(1)), "peer");
  w.run(w.work.clients(), "client");
  CHECK(w.parts.verify.held() == 1);  // given to the workers one at a time
  w.parts.settle();
  CHECK(w.done == std::vector<std::string>{"flood 1", "flood 2", "peer", "client", "flood 3"});
}

TEST_CASE("dropped work is told, never begun, and takes no one's turn") {
  World w;
  const WorkSource liar = FairWork::peer(PeerIndex(0));
  for (const char* what : {"lie 1", "lie 2", "lie 3"}) w.run(liar, what);
  w.run(w.work.clients(), "client");
  w.work.drop(liar);
  CHECK(w.done == std::vector<std::string>{"no lie 2", "no lie 3"});
  w.parts.settle();
  CHECK(w.done == std::vector<std::string>{"no lie 2", "no lie 3", "lie 1", "client"});
  w.run(liar, "later");
  w.parts.settle();
  CHECK(w.done.back() == "later");
}

}  // namespace imi::node::test
