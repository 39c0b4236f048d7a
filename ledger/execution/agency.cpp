// Authority, and the entries that change it.
#include <algorithm>

#include "ledger/execution/context.h"
#include "ledger/rows.h"

namespace imi::ledger::execution {
namespace {

// Ancestors an agency may have.
constexpr int kMaxAgencyDepth = 16;

bool holds(const std::vector<crypto::PublicKey>& keys, const crypto::PublicKey& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Why an author that is no agency may not do what an agency does.
std::unexpected<Refusal> refuse_non_agency(Context& c, Role role) {
  const auto missing = [role] {
    return refuse(RefusalCode::kRoleMissing, RefusalField::kNone, static_cast<std::int64_t>(role));
  };
  const auto& subject = c.state.subjects.at(chain::retag<SubjectId>(c.header.author));
  if (subject.value) {
    if (subject.value->keys_root != keys_root(c.header.key)) {
      return refuse(RefusalCode::kKeyNotAuthorised);
    }
    return missing();
  }
  if (chain::retag<Hash256>(c.header.author) == key_hash(c.header.key)) return missing();
  return refuse(RefusalCode::kNoSuchAuthor);
}

// The author must itself have jurisdiction over what it gives to another agency.
Verdict check_divisions(const AgencyState& author, const std::vector<Division>& divisions) {
  for (const Division& d : divisions) {
    if (!has_jurisdiction(author, d)) {
      return refuse(RefusalCode::kOutOfJurisdiction, RefusalField::kDivisions,
                    static_cast<std::int64_t>(d.code));
    }
  }
  return {};
}

// The parent exists and `id` is not among its ancestors.
Verdict check_parent(Context& c, const AgencyId& id, const AgencyId& parent) {
  AgencyId at = parent;
  for (int depth = 0; depth < kMaxAgencyDepth; ++depth) {
    if (at == id) return refuse(RefusalCode::kParentLoop, RefusalField::kParent);
    const auto& slot = c.state.agencies.at(at);
    if (!slot.value) return refuse(RefusalCode::kNoSuchAgency, RefusalField::kParent);
    if (!slot.value->profile.parent) return {};
    at = *slot.value->profile.parent;
  }
  return refuse(RefusalCode::kParentLoop, RefusalField::kParent);
}

// Keys that are new to the agency must be new to the ledger.
Verdict check_fresh_keys(Context& c, const std::vector<crypto::PublicKey>& keys,
                         const std::vector<crypto::PublicKey>& current) {
  for (const auto& key : keys) {
    if (holds(current, key)) continue;
    if (c.state.keys.at(key_hash(key)).value) {
      return refuse(RefusalCode::kKeyReused, RefusalField::kKeys);
    }
  }
  return {};
}

void index_keys(Context& c, const AgencyId& owner, const std::vector<crypto::PublicKey>& keys) {
  for (const auto& key : keys) {
    auto& slot = c.state.keys.at(key_hash(key));
    if (slot.value) continue;
    slot.put(KeyState{.schema = {}, .owner = chain::retag<AuthorId>(owner), .since = c.height});
  }
}

Verdict check_lockout(const AgencyUpdate& e, const Context& c) {
  if (e.id != c.agency_id()) return {};
  const bool stops = e.status && *e.status != AgencyStatus::kActive;
  const bool abdicates = e.roles && !e.roles->has(Role::kCouncil);
  if (stops || abdicates) return refuse(RefusalCode::kSelfLockout);
  return {};
}

}  // namespace

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

bool has_jurisdiction(const AgencyState& agency, const Division& place) {
  const auto& areas = agency.profile.divisions;
  return std::any_of(areas.begin(), areas.end(),
                     [&](const Division& area) { return covers(area, place); });
}

Verdict apply(const AgencyRegister& e, Context& c) {
  const auto author = agency_with(c, Role::kCouncil);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  if (auto ok = check_divisions(**author, e.profile.divisions); !ok) return ok;
  auto& slot = c.state.agencies.at(e.id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);
  if (e.profile.parent) {
    if (auto ok = check_parent(c, e.id, *e.profile.parent); !ok) return ok;
  }
  if (auto ok = check_fresh_keys(c, e.profile.keys, {}); !ok) return ok;

  AgencyState state;
  state.profile = e.profile;
  state.registered = c.height;
  state.changed = c.height;
  slot.put(std::move(state));
  index_keys(c, e.id, e.profile.keys);
  c.diff.aux.put(rows::agency_key(c.height, e.id), {});  // so that agencies can be listed
  return {};
}

Verdict apply(const AgencyUpdate& e, Context& c) {
  const auto author = agency_with(c, Role::kCouncil);
  if (!author) return std::unexpected(author.error());
  if (auto ok = check(e, c.policy, c.today); !ok) return ok;
  auto& slot = c.state.agencies.at(e.id);
  if (!slot.value) return refuse(RefusalCode::kNoSuchAgency);
  const AgencyState& now = *slot.value;
  if (e.version != now.record_version) {
    return refuse(RefusalCode::kStaleVersion, RefusalField::kNone, e.version.value,
                  now.record_version.value);
  }
  if (now.status == AgencyStatus::kClosed) {
    return refuse(RefusalCode::kFieldOutOfRange, RefusalField::kStatus,
                  static_cast<std::int64_t>(now.status));
  }
  if (auto ok = check_lockout(e, c); !ok) return ok;
  if (e.divisions) {
    if (auto ok = check_divisions(**author, *e.divisions); !ok) return ok;
  }
  const bool has_parent = e.parent && !e.parent->is_zero();
  if (has_parent) {
    if (auto ok = check_parent(c, e.id, *e.parent); !ok) return ok;
  }
  if (e.keys) {
    if (auto ok = check_fresh_keys(c, *e.keys, now.profile.keys); !ok) return ok;
  }

  AgencyState& next = slot.edit();
  if (e.title) next.profile.title = *e.title;
  if (e.parent) next.profile.parent = has_parent ? e.parent : std::nullopt;
  if (e.tier) next.profile.tier = *e.tier;
  if (e.roles) next.profile.roles = *e.roles;
  if (e.fields) next.profile.fields = *e.fields;
  if (e.divisions) next.profile.divisions = *e.divisions;
  if (e.status) next.status = *e.status;
  if (e.keys) {
    next.profile.keys = *e.keys;
    index_keys(c, e.id, *e.keys);
  }
  next.record_version = next.record_version.next();
  next.changed = c.height;
  return {};
}

}  // namespace imi::ledger::execution
