#include "crypto/hash.h"

#include <sodium.h>

#include "base/check.h"

namespace imi::crypto {
namespace {

struct DomainName {
  Domain domain;
  char text[17];
};
constexpr std::array<DomainName, kDomainCount> kNames{{
    {Domain::kStatement, "imi.statement\0\0\0"},
    {Domain::kGenesis, "imi.genesis\0\0\0\0\0"},
    {Domain::kValidatorSet, "imi.validators\0\0"},
    {Domain::kParameters, "imi.params\0\0\0\0\0\0"},
    {Domain::kSubmissionId, "imi.subm.id\0\0\0\0\0"},
    {Domain::kSubmissionContent, "imi.subm.content"},
    {Domain::kEntry, "imi.entry\0\0\0\0\0\0\0"},
    {Domain::kEntryNode, "imi.entry.node\0\0"},
    {Domain::kEventId, "imi.event.id\0\0\0\0"},
    {Domain::kBlock, "imi.block\0\0\0\0\0\0\0"},
    {Domain::kBody, "imi.body\0\0\0\0\0\0\0\0"},
    {Domain::kHead, "imi.head\0\0\0\0\0\0\0\0"},
    {Domain::kLogLeaf, "imi.log.leaf\0\0\0\0"},
    {Domain::kLogNode, "imi.log.node\0\0\0\0"},
    {Domain::kMapKey, "imi.map.key\0\0\0\0\0"},
    {Domain::kMapValue, "imi.map.value\0\0\0"},
    {Domain::kMapLeaf, "imi.map.leaf\0\0\0\0"},
    {Domain::kMapNode, "imi.map.node\0\0\0\0"},
    {Domain::kRangeLeaf, "imi.range.leaf\0\0"},
    {Domain::kRangeNode, "imi.range.node\0\0"},
    {Domain::kRangeRoot, "imi.range.root\0\0"},
    {Domain::kClaimLeaf, "imi.claim.leaf\0\0"},
    {Domain::kClaimNode, "imi.claim.node\0\0"},
    {Domain::kCommitment, "imi.commitment\0\0"},
    {Domain::kPayload, "imi.payload\0\0\0\0\0"},
    {Domain::kOutcomes, "imi.outcomes\0\0\0\0"},
    {Domain::kDivision, "imi.division\0\0\0\0"},
    {Domain::kDerive, "imi.derive\0\0\0\0\0\0"},
    {Domain::kQuery, "imi.query\0\0\0\0\0\0\0"},
    {Domain::kLogHeader, "imi.log.header\0\0"},
    {Domain::kSafetyLog, "imi.safety.log\0\0"},
    {Domain::kHeadsLeaf, "(rfc6962 leaf)\0\0"},
    {Domain::kHeadsNode, "(rfc6962 node)\0\0"},
    {Domain::kTest, "imi.test\0\0\0\0\0\0\0\0"},
}};

consteval bool in_enum_order() {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (static_cast<std::size_t>(kNames[i].domain) != i) return false;
  }
  return true;
}
static_assert(in_enum_order());

const std::uint8_t* personal(Domain d) {
  return reinterpret_cast<const std::uint8_t*>(kNames[static_cast<std::size_t>(d)].text);
}

static_assert(sizeof(crypto_generichash_blake2b_state) <= 384);
crypto_generichash_blake2b_state* as_state(std::array<std::uint8_t, 384>& s) {
  return reinterpret_cast<crypto_generichash_blake2b_state*>(s.data());
}

// SHA-256 over the prefix of RFC 6962 section 2.1, then the data.
Hash256 rfc6962_hash(std::uint8_t prefix, ByteView data) {
  Hash256 out;
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, &prefix, 1);
  crypto_hash_sha256_update(&state, data.data(), data.size());
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

}  // namespace

std::string_view domain_text(Domain d) { return {kNames[static_cast<std::size_t>(d)].text, 16}; }

Hash256 hash(Domain d, ByteView data) {
  Hash256 out;
  if (d == Domain::kHeadsLeaf) return rfc6962_hash(0x00, data);
  if (d == Domain::kHeadsNode) {
    IMI_CHECK(data.empty());
    crypto_hash_sha256(out.data(), data.data(), 0);
    return out;
  }
  const int rc = crypto_generichash_blake2b_salt_personal(
      out.data(), out.kSize, data.data(), data.size(), nullptr, 0, nullptr, personal(d));
  IMI_CHECK(rc == 0);
  return out;
}

Hash256 hash_pair(Domain d, const Hash256& a, const Hash256& b) {
  std::array<std::uint8_t, 64> both;
  std::memcpy(both.data(), a.data(), 32);
  std::memcpy(both.data() + 32, b.data(), 32);
  if (d == Domain::kHeadsNode) return rfc6962_hash(0x01, both);
  return hash(d, both);
}

Hasher::Hasher(Domain d) {
  IMI_CHECK(!is_rfc6962(d));
  const int rc = crypto_generichash_blake2b_init_salt_personal(as_state(state_), nullptr, 0, 32,
                                                               nullptr, personal(d));
  IMI_CHECK(rc == 0);
}

Hasher& Hasher::add(ByteView data) {
  crypto_generichash_blake2b_update(as_state(state_), data.data(), data.size());
  return *this;
}

Hasher& Hasher::add_u64(std::uint64_t v) {
  std::array<std::uint8_t, 8> le;
  for (std::size_t i = 0; i < 8; ++i) le[i] = static_cast<std::uint8_t>(v >> (8 * i));
  return add(le);
}

Hash256 Hasher::finish() {
  Hash256 out;
  crypto_generichash_blake2b_final(as_state(state_), out.data(), out.kSize);
  return out;
}

}  // namespace imi::crypto
