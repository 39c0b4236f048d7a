// Validators that are initialised and running, and observers, in virtual time.
#pragma once

#include <doctest/doctest.h>

#include "tests/unit/node/cluster.h"

namespace imi::node::test {

struct RunningCluster : Cluster {
  explicit RunningCluster(std::uint32_t observers = 0) : Cluster(observers) {
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
        ++done;
      });
    }
    REQUIRE(run_until([&done, count] { return done == count; }, 60'000));
  }
};

inline SharedBytes encoded(const ledger::Submission& s) {
  return std::make_shared<const Bytes>(encode(s));
}

}  // namespace imi::node::test
