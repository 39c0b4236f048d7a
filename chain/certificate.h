// Certificates: q signatures of distinct members over one statement, and the lineage that leads
// from genesis to the set that signed. Verified by nodes, clients and offline checkers with this
// same code.
#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "chain/head.h"
#include "chain/ids.h"
#include "chain/validator_set.h"
#include "crypto/suite.h"

namespace imi::chain {

// Number of ECDSA over secp256k1 with a 64-byte signature (crypto/suite.h).
inline constexpr std::uint8_t kSignatureSuite = 1;

// What one member signed with. On the wire it is a list of signatures by suite, each with its
// suite's number and its length, ascending: room for a second suite beside the first one. This
// version knows suite 1 (crypto/suite.h), requires it, and refuses any other.
struct MemberSignature {
  MemberId member;
  crypto::Signature signature;
  bool operator==(const MemberSignature&) const = default;
  template <class A>
  void serialize(A& ar) {
    std::uint8_t count = 1;
    std::uint8_t suite = kSignatureSuite;
    std::uint8_t size = crypto::Signature::kSize;
    ar(member, count, suite, size);
    require(ar, count == 1 && suite == kSignatureSuite && size == crypto::Signature::kSize);
    ar(signature);
  }
};

enum class CertificateError : std::uint8_t {
  kTooFewSigners,   // fewer than q
  kTooManySigners,  // more than n
  kNotSorted,       // members not strictly ascending: a member would count twice
  kUnknownMember,   // outside the epoch's set
  kBadSignature,    // any one of them: a padded certificate is refused whole
  kWrongGenesis,    // of another chain
  kWrongEpoch,      // the head's epoch is not the set's
  kWrongSet,        // the head names another validator set
  kBrokenLineage,   // an epoch's last head does not name the next set
};
[[nodiscard]] std::string_view describe(CertificateError e);

// A set of member signatures, strictly ascending by member.
using Signatures = std::vector<MemberSignature>;

// Checks shape and count (rule I10), not the signatures themselves.
[[nodiscard]] std::expected<void, CertificateError> check_shape(const Signatures& signatures,
                                                                const ValidatorSet& set);

// A head and q CHECKPOINT signatures over it: proof of order and result (D1). Certificates are not
// unique, so they are never hashed into anything.
struct CheckpointCertificate {
  LedgerHead head;
  Signatures signatures;
  bool operator==(const CheckpointCertificate&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(head, signatures);
  }
};

// Digest that member `m` signs in a CHECKPOINT for `head`.
[[nodiscard]] Hash256 checkpoint_digest(const LedgerHead& head, MemberId m);

// All of it: genesis, epoch, set digest, shape, and every signature.
[[nodiscard]] std::expected<void, CertificateError> verify(const CheckpointCertificate& certificate,
                                                           const GenesisId& genesis,
                                                           const ValidatorSet& set);

// From genesis to the signing set: for each finished epoch, its last certified head and the set
// that follows (E3). Empty while the genesis set still signs.
struct LineageStep {
  CheckpointCertificate last;  // of epoch e, signed by set e
  ValidatorSet next;           // set e+1, whose digest last.head.next_validators_digest names
  bool operator==(const LineageStep&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(last, next);
  }
};
using Lineage = std::vector<LineageStep>;

// Walks the lineage from the genesis set and returns the set of its end.
[[nodiscard]] std::expected<ValidatorSet, CertificateError> walk(const Lineage& lineage,
                                                                 const GenesisId& genesis,
                                                                 const ValidatorSet& genesis_set);

}  // namespace imi::chain
