// The records of the state map, as stored, hashed and proved: the fate of submissions.
#pragma once

#include "base/fields.h"
#include "ledger/state/record.h"

namespace imi::ledger {

// submission/id (F3): its fate, kept until `keep_until`. `outcomes` = digest of SubmissionOutcomes
// (outcome.h); with refused = 0 they are known from `count` alone.
struct SubmissionState {
  using Key = chain::SubmissionId;
  static constexpr RecordUse kUse = RecordUse::kOnce;

  RecordTag<Space::kSubmission> schema;
  chain::Height height;
  std::uint32_t index = 0;  // in its block
  std::uint32_t count = 0;
  std::uint32_t refused = 0;
  Hash256 outcomes;
  chain::TimeMs keep_until;  // block time at which it is pruned
  bool operator==(const SubmissionState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("height", height);
    v("index", index);
    v("count", count);
    v("refused", refused);
    v("outcomes", outcomes);
    v("keep_until", keep_until);
  }
};

}  // namespace imi::ledger
