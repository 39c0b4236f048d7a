// Open files shared out: the node's own and its peers' before those of RPC clients.
#include "node/real/descriptors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

namespace imi::node {
namespace {
constexpr DescriptorNeeds kNeeds{256, 72, 1024};
constexpr std::uint64_t kKept = 256 + 72 + kOwnDescriptors;
}  // namespace

TEST_CASE("clients get what store, peers and the node itself leave, down to a least number") {
  CHECK(descriptors_wanted(kNeeds) == kKept + 1024);
  CHECK(clients_within(1 << 20, kNeeds) == 1024);
  CHECK(clients_within(kKept + 1024, kNeeds) == 1024);
  CHECK(clients_within(1024, kNeeds) == 1024 - kKept);
  CHECK(clients_within(kKept + kFewestClients, kNeeds) == kFewestClients);
  const auto refused = clients_within(kKept + kFewestClients - 1, kNeeds);
  REQUIRE_FALSE(refused.has_value());
  for (const char* word : {"only 391 files", "needs 392", "LimitNOFILE"}) {
    CAPTURE(word);
    CHECK(refused.error().find(word) != std::string::npos);
  }
  CHECK_FALSE(clients_within(0, kNeeds).has_value());
}

TEST_CASE("the soft limit is raised as far as wanted and allowed, and never lowered") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 200;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(raise_descriptor_limit(100) == 200);
  CHECK(raise_descriptor_limit(300) == 300);
  CHECK(raise_descriptor_limit(UINT64_MAX) == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

}  // namespace imi::node
