#include "ledger/proof/bundle.h"

namespace imi::ledger {

Bytes encode_proof(const ProofBundle& bundle) {
  Bytes out = to_bytes(as_bytes(kProofMagic));
  encode_to(out, bundle);
  return out;
}

std::expected<ProofBundle, ProofFileError> decode_proof(ByteView bytes) {
  if (bytes.size() < kProofMagic.size() ||
      as_text(bytes.first(kProofMagic.size())) != kProofMagic) {
    return std::unexpected(ProofFileError::kNotAProof);
  }
  if (bytes.size() > kMaxProofBytes) return std::unexpected(ProofFileError::kTooLarge);
  auto bundle = decode<ProofBundle>(bytes.subspan(kProofMagic.size()));
  if (!bundle) return std::unexpected(ProofFileError::kMalformed);
  return std::move(*bundle);
}

const chain::LedgerHead& answered_head(const ProofBundle& bundle) {
  return bundle.earlier ? bundle.earlier->head : bundle.certificate.head;
}

std::optional<ProofBundle> renew(const ProofBundle& old, const ProofBundle& head) {
  const chain::LedgerHead& answered = answered_head(old);
  if (head.question != Question(AskHead{answered.height}) || answered_head(head) != answered) {
    return std::nullopt;
  }
  ProofBundle out = old;
  out.certificate = head.certificate;
  out.lineage = head.lineage;
  out.earlier = head.earlier;
  return out;
}

}  // namespace imi::ledger
