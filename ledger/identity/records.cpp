#include "ledger/identity/records.h"

namespace imi::ledger {

std::string_view name(AttLife l) {
  switch (l) {
    case AttLife::kActive: return "active";
    case AttLife::kSuspended: return "suspended";
    case AttLife::kRevoked: return "revoked";
    case AttLife::kSurrendered: return "surrendered";
  }
  return "?";
}

}  // namespace imi::ledger
