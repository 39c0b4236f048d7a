#include "ledger/core/refusal.h"

#include "base/unicode.h"
#include "ledger/core/calendar.h"
#include "ledger/core/codes.h"

namespace imi::ledger {
namespace {

std::string day_text(std::int64_t day) { return text(Day(static_cast<std::int32_t>(day))); }

std::string basis_text(std::int64_t level) {
  return std::string(name(static_cast<BasisLevel>(level)));
}

std::string division_text(std::int64_t code) {
  return text(Division{static_cast<std::uint64_t>(code)});
}

std::string time_text(std::int64_t ms) {
  return text(day_of(chain::TimeMs(ms))) + " (" + std::to_string(ms) + " ms)";
}

// "1 to 8 are needed, 0 given"
std::string count_text(std::int64_t least, const Refusal& r) {
  const std::string most = std::to_string(r.b);
  const std::string given = std::to_string(r.a) + " given";
  if (least == 0) return "at most " + most + " are allowed, " + given;
  return std::to_string(least) + " to " + most + " are needed, " + given;
}

std::string out_of_range_sentence(const Refusal& r) {
  const std::string a = std::to_string(r.a);
  const std::string b = std::to_string(r.b);
  switch (r.field) {
    case RefusalField::kName:
    case RefusalField::kDoc:
    case RefusalField::kBasis:
    case RefusalField::kSource: return "is " + a + " bytes long; the limit is " + b;
    case RefusalField::kShortName:
      return "1 to " + b +
             " characters of a-z, 0-9 and '-' are needed, and the agency's id must be "
             "derived from them";
    case RefusalField::kKeys: return r.b == 0 ? "the holder's key is missing" : count_text(1, r);
    case RefusalField::kDivisions: return count_text(1, r);
    case RefusalField::kFields: return count_text(0, r);
    case RefusalField::kClaims:
      return r.a >= 1 && r.a <= r.b ? "their root is missing" : count_text(1, r);
    case RefusalField::kOccurred:
    case RefusalField::kDecided:
    case RefusalField::kEnded:
    case RefusalField::kNotified:
      return day_text(r.a) + " is out of range; the limit is " + day_text(r.b);
    case RefusalField::kFrom:
    case RefusalField::kUntil:
      return time_text(r.a) + " is out of range; the limit is " + time_text(r.b);
    case RefusalField::kBackfill:
      return "the decision, of " + day_text(r.a) +
             ", is not older than this chain, which began on " + day_text(r.b);
    case RefusalField::kAmount: return a + " fen are given; the limit is " + b;
    case RefusalField::kLevel: return a + " is given; the minimum is " + b;
    case RefusalField::kTier:
      return "tier " + a + " is above the author's own tier, " + b +
             " (0 is national, 5 a community)";
    case RefusalField::kStatus: return "the agency is closed; that is final";
    case RefusalField::kChanges: return "the update changes nothing";
    case RefusalField::kDivision: return "is missing";
    case RefusalField::kGrid: return "is not a grid of a district";
    case RefusalField::kCommitment:
    case RefusalField::kSubject: return "is missing (all zero)";
    default: return a + " is out of range; the limit is " + b;
  }
}

std::string uscc_sentence(const Refusal& r) {
  const auto error = static_cast<CodeError>(r.a);
  std::string out = "the unified social credit code is wrong: " + std::string(describe(error));
  if (error == CodeError::kCheckCharacter) {
    out += "; if it was really issued so, mark it as issued (as_issued)";
  }
  return out;
}

std::string author_sentence(const Refusal& r) {
  for (const Role role : kValues<Role>) {
    if (static_cast<std::int64_t>(role) != r.a) continue;
    return "the author does not have the role '" + std::string(name(role)) +
           "' that this entry needs; the council gives roles";
  }
  return "this author may not make this kind of entry";
}

}  // namespace

bool is_known(RefusalCode c) { return !name(c).empty(); }

std::string_view name(RefusalCode c) {
  switch (c) {
    case RefusalCode::kNoSuchAuthor: return "no-such-author";
    case RefusalCode::kKeyNotAuthorised: return "key-not-authorised";
    case RefusalCode::kAuthorSuspended: return "author-suspended";
    case RefusalCode::kRoleMissing: return "role-missing";
    case RefusalCode::kOutOfJurisdiction: return "out-of-jurisdiction";
    case RefusalCode::kNoSuchAgency: return "no-such-agency";
    case RefusalCode::kNoSuchSubject: return "no-such-subject";
    case RefusalCode::kNoSuchAttestation: return "no-such-attestation";
    case RefusalCode::kNoSuchEvent: return "no-such-event";
    case RefusalCode::kNoSuchCode: return "no-such-code";
    case RefusalCode::kNoSuchRule: return "no-such-rule";
    case RefusalCode::kNoSuchSchema: return "no-such-schema";
    case RefusalCode::kNoSuchBucket: return "no-such-bucket";
    case RefusalCode::kAlreadyRegistered: return "already-registered";
    case RefusalCode::kKeyReused: return "key-reused";
    case RefusalCode::kDuplicateSource: return "duplicate-source";
    case RefusalCode::kSubjectClosed: return "subject-closed";
    case RefusalCode::kNoSuchField: return "no-such-field";
    case RefusalCode::kFieldOutOfRange: return "field-out-of-range";
    case RefusalCode::kDayInFuture: return "day-in-future";
    case RefusalCode::kDaysOutOfOrder: return "days-out-of-order";
    case RefusalCode::kUsccInvalid: return "uscc-invalid";
    case RefusalCode::kFieldMissing: return "field-missing";
    case RefusalCode::kFieldText: return "field-text";
    case RefusalCode::kFieldOrder: return "field-order";
    case RefusalCode::kKeyInvalid: return "key-invalid";
    case RefusalCode::kSourceForm: return "source-form";
    case RefusalCode::kParentLoop: return "parent-loop";
    case RefusalCode::kSelfLockout: return "self-lockout";
    case RefusalCode::kNotOwnAgency: return "not-own-agency";
    case RefusalCode::kNoSuchKey: return "no-such-key";
    case RefusalCode::kKeyNotHeld: return "key-not-held";
    case RefusalCode::kStaleVersion: return "stale-version";
    case RefusalCode::kLevelNotAllowed: return "level-not-allowed";
    case RefusalCode::kSelfAttestation: return "self-attestation";
    case RefusalCode::kAlreadyRevoked: return "already-revoked";
    case RefusalCode::kNotIssuer: return "not-issuer";
    case RefusalCode::kIllegalTransition: return "illegal-transition";
    case RefusalCode::kTypeScope: return "type-scope";
    case RefusalCode::kBasisInsufficient: return "basis-insufficient";
    case RefusalCode::kNoticeMissing: return "notice-missing";
    case RefusalCode::kPlaintextForPerson: return "plaintext-for-person";
    case RefusalCode::kRuleNotAllowed: return "rule-not-allowed";
    case RefusalCode::kSuperseded: return "superseded";
    case RefusalCode::kWithdrawn: return "withdrawn";
    case RefusalCode::kNotRecorder: return "not-recorder";
    case RefusalCode::kRollFull: return "roll-full";
    case RefusalCode::kRuleNotInForce: return "rule-not-in-force";
  }
  return {};
}

std::string_view name(RefusalField f) {
  switch (f) {
    case RefusalField::kNone: return "";
    case RefusalField::kName: return "name";
    case RefusalField::kDivision: return "division";
    case RefusalField::kDivisions: return "divisions";
    case RefusalField::kKeys: return "keys";
    case RefusalField::kRoles: return "roles";
    case RefusalField::kFields: return "fields";
    case RefusalField::kTier: return "tier";
    case RefusalField::kStatus: return "status";
    case RefusalField::kShortName: return "short_name";
    case RefusalField::kLevel: return "level";
    case RefusalField::kClaims: return "claims";
    case RefusalField::kFrom: return "from";
    case RefusalField::kUntil: return "until";
    case RefusalField::kReason: return "reason";
    case RefusalField::kCode: return "code";
    case RefusalField::kBucket: return "bucket";
    case RefusalField::kRule: return "rule";
    case RefusalField::kOccurred: return "occurred";
    case RefusalField::kDecided: return "decided";
    case RefusalField::kEnded: return "ended";
    case RefusalField::kNotified: return "notified";
    case RefusalField::kAmount: return "amount";
    case RefusalField::kDoc: return "doc";
    case RefusalField::kBasis: return "basis";
    case RefusalField::kGrid: return "grid";
    case RefusalField::kBody: return "body";
    case RefusalField::kBackfill: return "backfill";
    case RefusalField::kCommitment: return "commitment";
    case RefusalField::kIndexEpoch: return "index_epoch";
    case RefusalField::kParent: return "parent";
    case RefusalField::kFacts: return "facts";
    case RefusalField::kChanges: return "changes";
    case RefusalField::kSubject: return "subject";
    case RefusalField::kSource: return "source_key";
  }
  return "?";
}

std::string describe(const Refusal& r) {
  const std::string a = std::to_string(r.a);
  const std::string b = std::to_string(r.b);
  const std::string field(name(r.field));
  switch (r.code) {
    case RefusalCode::kNoSuchAuthor:
      return "the author is not registered on this chain; where an agency's id was "
             "not derived from its short name, try --author ID";
    case RefusalCode::kKeyNotAuthorised:
      return "the signing key is not one of the author's current keys; use one that the agency's "
             "record has now";
    case RefusalCode::kAuthorSuspended:
      return "the author is suspended or closed; only the council can change that";
    case RefusalCode::kRoleMissing: return author_sentence(r);
    case RefusalCode::kOutOfJurisdiction:
      return "division " + division_text(r.a) + " is outside the agency's jurisdiction";
    case RefusalCode::kNoSuchAgency: return "there is no agency with that id";
    case RefusalCode::kNoSuchSubject:
      return "there is no subject with that id; register the enterprise or person first";
    case RefusalCode::kNoSuchAttestation: return "there is no attestation with that id";
    case RefusalCode::kNoSuchEvent: return "there is no event with that id";
    case RefusalCode::kNoSuchCode: return "the catalog has no event code number " + a;
    case RefusalCode::kNoSuchRule: return "the catalog has no rule number " + a;
    case RefusalCode::kNoSuchSchema: return "the catalog has no schema number " + a;
    case RefusalCode::kNoSuchBucket: return "the catalog has no bucket number " + a;
    case RefusalCode::kAlreadyRegistered: return "it is registered already";
    case RefusalCode::kKeyReused:
      return "the key belongs or belonged to another record; make a fresh one";
    case RefusalCode::kDuplicateSource:
      return "this agency has recorded an event with this source key already; nothing to do, or "
             "use "
             "event.correct";
    case RefusalCode::kSubjectClosed: return "the subject's record is closed";
    case RefusalCode::kNoSuchField: return "the catalog has no work field number " + a;
    case RefusalCode::kFieldOutOfRange: return field + ": " + out_of_range_sentence(r);
    case RefusalCode::kFieldText:
      return field + ": " +
             describe(
                 TextFlaw{static_cast<TextFlaw::Kind>(r.a), static_cast<std::uint32_t>(r.b), 0});
    case RefusalCode::kFieldOrder: return field + ": they must be in ascending order, each once";
    case RefusalCode::kKeyInvalid:
      return field + ": key " + a + " is not a public key of secp256k1";
    case RefusalCode::kSourceForm:
      return field + ": the key of an enterprise's event is given as text, not as a digest";
    case RefusalCode::kDayInFuture:
      return "the day in '" + field + "', " + day_text(r.a) + ", is after the block's day, " +
             day_text(r.b);
    case RefusalCode::kDaysOutOfOrder:
      return "the day in '" + field + "', " + day_text(r.a) + ", precedes " + day_text(r.b);
    case RefusalCode::kUsccInvalid: return uscc_sentence(r);
    case RefusalCode::kFieldMissing: return "this event code requires the field '" + field + "'";
    case RefusalCode::kParentLoop: return "the agency would be its own ancestor";
    case RefusalCode::kSelfLockout:
      return "an agency cannot suspend itself or give up its own council role; another council "
             "agency can do it";
    case RefusalCode::kNotOwnAgency:
      return "an agency changes its own keys only; the council changes those of others by "
             "agency.update";
    case RefusalCode::kNoSuchKey: return "the key to remove is not one of the agency's keys";
    case RefusalCode::kKeyNotHeld:
      return "the new key must sign for itself: 'add' and 'holding' are given together, and the "
             "signature is the new key's";
    case RefusalCode::kStaleVersion:
      return "the record has changed since: version " + a + " was named, version " + b +
             " is in force; read it again";
    case RefusalCode::kLevelNotAllowed:
      return "assurance level " + a +
             " is not allowed to this issuer under the schema; the highest "
             "is " +
             b;
    case RefusalCode::kSelfAttestation:
      return "the holder's key is the issuer's own; nobody attests himself";
    case RefusalCode::kAlreadyRevoked: return "the attestation is revoked; that is final";
    case RefusalCode::kNotIssuer:
      return "only the issuer may do this; the holder may surrender it with the holder key";
    case RefusalCode::kIllegalTransition:
      return "its state now does not allow this action (state " + a + ", action " + b +
             "): only an active attestation is suspended, only a suspended one reinstated";
    case RefusalCode::kTypeScope:
      return "this event code, or bucket of a person, is not for this class of subject or not in a "
             "field "
             "of this agency";
    case RefusalCode::kBasisInsufficient:
      return "a legal basis of level '" + basis_text(r.a) +
             "' is too weak for this code; the weakest allowed is '" + basis_text(r.b) + "'";
    case RefusalCode::kNoticeMissing:
      return "this event code requires a prior notice to the subject, on or before the decision";
    case RefusalCode::kPlaintextForPerson:
      return "the field '" + field +
             "' would describe a person in plain; put it into the "
             "commitment (days: only the first of a month)";
    case RefusalCode::kRuleNotAllowed:
      return "rule " + a + " is not one that code or bucket " + b + " allows";
    case RefusalCode::kSuperseded:
      return "the event has been corrected; name the event that replaced it";
    case RefusalCode::kWithdrawn: return "the event has been withdrawn; that is final";
    case RefusalCode::kNotRecorder:
      return "only the agency that recorded the event may correct or withdraw it";
    case RefusalCode::kRuleNotInForce:
      return "rule number " + a + " is not for decisions of " + day_text(r.b);
    case RefusalCode::kRollFull:
      return "the subject has events under as many other rules as a dossier holds; rule " + a +
             " does not fit";
  }
  return "refused";
}

}  // namespace imi::ledger
