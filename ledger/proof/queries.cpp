#include "ledger/proof/queries.h"

#include <algorithm>

#include "base/hex.h"
#include "chain/block.h"
#include "crypto/merkle_log.h"
#include "ledger/proof/rules.h"

namespace imi::ledger {
namespace {

using Reason = QueryError::Reason;

QueryError error(Reason r, std::string detail = {}) { return {r, std::nullopt, std::move(detail)}; }
QueryError from_store(StoreError e) {
  return {e.reason == StoreError::Reason::kCorruption ? Reason::kDamaged : Reason::kStore,
          std::move(e),
          {}};
}
template <class T>
std::unexpected<EvidenceError> failed(std::expected<T, StoreError>& result) {
  return std::unexpected(EvidenceError(from_store(std::move(result.error()))));
}
std::unexpected<EvidenceError> no(Reason r, std::string detail = {}) {
  return std::unexpected(EvidenceError(error(r, std::move(detail))));
}
std::unexpected<EvidenceError> contradiction(std::string detail) {
  return no(Reason::kDamaged, std::move(detail));
}

// A page of a dossier: the rows shown, and the hashes of the leaves that its proof is made from.
struct Leaves {
  std::vector<DossierLeaf> page;
  std::vector<Hash256> hashes;
};

// Reads the ledger at a certified head, and writes down what a verifier will need.
class ReaderEvidence final : public EvidenceSource {
 public:
  // `head`: that the answer is under.
  ReaderEvidence(const LedgerReader& reader, const chain::LedgerHead& head, ProofBundle* proof)
      : reader_(reader), head_(head), proof_(proof) {}

  const chain::LedgerHead& head() const override { return head_; }

  std::expected<std::optional<Bytes>, EvidenceError> record(const Hash256& path) override {
    if (proof_ == nullptr) {
      auto row = reader_.record(path);
      if (!row) return failed(row);
      return std::move(*row);
    }
    auto proved = reader_.prove(path);
    if (!proved) return failed(proved);
    proof_->records.push_back(std::move(*proved));
    return proof_->records.back().value;
  }

  std::expected<std::vector<DossierLeaf>, EvidenceError> page(const PageOf& ask) override {
    auto leaves = read_leaves(ask);
    if (!leaves) return std::unexpected(std::move(leaves.error()));
    if (leaves->page.size() != ask.count) return contradiction("a dossier lacks leaves");
    if (proof_ == nullptr) return std::move(leaves->page);
    ProvedPage proved{std::move(leaves->page), {}};
    if (ask.count < ask.range.size()) {
      auto path = crypto::make_page_proof(leaves->hashes, ask.from, ask.from + ask.count);
      if (!path) return contradiction(std::string(crypto::describe(path.error())));
      proved.path = std::move(*path);
    }
    proof_->page = std::move(proved);
    return proof_->page->leaves;
  }

  std::expected<SubmissionOutcomes, EvidenceError> outcomes(const SubmissionState& state) override {
    auto all = reader_.outcomes(state.height);
    if (!all) return failed(all);
    if (!all->has_value() || state.index >= (*all)->size()) {
      return contradiction("the outcomes of a submission are missing");
    }
    SubmissionOutcomes out = std::move((**all)[state.index]);
    if (proof_ != nullptr) proof_->outcomes = out;
    return out;
  }

  std::expected<EntryAnswer, EvidenceError> entry(const AskEntry& ask) override;

  std::expected<void, EvidenceError> consistency(const AskConsistency& ask) override {
    if (ask.old_size > head().log_size) {
      return no(Reason::kBadRange, "the log has " + std::to_string(head().log_size) + " entries");
    }
    auto path = reader_.log_consistency(ask.old_size);
    if (!path) return failed(path);
    if (!crypto::verify_log_consistency(ask.old_size, ask.old_root, head().log_size,
                                        head().log_root, *path)) {
      return no(Reason::kBadRange, "this log never had that root");
    }
    if (proof_ != nullptr) proof_->consistency = std::move(*path);
    return {};
  }

 private:
  std::expected<Leaves, EvidenceError> read_leaves(const PageOf& ask);
  std::expected<std::optional<Submission>, EvidenceError> find(const AskEntry& ask,
                                                               std::uint32_t& place);
  std::expected<std::uint64_t, EvidenceError> log_index(const AskEntry& ask, std::uint32_t place);

  const LedgerReader& reader_;
  const chain::LedgerHead& head_;
  ProofBundle* proof_;
};

// Without a proof, or for a whole dossier, only the page is read. A proof needs the other leaves'
// hashes too, and a cell's leaves are found among its dossier's.
std::expected<Leaves, EvidenceError> ReaderEvidence::read_leaves(const PageOf& ask) {
  Leaves out;
  const bool page_only = !ask.code && (proof_ == nullptr || ask.count == ask.range.size());
  const std::uint64_t begin = page_only ? ask.from : 0;
  const std::uint64_t rows_wanted = page_only ? ask.count : kMaxDossierScan;
  auto rows = reader_.dossier(ask.sid, begin, rows_wanted);
  if (!rows) return failed(rows);
  std::uint64_t position = begin;
  for (DossierRow& row : *rows) {
    if (ask.code && std::ranges::count(row.cells, *ask.code) == 0) continue;
    if (!page_only) out.hashes.push_back(leaf_hash(row.leaf));
    if (position >= ask.from && out.page.size() < ask.count) out.page.push_back(row.leaf);
    ++position;
  }
  if (!page_only && rows->size() == kMaxDossierScan && position < ask.range.size()) {
    return no(Reason::kTooLarge, std::to_string(kMaxDossierScan) + " leaves");
  }
  if (!page_only && position != ask.range.size()) {
    return contradiction("a dossier has " + std::to_string(position) + " of " +
                         std::to_string(ask.range.size()) + " leaves");
  }
  return out;
}

// The submission in its block: by its record while that is kept, by looking through the block
// later.
std::expected<std::optional<Submission>, EvidenceError> ReaderEvidence::find(const AskEntry& ask,
                                                                             std::uint32_t& place) {
  const auto kept = reader_.record(state_path(Space::kSubmission, ask.id));
  if (!kept) return std::unexpected(EvidenceError(from_store(kept.error())));
  std::uint32_t first = 0;
  if (kept->has_value()) {
    const auto state = decode<SubmissionState>(**kept);
    if (!state) return contradiction("the record of a submission does not decode");
    if (state->height != ask.height) return no(Reason::kNoSuchEntry, "another height");
    first = state->index;
  }
  for (place = first; place < chain::kMaxBlockItems; ++place) {
    auto submission = reader_.submission(ask.height, place);
    if (!submission) return failed(submission);
    if (!submission->has_value()) break;
    if (submission_id((*submission)->header) == ask.id) return std::move(*submission);
  }
  return std::nullopt;
}

// Position of an accepted entry: leaves before its block, then those of what came before in it.
std::expected<std::uint64_t, EvidenceError> ReaderEvidence::log_index(const AskEntry& ask,
                                                                      std::uint32_t place) {
  auto before = reader_.head_at(ask.height.prev());
  if (!before) return failed(before);
  auto outcomes = reader_.outcomes(ask.height);
  if (!outcomes) return failed(outcomes);
  if (!before->has_value() || !outcomes->has_value() || place >= (*outcomes)->size()) {
    return contradiction("the outcomes of a block are missing");
  }
  const SubmissionOutcomes& own = (**outcomes)[place];
  if (own.duplicate || ask.index >= own.count || own.refusal(ask.index) != nullptr) {
    return no(Reason::kNoSuchEntry, "refused or repeated: it is not in the log");
  }
  std::uint64_t index = (*before)->log_size;
  for (std::uint32_t s = 0; s < place; ++s) {
    const SubmissionOutcomes& o = (**outcomes)[s];
    if (!o.duplicate) index += o.count - o.refused.size();
  }
  const auto refused_before = std::ranges::count_if(
      own.refused, [&](const SubmissionOutcomes::Refused& r) { return r.index < ask.index; });
  return index + ask.index - static_cast<std::uint64_t>(refused_before);
}

std::expected<EntryAnswer, EvidenceError> ReaderEvidence::entry(const AskEntry& ask) {
  std::uint32_t place = 0;
  if (ask.height.value == 0 || ask.height > head().height) {
    return no(Reason::kNoSuchEntry, "no such height");
  }
  auto submission = find(ask, place);
  if (!submission) return std::unexpected(std::move(submission.error()));
  if (!submission->has_value() || ask.index >= (*submission)->entries.size()) {
    return no(Reason::kNoSuchEntry);
  }
  auto index = log_index(ask, place);
  if (!index) return std::unexpected(std::move(index.error()));
  Entry& entry = (*submission)->entries[ask.index];
  ProvedEntry proved;
  proved.header = {ask.height, ask.id, ask.index, kind_of(entry)};
  proved.entry = std::move(entry);
  proved.log_index = *index;
  EntryAnswer answer{proved.header, proved.entry, proved.log_index};
  if (proof_ != nullptr) {
    auto path = reader_.log_inclusion(*index);
    if (!path) return failed(path);
    proved.path = std::move(*path);
    proof_->entry = std::move(proved);
  }
  return answer;
}

// ---- who may see what -------------------------------------------------------------------------

template <KeyedRecord R>
std::expected<std::optional<R>, QueryError> read(const LedgerReader& reader,
                                                 const typename R::Key& key) {
  const auto row = reader.record(state_path(kSpaceOf<R>, key));
  if (!row) return std::unexpected(from_store(row.error()));
  if (!row->has_value()) return std::nullopt;
  auto record = decode<R>(**row);
  if (!record) return std::unexpected(error(Reason::kDamaged, describe(record.error())));
  return std::move(*record);
}

// True unless the ledger knows that the entry is about nobody or about an enterprise.
std::expected<bool, QueryError> of_a_person(const LedgerReader& reader, const Entry& entry) {
  const auto whose = about(entry);
  if (!whose) return false;
  switch (whose->whose) {
    case About::Whose::kPerson: return true;
    case About::Whose::kSubject: {
      const auto subject = read<SubjectState>(reader, whose->subject);
      if (!subject) return std::unexpected(subject.error());
      return !*subject || (*subject)->subject_class() == SubjectClass::kPerson;
    }
    case About::Whose::kEvent: {
      const auto event = read<EventState>(reader, whose->event);
      if (!event) return std::unexpected(event.error());
      return !*event || !is_public((*event)->facts);
    }
  }
  return true;
}

std::expected<void, QueryError> check_public(const LedgerReader& reader, const Answer& answer) {
  bool person = false;
  if (const auto* a = std::get_if<EventAnswer>(&answer)) {
    person = a->event && !is_public(a->event->facts);
  } else if (const auto* e = std::get_if<EntryAnswer>(&answer)) {
    auto about = of_a_person(reader, e->entry);
    if (!about) return std::unexpected(std::move(about.error()));
    person = *about;
  }
  if (person) return std::unexpected(error(Reason::kPurposeRequired));
  return {};
}

// The head of the height asked for, and its place in the history of the reader's head.
std::expected<EarlierHead, QueryError> earlier_head(const LedgerReader& reader,
                                                    chain::Height height) {
  if (height > reader.head().height) {
    return std::unexpected(error(
        Reason::kBadRange,
        "the newest certified head is of height " + std::to_string(reader.head().height.value)));
  }
  EarlierHead out;
  auto head = reader.head_at(height);
  if (!head) return std::unexpected(from_store(std::move(head.error())));
  if (!head->has_value()) return std::unexpected(error(Reason::kDamaged, "a head is missing"));
  out.head = std::move(**head);
  if (height == reader.head().height) return out;
  auto path = reader.heads_inclusion(height);
  if (!path) return std::unexpected(from_store(std::move(path.error())));
  out.path = std::move(*path);
  return out;
}

std::expected<Reply, QueryError> answer_any(const LedgerReader& reader, const Question& question,
                                            bool prove) {
  Reply reply;
  reply.head = reader.head();
  if (prove) {
    const auto certificate = reader.certificate();
    if (certificate == nullptr) return std::unexpected(error(Reason::kNotCertified));
    reply.proof = ProofBundle{{}, question, *certificate, reader.lineage(), {}, {}, {}, {}, {}, {}};
  }
  if (const auto* ask = std::get_if<AskHead>(&question); ask != nullptr && ask->height) {
    auto earlier = earlier_head(reader, *ask->height);
    if (!earlier) return std::unexpected(std::move(earlier.error()));
    reply.head = earlier->head;
    if (reply.proof && reply.head != reader.head()) reply.proof->earlier = std::move(*earlier);
  }
  ReaderEvidence evidence(reader, reply.head, reply.proof ? &*reply.proof : nullptr);
  auto answer = work_out(question, reader.genesis().parameters, evidence);
  if (answer) {
    reply.answer = std::move(*answer);
    return reply;
  }
  if (auto* e = std::get_if<QueryError>(&answer.error())) return std::unexpected(std::move(*e));
  // The rules found a certified state that execution cannot have made.
  return std::unexpected(error(Reason::kDamaged, describe(std::get<ProofError>(answer.error()))));
}

}  // namespace

bool is_about_person(const LedgerReader& reader, const Entry& entry) {
  return of_a_person(reader, entry).value_or(true);
}

std::expected<Reply, QueryError> answer(const LedgerReader& reader, const Question& question,
                                        bool prove) {
  if (std::holds_alternative<AskPerson>(question)) {
    return std::unexpected(error(Reason::kPurposeRequired));
  }
  auto reply = answer_any(reader, question, prove);
  if (!reply) return reply;
  if (auto ok = check_public(reader, reply->answer); !ok) return std::unexpected(ok.error());
  return reply;
}

// ---- signed queries ---------------------------------------------------------------------------

namespace {
Hash256 query_digest(const chain::GenesisId& genesis, const SignedQueryBody& body) {
  return chain::statement_digest(genesis, chain::StatementKind::kQuery, body);
}

// True if the key is the person's. The same answer for no such person and for another class.
std::expected<bool, QueryError> is_current_key(const LedgerReader& reader, const SubjectId& sid,
                                               const crypto::PublicKey& key) {
  const auto row = reader.record(state_path(Space::kSubject, sid));
  if (!row) return std::unexpected(from_store(row.error()));
  if (!row->has_value()) return false;
  const auto subject = decode<SubjectState>(**row);
  if (!subject) return std::unexpected(error(Reason::kDamaged, "subject"));
  return subject->subject_class() == SubjectClass::kPerson && subject->keys_root == keys_root(key);
}
}  // namespace

SignedQuery sign_query(const chain::GenesisId& genesis, SignedQueryBody body,
                       const crypto::SecretKey& key) {
  SignedQuery out{genesis, std::move(body), key.public_key(), {}};
  out.signature = key.sign(query_digest(genesis, out.body));
  return out;
}

ReplayGuard::Seen ReplayGuard::note(const SubjectId& sid, const Hash256& digest,
                                    chain::TimeMs signed_at, chain::TimeMs now) {
  const std::lock_guard lock(mutex_);
  // A query is fresh for a window on either side of its time.
  since_.value = std::max(since_.value, now.value - kQueryWindowMs);
  while (!by_time_.empty() && by_time_.begin()->first.first < since_) {
    const auto& [when, person] = *by_time_.begin();
    const auto share = of_person_.find(person);
    if (--share->second == 0) of_person_.erase(share);
    seen_.erase(when.second);
    by_time_.erase(by_time_.begin());
  }
  if (signed_at < since_) return Seen::kTooOld;
  if (seen_.contains(digest)) return Seen::kRepeat;
  const auto share = of_person_.find(sid);
  if (share != of_person_.end() && share->second >= kMaxQueriesOfPerson) return Seen::kFull;
  if (seen_.size() >= kMaxRememberedQueries) return Seen::kFull;
  seen_.insert(digest);
  by_time_.emplace(std::pair(signed_at, digest), sid);
  ++of_person_[sid];
  return Seen::kFirst;
}

std::expected<Reply, QueryError> answer_person(const LedgerReader& reader, const SignedQuery& query,
                                               bool prove, const QueryTerms& terms) {
  if (query.genesis != reader.head().genesis) return std::unexpected(error(Reason::kWrongChain));
  if (query.body.audience != terms.audience) {
    return std::unexpected(error(Reason::kWrongAudience, to_hex(query.body.audience)));
  }
  const std::int64_t time = query.body.time.value;
  if (time < terms.now.value - kQueryWindowMs || time > terms.now.value + kQueryWindowMs) {
    return std::unexpected(error(Reason::kStaleQuery));
  }
  const Hash256 digest = query_digest(query.genesis, query.body);
  if (!crypto::verify(query.key, digest, query.signature)) {
    return std::unexpected(error(Reason::kBadSignature));
  }
  const auto current = is_current_key(reader, query.body.question.sid, query.key);
  if (!current) return std::unexpected(current.error());
  if (!*current) return std::unexpected(error(Reason::kWrongKey));
  // Noted last: only the person can fill the memory of what the person asked.
  switch (terms.guard.note(query.body.question.sid, digest, query.body.time, terms.now)) {
    case ReplayGuard::Seen::kFirst: break;
    case ReplayGuard::Seen::kRepeat: return std::unexpected(error(Reason::kReplayed));
    case ReplayGuard::Seen::kTooOld: return std::unexpected(error(Reason::kStaleQuery));
    case ReplayGuard::Seen::kFull: return std::unexpected(error(Reason::kBusy));
  }
  return answer_any(reader, query.body.question, prove);
}

// ---- names ------------------------------------------------------------------------------------

std::string_view name(Reason r) {
  switch (r) {
    case Reason::kStore: return "store-failed";
    case Reason::kNotCertified: return "not-certified";
    case Reason::kPurposeRequired: return "purpose-required";
    case Reason::kTooLarge: return "too-large";
    case Reason::kNoSuchEntry: return "no-such-entry";
    case Reason::kBadRange: return "bad-range";
    case Reason::kBadSignature: return "bad-signature";
    case Reason::kWrongKey: return "wrong-key";
    case Reason::kWrongChain: return "wrong-chain";
    case Reason::kWrongAudience: return "wrong-audience";
    case Reason::kStaleQuery: return "stale-query";
    case Reason::kReplayed: return "replayed";
    case Reason::kBusy: return "busy";
    case Reason::kDamaged: return "damaged";
  }
  return "unknown";
}

namespace {
std::string_view sentence(Reason r) {
  switch (r) {
    case Reason::kStore: return "the node could not read its store: ask another node";
    case Reason::kNotCertified:
      return "no block is certified yet, so nothing can be proved: ask again shortly";
    case Reason::kPurposeRequired:
      return "this is about a person, and is answered to the person alone: sign the query with the "
             "person's key";
    case Reason::kTooLarge:
      return "the dossier has more leaves than one answer may read: ask for it without a code";
    case Reason::kNoSuchEntry:
      return "there is no such accepted entry at that height: look at the submission's outcomes";
    case Reason::kBadRange: return "that is beyond what the ledger has";
    case Reason::kBadSignature: return "the query's signature does not hold: sign it again";
    case Reason::kWrongKey:
      return "the key is not the current key of that person: use the key that was registered last";
    case Reason::kWrongChain:
      return "the query was signed for another chain: check the genesis file";
    case Reason::kWrongAudience:
      return "the query was signed for another node: sign it for this one";
    case Reason::kStaleQuery:
      return "the query was signed too long ago, or ahead of this node's clock: set the clock and "
             "sign it again";
    case Reason::kReplayed: return "this query was answered before: sign a new one";
    case Reason::kBusy: return "too many signed queries at once: ask again in a minute";
    case Reason::kDamaged:
      return "the node's store contradicts the certified head: ask another node, and tell the "
             "operator of this one";
  }
  return "";
}
}  // namespace

std::string describe(const QueryError& e) {
  std::string out(name(e.reason));
  if (!e.detail.empty()) out.append(" (").append(e.detail).append(")");
  out.append(": ").append(sentence(e.reason));
  if (e.store) out.append(" [").append(describe(*e.store)).append("]");
  return out;
}

}  // namespace imi::ledger
