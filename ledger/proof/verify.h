// Verifies a proof bundle with nothing but the genesis document. What `imi proof verify` runs, and
// what every client runs on every proved read.
//
// What it establishes: q members of the validator set that genesis leads to signed this head; the
// answer follows from the state and log under that head; the page is complete as asked.
// What it cannot: that there is no newer head (bound that with max_age_ms or a trusted head), nor
// that the retired keys of an old set were not stolen (keep the newest head seen; E3).
// Pure: time is an argument.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "ledger/governance/genesis_doc.h"
#include "ledger/proof/answer.h"
#include "ledger/proof/bundle.h"

namespace imi::ledger {

struct ProofError {
  enum class Reason : std::uint8_t {
    kNotAProof,        // no magic: another kind of file
    kMalformed,        // does not decode: damaged or cut short
    kOtherQuestion,    // proves something, but not what was asked
    kCertificate,      // see `certificate`
    kTooOld,           // a = age in ms, b = the most allowed
    kFromTheFuture,    // the head's time is later than the asker's clock; a = by how many ms
    kBehindTrusted,    // a = its height, b = the trusted height: an older state than one seen
    kForked,           // another head at the trusted height: q members signed two histories
    kMissingEvidence,  // the bundle ends before the answer is established
    kSpareEvidence,    // the bundle holds what the question does not need
    kWrongRecord,      // a record, or its absence, does not lead to the state root
    kBadRecord,        // a record under the root does not decode (another version?)
    kWrongRange,       // the leaves are not the positions asked for, or not the dossier's
    kWrongLog,         // an inclusion or consistency path does not lead to the log root
    kWrongOutcomes,    // not the outcomes that the submission's record commits to
    kWrongEntry,       // not the entry asked for
    kWrongHistory,  // the earlier head is not in the certified head's history, or not the one asked
    kUnprovable,    // nothing can prove an answer to this question (see detail)
  };
  Reason reason{};
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::optional<chain::CertificateError> certificate;
  std::string detail;
};
[[nodiscard]] std::string_view name(ProofError::Reason r);
[[nodiscard]] std::string describe(const ProofError& e);

struct VerifyOptions {
  // The question that was asked. Absent only where a person looks at a file to see what it proves.
  std::optional<Question> asked;
  // The newest head that the asker has verified before.
  std::optional<chain::LedgerHead> trusted;
  // An answer under an earlier head than the certified one is taken too: for files that people keep
  // (renew() in proof.h). A client of a node wants the newest state and gets no other.
  bool earlier = false;
  // The asker's clock. Without it freshness is not checked (an old file, looked at later).
  std::optional<chain::TimeMs> now;
  std::int64_t max_age_ms = 60'000;
  // How far ahead of the asker's clock a head may be (skews of both sides).
  std::int64_t max_ahead_ms = 10'000;
};

struct VerifiedAnswer {
  Question question;
  chain::LedgerHead head;       // that the answer is under
  chain::LedgerHead certified;  // that the signers signed: `head`, or a later one that has it
  std::vector<chain::MemberId> signers;
  Answer answer;
};

[[nodiscard]] std::expected<VerifiedAnswer, ProofError> verify(const ProofBundle& bundle,
                                                               const Genesis& genesis,
                                                               const VerifyOptions& options);

// From the bytes of a file or a reply.
[[nodiscard]] std::expected<VerifiedAnswer, ProofError> verify_bytes(ByteView bytes,
                                                                     const Genesis& genesis,
                                                                     const VerifyOptions& options);

}  // namespace imi::ledger
