#include "ledger/credit/entries.h"

namespace imi::ledger {

std::string_view name(ChangeReason r) {
  switch (r) {
    case ChangeReason::kTypo: return "typo";
    case ChangeReason::kWrongSubject: return "wrong-subject";
    case ChangeReason::kFinalDecision: return "final-decision";
    case ChangeReason::kRevoked: return "revoked";
    case ChangeReason::kDuplicate: return "duplicate";
    case ChangeReason::kOther: return "other";
  }
  return "?";
}

SourceKey key_of(const Source& source) {
  if (const auto* text = std::get_if<std::string>(&source)) return source_key(*text);
  return std::get<SourceKey>(source);
}

}  // namespace imi::ledger
