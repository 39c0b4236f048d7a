#include "crypto/commitment.h"

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
std::vector<Claim> sample(std::size_t n) {
  SeededRandom random(7);
  std::vector<Claim> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back({random.fixed<Salt>(), "claim" + std::to_string(i), Bytes(i, 0x41)});
  }
  return out;
}
}  // namespace

TEST_CASE("a commitment opens to its value under its salt and to nothing else") {
  SeededRandom random(1);
  const Salt salt = random.fixed<Salt>();
  const Commitment c = commit(salt, as_bytes("禅城区"));
  CHECK(opens_to(c, salt, as_bytes("禅城区")));
  CHECK(!opens_to(c, salt, as_bytes("南海区")));
  CHECK(!opens_to(c, random.fixed<Salt>(), as_bytes("禅城区")));
  CHECK(commit(salt, {}) != commit(Salt{}, {}));
}

TEST_CASE("any one claim is shown against the root without its neighbours") {
  for (const std::size_t n : {1u, 2u, 5u, 64u}) {
    const auto claims = sample(n);
    const Hash256 root = claims_root(claims);
    for (std::size_t i = 0; i < n; ++i) {
      const auto shown = reveal_claim(claims, i);
      REQUIRE(shown);
      CHECK(verify_claim(root, n, *shown));
      CHECK(decode<RevealedClaim>(encode(*shown)) == *shown);
      CHECK(!verify_claim(root, i, *shown));  // an attestation of fewer claims
    }
    CHECK(reveal_claim(claims, n).error() == MerkleError::kIndexBeyondSize);
  }
}

TEST_CASE("name and value of a claim cannot trade bytes") {
  const Salt salt;
  CHECK(claim_leaf_hash({salt, "ab", Bytes{'c'}}) != claim_leaf_hash({salt, "a", Bytes{'b', 'c'}}));
}

TEST_CASE("every changed bit of a shown claim is refused") {
  const auto claims = sample(6);
  const Hash256 root = claims_root(claims);
  each_bit_flip(encode(*reveal_claim(claims, 4)), [&](ByteView bytes) {
    const auto changed = decode<RevealedClaim>(bytes);
    CHECK((!changed || !verify_claim(root, 6, *changed)));
  });
}

TEST_CASE("claims with no name, or names and values beyond their limits, do not decode") {
  auto bad = *reveal_claim(sample(2), 1);
  bad.claim.name.clear();
  CHECK(decode<RevealedClaim>(encode(bad)).error().reason == CodecError::Reason::kRuleBroken);
  bad.claim.name.assign(kMaxClaimName + 1, 'x');
  CHECK(!decode<RevealedClaim>(encode(bad)));
  bad.claim.name = "x";
  bad.claim.value.assign(kMaxClaimValue + 1, 0);
  CHECK(!decode<RevealedClaim>(encode(bad)));
}
