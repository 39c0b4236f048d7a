#include "ledger/core/types.h"

namespace imi::ledger {

std::string_view name(SubjectClass c) {
  switch (c) {
    case SubjectClass::kEnterprise: return "enterprise";
    case SubjectClass::kPerson: return "person";
  }
  return "?";
}

std::string_view name(Gravity g) {
  switch (g) {
    case Gravity::kNone: return "none";
    case Gravity::kMinor: return "minor";
    case Gravity::kGeneral: return "general";
    case Gravity::kSerious: return "serious";
  }
  return "?";
}

std::string_view name(Polarity p) {
  switch (p) {
    case Polarity::kNeutral: return "neutral";
    case Polarity::kPositive: return "positive";
    case Polarity::kNegative: return "negative";
  }
  return "?";
}

std::string_view name(BasisLevel b) {
  switch (b) {
    case BasisLevel::kLaw: return "law";
    case BasisLevel::kRegulation: return "regulation";
    case BasisLevel::kRule: return "rule";
    case BasisLevel::kNormative: return "normative";
    case BasisLevel::kPact: return "pact";
  }
  return "?";
}

std::string_view name(Role r) {
  switch (r) {
    case Role::kCouncil: return "council";
    case Role::kRegistrar: return "registrar";
    case Role::kMarket: return "market";
    case Role::kRecorder: return "recorder";
    case Role::kIssuer: return "issuer";
  }
  return "?";
}

}  // namespace imi::ledger
