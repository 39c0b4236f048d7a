#include "crypto/commitment.h"

namespace imi::crypto {
namespace {
std::vector<Hash256> leaves_of(std::span<const Claim> claims) {
  std::vector<Hash256> out;
  out.reserve(claims.size());
  for (const Claim& c : claims) out.push_back(claim_leaf_hash(c));
  return out;
}
}  // namespace

Commitment commit(const Salt& salt, ByteView value) {
  Hasher h(Domain::kCommitment);
  Commitment out;
  out.bytes = h.add(salt).add(value).finish().bytes;
  return out;
}

bool opens_to(const Commitment& commitment, const Salt& salt, ByteView value) {
  return commit(salt, value) == commitment;
}

Hash256 claim_leaf_hash(const Claim& claim) { return hash_of(Domain::kClaimLeaf, claim); }

Hash256 claims_root(std::span<const Claim> claims) {
  return merkle_root(Domain::kClaimNode, leaves_of(claims));
}

std::expected<RevealedClaim, MerkleError> reveal_claim(std::span<const Claim> claims,
                                                       std::size_t index) {
  const std::vector<Hash256> leaves = leaves_of(claims);
  LeafNodes nodes(Domain::kClaimNode, leaves);
  auto path = make_inclusion(Domain::kClaimNode, nodes, index, leaves.size());
  if (!path) return std::unexpected(path.error());
  return RevealedClaim{claims[index], static_cast<std::uint32_t>(index), std::move(*path)};
}

std::expected<void, MerkleError> verify_claim(const Hash256& root, std::uint64_t count,
                                              const RevealedClaim& revealed) {
  return verify_inclusion(Domain::kClaimNode, claim_leaf_hash(revealed.claim), revealed.index,
                          count, revealed.path, root);
}

}  // namespace imi::crypto
