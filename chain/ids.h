// The numbers and names that consensus and ledger share. The two modules never see each other; what
// both must name lives here.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/strong_id.h"

namespace imi::chain {

// Block height. Genesis state is height 0; the first block is height 1.
using Height = StrongId<struct HeightTag, std::uint64_t>;
// PBFT view. The primary of a view is chain::primary(set, epoch, view).
using View = StrongId<struct ViewTag, std::uint64_t>;
// A span of heights with one validator set.
using Epoch = StrongId<struct EpochTag, std::uint32_t>;
// Index of a validator in its epoch's set, from 0.
using MemberId = StrongId<struct MemberTag, std::uint16_t>;
// Milliseconds since 1970-01-01T00:00:00Z. Block time, expiry and clocks.
using TimeMs = StrongId<struct TimeTag, std::int64_t>;

// H(genesis document): the chain's identity, the first thing every signature covers.
using GenesisId = FixedBytes<struct GenesisIdTag, 32>;
// Hash of a block header without view and proposer (rule A1).
using BlockId = FixedBytes<struct BlockIdTag, 32>;
// Hash of a submission INCLUDING its signature: what blocks list and bodies are fetched by (B3).
using ContentHash = FixedBytes<struct ContentHashTag, 32>;
// Hash of a submission WITHOUT its signature: what repeats are recognised by.
using SubmissionId = FixedBytes<struct SubmissionIdTag, 32>;

template <class To, class Tag>
[[nodiscard]] To retag(const FixedBytes<Tag, 32>& v) {
  To out;
  out.bytes = v.bytes;
  return out;
}

}  // namespace imi::chain
