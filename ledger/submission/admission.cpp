#include "ledger/submission/admission.h"

#include "crypto/entries_tree.h"

namespace imi::ledger {
namespace {

using Reason = AdmissionError::Reason;

std::unexpected<AdmissionError> fail(Reason r, std::int64_t a = 0, std::int64_t b = 0) {
  return std::unexpected(AdmissionError{r, a, b});
}

std::int64_t signed_of(std::size_t v) { return static_cast<std::int64_t>(v); }

std::expected<void, AdmissionError> check_shape(const SubmissionHeader& header,
                                                const AdmissionLimits& limits) {
  if (header.genesis != limits.genesis) return fail(Reason::kWrongGenesis);
  if (header.count == 0) return fail(Reason::kNoEntries);
  if (header.count > limits.max_entries) {
    return fail(Reason::kTooManyEntries, header.count, limits.max_entries);
  }
  return {};
}

// Reads what encode(Submission) writes, entry by entry, so that each is hashed where it lies.
// Throws codec_detail::Failure on malformed bytes, as the archive does.
std::expected<Submission, AdmissionError> read_submission(ByteView bytes,
                                                          const AdmissionLimits& limits) {
  DecodeArchive ar(bytes);
  Submission s;
  ar(s.header, s.signature);
  if (auto ok = check_shape(s.header, limits); !ok) return std::unexpected(ok.error());
  const std::size_t count = ar.length();
  if (count != s.header.count)
    return fail(Reason::kCountMismatch, s.header.count, signed_of(count));

  auto d = std::make_shared<SubmissionDigests>();
  s.entries.reserve(count);
  d->entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = ar.offset();
    ar(s.entries.emplace_back());
    d->entries.push_back(crypto::entry_leaf_hash(bytes.subspan(begin, ar.offset() - begin)));
  }
  if (ar.remaining() != 0) ar.fail(CodecError::Reason::kTrailing);
  d->id = submission_id(s.header);
  d->content = content_hash(s.header, s.signature);
  d->encoded_bytes = bytes.size();
  s.digests = std::move(d);
  return s;
}

}  // namespace

AdmissionLimits admission_limits(const chain::GenesisId& genesis, const Parameters& parameters) {
  return {genesis, parameters.max_submission_bytes, parameters.max_entries,
          parameters.max_expiry_ms};
}

std::string_view name(Reason r) {
  switch (r) {
    case Reason::kTooLarge: return "too-large";
    case Reason::kMalformed: return "malformed";
    case Reason::kWrongGenesis: return "wrong-genesis";
    case Reason::kNoEntries: return "no-entries";
    case Reason::kTooManyEntries: return "too-many-entries";
    case Reason::kCountMismatch: return "count-mismatch";
    case Reason::kEntriesMismatch: return "entries-mismatch";
    case Reason::kExpired: return "expired";
    case Reason::kExpiryTooFar: return "expiry-too-far";
    case Reason::kBadKey: return "bad-key";
    case Reason::kBadSignature: return "bad-signature";
  }
  return "?";
}

std::string describe(const AdmissionError& e) {
  const std::string a = std::to_string(e.a);
  const std::string b = std::to_string(e.b);
  switch (e.reason) {
    case Reason::kTooLarge:
      return "the submission has " + a + " bytes; the chain allows " + b + ": send fewer entries";
    case Reason::kMalformed:
      return "the submission is damaged at byte " + a + ": " +
             std::string(describe(static_cast<CodecError::Reason>(e.b)));
    case Reason::kWrongGenesis:
      return "the submission was signed for another chain; check the genesis file";
    case Reason::kNoEntries: return "the submission has no entries";
    case Reason::kTooManyEntries:
      return "the submission has " + a + " entries; the chain allows " + b;
    case Reason::kCountMismatch:
      return "the signed header counts " + a + " entries, but " + b + " are present";
    case Reason::kEntriesMismatch: return "the entries are not those that were signed";
    case Reason::kExpired:
      return "the submission expired at block time " + a + " ms; it is " + b +
             " ms now: sign it anew";
    case Reason::kExpiryTooFar:
      return "the submission expires at " + a + " ms, later than the chain allows now (" + b +
             " ms): choose a shorter validity, or check the clock";
    case Reason::kBadKey: return "the signing key is not a valid public key";
    case Reason::kBadSignature: return "the signature does not fit the submission and its key";
  }
  return "?";
}

std::expected<Submission, AdmissionError> decode_submission(ByteView bytes,
                                                            const AdmissionLimits& limits) {
  if (bytes.size() > limits.max_bytes) {
    return fail(Reason::kTooLarge, signed_of(bytes.size()), limits.max_bytes);
  }
  try {
    return read_submission(bytes, limits);
  } catch (const codec_detail::Failure& f) {
    return fail(Reason::kMalformed, signed_of(f.error.offset),
                static_cast<std::int64_t>(f.error.reason));
  }
}

std::expected<void, AdmissionError> check_stateless(const Submission& submission,
                                                    const AdmissionLimits& limits) {
  const SubmissionHeader& header = submission.header;
  if (auto ok = check_shape(header, limits); !ok) return ok;
  if (submission.entries.size() != header.count) {
    return fail(Reason::kCountMismatch, header.count, signed_of(submission.entries.size()));
  }
  const auto d = digests(submission);
  if (d->encoded_bytes > limits.max_bytes) {
    return fail(Reason::kTooLarge, signed_of(d->encoded_bytes), limits.max_bytes);
  }
  if (crypto::entries_root(d->entries) != header.entries_root) {
    return fail(Reason::kEntriesMismatch);
  }
  return {};
}

std::expected<void, AdmissionError> check_window(chain::TimeMs expiry, chain::TimeMs block_time,
                                                 const AdmissionLimits& limits) {
  if (expiry <= block_time) return fail(Reason::kExpired, expiry.value, block_time.value);
  const chain::TimeMs latest = block_time.plus(limits.max_expiry_ms);
  if (expiry > latest) return fail(Reason::kExpiryTooFar, expiry.value, latest.value);
  return {};
}

std::expected<void, AdmissionError> check_signature(const Submission& submission) {
  const crypto::SignedDigest s = signed_digest(submission);
  if (crypto::verify(s.key, s.digest, s.signature)) return {};
  return std::unexpected(signature_refusal(submission));
}

crypto::SignedDigest signed_digest(const Submission& submission) {
  return {submission.header.key, signing_digest(submission.header), submission.signature};
}

AdmissionError signature_refusal(const Submission& submission) {
  const bool is_key = crypto::is_valid(submission.header.key);
  return fail(is_key ? Reason::kBadSignature : Reason::kBadKey).error();
}

}  // namespace imi::ledger
