#include <doctest/doctest.h>

#include "ledger/core/types.h"

using namespace imi::ledger;

TEST_CASE("A set of roles has exactly the roles it was made of") {
  const Roles roles{Role::kCouncil, Role::kRecorder};
  CHECK(roles.has(Role::kCouncil));
  CHECK(roles.has(Role::kRecorder));
  CHECK_FALSE(roles.has(Role::kMarket));
  CHECK_FALSE(roles.has(Role::kRegistrar));
}

TEST_CASE("A set with a role that this version does not know is refused on decoding") {
  Roles roles;
  roles.bits = Roles::kAll + 1;
  CHECK_FALSE(imi::decode<Roles>(imi::encode(roles)).has_value());
}
