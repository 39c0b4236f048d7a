// LedgerHead: what the validators sign after executing a block, and what every proof ends in.
//
// A head commits to all heads before it (`heads_root`): a tree in the shape of RFC 6962 over
// SHA-256, leaf h being the canonical encoding of the head of height h. So any earlier head is
// proved under a newer one by a path of at most 64 hashes, whoever signed either.
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
  Hash256 heads_root;  // of the heads of heights 0..height-1; at height 0 of none
  bool operator==(const LedgerHead&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, genesis, epoch, height, time, block, state_root, log_root, log_size,
       validators_digest, next_validators_digest, params_digest, heads_root);
  }
  SchemaVersion<2> version;

  [[nodiscard]] Hash256 digest() const;
  // Its leaf in later heads' heads_root.
  [[nodiscard]] Hash256 heads_leaf() const;
};

}  // namespace imi::chain
