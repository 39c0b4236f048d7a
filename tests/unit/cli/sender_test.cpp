// Sending: the same bytes to node after node until the outcome is proved, whatever nodes report.
#include "cli/write/sender.h"

#include "base/hex.h"
#include "rpc/methods.h"
#include "tests/unit/cli/nodes.h"

using namespace imi;             // NOLINT
using namespace imi::cli;        // NOLINT
using namespace imi::cli::test;  // NOLINT
using ledger::SubmissionStatus;

namespace {

node::SubmissionReport report(const ledger::Submission& s, SubmissionStatus status,
                              chain::Height height = {}) {
  return {status, ledger::digests(s)->id, height, 0, true, {}};
}

struct World : ClientWorld {
  // Commits what it gets, and says so.
  OnSubmit honest(std::unique_ptr<TestNode>& node) {
    return [this, &node](const ledger::Submission& s) -> node::SubmitResult {
      if (const auto known = node->db->find_submission(ledger::digests(s)->id); known && *known) {
        return report(s, SubmissionStatus::kCommitted, (*known)->height);
      }
      const auto head = add_block(*node, {std::make_shared<const ledger::Submission>(s)});
      return report(s, SubmissionStatus::kCommitted, head.height);
    };
  }
  static OnSubmit saying(node::SubmitResult result) {
    return [result](const ledger::Submission&) { return result; };
  }
  // Says that it is committed and certified, and does nothing.
  static OnSubmit lying() {
    return [](const ledger::Submission& s) -> node::SubmitResult {
      return report(s, SubmissionStatus::kCommitted, chain::Height(7));
    };
  }

  std::unique_ptr<TestNode> start(OnSubmit on_submit) {
    auto node = std::make_unique<TestNode>(chain, std::move(on_submit));
    add_block(*node);
    return node;
  }
  KnownSubmission send(Session& s, const ledger::Submission& submission,
                       std::string_view wait = rpc::kWaitCertified) {
    std::optional<KnownSubmission> result;
    Sender sender(s, std::string(wait), 1, [&](std::uint64_t tag, const KnownSubmission& k) {
      CHECK(tag == 3);
      result = k;
    });
    sender.send(3, to_hex(ledger::digests(submission)->id), submission.header.expiry.value,
                encode(submission));
    while (!result) sender.poll(std::chrono::milliseconds(20));
    CHECK(sender.under_way() == 0);
    return *result;
  }
};

}  // namespace

TEST_CASE("an outcome is handed on when it is proved, with the submission's place") {
  World w;
  std::unique_ptr<TestNode> node;
  node = w.start(w.honest(node));
  const auto submission = w.chain.submit({TestChain::enterprise(1)});
  auto s = w.session({node->address()});
  const KnownSubmission k = w.send(*s, *submission);
  CHECK(k.status == SubmissionStatus::kCommitted);
  CHECK(k.proved);
  CHECK(k.certified);
  CHECK(k.height == 2);
  REQUIRE(k.outcomes.size() == 1);
  CHECK(k.outcomes[0].ok);
  CHECK(node->received() == std::vector<Bytes>{encode(*submission)});
}

TEST_CASE("a report that the ledger does not prove is not believed: another node gets the bytes") {
  World w;
  const auto liar = w.start(World::lying());
  std::unique_ptr<TestNode> honest;
  honest = w.start(w.honest(honest));
  const auto submission = w.chain.submit({TestChain::enterprise(1)});
  auto s = w.session({liar->address(), honest->address()});
  const KnownSubmission k = w.send(*s, *submission);
  CHECK(k.proved);
  CHECK(k.height == 2);  // not the 7 that was reported
  REQUIRE_FALSE(liar->received().empty());
  CHECK(honest->received().at(0) == liar->received().at(0));
}

TEST_CASE("a node that cannot be reached is passed over") {
  World w;
  auto dead = w.start(World::lying());
  const std::string dead_address = dead->address();
  dead.reset();
  std::unique_ptr<TestNode> honest;
  honest = w.start(w.honest(honest));
  auto s = w.session({dead_address, honest->address()});
  CHECK(w.send(*s, *w.chain.submit({TestChain::enterprise(1)})).proved);
}

TEST_CASE("where no node can be reached, nothing was sent") {
  World w;
  auto dead = w.start(World::lying());
  auto s = w.session({dead->address()});
  dead.reset();
  const Failure f = failure_of([&] {
    const Sender sender(*s, std::string(rpc::kWaitCertified), 1,
                        [](std::uint64_t, const KnownSubmission&) {});
  });
  CHECK(f.exit == ExitCode::kUnreachable);
}

TEST_CASE("one node's refusal is not the outcome while another takes the submission") {
  World w;
  const auto refusing = w.start(World::saying(
      std::unexpected(ledger::AdmissionError{ledger::AdmissionError::Reason::kBadSignature})));
  std::unique_ptr<TestNode> honest;
  honest = w.start(w.honest(honest));
  auto s = w.session({refusing->address(), honest->address()});
  const KnownSubmission k = w.send(*s, *w.chain.submit({TestChain::enterprise(1)}));
  CHECK(k.status == SubmissionStatus::kCommitted);
  CHECK(k.proved);
}

TEST_CASE("a refusal by all nodes is shown as what they report, without proof") {
  World w;
  const auto refusal =
      std::unexpected(ledger::AdmissionError{ledger::AdmissionError::Reason::kBadSignature});
  const auto one = w.start(World::saying(refusal));
  const auto two = w.start(World::saying(refusal));
  auto s = w.session({one->address(), two->address()});
  const auto submission = w.chain.submit({TestChain::enterprise(1)});
  const Failure f = failure_of([&] { w.send(*s, *submission); });
  CHECK(f.name == "bad-signature");
  CHECK(f.what.find("without proof") != std::string::npos);
  CHECK(f.what.find(one->address()) != std::string::npos);
  CHECK(f.what.find(two->address()) != std::string::npos);
}

TEST_CASE("that a submission expired is proved from the head's time, not from a node's report") {
  World w;
  const auto node = w.start([](const ledger::Submission& s) -> node::SubmitResult {
    return report(s, SubmissionStatus::kExpired);
  });
  auto s = w.session({node->address()});
  const std::int64_t head_time = node->db->certified().time.value;
  const auto expired = w.chain.submit_at({TestChain::enterprise(1)}, chain::TimeMs(head_time - 1));
  const KnownSubmission k = w.send(*s, *expired);
  CHECK(k.status == SubmissionStatus::kExpired);
  CHECK(k.proved);

  // Of one that expired before its record would have been pruned nothing can be proved.
  const std::int64_t grace = w.chain.genesis().parameters.grace_ms;
  const auto old =
      w.chain.submit_at({TestChain::enterprise(2)}, chain::TimeMs(head_time - grace - 1));
  CHECK(w.send(*s, *old).status == SubmissionStatus::kTooLongAgo);
}

TEST_CASE("a submission sent twice takes effect once, and has its first place") {
  World w;
  std::unique_ptr<TestNode> node;
  node = w.start(w.honest(node));
  const auto submission = w.chain.submit({TestChain::enterprise(1)});
  auto s = w.session({node->address()});
  CHECK(w.send(*s, *submission).height == 2);
  CHECK(w.send(*s, *submission).height == 2);
  CHECK(node->db->certified().height.value == 2);
}

TEST_CASE("with --no-verify and wait \"accepted\" a node's word is enough, and marked as such") {
  World w;
  const auto node = w.start([](const ledger::Submission& s) -> node::SubmitResult {
    return report(s, SubmissionStatus::kPending);
  });
  auto s = w.session({node->address()});
  s->options.no_verify = true;
  const KnownSubmission k =
      w.send(*s, *w.chain.submit({TestChain::enterprise(1)}), rpc::kWaitAccepted);
  CHECK(k.status == SubmissionStatus::kPending);
  CHECK_FALSE(k.proved);
}
