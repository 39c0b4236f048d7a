// LedgerHead: what the validators sign after executing a block, and what every proof ends in.
#pragma once

#include "base/codec.h"
#include "chain/ids.h"

namespace imi::chain {

struct LedgerHead {
  GenesisId genesis;
  Epoch epoch;
  Height height;
  TimeMs time;         // the block's time
  BlockId block;       // zero at height 0
  Hash256 state_root;  // root of the state map after the block
  Hash256 log_root;    // root of the event log after the block
  std::uint64_t log_size = 0;
  Hash256 validators_digest;       // the set that signs this head
  Hash256 next_validators_digest;  // the set of the next epoch (the same unless it changes)
  Hash256 params_digest;
  bool operator==(const LedgerHead&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, genesis, epoch, height, time, block, state_root, log_root, log_size,
       validators_digest, next_validators_digest, params_digest);
  }
  SchemaVersion<1> version;

  [[nodiscard]] Hash256 digest() const;
};

}  // namespace imi::chain
