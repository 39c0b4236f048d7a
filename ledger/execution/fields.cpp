// What is wrong with an entry's own fields, by the catalog and the day alone.
#include <algorithm>

#include "base/unicode.h"
#include "crypto/suite.h"
#include "ledger/calendar.h"
#include "ledger/execution/context.h"

namespace imi::ledger::execution {
namespace {

constexpr std::uint64_t kMaxAmountFen = 100'000'000'000'000'000ULL;
constexpr std::int64_t kDayMs = 86'400'000;

std::unexpected<Refusal> out_of_range(RefusalField field, std::int64_t value = 0,
                                      std::int64_t limit = 0) {
  return refuse(RefusalCode::kFieldOutOfRange, field, value, limit);
}

template <class T>
bool strictly_ascending(const std::vector<T>& v) {
  return std::adjacent_find(v.begin(), v.end(), [](const T& a, const T& b) { return !(a < b); }) ==
         v.end();
}

bool is_short_name(std::string_view s) {
  return !s.empty() && s.size() <= kMaxShortNameBytes &&
         std::all_of(s.begin(), s.end(), [](char ch) {
           return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-';
         });
}

Verdict bad_text(RefusalField field, TextFlaw::Kind kind, std::uint32_t code_point = 0) {
  return refuse(RefusalCode::kFieldText, field, static_cast<std::int64_t>(kind), code_point);
}

// Clean text (base/unicode.h): one spelling for what looks the same, and not empty where required.
Verdict check_text(std::string_view s, RefusalField field, std::size_t limit, bool required,
                   TextForm form = TextForm::kText) {
  if (s.size() > limit) {
    return out_of_range(field, static_cast<std::int64_t>(s.size()),
                        static_cast<std::int64_t>(limit));
  }
  if (required && s.empty()) return bad_text(field, TextFlaw::Kind::kNoText);
  if (const auto flaw = text_flaw(s, form)) return bad_text(field, flaw->kind, flaw->code_point);
  return {};
}

Verdict check_uscc(const Uscc& uscc, bool as_issued) {
  if (auto ok = ledger::check(uscc, as_issued); !ok) {
    return refuse(RefusalCode::kUsccInvalid, RefusalField::kNone,
                  static_cast<std::int64_t>(ok.error()));
  }
  return {};
}

Verdict check_keys(const std::vector<crypto::PublicKey>& keys) {
  const auto n = static_cast<std::int64_t>(keys.size());
  if (keys.empty() || keys.size() > kMaxAgencyKeys) {
    return out_of_range(RefusalField::kKeys, n, kMaxAgencyKeys);
  }
  if (!strictly_ascending(keys)) return refuse(RefusalCode::kFieldOrder, RefusalField::kKeys);
  const auto bad =
      std::find_if_not(keys.begin(), keys.end(), [](const auto& k) { return crypto::is_valid(k); });
  if (bad == keys.end()) return {};
  return refuse(RefusalCode::kKeyInvalid, RefusalField::kKeys, bad - keys.begin() + 1);
}

Verdict check_divisions(const std::vector<Division>& divisions) {
  if (divisions.empty() || divisions.size() > kMaxAgencyDivisions) {
    return out_of_range(RefusalField::kDivisions, static_cast<std::int64_t>(divisions.size()),
                        kMaxAgencyDivisions);
  }
  if (strictly_ascending(divisions)) return {};
  return refuse(RefusalCode::kFieldOrder, RefusalField::kDivisions);
}

Verdict check_work_fields(const std::vector<FieldId>& fields, const Policy& policy) {
  if (fields.size() > kMaxAgencyFields) {
    return out_of_range(RefusalField::kFields, static_cast<std::int64_t>(fields.size()),
                        kMaxAgencyFields);
  }
  if (!strictly_ascending(fields)) return refuse(RefusalCode::kFieldOrder, RefusalField::kFields);
  for (FieldId f : fields) {
    if (policy.catalog.find(f) == nullptr) {
      return refuse(RefusalCode::kNoSuchField, RefusalField::kFields, f.value);
    }
  }
  return {};
}

// ---- events -----------------------------------------------------------------------------------

Verdict check_day(Day day, RefusalField field, Day today) {
  if (day < kFirstDay) return out_of_range(field, day.value, kFirstDay.value);
  if (day > kLastDay) return out_of_range(field, day.value, kLastDay.value);
  if (day > today) return refuse(RefusalCode::kDayInFuture, field, day.value, today.value);
  return {};
}

Verdict check_not_before(Day day, RefusalField field, Day earliest) {
  if (day < earliest) {
    return refuse(RefusalCode::kDaysOutOfOrder, field, day.value, earliest.value);
  }
  return {};
}

Verdict check_days(const EventFacts& f, const Policy& policy, Day today) {
  if (auto ok = check_day(f.occurred, RefusalField::kOccurred, today); !ok) return ok;
  if (auto ok = check_day(f.decided, RefusalField::kDecided, today); !ok) return ok;
  if (auto ok = check_not_before(f.decided, RefusalField::kDecided, f.occurred); !ok) return ok;
  if (f.ended) {
    if (auto ok = check_day(*f.ended, RefusalField::kEnded, today); !ok) return ok;
    if (auto ok = check_not_before(*f.ended, RefusalField::kEnded, f.occurred); !ok) return ok;
  }
  if (f.notified) {
    if (auto ok = check_day(*f.notified, RefusalField::kNotified, today); !ok) return ok;
  }
  if (f.backfill && f.decided >= policy.genesis_day) {
    return out_of_range(RefusalField::kBackfill, f.decided.value, policy.genesis_day.value);
  }
  return {};
}

Verdict check_needs(const PublicFacts& p, const EventFacts& f, const EventCode& code) {
  const auto missing = [](RefusalField field) { return refuse(RefusalCode::kFieldMissing, field); };
  if ((code.needs & kNeedsAmount) != 0 && !p.amount_fen) return missing(RefusalField::kAmount);
  if ((code.needs & kNeedsDoc) != 0 && p.doc.empty()) return missing(RefusalField::kDoc);
  if ((code.needs & kNeedsGrid) != 0 && !p.grid) return missing(RefusalField::kGrid);
  if ((code.needs & kNeedsNotice) != 0 && (!f.notified || *f.notified > f.decided)) {
    return refuse(RefusalCode::kNoticeMissing);
  }
  return {};
}

Verdict check_public(const PublicFacts& p, const EventFacts& f, const Policy& policy) {
  const EventCode* code = policy.catalog.find(p.code);
  if (code == nullptr) return refuse(RefusalCode::kNoSuchCode, RefusalField::kCode, p.code.value);
  if (!std::binary_search(code->rules.begin(), code->rules.end(), f.rule)) {
    return refuse(RefusalCode::kRuleNotAllowed, RefusalField::kRule, f.rule.value, p.code.value);
  }
  if (auto ok = check_text(p.doc, RefusalField::kDoc, kMaxDocBytes, false); !ok) return ok;
  if (auto ok = check_text(p.basis.text, RefusalField::kBasis, kMaxBasisBytes, true); !ok) {
    return ok;
  }
  if (p.basis.level > code->weakest_basis) {
    return refuse(RefusalCode::kBasisInsufficient, RefusalField::kBasis,
                  static_cast<std::int64_t>(p.basis.level),
                  static_cast<std::int64_t>(code->weakest_basis));
  }
  if (p.amount_fen && *p.amount_fen > kMaxAmountFen) {
    return out_of_range(
        RefusalField::kAmount,
        static_cast<std::int64_t>(std::min<std::uint64_t>(*p.amount_fen, INT64_MAX)),
        static_cast<std::int64_t>(kMaxAmountFen));
  }
  if (p.grid && (p.grid->set == 0 || p.grid->district == 0)) {
    return out_of_range(RefusalField::kGrid, p.grid->district);
  }
  return check_needs(p, f, *code);
}

Verdict check_committed(const CommittedFacts& p, const EventFacts& f, const Policy& policy) {
  const auto plain = [](RefusalField field, Day day) {
    return refuse(RefusalCode::kPlaintextForPerson, field, day.value);
  };
  if (!is_first_of_month(f.occurred)) return plain(RefusalField::kOccurred, f.occurred);
  if (!is_first_of_month(f.decided)) return plain(RefusalField::kDecided, f.decided);
  if (f.ended && !is_first_of_month(*f.ended)) return plain(RefusalField::kEnded, *f.ended);
  if (f.notified && !is_first_of_month(*f.notified)) {
    return plain(RefusalField::kNotified, *f.notified);
  }
  const Bucket* bucket = policy.catalog.find(p.bucket);
  if (bucket == nullptr) {
    return refuse(RefusalCode::kNoSuchBucket, RefusalField::kBucket, p.bucket.value);
  }
  if (bucket->rule != f.rule) {
    return refuse(RefusalCode::kRuleNotAllowed, RefusalField::kRule, f.rule.value, p.bucket.value);
  }
  if (p.commitment.is_zero()) return out_of_range(RefusalField::kCommitment);
  return {};
}

Verdict check_facts(const EventFacts& f, const Policy& policy, Day today) {
  if (policy.catalog.find(f.rule) == nullptr) {
    return refuse(RefusalCode::kNoSuchRule, RefusalField::kRule, f.rule.value);
  }
  if (auto ok = check_days(f, policy, today); !ok) return ok;
  if (const auto* p = std::get_if<PublicFacts>(&f.what)) return check_public(*p, f, policy);
  return check_committed(std::get<CommittedFacts>(f.what), f, policy);
}

// As text where the facts are public, so that every spelling of one case meets the same event;
// never as text where they are a person's.
Verdict check_source(const Source& source, bool is_public) {
  const auto* text = std::get_if<std::string>(&source);
  if (is_public && text == nullptr) return refuse(RefusalCode::kSourceForm, RefusalField::kSource);
  if (text == nullptr) return {};
  if (!is_public) return refuse(RefusalCode::kPlaintextForPerson, RefusalField::kSource);
  return check_text(*text, RefusalField::kSource, kMaxSourceBytes, true, TextForm::kKey);
}

}  // namespace

Verdict check(const AgencyRegister& e, const Policy& policy, Day) {
  const AgencyProfile& p = e.profile;
  if (!is_short_name(p.short_name) || e.id != ledger::agency_id(p.short_name)) {
    return out_of_range(RefusalField::kShortName, static_cast<std::int64_t>(p.short_name.size()),
                        kMaxShortNameBytes);
  }
  if (auto ok = check_text(p.title, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  if (auto ok = check_uscc(p.uscc, p.as_issued); !ok) return ok;
  if (auto ok = check_work_fields(p.fields, policy); !ok) return ok;
  if (auto ok = check_divisions(p.divisions); !ok) return ok;
  return check_keys(p.keys);
}

Verdict check(const AgencyUpdate& e, const Policy& policy, Day) {
  if (!e.title && !e.parent && !e.tier && !e.roles && !e.fields && !e.divisions && !e.keys &&
      !e.status) {
    return out_of_range(RefusalField::kChanges);
  }
  if (e.title) {
    if (auto ok = check_text(*e.title, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  }
  if (e.fields) {
    if (auto ok = check_work_fields(*e.fields, policy); !ok) return ok;
  }
  if (e.divisions) {
    if (auto ok = check_divisions(*e.divisions); !ok) return ok;
  }
  if (e.keys) return check_keys(*e.keys);
  return {};
}

Verdict check(const SubjectEnterprise& e, const Policy&, Day) {
  if (auto ok = check_uscc(e.uscc, e.as_issued); !ok) return ok;
  if (auto ok = check_text(e.name, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  if (e.division.code == 0) return out_of_range(RefusalField::kDivision);
  return {};
}

Verdict check(const SubjectPerson& e, const Policy&, Day) {
  if (e.id.is_zero()) return out_of_range(RefusalField::kSubject);
  if (!crypto::is_valid(e.key)) {
    return refuse(RefusalCode::kKeyInvalid, RefusalField::kKeys, 1);
  }
  if (e.commitment.is_zero()) return out_of_range(RefusalField::kCommitment);
  return {};
}

Verdict check(const AttIssue& e, const Policy& policy, Day today) {
  const Schema* schema = policy.catalog.find(e.schema);
  if (schema == nullptr) {
    return refuse(RefusalCode::kNoSuchSchema, RefusalField::kNone, e.schema.value);
  }
  if (e.id.is_zero()) return out_of_range(RefusalField::kSubject);
  if (e.level == 0) return out_of_range(RefusalField::kLevel, 0, 1);
  if (e.claims == 0 || e.claims > kMaxClaims || e.claims_root.is_zero()) {
    return out_of_range(RefusalField::kClaims, e.claims, kMaxClaims);
  }
  if (e.holder_key_hash.is_zero()) return out_of_range(RefusalField::kKeys);
  // Bounds first, so that the difference below cannot overflow.
  const chain::TimeMs first = start_of(kFirstDay);
  const chain::TimeMs last = start_of(kLastDay);
  if (e.from < first) return out_of_range(RefusalField::kFrom, e.from.value, first.value);
  if (e.until > last) return out_of_range(RefusalField::kUntil, e.until.value, last.value);
  if (e.until <= e.from) return out_of_range(RefusalField::kUntil, e.until.value, e.from.value);
  if (e.until <= start_of(today)) {
    return out_of_range(RefusalField::kUntil, e.until.value, start_of(today).value);
  }
  const std::int64_t longest = schema->max_days * kDayMs;
  if (e.until.value - e.from.value > longest) {
    return out_of_range(RefusalField::kUntil, e.until.value, e.from.value + longest);
  }
  return {};
}

Verdict check(const AttStatus&, const Policy&, Day) { return {}; }

Verdict check(const EventRecord& e, const Policy& policy, Day today) {
  if (auto ok = check_facts(e.facts, policy, today); !ok || !e.source) return ok;
  return check_source(*e.source, std::holds_alternative<PublicFacts>(e.facts.what));
}

Verdict check(const EventCorrect& e, const Policy& policy, Day today) {
  return check_facts(e.facts, policy, today);
}

Verdict check(const EventWithdraw&, const Policy&, Day) { return {}; }

}  // namespace imi::ledger::execution
