#include "ledger/agency/entries.h"

namespace imi::ledger {

std::string_view name(AgencyTier t) {
  switch (t) {
    case AgencyTier::kNational: return "national";
    case AgencyTier::kProvince: return "province";
    case AgencyTier::kCity: return "city";
    case AgencyTier::kDistrict: return "district";
    case AgencyTier::kTown: return "town";
    case AgencyTier::kCommunity: return "community";
  }
  return "?";
}

std::string_view name(SourceClass s) {
  switch (s) {
    case SourceClass::kStateOrgan: return "state-organ";
    case SourceClass::kPublicInstitution: return "public-institution";
    case SourceClass::kPublicUtility: return "public-utility";
    case SourceClass::kAssociation: return "association";
    case SourceClass::kCompany: return "company";
  }
  return "?";
}

std::string_view name(AgencyStatus s) {
  switch (s) {
    case AgencyStatus::kActive: return "active";
    case AgencyStatus::kSuspended: return "suspended";
    case AgencyStatus::kClosed: return "closed";
  }
  return "?";
}

}  // namespace imi::ledger
