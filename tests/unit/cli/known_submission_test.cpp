#include <doctest/doctest.h>

#include "cli/write/known_submission.h"

using namespace imi;       // NOLINT
using namespace imi::cli;  // NOLINT

namespace {
ledger::VerifiedAnswer answered(ledger::SubmissionAnswer a) {
  ledger::VerifiedAnswer v;
  v.question = ledger::AskSubmission{};
  v.answer = std::move(a);
  return v;
}
}  // namespace

TEST_CASE("What a verified answer says of an absent submission is passed on as proved") {
  for (const SubmissionStatus s :
       {SubmissionStatus::kUnknown, SubmissionStatus::kExpired, SubmissionStatus::kTooLongAgo}) {
    ledger::SubmissionAnswer a;
    a.status = s;
    const KnownSubmission r = known_by_proof(answered(a));
    CHECK(r.status == s);
    CHECK(r.proved);
    CHECK(!r.certified);
    CHECK(r.outcomes.empty());
  }
}

TEST_CASE("What is signed now expires by the later of the clock and the newest head seen (C1)") {
  chain::LedgerHead head;
  head.time = chain::TimeMs(5'000'000);
  CHECK(expiry_from(1'000'000, std::nullopt, 300).value == 1'000'300);
  CHECK(expiry_from(1'000'000, head, 300).value == 5'000'300);  // the chain is ahead
  CHECK(expiry_from(9'000'000, head, 300).value == 9'000'300);
}

TEST_CASE(
    "A committed one has its outcomes from the proof: refusals as sentences, with the field") {
  ledger::SubmissionAnswer a;
  a.status = SubmissionStatus::kCommitted;
  a.state.emplace();
  a.state->height = chain::Height(7);
  a.outcomes.emplace();
  a.outcomes->count = 2;
  a.outcomes->refused.push_back(
      {1, {ledger::RefusalCode::kBasisInsufficient, ledger::RefusalField::kBasis, 3, 1}});
  const KnownSubmission f = known_by_proof(answered(a));
  CHECK(f.status == SubmissionStatus::kCommitted);
  CHECK(f.certified);
  CHECK(f.proved);
  CHECK(f.height == 7);
  REQUIRE(f.outcomes.size() == 2);
  CHECK(f.outcomes[0].ok);
  CHECK(f.outcomes[1].refusal == "basis-insufficient");
  CHECK(f.outcomes[1].field == "basis");
  CHECK(f.outcomes[1].message ==
        "a legal basis of level 'rule' is too weak for this code; the weakest allowed is 'law'");
}

TEST_CASE("What a node says is not proved, whatever it says") {
  const auto f = known_by_report({{"fate", "committed"}, {"height", 4242}, {"certified", true}});
  REQUIRE(f);
  CHECK(f->certified);
  CHECK(!f->proved);
  const auto old = known_by_report({{"fate", "too-long-ago"}});
  REQUIRE(old);
  CHECK(old->status == SubmissionStatus::kTooLongAgo);
  CHECK(!old->proved);
  CHECK(!known_by_report({{"fate", "lost"}}));
}
