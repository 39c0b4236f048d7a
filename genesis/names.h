// Internal to genesis/: the values of enums that TOML files name.
#pragma once

#include <array>
#include <string>

#include "ledger/submission/entry.h"

namespace imi::genesis {

inline constexpr std::array kGravities = {ledger::Gravity::kNone, ledger::Gravity::kMinor,
                                          ledger::Gravity::kGeneral, ledger::Gravity::kSerious};
inline constexpr std::array kPolarities = {ledger::Polarity::kNeutral, ledger::Polarity::kPositive,
                                           ledger::Polarity::kNegative};
inline constexpr std::array kBasisLevels = {
    ledger::BasisLevel::kLaw, ledger::BasisLevel::kRegulation, ledger::BasisLevel::kRule,
    ledger::BasisLevel::kNormative, ledger::BasisLevel::kPact};

inline constexpr std::array kTiers = {
    ledger::AgencyTier::kNational, ledger::AgencyTier::kProvince, ledger::AgencyTier::kCity,
    ledger::AgencyTier::kDistrict, ledger::AgencyTier::kTown,     ledger::AgencyTier::kCommunity};
inline constexpr std::array kSourceClasses = {
    ledger::SourceClass::kStateOrgan, ledger::SourceClass::kPublicInstitution,
    ledger::SourceClass::kPublicUtility, ledger::SourceClass::kAssociation,
    ledger::SourceClass::kCompany};

// "none, minor, general".
template <class E, std::size_t N>
std::string names_of(const std::array<E, N>& all) {
  std::string out;
  for (E e : all) {
    if (!out.empty()) out += ", ";
    out += name(e);
  }
  return out;
}

}  // namespace imi::genesis
