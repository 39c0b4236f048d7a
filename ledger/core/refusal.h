// Why the ledger refused an entry. A refusal is recorded in the entry's block and changes nothing.
//
// The numbers of RefusalCode and RefusalField are part of the format (outcomes are hashed): never
// change or re-use one. The names are part of the RPC and of `imi --json`.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/codec.h"

namespace imi::ledger {

enum class RefusalCode : std::uint8_t {
  // Who
  kNoSuchAuthor = 1,       // the author is no agency, subject, nor the hash of the signing key
  kKeyNotAuthorised = 2,   // not one of the author's current keys
  kAuthorSuspended = 3,    // the agency is suspended or closed
  kRoleMissing = 4,        // a = the role asked for (Role bits)
  kOutOfJurisdiction = 5,  // a = the division (12 digits) that the agency does not cover
  // What does not exist, or exists already
  kNoSuchAgency = 10,
  kNoSuchSubject = 11,
  kNoSuchAttestation = 12,
  kNoSuchEvent = 13,
  kNoSuchCode = 14,    // a = the code's number
  kNoSuchRule = 15,    // a = the rule's number
  kNoSuchSchema = 16,  // a = the schema's number
  kNoSuchBucket = 17,  // a = the bucket's number
  kAlreadyRegistered = 18,
  kKeyReused = 19,        // a key that another record holds or held
  kDuplicateSource = 20,  // this agency has recorded this source key
  kSubjectClosed = 21,
  kNoSuchField = 22,  // a = the work field's number
  // Fields
  kFieldOutOfRange = 30,  // field; a = the value, b = the limit (days: days since 1970)
  kDayInFuture = 31,      // field; a = the day, b = the block's day
  kDaysOutOfOrder = 32,   // field; a = the day, b = the day it must not precede
  kUsccInvalid = 33,      // a = CodeError
  kFieldMissing = 34,     // field that the code requires
  kFieldText = 35,        // field; a = TextFlaw::Kind (base/unicode.h), b = the code point
  kFieldOrder = 36,       // field: a list that is not in ascending order, each once
  kKeyInvalid = 37,       // field; a = which of the keys, from 1: no point of the curve
  kSourceForm = 38,       // a source key as a digest where the facts are public
  // Agencies
  kParentLoop = 40,
  kSelfLockout = 41,   // an agency suspends itself or drops its own council role
  kNotOwnAgency = 42,  // only the agency itself changes its keys so
  kNoSuchKey = 43,     // not one of the agency's keys
  kKeyNotHeld = 44,    // a new key without its own signature over agency_key_digest()
  // Versions
  kStaleVersion = 50,  // a = the version named, b = the version in force
  // Attestations
  kLevelNotAllowed = 60,  // a = the level, b = the highest this issuer may give under the schema
  kSelfAttestation = 61,  // the holder's key is a key of the issuer
  kAlreadyRevoked = 62,
  kNotIssuer = 63,          // neither the issuer nor the holder
  kIllegalTransition = 64,  // a = the state now, b = the action (AttState, AttAction)
  // Events
  kTypeScope = 70,          // the code is not for this class of subject, or not this agency's field
  kBasisInsufficient = 71,  // a = the basis level given, b = the weakest the code allows
  kNoticeMissing = 72,      // the code requires a prior notice, on or before the decision
  kPlaintextForPerson = 73,  // field: what would name or narrow down a person
  kRuleNotAllowed = 74,      // a = the rule, b = the code or bucket
  kSuperseded = 75,          // corrected already; the newer event must be named
  kWithdrawn = 76,
  kRuleNotInForce = 79,  // a = the rule, b = the day of the decision
  kNotRecorder = 77,     // another agency recorded it
  kRollFull = 78,        // a = the rule; the subject has events under 16 other rules (8 per code)
};
[[nodiscard]] bool is_known(RefusalCode c);
// "role-missing": stable, lower case, hyphens.
[[nodiscard]] std::string_view name(RefusalCode c);

enum class RefusalField : std::uint8_t {
  kNone = 0,
  kName = 1,
  kDivision = 2,
  kDivisions = 3,
  kKeys = 4,
  kRoles = 5,
  kFields = 6,
  kTier = 7,
  kStatus = 8,
  kShortName = 9,
  kLevel = 10,
  kClaims = 11,
  kFrom = 12,
  kUntil = 13,
  kReason = 14,
  kCode = 15,
  kBucket = 16,
  kRule = 17,
  kOccurred = 18,
  kDecided = 19,
  kEnded = 20,
  kNotified = 21,
  kAmount = 22,
  kDoc = 23,
  kBasis = 24,
  kGrid = 25,
  kBody = 26,
  kBackfill = 27,
  kCommitment = 28,
  kIndexEpoch = 29,
  kParent = 30,
  kFacts = 31,
  kChanges = 32,
  kSubject = 33,
  kSource = 34,
};
[[nodiscard]] constexpr bool is_known(RefusalField f) { return f <= RefusalField::kSource; }
[[nodiscard]] std::string_view name(RefusalField f);

struct Refusal {
  RefusalCode code = RefusalCode::kNoSuchAuthor;
  RefusalField field = RefusalField::kNone;
  std::int64_t a = 0;
  std::int64_t b = 0;
  bool operator==(const Refusal&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(code), enum_field(field), a, b);
  }
};
// A sentence that says what was wrong, with its numbers, and what to do where that is known.
[[nodiscard]] std::string describe(const Refusal& r);

}  // namespace imi::ledger
