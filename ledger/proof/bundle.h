// The proof bundle: one answer that anyone checks with nothing but the genesis document.
//
// It holds the question, the certified head with the lineage of its signers, the earlier head that
// the answer is under if it is not that one, and the evidence in
// the order in which the rules of evidence.h ask for it, nothing more: a bundle with a spare piece
// is refused, so there is one bundle for one answer under one certificate.
//
// File form: the 8 bytes "IMIPRF01", then the canonical encoding (docs/DATA_FORMAT.md). Sizes at
// 1 M records: about 1.1 kB for one record (4 validators), 900 B for each further one.
// Pure values.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "chain/certificate.h"
#include "crypto/merkle_shape.h"
#include "crypto/sparse_map.h"
#include "ledger/dossier/records.h"
#include "ledger/proof/question.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

inline constexpr std::string_view kProofMagic = "IMIPRF01";
inline constexpr std::size_t kMaxProofBytes = std::size_t{8} << 20;

// What stands at a path that the verifier computes itself: a record, or nothing.
struct ProvedRecord {
  std::optional<Bytes> value;
  crypto::MapProof proof;
  template <class A>
  void serialize(A& ar) {
    ar(value, proof);
  }
};

// Consecutive leaves of a dossier's range, or of a cell's.
struct ProvedPage {
  std::vector<DossierLeaf> leaves;
  crypto::MerklePath path;
  template <class A>
  void serialize(A& ar) {
    ar(leaves, path);
    require(ar, leaves.size() <= kMaxPageEvents && path.size() <= crypto::kMaxMerklePath);
  }
};

// An entry's leaf in the event log.
struct ProvedEntry {
  LogLeafHeader header;
  Entry entry;
  std::uint64_t log_index = 0;
  crypto::MerklePath path;
  template <class A>
  void serialize(A& ar) {
    ar(header, entry, log_index, path);
    require(ar, path.size() <= crypto::kMaxMerklePath);
  }
};

// A head below the certified one, with its place in the certified head's history (heads_root).
struct EarlierHead {
  chain::LedgerHead head;
  crypto::MerklePath path;
  bool operator==(const EarlierHead&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(head, path);
    require(ar, path.size() <= crypto::kMaxMerklePath);
  }
};

struct ProofBundle {
  SchemaVersion<2> version;
  Question question;
  chain::CheckpointCertificate certificate;
  chain::Lineage lineage;
  std::optional<EarlierHead> earlier;  // the head that the evidence is under, if not the certified
  std::vector<ProvedRecord> records;   // in the order of the rules
  std::optional<ProvedPage> page;
  std::optional<SubmissionOutcomes> outcomes;
  std::optional<ProvedEntry> entry;
  std::optional<crypto::MerklePath> consistency;
  template <class A>
  void serialize(A& ar) {
    ar(version, question, certificate, lineage, earlier, records, page, outcomes, entry,
       consistency);
    require(ar, !consistency || consistency->size() <= crypto::kMaxMerklePath);
  }
};

// The head that the evidence of a bundle is under.
[[nodiscard]] const chain::LedgerHead& answered_head(const ProofBundle& bundle);

// The same answer under a newer certified head: `head` is the bundle that answers AskHead with the
// height of answered_head(old). So a saved answer outlives the keys that signed its own head.
// Nothing is verified here; nullopt if `head` answers something else, or another head stands there.
[[nodiscard]] std::optional<ProofBundle> renew(const ProofBundle& old, const ProofBundle& head);

enum class ProofFileError : std::uint8_t {
  kNotAProof,  // another kind of file
  kTooLarge,
  kMalformed,  // damaged or cut short
};

[[nodiscard]] Bytes encode_proof(const ProofBundle& bundle);
[[nodiscard]] std::expected<ProofBundle, ProofFileError> decode_proof(ByteView bytes);

}  // namespace imi::ledger
