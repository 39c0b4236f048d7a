#include "ledger/identity/entries.h"

namespace imi::ledger {

std::string_view name(EnterpriseStatus s) {
  switch (s) {
    case EnterpriseStatus::kActive: return "active";
    case EnterpriseStatus::kSuspended: return "suspended";
    case EnterpriseStatus::kRevoked: return "revoked";
    case EnterpriseStatus::kDeregistered: return "deregistered";
  }
  return "?";
}

std::string_view name(AttAction a) {
  switch (a) {
    case AttAction::kRevoke: return "revoke";
    case AttAction::kSuspend: return "suspend";
    case AttAction::kReinstate: return "reinstate";
  }
  return "?";
}

std::string_view name(AttReason r) {
  switch (r) {
    case AttReason::kUnspecified: return "unspecified";
    case AttReason::kKeyCompromised: return "key-compromised";
    case AttReason::kClaimsWrong: return "claims-wrong";
    case AttReason::kReplaced: return "replaced";
    case AttReason::kNoLongerHolds: return "no-longer-holds";
    case AttReason::kSurrendered: return "surrendered";
  }
  return "?";
}

}  // namespace imi::ledger
