// Test support: four validators of the real thing, initialised and running.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>

#include "node/wire.h"
#include "tests/unit/node/cluster.h"

namespace imi::node::test {

struct Running : Cluster {
  explicit Running(std::uint32_t observers = 0) : Cluster(observers) {
    for (const auto& n : nodes) {
      if (n->member) n->init();
    }
    for (const auto& n : nodes) n->start();
  }
  // Submits n.. through node `via` and waits until all are certified there.
  void commit(std::uint32_t via, std::uint32_t first, std::uint32_t count) {
    std::uint32_t done = 0;
    for (std::uint32_t n = first; n < first + count; ++n) {
      node(via).submit_later(*submission(n), WaitFor::kCertified, 60'000, [&done](SubmitResult r) {
        REQUIRE(r);
        CHECK(r->status == SubmissionStatus::kCommitted);
        CHECK(r->certified);
        ++done;
      });
    }
    REQUIRE(run_until([&done, count] { return done == count; }, 60'000));
  }
  void same_stores() {
    REQUIRE(run_until([this] { return certified_everywhere(1); }));
    const chain::LedgerHead head = node(0).up() ? node(0).certified : node(1).certified;
    for (const auto& n : nodes) {
      if (n->up()) CHECK(n->db->certified() == head);
    }
  }
  [[nodiscard]] std::uint64_t highest_view() const {
    std::uint64_t view = 0;
    for (const auto& n : nodes) {
      if (n->up()) view = std::max(view, n->driver->status().view.value);
    }
    return view;
  }
};

using RunningCluster = Running;

// Member `from` pushes it to one node.
inline void push(TestNode& to, std::uint32_t from, const ledger::Submission& s) {
  const SharedBytes bytes = std::make_shared<const Bytes>(encode(s));
  to.driver->on_message(PeerIndex(from), make_push_frame(1, std::span(&bytes, 1)));
}

inline SharedBytes encoded(const ledger::Submission& s) {
  return std::make_shared<const Bytes>(encode(s));
}

}  // namespace imi::node::test
