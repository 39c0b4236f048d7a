// Internal to node: what is checked of content from outside, away from the loop. Pure (except the
// tables of keys, which change how fast and never what is answered); runs on the verify workers.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "crypto/known_keys.h"
#include "ledger/submission/admission.h"
#include "node/pool.h"

namespace imi::node {

struct BadBody {
  ledger::AdmissionError error;
  // Set where the refusal holds for the content hash itself (the signature fails) and not only for
  // these bytes: a block that lists it is invalid (B4).
  std::optional<chain::ContentHash> content;
};
using CheckedBody = std::expected<Body, BadBody>;

// True for what no honest peer passes on: every honest node made the same check before, with
// the chain's own limits. Not for content of a kind or version that this program does not know: a
// newer one may.
[[nodiscard]] bool proves_a_lie(const BadBody& bad);

// Decodes, hashes and checks submissions, signatures included, once for everything that this node
// does with them. Takes the bytes; answers in their order.
[[nodiscard]] std::vector<CheckedBody> check_bodies(std::span<SharedBytes> submissions,
                                                    const ledger::AdmissionLimits& limits,
                                                    crypto::KnownKeys& keys);

// The same without the signature: for what is under a certificate, or read back from our own log.
[[nodiscard]] CheckedBody check_certified_body(SharedBytes bytes,
                                               const ledger::AdmissionLimits& limits);

}  // namespace imi::node
