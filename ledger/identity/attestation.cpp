// Issuing attestations and changing their status. Nothing here names a subject.
#include <algorithm>

#include "ledger/agency/authority.h"
#include "ledger/core/calendar.h"
#include "ledger/core/field_checks.h"
#include "ledger/identity/apply.h"
#include "ledger/identity/records.h"

namespace imi::ledger::execution {
namespace {

// The highest level that this issuer may state under the schema.
std::uint8_t highest_level(const AgencyState& issuer, const Schema& schema) {
  std::uint8_t level = 0;
  if (issuer.profile.roles.has(Role::kRegistrar)) level = schema.registrar_level;
  const auto& fields = issuer.profile.fields;
  if (std::binary_search(fields.begin(), fields.end(), schema.field)) {
    level = std::max(level, schema.issuer_level);
  }
  return level;
}

bool is_final(AttLife life) { return life == AttLife::kRevoked || life == AttLife::kSurrendered; }

std::expected<AttLife, Refusal> next_life(AttLife now, AttAction action) {
  switch (action) {
    case AttAction::kRevoke: return AttLife::kRevoked;
    case AttAction::kSuspend:
      if (now == AttLife::kActive) return AttLife::kSuspended;
      break;
    case AttAction::kReinstate:
      if (now == AttLife::kSuspended) return AttLife::kActive;
      break;
  }
  return refuse(RefusalCode::kIllegalTransition, RefusalField::kNone,
                static_cast<std::int64_t>(now), static_cast<std::int64_t>(action));
}

// Who is asking: the holder (with the holder key) or the issuer. Returns the state to go to.
std::expected<AttLife, Refusal> decide(const AttStatus& e, const AttState& now, Context& c) {
  const Hash256 author = chain::retag<Hash256>(c.header.author);
  if (author == now.holder_key_hash && author == key_hash(c.header.key)) {
    if (is_final(now.life)) return refuse(RefusalCode::kAlreadyRevoked);
    if (e.action != AttAction::kRevoke) return refuse(RefusalCode::kNotIssuer);
    return AttLife::kSurrendered;
  }
  if (c.agency_id() != now.issuer) return refuse(RefusalCode::kNotIssuer);
  if (is_final(now.life)) return refuse(RefusalCode::kAlreadyRevoked);
  return next_life(now.life, e.action);
}

}  // namespace

Ruling check(const AttIssue& e, const Policy& policy, Day today) {
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

Ruling check(const AttStatus&, const Policy&, Day) { return {}; }

Ruling apply(const AttIssue& e, Context& c) {
  if (e.until <= c.time) {
    return refuse(RefusalCode::kFieldOutOfRange, RefusalField::kUntil, e.until.value, c.time.value);
  }
  const Schema& schema = *c.policy.catalog.find(e.schema);
  const std::uint8_t highest = highest_level(*c.actor, schema);
  if (e.level > highest) {
    return refuse(RefusalCode::kLevelNotAllowed, RefusalField::kLevel, e.level, highest);
  }
  auto& slot = c.state.at<AttState>(e.id);
  if (slot.value) return refuse(RefusalCode::kAlreadyRegistered);
  // The holder's key is used for nothing else: an indexed key belongs to an agency or names a
  // person.
  const auto& key = c.state.at<KeyState>(e.holder_key_hash);
  if (key.value) {
    const bool own = key.value->owner == c.header.author;
    return refuse(own ? RefusalCode::kSelfAttestation : RefusalCode::kKeyReused,
                  RefusalField::kKeys);
  }

  AttState state;
  state.issuer = c.agency_id();
  state.attests = e.schema;
  state.level = e.level;
  state.claims_root = e.claims_root;
  state.claims = e.claims;
  state.holder_key_hash = e.holder_key_hash;
  state.from = e.from;
  state.until = e.until;
  state.issued = c.height;
  state.changed = c.height;
  slot.put(std::move(state));
  return {};
}

Ruling apply(const AttStatus& e, Context& c) {
  auto& slot = c.state.at<AttState>(e.id);
  if (!slot.value) return refuse(RefusalCode::kNoSuchAttestation);
  const auto life = decide(e, *slot.value, c);
  if (!life) return std::unexpected(life.error());

  AttState& state = slot.edit();
  state.life = *life;
  state.reason = e.reason;
  state.record_version = state.record_version.next();
  state.changed = c.height;
  return {};
}

}  // namespace imi::ledger::execution
