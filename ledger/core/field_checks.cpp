#include "ledger/core/field_checks.h"

namespace imi::ledger {

namespace {

Ruling bad_text(RefusalField field, TextFlaw::Kind kind, std::uint32_t code_point = 0) {
  return refuse(RefusalCode::kFieldText, field, static_cast<std::int64_t>(kind), code_point);
}

}  // namespace

Ruling check_text(std::string_view s, RefusalField field, std::size_t limit, bool required,
                  TextForm form) {
  if (s.size() > limit) {
    return out_of_range(field, static_cast<std::int64_t>(s.size()),
                        static_cast<std::int64_t>(limit));
  }
  if (required && s.empty()) return bad_text(field, TextFlaw::Kind::kNoText);
  if (const auto flaw = text_flaw(s, form)) return bad_text(field, flaw->kind, flaw->code_point);
  return {};
}

Ruling check_uscc(const Uscc& uscc, bool as_issued) {
  if (auto ok = ledger::check(uscc, as_issued); !ok) {
    return refuse(RefusalCode::kUsccInvalid, RefusalField::kNone,
                  static_cast<std::int64_t>(ok.error()));
  }
  return {};
}

}  // namespace imi::ledger
