#include "chain/block.h"
#include "chain/certificate.h"
#include "chain/head.h"
#include "chain/statement.h"

namespace imi::chain {

BlockId block_id(const GenesisId& genesis, const BlockHeader& header) {
  Bytes bytes = to_bytes(genesis.view());
  encode_to(bytes, header);
  return retag<BlockId>(crypto::hash(crypto::Domain::kBlock, bytes));
}

Hash256 body_root(const std::vector<ContentHash>& items) {
  return crypto::hash_of(crypto::Domain::kBody, items);
}

Hash256 LedgerHead::digest() const { return crypto::hash_of(crypto::Domain::kHead, *this); }
Hash256 LedgerHead::heads_leaf() const {
  return crypto::hash_of(crypto::Domain::kHeadsLeaf, *this);
}

std::string_view describe(CertificateError e) {
  switch (e) {
    case CertificateError::kTooFewSigners: return "the certificate has fewer signers than a quorum";
    case CertificateError::kTooManySigners: return "the certificate has more signers than members";
    case CertificateError::kNotSorted: return "the certificate's members are not in strict order";
    case CertificateError::kUnknownMember: return "the certificate names a member outside the set";
    case CertificateError::kBadSignature: return "a signature in the certificate is not valid";
    case CertificateError::kWrongGenesis: return "the certificate belongs to another chain";
    case CertificateError::kWrongEpoch: return "the certificate belongs to another epoch";
    case CertificateError::kWrongSet: return "the head names another validator set";
    case CertificateError::kBrokenLineage: return "the lineage does not lead from set to set";
  }
  return "unknown certificate error";
}

std::expected<void, CertificateError> check_shape(const Signatures& signatures,
                                                  const ValidatorSet& set) {
  using E = CertificateError;
  if (signatures.size() > set.members.size()) return std::unexpected(E::kTooManySigners);
  if (signatures.size() < set.quorum().q) return std::unexpected(E::kTooFewSigners);
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (!set.contains(signatures[i].member)) return std::unexpected(E::kUnknownMember);
    if (i > 0 && !(signatures[i - 1].member < signatures[i].member)) {
      return std::unexpected(E::kNotSorted);
    }
  }
  return {};
}

Hash256 checkpoint_digest(const LedgerHead& head, MemberId m) {
  return vote_digest(head.genesis, StatementKind::kCheckpoint, head.epoch, m, head);
}

std::expected<void, CertificateError> verify(const CheckpointCertificate& certificate,
                                             const GenesisId& genesis, const ValidatorSet& set) {
  using E = CertificateError;
  const LedgerHead& head = certificate.head;
  if (head.genesis != genesis) return std::unexpected(E::kWrongGenesis);
  if (head.epoch != set.epoch) return std::unexpected(E::kWrongEpoch);
  if (head.validators_digest != set.digest()) return std::unexpected(E::kWrongSet);
  if (auto shape = check_shape(certificate.signatures, set); !shape) return shape;
  for (const MemberSignature& s : certificate.signatures) {
    if (!crypto::verify(set.member(s.member).key, checkpoint_digest(head, s.member), s.signature)) {
      return std::unexpected(E::kBadSignature);
    }
  }
  return {};
}

std::expected<ValidatorSet, CertificateError> walk(const Lineage& lineage, const GenesisId& genesis,
                                                   const ValidatorSet& genesis_set) {
  ValidatorSet set = genesis_set;
  for (const LineageStep& step : lineage) {
    if (auto ok = verify(step.last, genesis, set); !ok) return std::unexpected(ok.error());
    if (step.next.epoch != set.epoch.next() ||
        step.next.digest() != step.last.head.next_validators_digest) {
      return std::unexpected(CertificateError::kBrokenLineage);
    }
    set = step.next;
  }
  return set;
}

}  // namespace imi::chain
