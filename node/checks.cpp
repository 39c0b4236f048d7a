#include "node/checks.h"

namespace imi::node {
namespace {

std::expected<ledger::Submission, BadBody> decode_and_check(const Bytes& bytes,
                                                            const ledger::AdmissionLimits& limits) {
  auto decoded = ledger::decode_submission(bytes, limits);
  if (!decoded) return std::unexpected(BadBody{decoded.error(), std::nullopt});
  if (auto ok = ledger::check_stateless(*decoded, limits); !ok) {
    return std::unexpected(BadBody{ok.error(), std::nullopt});
  }
  return std::move(*decoded);
}

Body make_body(ledger::Submission&& submission, SharedBytes bytes) {
  return {std::make_shared<const ledger::Submission>(std::move(submission)), std::move(bytes)};
}

}  // namespace

bool proves_a_lie(const BadBody& bad) {
  if (bad.error.reason != ledger::AdmissionError::Reason::kMalformed) return true;
  const auto why = static_cast<CodecError::Reason>(bad.error.b);
  return why != CodecError::Reason::kUnknownTag && why != CodecError::Reason::kUnknownVersion;
}

std::vector<CheckedBody> check_bodies(std::span<SharedBytes> submissions,
                                      const ledger::AdmissionLimits& limits,
                                      crypto::KnownKeys& keys) {
  std::vector<CheckedBody> out;
  out.reserve(submissions.size());
  std::vector<crypto::SignedDigest> to_verify;
  to_verify.reserve(submissions.size());
  for (SharedBytes& bytes : submissions) {
    auto decoded = decode_and_check(*bytes, limits);
    if (!decoded) {
      out.emplace_back(std::unexpected(std::move(decoded.error())));
      continue;
    }
    to_verify.push_back(ledger::signed_digest(*decoded));
    out.emplace_back(make_body(std::move(*decoded), std::move(bytes)));
  }
  const std::vector<bool> valid = keys.verify(to_verify);
  std::size_t next = 0;
  for (CheckedBody& body : out) {
    if (!body || valid[next++]) continue;
    body = std::unexpected(BadBody{ledger::signature_refusal(*body->submission), body->content()});
  }
  return out;
}

CheckedBody check_certified_body(SharedBytes bytes, const ledger::AdmissionLimits& limits) {
  auto decoded = decode_and_check(*bytes, limits);
  if (!decoded) return std::unexpected(std::move(decoded.error()));
  return make_body(std::move(*decoded), std::move(bytes));
}

}  // namespace imi::node
