// Admission: what can be said of a submission without the ledger's state. The RPC refuses by it,
// and every replica checks by it before it signs a PREPARE (B4, F1): what passes can always be
// executed.
//
// Three separate checks, because they cost differently and run in different places: structure
// (decode_submission + check_stateless: hashing), window (arithmetic), signature (36 us; verify
// pool). What the catalog or the state refuses is NOT checked here: it is refused entry by entry at
// execution and recorded. All pure and re-entrant.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "crypto/known_keys.h"
#include "ledger/core/parameters.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

struct AdmissionLimits {
  chain::GenesisId genesis;
  std::uint32_t max_bytes = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t max_expiry_ms = 0;
};
[[nodiscard]] AdmissionLimits admission_limits(const chain::GenesisId& genesis,
                                               const Parameters& parameters);

struct AdmissionError {
  enum class Reason : std::uint8_t {
    kTooLarge = 1,      // a = bytes, b = the limit
    kMalformed = 2,     // a = the byte, b = CodecError::Reason
    kWrongGenesis = 3,  // signed for another chain
    kNoEntries = 4,
    kTooManyEntries = 5,   // a = count, b = the limit
    kCountMismatch = 6,    // a = the header's count, b = entries present
    kEntriesMismatch = 7,  // the entries are not those that were signed
    kExpired = 8,          // a = expiry, b = block time
    kExpiryTooFar = 9,     // a = expiry, b = the latest allowed
    kBadKey = 10,          // not a point on the curve
    kBadSignature = 11,
  };
  Reason reason{};
  std::int64_t a = 0;
  std::int64_t b = 0;
  bool operator==(const AdmissionError&) const = default;
};
// "bad-signature": stable.
[[nodiscard]] std::string_view name(AdmissionError::Reason r);
[[nodiscard]] std::string describe(const AdmissionError& e);

// Decodes exactly one submission, bounded, and computes its digests on the way (each entry is
// hashed where it lies, without encoding it again).
[[nodiscard]] std::expected<Submission, AdmissionError> decode_submission(
    ByteView bytes, const AdmissionLimits& limits);

// Size, chain, count, root. After decode_submission() only compares.
[[nodiscard]] std::expected<void, AdmissionError> check_stateless(const Submission& submission,
                                                                  const AdmissionLimits& limits);

// Rule F1: block_time < expiry <= block_time + E_max.
[[nodiscard]] std::expected<void, AdmissionError> check_window(chain::TimeMs expiry,
                                                               chain::TimeMs block_time,
                                                               const AdmissionLimits& limits);

// The header's signature under the header's own key.
[[nodiscard]] std::expected<void, AdmissionError> check_signature(const Submission& submission);

// The same in two halves, for verifying many together (crypto/known_keys.h): what to verify, and
// what to say where it does not hold.
[[nodiscard]] crypto::SignedDigest signed_digest(const Submission& submission);
[[nodiscard]] AdmissionError signature_refusal(const Submission& submission);

}  // namespace imi::ledger
