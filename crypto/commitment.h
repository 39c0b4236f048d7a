// Commitments that reveal nothing until opened, and the tree of an attestation's claims.
//
// A commitment is H(kCommitment, salt || bytes) with a fresh 32-byte salt: binding (256-bit hash)
// and hiding (nobody can search the values without the salt, however few there are).
// Destroying the salt erases what it hid. A claim's leaf is H(kClaimLeaf, salt || name || value),
// name and value in codec form (length, bytes) so that no two claims share bytes. Claims are in the
// issuer's order; their tree is RFC 6962 shaped with kClaimNode, and the number of claims is bound
// by the attestation. Pure; salts are drawn by the caller.
#pragma once

#include <string>

#include "crypto/merkle_shape.h"
#include "crypto/random.h"

namespace imi::crypto {

using Salt = FixedBytes<struct SaltTag, 32>;
using Commitment = FixedBytes<struct CommitmentTag, 32>;

[[nodiscard]] Commitment commit(const Salt& salt, ByteView value);
// True if the commitment opens to this value.
[[nodiscard]] bool opens_to(const Commitment& commitment, const Salt& salt, ByteView value);

inline constexpr std::size_t kMaxClaims = 64;
inline constexpr std::size_t kMaxClaimName = 64;
inline constexpr std::size_t kMaxClaimValue = 4096;

struct Claim {
  Salt salt;
  std::string name;
  Bytes value;
  bool operator==(const Claim&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(salt, name, value);
    require(ar, !name.empty() && name.size() <= kMaxClaimName && value.size() <= kMaxClaimValue);
  }
};

[[nodiscard]] Hash256 claim_leaf_hash(const Claim& claim);
[[nodiscard]] Hash256 claims_root(std::span<const Claim> claims);

// One claim with its place in the tree: what a holder shows.
struct RevealedClaim {
  Claim claim;
  std::uint32_t index = 0;
  MerklePath path;
  bool operator==(const RevealedClaim&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(claim, index, path);
    require(ar, index < kMaxClaims && path.size() <= kMaxMerklePath);
  }
};
[[nodiscard]] std::expected<RevealedClaim, MerkleError> reveal_claim(std::span<const Claim> claims,
                                                                     std::size_t index);
// `root` and `count` come from the attestation.
[[nodiscard]] std::expected<void, MerkleError> verify_claim(const Hash256& root,
                                                            std::uint64_t count,
                                                            const RevealedClaim& revealed);

}  // namespace imi::crypto
