// What became of a submission's entries. The digest of SubmissionOutcomes is under the state root
// (SubmissionState), so a client proves its refusals as well as its successes.
#pragma once

#include <vector>

#include "ledger/core/refusal.h"
#include "ledger/core/types.h"

namespace imi::ledger {

// One entry's outcome, in full.
struct Outcome {
  enum class Kind : std::uint8_t { kAccepted, kRefused, kDuplicate };
  Kind kind = Kind::kAccepted;
  Hash256 id;       // kAccepted: what it created or changed (result_id)
  Refusal refusal;  // kRefused
  bool operator==(const Outcome&) const = default;
};

// A submission's outcomes, compact: what is not listed was accepted.
struct SubmissionOutcomes {
  struct Refused {
    std::uint32_t index = 0;
    Refusal refusal;
    bool operator==(const Refused&) const = default;
    template <class A>
    void serialize(A& ar) {
      ar(index, refusal);
    }
  };
  bool duplicate = false;  // a repeat of an earlier submission: nothing was executed
  std::uint32_t count = 0;
  std::vector<Refused> refused;  // ascending by index
  bool operator==(const SubmissionOutcomes&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(duplicate, count, refused);
    require(ar, refused.size() <= count);
  }
  // H(kOutcomes, encoding).
  [[nodiscard]] Hash256 digest() const;
  // nullptr: accepted (if index < count and not a duplicate).
  [[nodiscard]] const Refusal* refusal(std::uint32_t index) const;
};

}  // namespace imi::ledger
