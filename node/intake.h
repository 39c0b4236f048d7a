// Internal to the driver: what comes in is verified on the workers and handed on in the order it
// came.
//
// Consensus messages are collected over one turn of the loop and verified in one piece of work;
// results of later pieces wait for earlier ones, so that consensus sees each peer's messages in
// order. Submissions (from clients, pushes, fetches) are cut into pieces that run in parallel.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "consensus/verify.h"
#include "node/checks.h"
#include "node/core.h"

namespace imi::node {

class Intake {
 public:
  Intake(Core& core, std::shared_ptr<const consensus::Verifier> verifier)
      : core_(core), verifier_(std::move(verifier)), messages_of_(core.peers) {}

  // A frame of kind kConsensus. `hold` is kept until it was dealt with.
  void message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold);
  // Sends off what was collected.
  void flush();

  // Results in the order of `bodies`. `lookup`: also ask the ledger what it says of those that are
  // valid and want into the pool.
  struct Answer {
    std::vector<CheckedBody> bodies;
    std::vector<ledger::LedgerDb::Precheck> prechecks;  // with `lookup`, else empty
  };
  void check(std::vector<SharedBytes> bodies, bool lookup, std::function<void(Answer)> done);
  [[nodiscard]] std::size_t verifying() const { return verifying_; }
  [[nodiscard]] bool full() const { return verifying_ >= core_.limits.max_verifying; }

 private:
  struct Received {
    PeerIndex from;
    SharedBytes frame;
    std::shared_ptr<void> hold;
  };
  enum class Verdict : std::uint8_t { kGood, kRefused, kForged, kMalformed };
  struct Piece {
    std::vector<Received> in;
    std::vector<std::optional<consensus::VerifiedMessage>> out;
    std::vector<Verdict> verdicts;
  };
  static void verify(Piece& piece, const consensus::Verifier& verifier, std::uint32_t validators);
  [[nodiscard]] bool verify_here() const;
  void deliver(std::uint64_t ticket, std::shared_ptr<Piece> piece);
  void hand_on(const Piece& piece);

  Core& core_;
  std::shared_ptr<const consensus::Verifier> verifier_;  // shared with the workers
  std::vector<Received> received_;
  std::vector<std::size_t> messages_of_;  // received and not dealt with, by peer
  std::size_t messages_under_way_ = 0;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t next_to_deliver_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Piece>> finished_;
  std::size_t verifying_ = 0;
  // Shared with the workers.
  std::shared_ptr<crypto::KnownKeys> known_keys_ = std::make_shared<crypto::KnownKeys>();
};

}  // namespace imi::node
