// Proofs that consensus makes of votes. (CheckpointCertificate is chain's: clients verify it too.)
// Each begins with a schema version, so that a later form can coexist with this one.
#pragma once

#include <variant>
#include <vector>

#include "base/codec.h"
#include "chain/block.h"
#include "chain/certificate.h"
#include "consensus/config.h"

namespace imi::consensus {

using chain::Block;
using chain::BlockHeader;
using chain::CheckpointCertificate;
using chain::LedgerHead;
using chain::MemberSignature;
using chain::Signatures;
using chain::ValidatorSet;

// q COMMITs of one (epoch, view, height, id): the block is decided forever (I7). Not unique.
struct CommitCertificate {
  SchemaVersion<1> version;
  Epoch epoch;
  View view;
  Height height;
  BlockId id;
  Signatures signatures;  // of COMMIT digests, strictly ascending by member
  bool operator==(const CommitCertificate&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, epoch, view, height, id, signatures);
  }
};

// The primary's PRE-PREPARE signature and q-1 PREPAREs of distinct non-primaries (A0). It carries
// the header, so that a view change can check the chain of parents (A3).
struct PreparedCertificate {
  SchemaVersion<1> version;
  View view;
  BlockHeader header;         // its id is block_id(genesis, header)
  crypto::Signature primary;  // of the PRE-PREPARE digest, by primary(view)
  Signatures prepares;        // of PREPARE digests, strictly ascending, no primary
  bool operator==(const PreparedCertificate&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, view, header, primary, prepares);
  }
};

// A commit certificate with the header it decides: what a view change and catch-up carry.
struct DecidedCertificate {
  BlockHeader header;
  CommitCertificate commit;  // commit.id = block_id(genesis, header)
  bool operator==(const DecidedCertificate&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(header, commit);
  }
};

// What a VIEW-CHANGE shows for one height above its stable checkpoint.
struct HeightCertificate {
  std::variant<PreparedCertificate, DecidedCertificate> proof;
  bool operator==(const HeightCertificate&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(proof);
  }
  [[nodiscard]] const BlockHeader& header() const {
    return proof.index() == 0 ? std::get<0>(proof).header : std::get<1>(proof).header;
  }
  [[nodiscard]] View view() const {
    return proof.index() == 0 ? std::get<0>(proof).view : std::get<1>(proof).commit.view;
  }
};

}  // namespace imi::consensus
