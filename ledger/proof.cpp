#include "ledger/proof.h"

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

}  // namespace imi::ledger
