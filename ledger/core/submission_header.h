// What the author of a submission signs: who, until when, and the root over its entries.
#pragma once

#include "ledger/core/types.h"

namespace imi::ledger {

using Nonce = FixedBytes<struct NonceTag, 16>;

struct SubmissionHeader {
  SchemaVersion<1> version;
  chain::GenesisId genesis;
  AuthorId author;
  crypto::PublicKey key;  // whether it is the author's is decided at execution (B4)
  Nonce nonce;            // random: two equal batches are two submissions
  chain::TimeMs expiry;   // block time at and after which it cannot commit (F1)
  std::uint32_t count = 0;
  Hash256 entries_root;
  bool operator==(const SubmissionHeader&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, genesis, author, key, nonce, expiry, count, entries_root);
  }
};

}  // namespace imi::ledger
