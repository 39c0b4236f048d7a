#include "ledger/proof/verify.h"

#include "base/text.h"
#include "crypto/merkle_log.h"
#include "ledger/proof/rules.h"

namespace imi::ledger {
namespace {

using Reason = ProofError::Reason;

ProofError error(Reason r, std::string detail = {}) {
  return {r, 0, 0, std::nullopt, std::move(detail)};
}
std::unexpected<EvidenceError> no(Reason r, std::string detail = {}) {
  return std::unexpected(EvidenceError(error(r, std::move(detail))));
}

// Hands out a bundle's pieces, each checked against the head first.
class BundleEvidence final : public EvidenceSource {
 public:
  explicit BundleEvidence(const ProofBundle& bundle) : bundle_(bundle) {}

  const chain::LedgerHead& head() const override { return answered_head(bundle_); }

  std::expected<std::optional<Bytes>, EvidenceError> record(const Hash256& path) override {
    if (next_record_ == bundle_.records.size()) return no(Reason::kMissingEvidence, "record");
    const ProvedRecord& r = bundle_.records[next_record_++];
    const auto held = r.value ? crypto::verify_present(head().state_root, path,
                                                       crypto::map_value_hash(*r.value), r.proof)
                              : crypto::verify_absent(head().state_root, path, r.proof);
    if (!held) return no(Reason::kWrongRecord, std::string(crypto::describe(held.error())));
    return r.value;
  }

  std::expected<std::vector<DossierLeaf>, EvidenceError> page(const PageOf& ask) override {
    if (!bundle_.page || page_used_) return no(Reason::kMissingEvidence, "page");
    page_used_ = true;
    const ProvedPage& page = *bundle_.page;
    if (page.leaves.size() != ask.count) return no(Reason::kWrongRange, "number of leaves");
    std::vector<Hash256> hashes;
    hashes.reserve(page.leaves.size());
    for (const DossierLeaf& leaf : page.leaves) hashes.push_back(leaf_hash(leaf));
    const auto held =
        crypto::verify_page(ask.range.root(), ask.range.size(), ask.from, hashes, page.path);
    if (!held) return no(Reason::kWrongRange, std::string(crypto::describe(held.error())));
    return page.leaves;
  }

  std::expected<SubmissionOutcomes, EvidenceError> outcomes(const SubmissionState&) override {
    if (!bundle_.outcomes || outcomes_used_) return no(Reason::kMissingEvidence, "outcomes");
    outcomes_used_ = true;
    return *bundle_.outcomes;  // work_out() compares their digest with the record's
  }

  std::expected<EntryAnswer, EvidenceError> entry(const AskEntry& ask) override {
    if (!bundle_.entry || entry_used_) return no(Reason::kMissingEvidence, "entry");
    entry_used_ = true;
    const ProvedEntry& e = *bundle_.entry;
    if (e.header.height != ask.height || e.header.submission != ask.id ||
        e.header.index != ask.index || e.header.kind != kind_of(e.entry)) {
      return no(Reason::kWrongEntry);
    }
    const Hash256 leaf = log_leaf(log_header_hash(e.header), entry_hash(e.entry));
    const auto held =
        crypto::verify_log_inclusion(leaf, e.log_index, head().log_size, e.path, head().log_root);
    if (!held) return no(Reason::kWrongLog, std::string(crypto::describe(held.error())));
    return EntryAnswer{e.header, e.entry, e.log_index};
  }

  std::expected<void, EvidenceError> consistency(const AskConsistency& ask) override {
    if (!bundle_.consistency || consistency_used_) {
      return no(Reason::kMissingEvidence, "consistency path");
    }
    consistency_used_ = true;
    const auto held = crypto::verify_log_consistency(ask.old_size, ask.old_root, head().log_size,
                                                     head().log_root, *bundle_.consistency);
    if (!held) return no(Reason::kWrongLog, std::string(crypto::describe(held.error())));
    return {};
  }

  [[nodiscard]] bool used_up() const {
    return next_record_ == bundle_.records.size() && page_used_ == bundle_.page.has_value() &&
           outcomes_used_ == bundle_.outcomes.has_value() &&
           entry_used_ == bundle_.entry.has_value() &&
           consistency_used_ == bundle_.consistency.has_value();
  }

 private:
  const ProofBundle& bundle_;
  std::size_t next_record_ = 0;
  bool page_used_ = false;
  bool outcomes_used_ = false;
  bool entry_used_ = false;
  bool consistency_used_ = false;
};

// Who signed: genesis -> lineage -> set -> certificate (E3).
std::expected<void, ProofError> check_certificate(const ProofBundle& bundle,
                                                  const Genesis& genesis) {
  const chain::GenesisId id = genesis_id(genesis);
  const auto fail = [](chain::CertificateError e) {
    ProofError out = error(Reason::kCertificate);
    out.certificate = e;
    return std::unexpected(std::move(out));
  };
  const auto set = chain::walk(bundle.lineage, id, genesis.validators);
  if (!set) return fail(set.error());
  if (auto held = chain::verify(bundle.certificate, id, *set); !held) return fail(held.error());
  return {};
}

// The earlier head's leaf leads to the certified head's history.
std::expected<void, ProofError> check_history(const ProofBundle& bundle) {
  if (!bundle.earlier) return {};
  const chain::LedgerHead& newest = bundle.certificate.head;
  const chain::LedgerHead& earlier = bundle.earlier->head;
  const auto held = crypto::verify_inclusion(crypto::Domain::kHeadsNode, earlier.heads_leaf(),
                                             earlier.height.value, newest.height.value,
                                             bundle.earlier->path, newest.heads_root);
  if (held) return {};
  return std::unexpected(error(Reason::kWrongHistory, std::string(crypto::describe(held.error()))));
}

// Whose age and height count: the head that the answer is under, unless an earlier one was asked
// for by its height.
const chain::LedgerHead& freshest(const ProofBundle& bundle) {
  const auto* ask = std::get_if<AskHead>(&bundle.question);
  return ask != nullptr && ask->height ? bundle.certificate.head : answered_head(bundle);
}

std::expected<void, ProofError> check_trusted(const ProofBundle& bundle,
                                              const VerifyOptions& options) {
  if (!options.trusted) return {};
  const chain::LedgerHead& t = *options.trusted;
  const chain::LedgerHead& newest = options.earlier ? bundle.certificate.head : freshest(bundle);
  ProofError out = error(Reason::kBehindTrusted);
  out.a = static_cast<std::int64_t>(newest.height.value);
  out.b = static_cast<std::int64_t>(t.height.value);
  if (newest.height < t.height) return std::unexpected(std::move(out));
  out.reason = Reason::kForked;
  out.a = out.b;
  for (const chain::LedgerHead* h : {&bundle.certificate.head, &answered_head(bundle)}) {
    if (h->height == t.height && *h != t) return std::unexpected(std::move(out));
  }
  return {};
}

std::expected<void, ProofError> check_age(const chain::LedgerHead& head,
                                          const VerifyOptions& options) {
  if (options.now) {
    // A hostile time must not overflow: it is signed, but by whom is not this function's to know.
    const auto age = static_cast<std::int64_t>(static_cast<std::uint64_t>(options.now->value) -
                                               static_cast<std::uint64_t>(head.time.value));
    ProofError out = error(Reason::kTooOld);
    out.a = age;
    out.b = options.max_age_ms;
    if (age > options.max_age_ms) return std::unexpected(std::move(out));
    out.reason = Reason::kFromTheFuture;
    out.a = -age;
    out.b = options.max_ahead_ms;
    if (age < -options.max_ahead_ms) return std::unexpected(std::move(out));
  }
  return {};
}

}  // namespace

std::expected<VerifiedAnswer, ProofError> verify(const ProofBundle& bundle, const Genesis& genesis,
                                                 const VerifyOptions& options) {
  if (options.asked && *options.asked != bundle.question) {
    return std::unexpected(error(Reason::kOtherQuestion, describe(bundle.question)));
  }
  if (auto held = check_certificate(bundle, genesis); !held) return std::unexpected(held.error());
  if (auto held = check_history(bundle); !held) return std::unexpected(held.error());
  if (auto held = check_trusted(bundle, options); !held) return std::unexpected(held.error());
  if (auto fresh = check_age(freshest(bundle), options); !fresh) {
    return std::unexpected(fresh.error());
  }
  const chain::LedgerHead& head = answered_head(bundle);
  // The rules go by the parameters in force; this version knows those of genesis.
  if (head.params_digest != genesis.parameters.digest()) {
    return std::unexpected(error(Reason::kUnprovable, "parameters that genesis does not have"));
  }

  BundleEvidence evidence(bundle);
  auto answer = work_out(bundle.question, genesis.parameters, evidence);
  if (!answer) return std::unexpected(std::get<ProofError>(std::move(answer.error())));
  if (!evidence.used_up()) return std::unexpected(error(Reason::kSpareEvidence));

  VerifiedAnswer out{bundle.question, head, bundle.certificate.head, {}, std::move(*answer)};
  for (const chain::MemberSignature& s : bundle.certificate.signatures) {
    out.signers.push_back(s.member);
  }
  return out;
}

std::expected<VerifiedAnswer, ProofError> verify_bytes(ByteView bytes, const Genesis& genesis,
                                                       const VerifyOptions& options) {
  const auto bundle = decode_proof(bytes);
  if (bundle) return verify(*bundle, genesis, options);
  switch (bundle.error()) {
    case ProofFileError::kNotAProof: return std::unexpected(error(Reason::kNotAProof));
    case ProofFileError::kTooLarge: return std::unexpected(error(Reason::kMalformed, "too large"));
    case ProofFileError::kMalformed: break;
  }
  return std::unexpected(error(Reason::kMalformed));
}

std::string_view name(Reason r) {
  switch (r) {
    case Reason::kNotAProof: return "not-a-proof";
    case Reason::kMalformed: return "malformed-proof";
    case Reason::kOtherQuestion: return "other-question";
    case Reason::kCertificate: return "bad-certificate";
    case Reason::kTooOld: return "too-old";
    case Reason::kFromTheFuture: return "from-the-future";
    case Reason::kBehindTrusted: return "behind-trusted-head";
    case Reason::kForked: return "forked";
    case Reason::kMissingEvidence: return "missing-evidence";
    case Reason::kSpareEvidence: return "spare-evidence";
    case Reason::kWrongRecord: return "wrong-record";
    case Reason::kBadRecord: return "bad-record";
    case Reason::kWrongRange: return "wrong-range";
    case Reason::kWrongLog: return "wrong-log";
    case Reason::kWrongOutcomes: return "wrong-outcomes";
    case Reason::kWrongEntry: return "wrong-entry";
    case Reason::kWrongHistory: return "wrong-history";
    case Reason::kUnprovable: return "unprovable";
  }
  return "unknown";
}

namespace {
std::string sentence(const ProofError& e) {
  const std::string a = std::to_string(e.a);
  const std::string b = std::to_string(e.b);
  switch (e.reason) {
    case Reason::kNotAProof: return "this is not a proof file: check the path";
    case Reason::kMalformed: return "the proof is damaged or cut short: fetch it again";
    case Reason::kOtherQuestion:
      return "the proof answers another question than was asked: do not believe the node that sent "
             "it, ask another";
    case Reason::kCertificate:
      return "the head is not certified by the validators that this genesis leads to (" +
             std::string(e.certificate ? chain::describe(*e.certificate) : "") +
             "): check that the genesis file is that of the chain; if it is, do not believe the "
             "proof";
    case Reason::kTooOld:
      return "the certified head is " + span_text(e.a) + " old by this machine's clock, and " +
             span_text(e.b) +
             " are allowed: the node is behind, the network does not commit, or this clock is fast";
    case Reason::kFromTheFuture:
      return "the certified head is " + span_text(e.a) +
             " ahead of this machine's clock: this clock is slow, or the validators' clocks were "
             "fast";
    case Reason::kBehindTrusted:
      return "the proof is of height " + a + ", a head of height " + b +
             " was seen before: ask a node that is up to date";
    case Reason::kForked:
      return "two different heads of height " + a +
             " are certified: more than f validators signed two histories. Keep both files and "
             "call "
             "the council";
    case Reason::kMissingEvidence:
      return "the proof ends before the answer is established: do not believe it";
    case Reason::kSpareEvidence:
      return "the proof holds more than its question needs: it was not made by this program";
    case Reason::kWrongRecord:
      return "a record, or its absence, does not follow from the certified state: do not believe "
             "it";
    case Reason::kBadRecord:
      return "a certified record cannot be read: a newer version of this program may";
    case Reason::kWrongRange:
      return "the list shown is not the part of the dossier that was asked for: do not believe it";
    case Reason::kWrongLog:
      return "the event log under the head does not have this: do not believe it";
    case Reason::kWrongOutcomes:
      return "the outcomes shown are not those that the ledger recorded: do not believe them";
    case Reason::kWrongEntry: return "the entry shown is not the one asked for: do not believe it";
    case Reason::kWrongHistory:
      return "the head that the answer is under is not in the certified history, or is not the one "
             "asked for: do not believe it";
    case Reason::kUnprovable: return "this version cannot check such a proof: update it";
  }
  return "";
}
}  // namespace

std::string describe(const ProofError& e) {
  std::string out(name(e.reason));
  if (!e.detail.empty()) out.append(" (").append(e.detail).append(")");
  return out.append(": ").append(sentence(e));
}

}  // namespace imi::ledger
