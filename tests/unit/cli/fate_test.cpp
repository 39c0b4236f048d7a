#include <doctest/doctest.h>

#include "cli/write/fate.h"

using namespace imi;       // NOLINT
using namespace imi::cli;  // NOLINT

namespace {
constexpr std::int64_t kExpiry = 1'000'000;
constexpr std::int64_t kGrace = 600'000;

ledger::VerifiedAnswer absent(std::int64_t head_time) {
  ledger::VerifiedAnswer v;
  v.question = ledger::AskSubmission{};
  v.head.time = chain::TimeMs(head_time);
  v.answer = ledger::SubmissionAnswer{};
  return v;
}
Fate fate_at(std::int64_t head_time) {
  return proved_fate(absent(head_time), chain::TimeMs(kExpiry), kGrace);
}
}  // namespace

TEST_CASE("A submission that is proved absent is expired from its expiry on, by the head's clock") {
  CHECK(fate_at(kExpiry - 1).kind == Fate::Kind::kUnknown);
  CHECK(fate_at(kExpiry).kind == Fate::Kind::kExpired);
  CHECK(fate_at(kExpiry).proved);
}

TEST_CASE("What is signed now expires by the later of the clock and the newest head seen (C1)") {
  chain::LedgerHead head;
  head.time = chain::TimeMs(5'000'000);
  CHECK(expiry_from(1'000'000, std::nullopt, 300).value == 1'000'300);
  CHECK(expiry_from(1'000'000, head, 300).value == 5'000'300);  // the chain is ahead
  CHECK(expiry_from(9'000'000, head, 300).value == 9'000'300);
}

TEST_CASE("Once its record would be pruned, its absence proves nothing any more") {
  CHECK(fate_at(kExpiry + kGrace - 1).kind == Fate::Kind::kExpired);
  CHECK(fate_at(kExpiry + kGrace).kind == Fate::Kind::kTooLongAgo);
}

TEST_CASE(
    "A committed one has its outcomes from the proof: refusals as sentences, with the field") {
  ledger::VerifiedAnswer v = absent(kExpiry + kGrace);
  ledger::SubmissionAnswer a;
  a.fate = ledger::Fate::kCommitted;
  a.state.emplace();
  a.state->height = chain::Height(7);
  a.outcomes.emplace();
  a.outcomes->count = 2;
  a.outcomes->refused.push_back(
      {1, {ledger::RefusalCode::kBasisInsufficient, ledger::RefusalField::kBasis, 3, 1}});
  v.answer = a;
  const Fate f = proved_fate(v, chain::TimeMs(kExpiry), kGrace);
  CHECK(f.kind == Fate::Kind::kCommitted);
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
  const auto f = parse_fate({{"fate", "committed"}, {"height", 4242}, {"certified", true}});
  REQUIRE(f);
  CHECK(f->certified);
  CHECK(!f->proved);
  CHECK(!parse_fate({{"fate", "too-long-ago"}}));
}
