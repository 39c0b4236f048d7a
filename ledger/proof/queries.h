// Answering questions from a reader, with or without proof. What the RPC's read methods call.
//
// A proof costs about the answer again: one map proof a record (about 650 B, 20 us), one range
// proof per page. Bounded by the page limits of question.h. Pure except for the reader's reads.
// Thread-safe as the reader is.
#pragma once

#include <expected>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "crypto/suite.h"
#include "ledger/proof/answer.h"
#include "ledger/proof/bundle.h"
#include "ledger/proof/reader.h"

namespace imi::ledger {

struct QueryError {
  enum class Reason : std::uint8_t {
    kStore,            // see `store`
    kNotCertified,     // nothing is certified yet, so nothing can be proved: ask again shortly
    kPurposeRequired,  // about a person: answered to the person alone, by a signed query
    kTooLarge,         // more leaves than one answer may read
    kNoSuchEntry,      // not in that block, or refused there: see the submission's outcomes
    kBadRange,         // a page or log size beyond what there is
    kBadSignature,     // of a signed query
    kWrongKey,         // not the person's current key
    kWrongChain,       // a query signed for another chain
    kWrongAudience,    // a query signed for another node
    kStaleQuery,       // signed too long ago, or ahead of this node's clock
    kReplayed,         // this very query was answered before
    kBusy,             // too many signed queries at once to tell repeats apart: ask again shortly
    kDamaged,          // the store contradicts the certified head
  };
  Reason reason{};
  std::optional<StoreError> store;
  std::string detail;
};
[[nodiscard]] std::string_view name(QueryError::Reason r);
[[nodiscard]] std::string describe(const QueryError& e);

struct Reply {
  chain::LedgerHead head;
  Answer answer;
  std::optional<ProofBundle> proof;
};

// Answers any question that is public. AskPerson, and AskEvent and AskEntry that turn out to be
// about a person, are refused with kPurposeRequired whether or not there is such a record.
[[nodiscard]] std::expected<Reply, QueryError> answer(const LedgerReader& reader,
                                                      const Question& question, bool prove);

// ---- a person asks for their own record --------------------------------------------------------

// What the person's key signs: chain::statement_digest(genesis, kQuery, SignedQueryBody).
struct SignedQueryBody {
  SchemaVersion<1> version;
  AskPerson question;
  Nonce nonce;         // random
  chain::TimeMs time;  // of the asker's clock
  // The node that is asked, by the SHA-256 of its TLS key (as the genesis pins validators): no
  // other answers, so that who gets hold of the query cannot use it elsewhere.
  Hash256 audience;
  bool operator==(const SignedQueryBody&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, question, nonce, time, audience);
  }
};
struct SignedQuery {
  chain::GenesisId genesis;
  SignedQueryBody body;
  crypto::PublicKey key;
  crypto::Signature signature;
  bool operator==(const SignedQuery&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(genesis, body, key, signature);
  }
};
[[nodiscard]] SignedQuery sign_query(const chain::GenesisId& genesis, SignedQueryBody body,
                                     const crypto::SecretKey& key);

// Remembers the signed queries of the freshness window, so that none is answered twice. Bounded:
// when full it refuses (kBusy) rather than forget, and one person's share is full long before all
// of it is, so that nobody shuts the others out. What it cannot remember is refused: queries signed
// before `since`, when the memory began, and those as old as others it has forgotten, though the
// clock was set back since. Thread-safe.
class ReplayGuard {
 public:
  explicit ReplayGuard(chain::TimeMs since) : since_(since) {}

  // Forgets what is older than the window. kFull: this person's share, or all of it. kTooOld:
  // signed before the memory reaches.
  enum class Seen : std::uint8_t { kFirst, kRepeat, kFull, kTooOld };
  [[nodiscard]] Seen note(const SubjectId& sid, const Hash256& digest, chain::TimeMs signed_at,
                          chain::TimeMs now);

 private:
  std::mutex mutex_;
  chain::TimeMs since_;                                             // guarded by mutex_
  std::set<Hash256> seen_;                                          // guarded by mutex_
  std::map<std::pair<chain::TimeMs, Hash256>, SubjectId> by_time_;  // guarded by mutex_
  std::map<SubjectId, std::size_t> of_person_;                      // guarded by mutex_
};

inline constexpr std::int64_t kQueryWindowMs = 60'000;
inline constexpr std::size_t kMaxRememberedQueries = 65'536;
inline constexpr std::size_t kMaxQueriesOfPerson = 64;  // of those

struct QueryTerms {
  Hash256 audience;  // this node
  chain::TimeMs now;
  ReplayGuard& guard;
};

// True if an entry is about a person, whose id, and those of whose events, are told to nobody but
// the person and whoever sent the entry; true also where that cannot be determined.
[[nodiscard]] bool is_about_person(const LedgerReader& reader, const Entry& entry);

// Answers a person about themself. The key's hash must be the subject's keys_root; whether the
// person does not exist or the key is wrong, the refusal is the same (kWrongKey).
[[nodiscard]] std::expected<Reply, QueryError> answer_person(const LedgerReader& reader,
                                                             const SignedQuery& query, bool prove,
                                                             const QueryTerms& terms);

}  // namespace imi::ledger
