// Internal to node: what is checked of content from outside, away from the loop. Pure; runs on the
// verify workers.
#pragma once

#include <expected>
#include <optional>

#include "ledger/admission.h"
#include "node/pool.h"

namespace imi::node {

struct BadBody {
  ledger::AdmissionError error;
  // Set where the refusal holds for the content hash itself (the signature fails) and not only for
  // these bytes: a block that lists it is invalid (B4).
  std::optional<chain::ContentHash> content;
};
using CheckedBody = std::expected<Body, BadBody>;

enum class SignatureCheck : std::uint8_t {
  kVerify,
  kSkip,  // under a certificate, or read back from our own log: checked before
};

// Decodes, hashes and checks one submission, once for all that this node does with it.
[[nodiscard]] CheckedBody check_body(SharedBytes bytes, const ledger::AdmissionLimits& limits,
                                     SignatureCheck signature);

}  // namespace imi::node
