#include "ledger/submission/submission.h"

#include "base/check.h"
#include "crypto/entries_tree.h"
#include "ledger/core/parameters.h"

namespace imi::ledger {

chain::SubmissionId submission_id(const SubmissionHeader& header) {
  return chain::retag<chain::SubmissionId>(crypto::hash_of(crypto::Domain::kSubmissionId, header));
}

chain::ContentHash content_hash(const SubmissionHeader& header,
                                const crypto::Signature& signature) {
  Bytes bytes = encode(header);
  append(bytes, signature.view());
  return chain::retag<chain::ContentHash>(crypto::hash(crypto::Domain::kSubmissionContent, bytes));
}

Hash256 signing_digest(const SubmissionHeader& header) {
  return chain::statement_digest(header.genesis, chain::StatementKind::kSubmission, header);
}

void compute_digests(Submission& submission) {
  auto d = std::make_shared<SubmissionDigests>();
  d->id = submission_id(submission.header);
  d->content = content_hash(submission.header, submission.signature);
  d->entries.reserve(submission.entries.size());
  for (const Entry& e : submission.entries) d->entries.push_back(entry_hash(e));
  d->encoded_bytes = encode(submission).size();
  submission.digests = std::move(d);
}

std::shared_ptr<const SubmissionDigests> digests(const Submission& submission) {
  if (submission.digests) return submission.digests;
  Submission copy = submission;
  compute_digests(copy);
  return copy.digests;
}

Submission sign_submission(const SubmissionTerms& terms, std::vector<Entry> entries,
                           const crypto::SecretKey& key) {
  IMI_CHECK(!entries.empty() && entries.size() <= kMaxEntriesOfSubmission);
  std::vector<Hash256> hashes;
  hashes.reserve(entries.size());
  for (const Entry& e : entries) hashes.push_back(entry_hash(e));

  Submission s;
  s.header.genesis = terms.genesis;
  s.header.author = terms.author;
  s.header.key = key.public_key();
  s.header.nonce = terms.nonce;
  s.header.expiry = terms.expiry;
  s.header.count = static_cast<std::uint32_t>(entries.size());
  s.header.entries_root = crypto::entries_root(hashes);
  s.signature = key.sign(signing_digest(s.header));
  s.entries = std::move(entries);

  auto d = std::make_shared<SubmissionDigests>();
  d->id = submission_id(s.header);
  d->content = content_hash(s.header, s.signature);
  d->entries = std::move(hashes);
  d->encoded_bytes = encode(s).size();
  s.digests = std::move(d);
  return s;
}

Hash256 log_header_hash(const LogLeafHeader& header) {
  return crypto::hash_of(crypto::Domain::kLogHeader, header);
}

Hash256 log_leaf(const Hash256& header_hash, const Hash256& entry_hash) {
  return crypto::hash_pair(crypto::Domain::kLogLeaf, header_hash, entry_hash);
}

}  // namespace imi::ledger
