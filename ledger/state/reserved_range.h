// A place that records keep for what later kinds of entries will commit to.
#pragma once

#include "base/bytes.h"
#include "base/codec.h"

namespace imi::ledger {

// A commitment that a later entry kind will fill: 0 now (one byte).
struct ReservedRange {
  std::uint64_t n = 0;
  Hash256 root;
  bool operator==(const ReservedRange&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(n);
    if (n != 0) ar(root);
  }
};

}  // namespace imi::ledger
