#include "ledger/agency/authority.h"

#include <algorithm>

#include "base/check.h"
#include "ledger/core/codes.h"
#include "ledger/identity/records.h"

namespace imi::ledger::execution {

namespace {

// Why an author that is no agency may not do what an agency does.
std::unexpected<Refusal> refuse_non_agency(Context& c, Role role) {
  const auto missing = [role] {
    return refuse(RefusalCode::kRoleMissing, RefusalField::kNone, static_cast<std::int64_t>(role));
  };
  const auto& subject = c.state.at<SubjectState>(chain::retag<SubjectId>(c.header.author));
  if (subject.value) {
    if (subject.value->keys_root != keys_root(c.header.key)) {
      return refuse(RefusalCode::kKeyNotAuthorised);
    }
    return missing();
  }
  if (chain::retag<Hash256>(c.header.author) == key_hash(c.header.key)) return missing();
  return refuse(RefusalCode::kNoSuchAuthor);
}

// An agency, with a key that it has now, and active.
std::expected<const AgencyState*, Refusal> agency(Context& c) {
  if (!c.author.value) return refuse(RefusalCode::kNoSuchAuthor);
  const AgencyState& a = *c.author.value;
  if (!holds(a.profile.keys, c.header.key)) return refuse(RefusalCode::kKeyNotAuthorised);
  if (a.status != AgencyStatus::kActive) return refuse(RefusalCode::kAuthorSuspended);
  return &a;
}

std::expected<const AgencyState*, Refusal> agency_with(Context& c, Role role) {
  if (!c.author.value) return refuse_non_agency(c, role);
  auto a = agency(c);
  if (a && !(*a)->profile.roles.has(role)) {
    return refuse(RefusalCode::kRoleMissing, RefusalField::kNone, static_cast<std::int64_t>(role));
  }
  return a;
}

}  // namespace

bool holds(const std::vector<crypto::PublicKey>& keys, const crypto::PublicKey& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::expected<const AgencyState*, Refusal> authorise(const Authors& authors, Context& c) {
  switch (authors.who) {
    case Authors::Who::kRole: return agency_with(c, authors.role);
    case Authors::Who::kAgency: return agency(c);
    case Authors::Who::kAgencyOrHolder:
      if (chain::retag<Hash256>(c.header.author) == key_hash(c.header.key)) return nullptr;
      return agency(c);
  }
  IMI_CHECK(false, "authors out of range");
}

bool has_jurisdiction(const AgencyState& agency, const Division& place) {
  const auto& areas = agency.profile.divisions;
  return std::any_of(areas.begin(), areas.end(),
                     [&](const Division& area) { return covers(area, place); });
}

}  // namespace imi::ledger::execution
