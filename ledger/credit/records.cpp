#include "ledger/credit/records.h"

namespace imi::ledger {

std::string_view name(Life l) {
  switch (l) {
    case Life::kLive: return "live";
    case Life::kSuperseded: return "superseded";
    case Life::kWithdrawn: return "withdrawn";
    case Life::kRepaired: return "repaired";
  }
  return "?";
}

}  // namespace imi::ledger
