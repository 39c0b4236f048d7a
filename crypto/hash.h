// Hashing with domains: BLAKE2b-256, the domain being the 16-byte `personal` parameter
// (RFC 7693 section 2.8 as libsodium exposes it). Two uses never share a domain, so a digest made
// for one purpose can never pass for another.
//
// The history of heads alone is a tree over SHA-256 with the prefix bytes of RFC 6962 (0x00 before
// a leaf, 0x01 before two children), so that witnesses and receipts outside this project can check
// it: kHeadsLeaf and kHeadsNode. No other data begins with those bytes under SHA-256 here.
//
// Pure and re-entrant. Costs one compression (about 0.17 us) for up to 128 bytes.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/bytes.h"
#include "base/codec.h"

namespace imi::crypto {

// One name per use. The texts (hash.cpp) are part of the format: never change or re-use one.
enum class Domain : std::uint8_t {
  kStatement,          // what a signature covers (chain/statement.h)
  kGenesis,            // the genesis document
  kValidatorSet,       // a validator set
  kParameters,         // the parameters in force
  kSubmissionId,       // a submission without its signature
  kSubmissionContent,  // a submission with its signature
  kEntry,              // an entry's bytes (leaf of a submission's entries tree)
  kEntryNode,          // inner node of that tree
  kEventId,            // H(submission id, index): the id of what an entry creates
  kBlock,              // a block header
  kBody,               // a block's list of content hashes
  kHead,               // a LedgerHead
  kLogLeaf,            // event log, RFC 6962 shape
  kLogNode,
  kMapKey,     // state map: key space and key -> 32-byte path
  kMapValue,   // state map: a record's bytes
  kMapLeaf,    // state map: H(path, value hash)
  kMapNode,    // state map: H(left, right)
  kRangeLeaf,  // dossier and cell ranges (Merkle mountain ranges)
  kRangeNode,
  kRangeRoot,  // peaks -> root
  kClaimLeaf,  // an attestation's salted claim
  kClaimNode,
  kCommitment,  // salted commitments of persons' data
  kPayload,     // off-ledger bodies
  kOutcomes,    // the outcomes of a submission's entries
  kDivision,    // small indexes
  kDerive,      // key and identifier derivation
  kQuery,       // a signed query
  kLogHeader,   // the public half of a log leaf
  kSafetyLog,   // frames of a node's safety log (node/wal.h)
  kHeadsLeaf,   // history of heads: SHA-256(0x00 || an encoded head)
  kHeadsNode,   // SHA-256(0x01 || left || right); the empty tree is SHA-256 of nothing
  kTest,
};
// SHA-256 with RFC 6962's prefixes; every other domain is BLAKE2b-256.
[[nodiscard]] constexpr bool is_rfc6962(Domain d) {
  return d == Domain::kHeadsLeaf || d == Domain::kHeadsNode;
}
inline constexpr std::size_t kDomainCount = static_cast<std::size_t>(Domain::kTest) + 1;

// The 16-byte text of a domain, zero-padded.
[[nodiscard]] std::string_view domain_text(Domain d);

// kHeadsNode: of no data only (the empty tree).
[[nodiscard]] Hash256 hash(Domain d, ByteView data);

// H(domain, a || b): the two-child node of every tree.
[[nodiscard]] Hash256 hash_pair(Domain d, const Hash256& a, const Hash256& b);

// Incremental form, for data in several pieces. Pieces are concatenated: the caller's format must
// make the concatenation unambiguous (fixed sizes, or codec forms).
// Not for the domains of the history of heads.
class Hasher {
 public:
  explicit Hasher(Domain d);
  Hasher& add(ByteView data);
  template <class Tag, std::size_t N>
  Hasher& add(const FixedBytes<Tag, N>& v) {
    return add(v.view());
  }
  Hasher& add_u64(std::uint64_t v);  // 8 bytes little-endian
  [[nodiscard]] Hash256 finish();

 private:
  alignas(64) std::array<std::uint8_t, 384> state_;
};

template <class T>
[[nodiscard]] Hash256 hash_of(Domain d, const T& value) {
  return hash(d, encode(value));
}

}  // namespace imi::crypto
