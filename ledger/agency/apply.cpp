// Registering and changing agencies.
#include "ledger/agency/apply.h"

#include <algorithm>

#include "crypto/suite.h"
#include "ledger/agency/authority.h"
#include "ledger/core/field_checks.h"

namespace imi::ledger::execution {
namespace {

// Ancestors an agency may have.
constexpr int kMaxAgencyDepth = 16;

// The author must itself have jurisdiction over what it gives to another agency.
Ruling check_divisions(const AgencyState& author, const std::vector<Division>& divisions) {
  for (const Division& d : divisions) {
    if (!has_jurisdiction(author, d)) {
      return refuse(RefusalCode::kOutOfJurisdiction, RefusalField::kDivisions,
                    static_cast<std::int64_t>(d.code));
    }
  }
  return {};
}

// Nobody makes an agency of a higher tier than its own.
Ruling check_tier(const AgencyState& author, AgencyTier tier) {
  if (tier >= author.profile.tier) return {};
  return refuse(RefusalCode::kFieldOutOfRange, RefusalField::kTier, static_cast<std::int64_t>(tier),
                static_cast<std::int64_t>(author.profile.tier));
}

// The parent exists and `id` is not among its ancestors.
Ruling check_parent(Context& c, const AgencyId& id, const AgencyId& parent) {
  AgencyId at = parent;
  for (int depth = 0; depth < kMaxAgencyDepth; ++depth) {
    if (at == id) return refuse(RefusalCode::kParentLoop, RefusalField::kParent);
    const auto& slot = c.state.at<AgencyState>(at);
    if (!slot.value) return refuse(RefusalCode::kNoSuchAgency, RefusalField::kParent);
    if (!slot.value->profile.parent) return {};
    at = *slot.value->profile.parent;
  }
  return refuse(RefusalCode::kParentLoop, RefusalField::kParent);
}

// Keys that are new to the agency must be new to the ledger.
Ruling check_fresh_keys(Context& c, const std::vector<crypto::PublicKey>& keys,
                        const std::vector<crypto::PublicKey>& current) {
  for (const auto& key : keys) {
    if (holds(current, key)) continue;
    if (c.state.at<KeyState>(key_hash(key)).value) {
      return refuse(RefusalCode::kKeyReused, RefusalField::kKeys);
    }
  }
  return {};
}

void index_keys(Context& c, const AgencyId& owner, const std::vector<crypto::PublicKey>& keys) {
  for (const auto& key : keys) {
    auto& slot = c.state.at<KeyState>(key_hash(key));
    if (slot.value) continue;
    slot.put(KeyState{.schema = {}, .owner = chain::retag<AuthorId>(owner), .since = c.height});
  }
}

Ruling check_lockout(const AgencyUpdate& e, const Context& c) {
  if (e.id != c.agency_id()) return {};
  const bool stops = e.status && *e.status != AgencyStatus::kActive;
  const bool abdicates = e.roles && !e.roles->has(Role::kCouncil);
  if (stops || abdicates) return refuse(RefusalCode::kSelfLockout);
  return {};
}

bool is_short_name(std::string_view s) {
  return !s.empty() && s.size() <= kMaxShortNameBytes &&
         std::all_of(s.begin(), s.end(), [](char ch) {
           return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-';
         });
}

Ruling check_keys(const std::vector<crypto::PublicKey>& keys) {
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

Ruling check_areas(const std::vector<Division>& divisions) {
  if (divisions.empty() || divisions.size() > kMaxAgencyDivisions) {
    return out_of_range(RefusalField::kDivisions, static_cast<std::int64_t>(divisions.size()),
                        kMaxAgencyDivisions);
  }
  if (strictly_ascending(divisions)) return {};
  return refuse(RefusalCode::kFieldOrder, RefusalField::kDivisions);
}

Ruling check_work_fields(const std::vector<FieldId>& fields, const Policy& policy) {
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

}  // namespace

Ruling check(const AgencyRegister& e, const Policy& policy, Day) {
  const AgencyProfile& p = e.profile;
  if (!is_short_name(p.short_name) || e.id != ledger::agency_id(p.short_name)) {
    return out_of_range(RefusalField::kShortName, static_cast<std::int64_t>(p.short_name.size()),
                        kMaxShortNameBytes);
  }
  if (auto ok = check_text(p.title, RefusalField::kName, kMaxNameBytes, true); !ok) return ok;
  if (auto ok = check_uscc(p.uscc, p.as_issued); !ok) return ok;
  if (auto ok = check_work_fields(p.fields, policy); !ok) return ok;
  if (auto ok = check_areas(p.divisions); !ok) return ok;
  return check_keys(p.keys);
}

Ruling check(const AgencyUpdate& e, const Policy& policy, Day) {
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
    if (auto ok = check_areas(*e.divisions); !ok) return ok;
  }
  if (e.keys) return check_keys(*e.keys);
  return {};
}

Ruling apply(const AgencyRegister& e, Context& c) {
  if (auto ok = check_divisions(*c.actor, e.profile.divisions); !ok) return ok;
  if (auto ok = check_tier(*c.actor, e.profile.tier); !ok) return ok;
  auto& slot = c.state.at<AgencyState>(e.id);
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
  c.diff.aux.put(agency_row_key(c.height, e.id), {});  // so that agencies can be listed
  return {};
}

Ruling apply(const AgencyUpdate& e, Context& c) {
  auto& slot = c.state.at<AgencyState>(e.id);
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
  // What the agency is now lies under the author, and so does what it becomes.
  if (auto ok = check_tier(*c.actor, now.profile.tier); !ok) return ok;
  if (auto ok = check_tier(*c.actor, e.tier.value_or(now.profile.tier)); !ok) return ok;
  if (auto ok = check_divisions(*c.actor, now.profile.divisions); !ok) return ok;
  if (e.divisions) {
    if (auto ok = check_divisions(*c.actor, *e.divisions); !ok) return ok;
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
