// Proofs: every question answered and verified with the genesis alone; and all that must not
// verify.
#include <doctest/doctest.h>

#include "crypto/merkle_log.h"
#include "ledger/proof/bundle.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/reader.h"
#include "ledger/proof/verify.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::ledger {
namespace {
using test::TestChain;
using Reason = ProofError::Reason;

// A small ledger with something of every kind.
struct World {
  TestChain chain;
  std::unique_ptr<LedgerDb> db = chain.open(MemStore::create());
  std::shared_ptr<const Submission> registered;
  std::shared_ptr<const Submission> events;
  AttIssue attestation = chain.attestation();
  crypto::SecretKey person_key = crypto::SecretKey::generate(chain.random());
  SubjectPerson person = chain.person(person_key);
  chain::LedgerHead first;

  World() {
    registered =
        chain.submit({TestChain::enterprise(1), TestChain::enterprise(2), person, attestation});
    first = chain.add(*db, {registered});
    std::vector<Entry> entries;
    for (std::uint16_t i = 0; i < 12; ++i) {
      entries.emplace_back(chain.event(1, static_cast<std::uint16_t>(1 + i % 3)));
    }
    entries.emplace_back(chain.event(77));  // refused: no such subject
    entries.emplace_back(chain.person_event(person.id));
    events = chain.submit(std::move(entries));
    chain.add(*db, {events});
    // Other subjects, so that the map is not tiny.
    std::vector<Entry> more;
    for (std::uint32_t i = 100; i < 160; ++i) more.emplace_back(TestChain::enterprise(i));
    chain.add(*db, {chain.submit(std::move(more))});
  }

  Bytes prove(const Question& q) const {
    const auto reply = answer(*db->reader(), q, true);
    REQUIRE_MESSAGE(reply.has_value(), describe(reply.error()));
    return encode_proof(*reply->proof);
  }
  std::expected<VerifiedAnswer, ProofError> check(ByteView bytes, const Question& asked) const {
    VerifyOptions options;
    options.asked = asked;
    return verify_bytes(bytes, chain.genesis(), options);
  }
  template <class T>
  T ask(const Question& q) const {
    const auto verified = check(prove(q), q);
    REQUIRE_MESSAGE(verified.has_value(), describe(verified.error()));
    CHECK(verified->head == db->certified());
    CHECK(verified->signers.size() == 3);
    return std::get<T>(verified->answer);
  }
};

constexpr Hash256 kThisNode{{1}};

SignedQuery signed_query(World& w, const crypto::SecretKey& key, chain::TimeMs time,
                         const Hash256& audience = kThisNode) {
  SignedQueryBody body{{}, {w.person.id, {}}, w.chain.random().fixed<Nonce>(), time, audience};
  return sign_query(w.chain.id(), std::move(body), key);
}

TEST_CASE("an enterprise's record and its events are proved complete") {
  const World w;
  const auto a = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), {}, {}});
  REQUIRE(a.subject.has_value());
  CHECK(std::get<EnterpriseState>(a.subject->who).name == "Shop 1");
  CHECK(a.total == 12);
  CHECK(a.leaves.size() == 12);
  CHECK(a.events.size() == 12);

  const auto none = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(2), {}, {}});
  CHECK(none.subject.has_value());
  CHECK(none.total == 0);

  const auto unknown = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(9), {}, {}});
  CHECK_FALSE(unknown.subject.has_value());
}

TEST_CASE("pages prove that they are exactly the positions asked for") {
  const World w;
  std::vector<DossierLeaf> all;
  for (std::uint64_t from = 0; from < 12; from += 5) {
    const auto a = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), {}, {from, 5}});
    CHECK(a.total == 12);
    CHECK(a.leaves.size() == std::min<std::uint64_t>(5, 12 - from));
    for (const DossierLeaf& leaf : a.leaves) {
      CHECK(leaf.seq == all.size());
      all.push_back(leaf);
    }
  }
  CHECK(all.size() == 12);
  const auto beyond = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), {}, {12, 5}});
  CHECK(beyond.total == 12);
  CHECK(beyond.leaves.empty());
}

TEST_CASE("the events of one code are proved complete, and no event of another is shown") {
  const World w;
  const auto a = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), CodeId(2), {}});
  CHECK(a.total == 4);
  CHECK(a.leaves.size() == 4);
  for (const auto& [id, event] : a.events) {
    CHECK(std::get<PublicFacts>(event.facts.what).code == CodeId(2));
  }
  const auto page = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), CodeId(2), {1, 2}});
  CHECK(page.leaves == std::vector(a.leaves.begin() + 1, a.leaves.begin() + 3));
  const auto none = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), CodeId(4), {}});
  CHECK(none.total == 0);
}

TEST_CASE("events, attestations and agencies are proved present and absent") {
  World w;
  const auto dossier = w.ask<DossierAnswer>(AskEnterprise{TestChain::uscc(1), {}, {}});
  const EventId eid = dossier.leaves.front().event;
  CHECK(w.ask<EventAnswer>(AskEvent{eid}).event == dossier.events.at(eid));
  CHECK_FALSE(w.ask<EventAnswer>(AskEvent{w.chain.random().fixed<EventId>()}).event.has_value());
  CHECK(w.ask<AttestationAnswer>(AskAttestation{w.attestation.id}).attestation->level == 2);
  CHECK_FALSE(w.ask<AttestationAnswer>(AskAttestation{w.chain.random().fixed<AttestationId>()})
                  .attestation.has_value());
  CHECK(w.ask<AgencyAnswer>(AskAgency{w.chain.agency()}).agency->profile.short_name == "market");
  CHECK_FALSE(w.ask<AgencyAnswer>(AskAgency{agency_id("nobody")}).agency.has_value());
  (void)w.ask<HeadAnswer>(AskHead{});
}

TEST_CASE(
    "a submission's fate is proved: committed with its refusals, not yet, expired, too long ago") {
  World w;
  const auto a = w.ask<SubmissionAnswer>(AskSubmission{digests(*w.events)->id, {}});
  CHECK(a.status == SubmissionStatus::kCommitted);
  CHECK(a.state->height.value == 2);
  REQUIRE(a.outcomes->refused.size() == 1);
  CHECK(a.outcomes->refused[0].index == 12);
  CHECK(a.outcomes->refused[0].refusal.code == RefusalCode::kNoSuchSubject);

  const auto unknown = w.chain.random().fixed<chain::SubmissionId>();
  const std::int64_t now = w.db->certified().time.value;
  const std::int64_t grace = w.chain.genesis().parameters.grace_ms;
  const auto fate = [&](std::optional<chain::TimeMs> expiry) {
    return w.ask<SubmissionAnswer>(AskSubmission{unknown, expiry}).status;
  };
  CHECK(fate({}) == SubmissionStatus::kUnknown);
  CHECK(fate(chain::TimeMs(now + 1)) == SubmissionStatus::kUnknown);
  CHECK(fate(chain::TimeMs(now)) == SubmissionStatus::kExpired);
  CHECK(fate(chain::TimeMs(now - grace + 1)) == SubmissionStatus::kExpired);
  CHECK(fate(chain::TimeMs(now - grace)) == SubmissionStatus::kTooLongAgo);
}

TEST_CASE("an accepted entry is proved to be in the event log, a refused one is not there") {
  const World w;
  const auto id = digests(*w.events)->id;
  const auto a = w.ask<EntryAnswer>(AskEntry{id, 3, chain::Height(2)});
  CHECK(a.log_index == 4 + 3);
  CHECK(a.entry == w.events->entries[3]);
  const auto person = answer(*w.db->reader(), AskEntry{id, 13, chain::Height(2)}, true);
  CHECK(person.error().reason == QueryError::Reason::kPurposeRequired);
  for (const AskEntry& ask :
       {AskEntry{id, 12, chain::Height(2)}, AskEntry{id, 3, chain::Height(1)},
        AskEntry{id, 3, chain::Height(9)}, AskEntry{id, 99, chain::Height(2)}}) {
    CHECK(answer(*w.db->reader(), ask, true).error().reason == QueryError::Reason::kNoSuchEntry);
  }
}

TEST_CASE("today's log is proved to begin with the log of an older head") {
  const World w;
  (void)w.ask<ConsistencyAnswer>(AskConsistency{w.first.log_size, w.first.log_root});
  (void)w.ask<ConsistencyAnswer>(AskConsistency{0, crypto::LogFrontier().root()});
  AskConsistency wrong{w.first.log_size, w.first.log_root};
  wrong.old_root.bytes[3] ^= 1;
  CHECK(answer(*w.db->reader(), wrong, true).error().reason == QueryError::Reason::kBadRange);
  wrong.old_size = 1'000'000;
  CHECK(answer(*w.db->reader(), wrong, false).error().reason == QueryError::Reason::kBadRange);
}

// ---- what must not verify ---------------------------------------------------------------------

TEST_CASE("a proof of one question never passes for another") {
  const World w;
  const std::vector<Question> questions{
      AskHead{},
      AskEnterprise{TestChain::uscc(1), {}, {}},
      AskEnterprise{TestChain::uscc(2), {}, {}},
      AskEnterprise{TestChain::uscc(9), {}, {}},
      AskEnterprise{TestChain::uscc(1), CodeId(1), {}},
      AskEnterprise{TestChain::uscc(1), CodeId(2), {}},
      AskEnterprise{TestChain::uscc(1), {}, {0, 5}},
      AskEnterprise{TestChain::uscc(1), {}, {5, 5}},
      AskAgency{w.chain.agency()},
      AskAgency{agency_id("nobody")},
      AskAttestation{w.attestation.id},
      AskSubmission{digests(*w.events)->id, {}},
      AskSubmission{digests(*w.registered)->id, {}},
      AskEntry{digests(*w.events)->id, 3, chain::Height(2)},
      AskEntry{digests(*w.events)->id, 4, chain::Height(2)},
      AskConsistency{w.first.log_size, w.first.log_root},
  };
  std::vector<ProofBundle> bundles;
  for (const Question& q : questions) bundles.push_back(*answer(*w.db->reader(), q, true)->proof);
  VerifyOptions options;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (std::size_t j = 0; j < questions.size(); ++j) {
      options.asked = questions[j];
      const auto told = verify(bundles[i], w.chain.genesis(), options);
      CHECK(told.has_value() == (i == j));
      if (i == j) continue;
      CHECK(told.error().reason == Reason::kOtherQuestion);
      // Nor with the question written over: the evidence is for another one.
      ProofBundle relabelled = bundles[i];
      relabelled.question = questions[j];
      CHECK_FALSE(verify(relabelled, w.chain.genesis(), options).has_value());
    }
  }
}

TEST_CASE("a bundle with any bit flipped, cut anywhere, or with a byte more is refused") {
  const World w;
  const std::vector<Question> questions{
      AskEnterprise{TestChain::uscc(1), CodeId(2), {1, 2}},
      AskAgency{agency_id("nobody")},
      AskSubmission{digests(*w.events)->id, {}},
      AskEntry{digests(*w.events)->id, 3, chain::Height(2)},
  };
  for (const Question& q : questions) {
    const Bytes good = w.prove(q);
    REQUIRE(w.check(good, q).has_value());
    // Every bit of the first, one bit of every byte of the others: a check costs three signatures.
    const std::size_t step = q == questions.front() ? 1 : 9;
    for (std::size_t bit = 0; bit < good.size() * 8; bit += step) {
      Bytes bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      const bool held = w.check(bad, q).has_value();
      CHECK_MESSAGE(!held, "bit " << bit << " of " << describe(q));
    }
    for (std::size_t cut = 0; cut < good.size(); cut += 7) {
      CHECK_FALSE(w.check(ByteView(good).first(cut), q).has_value());
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK(w.check(longer, q).error().reason == Reason::kMalformed);
  }
}

TEST_CASE("evidence that is missing, spare, swapped or borrowed is refused by name") {
  const World w;
  const Question q = AskEnterprise{TestChain::uscc(1), {}, {0, 5}};
  VerifyOptions options;
  options.asked = q;
  const ProofBundle good = *answer(*w.db->reader(), q, true)->proof;
  const auto told = [&](const ProofBundle& b) {
    const auto r = verify(b, w.chain.genesis(), options);
    REQUIRE_FALSE(r.has_value());
    return r.error().reason;
  };
  ProofBundle b = good;
  b.records.pop_back();
  CHECK(told(b) == Reason::kMissingEvidence);
  b = good;
  b.records.push_back(b.records.back());
  CHECK(told(b) == Reason::kSpareEvidence);
  b = good;
  b.records[2] = good.records[3];
  b.records[3] = good.records[2];
  CHECK(told(b) == Reason::kWrongRecord);
  b = good;
  b.page.reset();
  CHECK(told(b) == Reason::kMissingEvidence);
  b = good;
  b.page->leaves.pop_back();  // something left out
  CHECK(told(b) == Reason::kWrongRange);
  b = good;
  std::swap(b.page->leaves[0], b.page->leaves[1]);
  CHECK(told(b) == Reason::kWrongRange);
  b = good;
  b.outcomes = SubmissionOutcomes{};
  CHECK(told(b) == Reason::kSpareEvidence);
  b = good;
  b.records[0].value.reset();  // "no such enterprise"
  CHECK(told(b) == Reason::kWrongRecord);
  b = good;
  b.certificate.signatures.pop_back();
  CHECK(told(b) == Reason::kCertificate);
  b = good;
  b.certificate.head.height = b.certificate.head.height.next();
  CHECK(told(b) == Reason::kCertificate);
}

TEST_CASE("a proof is refused under another genesis, when stale, ahead, behind or forked") {
  const World w;
  const Question q = AskHead{};
  const Bytes bytes = w.prove(q);
  const TestChain other(5);
  VerifyOptions options;
  options.asked = q;
  CHECK(verify_bytes(bytes, other.genesis(), options).error().certificate ==
        chain::CertificateError::kWrongGenesis);

  const chain::LedgerHead head = w.db->certified();
  const auto at = [&](std::int64_t ms) {
    VerifyOptions o = options;
    o.now = chain::TimeMs(head.time.value + ms);
    return verify_bytes(bytes, w.chain.genesis(), o);
  };
  CHECK(at(0).has_value());
  CHECK(at(60'000).has_value());
  CHECK(at(60'001).error().reason == Reason::kTooOld);
  CHECK(at(-10'000).has_value());
  CHECK(at(-10'001).error().reason == Reason::kFromTheFuture);

  options.trusted = head;
  CHECK(verify_bytes(bytes, w.chain.genesis(), options).has_value());
  options.trusted->height = head.height.next();
  CHECK(verify_bytes(bytes, w.chain.genesis(), options).error().reason == Reason::kBehindTrusted);
  options.trusted = head;
  options.trusted->state_root.bytes[0] ^= 1;
  CHECK(verify_bytes(bytes, w.chain.genesis(), options).error().reason == Reason::kForked);
  options.trusted = w.first;
  CHECK(verify_bytes(bytes, w.chain.genesis(), options).has_value());

  CHECK(verify_bytes(as_bytes("not a proof"), w.chain.genesis(), {}).error().reason ==
        Reason::kNotAProof);
}

TEST_CASE("before anything is certified, answers come without proof only") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  CHECK(answer(*db->reader(), AskAgency{chain.agency()}, false).has_value());
  CHECK(answer(*db->reader(), AskAgency{chain.agency()}, true).error().reason ==
        QueryError::Reason::kNotCertified);
}

// ---- persons ----------------------------------------------------------------------------------

TEST_CASE("a person's record is given to that person, with proof, and to nobody else") {
  World w;
  const chain::TimeMs now = w.db->certified().time;
  ReplayGuard guard(chain::TimeMs(0));
  const QueryTerms terms{kThisNode, now, guard};
  const auto reader = w.db->reader();
  const auto told = [&](const SignedQuery& q) {
    const auto r = answer_person(*reader, q, false, terms);
    REQUIRE_FALSE(r.has_value());
    return r.error().reason;
  };

  const SignedQuery query = signed_query(w, w.person_key, now);
  const auto reply = answer_person(*reader, query, true, terms);
  REQUIRE(reply.has_value());
  VerifyOptions options;
  options.asked = query.body.question;
  const auto verified = verify(*reply->proof, w.chain.genesis(), options);
  REQUIRE(verified.has_value());
  CHECK(std::get<DossierAnswer>(verified->answer).total == 1);

  CHECK(told(query) == QueryError::Reason::kReplayed);
  CHECK(answer(*reader, query.body.question, false).error().reason ==
        QueryError::Reason::kPurposeRequired);
  const EventId eid = std::get<DossierAnswer>(verified->answer).leaves[0].event;
  CHECK(answer(*reader, AskEvent{eid}, false).error().reason ==
        QueryError::Reason::kPurposeRequired);

  const auto stranger = crypto::SecretKey::generate(w.chain.random());
  CHECK(told(signed_query(w, stranger, now)) == QueryError::Reason::kWrongKey);
  SignedQuery forged = signed_query(w, stranger, now);
  forged.key = w.person_key.public_key();
  CHECK(told(forged) == QueryError::Reason::kBadSignature);
  forged = signed_query(w, w.person_key, now);
  forged.body.question.page.limit = 7;
  CHECK(told(forged) == QueryError::Reason::kBadSignature);
  CHECK(told(signed_query(w, w.person_key, chain::TimeMs(now.value - kQueryWindowMs - 1))) ==
        QueryError::Reason::kStaleQuery);
  CHECK(told(signed_query(w, w.person_key, chain::TimeMs(now.value + kQueryWindowMs + 1))) ==
        QueryError::Reason::kStaleQuery);
  CHECK(told(signed_query(w, w.person_key, now, Hash256{{2}})) ==
        QueryError::Reason::kWrongAudience);
  CHECK(told(signed_query(w, w.person_key, now, Hash256{})) == QueryError::Reason::kWrongAudience);
  forged = signed_query(w, w.person_key, now, Hash256{{2}});
  forged.body.audience = kThisNode;
  CHECK(told(forged) == QueryError::Reason::kBadSignature);
  forged = signed_query(w, w.person_key, now);
  forged.genesis.bytes[0] ^= 1;
  CHECK(told(forged) == QueryError::Reason::kWrongChain);
}

TEST_CASE("the memory of answered queries is bounded by time and number") {
  ReplayGuard guard(chain::TimeMs(0));
  crypto::SeededRandom random(1);
  const chain::TimeMs now(1'000'000);
  const auto first = random.fixed<Hash256>();
  const auto note = [&](const SubjectId& sid, const Hash256& digest, chain::TimeMs at) {
    return guard.note(sid, digest, at, at);
  };
  SubjectId sid = random.fixed<SubjectId>();
  CHECK(note(sid, first, now) == ReplayGuard::Seen::kFirst);
  CHECK(note(sid, first, now) == ReplayGuard::Seen::kRepeat);
  for (std::size_t i = 1; i < kMaxRememberedQueries; ++i) {
    if (i % kMaxQueriesOfPerson == 0) sid = random.fixed<SubjectId>();
    REQUIRE(note(sid, random.fixed<Hash256>(), now) == ReplayGuard::Seen::kFirst);
  }
  const auto another = random.fixed<SubjectId>();
  CHECK(note(another, random.fixed<Hash256>(), now) == ReplayGuard::Seen::kFull);
  const chain::TimeMs later(now.value + kQueryWindowMs + 1);
  CHECK(note(another, random.fixed<Hash256>(), later) == ReplayGuard::Seen::kFirst);
}

TEST_CASE("a query signed before the memory of answered queries began is not answered") {
  const chain::TimeMs start(1'000'000);
  ReplayGuard guard(start);
  crypto::SeededRandom random(3);
  const auto sid = random.fixed<SubjectId>();
  const auto note = [&](std::int64_t signed_at, std::int64_t now) {
    return guard.note(sid, random.fixed<Hash256>(), chain::TimeMs(signed_at), chain::TimeMs(now));
  };
  // One that was answered before a restart is no longer known here.
  CHECK(note(start.value - 1, start.value) == ReplayGuard::Seen::kTooOld);
  CHECK(note(start.value, start.value) == ReplayGuard::Seen::kFirst);
  // Nor is one that was forgotten before the clock was set back.
  const std::int64_t later = start.value + 2 * kQueryWindowMs;
  CHECK(note(later, later) == ReplayGuard::Seen::kFirst);
  CHECK(note(start.value, start.value) == ReplayGuard::Seen::kTooOld);
  CHECK(note(later - kQueryWindowMs, start.value) == ReplayGuard::Seen::kFirst);
}

TEST_CASE("one person's queries fill that person's share and lock nobody else out") {
  ReplayGuard guard(chain::TimeMs(0));
  crypto::SeededRandom random(2);
  const chain::TimeMs now(1'000'000);
  const auto greedy = random.fixed<SubjectId>();
  for (std::size_t i = 0; i < kMaxQueriesOfPerson; ++i) {
    REQUIRE(guard.note(greedy, random.fixed<Hash256>(), now, now) == ReplayGuard::Seen::kFirst);
  }
  for (std::size_t i = 0; i < kMaxRememberedQueries; ++i) {
    REQUIRE(guard.note(greedy, random.fixed<Hash256>(), now, now) == ReplayGuard::Seen::kFull);
  }
  CHECK(guard.note(random.fixed<SubjectId>(), random.fixed<Hash256>(), now, now) ==
        ReplayGuard::Seen::kFirst);
  const chain::TimeMs later(now.value + kQueryWindowMs + 1);
  CHECK(guard.note(greedy, random.fixed<Hash256>(), later, later) == ReplayGuard::Seen::kFirst);
}

TEST_CASE("every query and proof error has a name and a sentence") {
  for (int r = 0; r <= static_cast<int>(QueryError::Reason::kDamaged); ++r) {
    const QueryError e{static_cast<QueryError::Reason>(r), std::nullopt, "somewhere"};
    CHECK(name(e.reason) != "unknown");
    CHECK(describe(e).size() > 40);
  }
  for (int r = 0; r <= static_cast<int>(Reason::kUnprovable); ++r) {
    const ProofError e{static_cast<Reason>(r), 1, 2, std::nullopt, "somewhere"};
    CHECK(name(e.reason) != "unknown");
    CHECK(describe(e).size() > 40);
  }
}

}  // namespace
}  // namespace imi::ledger
