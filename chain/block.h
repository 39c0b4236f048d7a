// Blocks: a header chained by parent id, and a body that lists submissions by content hash.
#pragma once

#include <vector>

#include "base/codec.h"
#include "chain/ids.h"

namespace imi::chain {

inline constexpr std::size_t kMaxBlockItems = 8192;  // submissions per block
// W at most: blocks that a primary keeps uncommitted (A5). Consensus' messages and a chain's
// parameters are bounded by the same number.
inline constexpr std::uint32_t kMaxPipeline = 16;

struct BlockHeader {
  Epoch epoch;
  Height height;
  BlockId parent;     // zero for height 1
  TimeMs time;        // strictly greater than the parent's (C1)
  Hash256 body_root;  // body_root(items)
  bool operator==(const BlockHeader&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(epoch, height, parent, time, body_root);
  }
};

// Rule A1: covers genesis, epoch, height, parent, time and body; not view, not proposer. A
// re-proposal in a later view is the same block, to the byte.
[[nodiscard]] BlockId block_id(const GenesisId& genesis, const BlockHeader& header);

// Hash of the list of content hashes, in block order, with its count.
[[nodiscard]] Hash256 body_root(const std::vector<ContentHash>& items);

struct Block {
  BlockHeader header;
  std::vector<ContentHash> items;
  bool operator==(const Block&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(header, items);
    require(ar, items.size() <= kMaxBlockItems);
  }
};

}  // namespace imi::chain
