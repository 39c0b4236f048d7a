#include "node/checks.h"

namespace imi::node {

CheckedBody check_body(SharedBytes bytes, const ledger::AdmissionLimits& limits,
                       SignatureCheck signature) {
  auto decoded = ledger::decode_submission(*bytes, limits);
  if (!decoded) return std::unexpected(BadBody{decoded.error(), std::nullopt});
  if (auto ok = ledger::check_stateless(*decoded, limits); !ok) {
    return std::unexpected(BadBody{ok.error(), std::nullopt});
  }
  if (signature == SignatureCheck::kVerify) {
    if (auto ok = ledger::check_signature(*decoded); !ok) {
      return std::unexpected(BadBody{ok.error(), ledger::digests(*decoded)->content});
    }
  }
  return Body{std::make_shared<const ledger::Submission>(std::move(*decoded)), std::move(bytes)};
}

}  // namespace imi::node
