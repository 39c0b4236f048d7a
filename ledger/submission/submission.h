// A submission: 1..4,096 entries under one signature.
//
// The signed header commits to the entries by the root of a Merkle tree (crypto/entries_tree.h), so
// one entry's authority can be shown without its neighbours.
// Identity: submission_id() covers the header without the signature (what repeats are recognised
// by); content_hash() covers both (what blocks list, B3).
// Threading: values; the digests are computed once, where the submission is made or decoded, and
// are read-only afterwards.
#pragma once

#include <memory>
#include <vector>

#include "chain/statement.h"
#include "crypto/random.h"
#include "ledger/core/submission_header.h"
#include "ledger/submission/entry.h"

namespace imi::ledger {

// What is computed from a submission's bytes and used again and again. Not part of its encoding.
struct SubmissionDigests {
  chain::SubmissionId id;
  chain::ContentHash content;
  std::vector<Hash256> entries;  // entry_hash of each
  std::size_t encoded_bytes = 0;
};

struct Submission {
  SubmissionHeader header;
  crypto::Signature signature;
  std::vector<Entry> entries;
  // Filled by decode_submission(), sign_submission() and compute_digests(); null after a plain
  // decode<Submission>(). Whoever changes another field afterwards computes them again.
  std::shared_ptr<const SubmissionDigests> digests;

  bool operator==(const Submission& o) const {
    return header == o.header && signature == o.signature && entries == o.entries;
  }
  template <class A>
  void serialize(A& ar) {
    ar(header, signature, entries);
    require(ar, entries.size() <= 4096);
  }
};

[[nodiscard]] chain::SubmissionId submission_id(const SubmissionHeader& header);
[[nodiscard]] chain::ContentHash content_hash(const SubmissionHeader& header,
                                              const crypto::Signature& signature);
// What the author's key signs.
[[nodiscard]] Hash256 signing_digest(const SubmissionHeader& header);

// Encodes and hashes everything; for submissions that did not come through decode_submission().
void compute_digests(Submission& submission);
// The stored digests; computed anew if absent.
[[nodiscard]] std::shared_ptr<const SubmissionDigests> digests(const Submission& submission);

struct SubmissionTerms {
  chain::GenesisId genesis;
  AuthorId author;
  Nonce nonce;
  chain::TimeMs expiry;
};
// Makes and signs a submission. `entries` has 1..4,096 (IMI_CHECK). Deterministic (RFC 6979).
[[nodiscard]] Submission sign_submission(const SubmissionTerms& terms, std::vector<Entry> entries,
                                         const crypto::SecretKey& key);

// The leaf of the event log for an accepted entry: H(kLogLeaf, H(header) || H(body)), where the
// body is the entry: header hash under kLogHeader, body hash = entry_hash. Whoever may not see a
// person's entry is given the two hashes.
struct LogLeafHeader {
  chain::Height height;
  chain::SubmissionId submission;
  std::uint32_t index = 0;  // of the entry in its submission
  EntryKind kind = EventRecord::kKind.kind();
  template <class A>
  void serialize(A& ar) {
    ar(height, submission, index, enum_field(kind));
  }
};
[[nodiscard]] Hash256 log_header_hash(const LogLeafHeader& header);
[[nodiscard]] Hash256 log_leaf(const Hash256& header_hash, const Hash256& entry_hash);

}  // namespace imi::ledger
