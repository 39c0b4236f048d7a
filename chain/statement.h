// What a signature covers. Every signed thing in the system is a statement: the genesis id, the
// kind, then the kind's own fields, hashed under one domain. So no signature made for one chain,
// kind, epoch or member can be replayed as another.
#pragma once

#include "base/codec.h"
#include "chain/ids.h"
#include "crypto/hash.h"
#include "crypto/suite.h"

namespace imi::chain {

enum class StatementKind : std::uint8_t {
  kSubmission = 1,
  kQuery = 2,
  kSourceEvent = 3,
  kAgencyKey = 4,
  kPrePrepare = 16,
  kPrepare = 17,
  kCommit = 18,
  kCheckpoint = 19,
  kViewChange = 20,
  kNewView = 21,
  kPeerHello = 32,
};

// Digest of {genesis, kind, fields...}: fields in canonical form.
template <class... Fields>
[[nodiscard]] Hash256 statement_digest(const GenesisId& genesis, StatementKind kind,
                                       const Fields&... fields) {
  Bytes bytes;
  bytes.reserve(256);
  append(bytes, genesis.view());
  bytes.push_back(static_cast<std::uint8_t>(kind));
  EncodeArchive ar(bytes);
  ar(fields...);
  return crypto::hash(crypto::Domain::kStatement, bytes);
}

// The consensus prefix: genesis, kind, epoch, member, then the message's fields (docs/PROTOCOL.md).
template <class... Fields>
[[nodiscard]] Hash256 vote_digest(const GenesisId& genesis, StatementKind kind, Epoch epoch,
                                  MemberId member, const Fields&... fields) {
  return statement_digest(genesis, kind, epoch, member, fields...);
}

}  // namespace imi::chain
