#include "ledger/submission/outcome.h"

#include <algorithm>

#include "crypto/hash.h"

namespace imi::ledger {

Hash256 SubmissionOutcomes::digest() const {
  return crypto::hash_of(crypto::Domain::kOutcomes, *this);
}

const Refusal* SubmissionOutcomes::refusal(std::uint32_t index) const {
  const auto it = std::lower_bound(refused.begin(), refused.end(), index,
                                   [](const Refused& r, std::uint32_t i) { return r.index < i; });
  return it != refused.end() && it->index == index ? &it->refusal : nullptr;
}

}  // namespace imi::ledger
