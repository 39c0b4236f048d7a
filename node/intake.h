// Internal to the driver: what comes in is verified on the workers and handed on in the order it
// came.
//
// Consensus messages are collected over one turn of the loop and verified in one piece of work;
// results of later pieces wait for earlier ones, so that consensus sees each peer's messages in
// order. Submissions (from clients, pushes, fetches) are cut into pieces that run in parallel, in
// turn by whom they come from (FairWork).
//
// A peer that sends what no honest peer sends is disconnected at the first such piece, and whatever
// else of its is waiting is dropped. Frames and messages of kinds that this program does not know
// are skipped and counted: a newer peer may send them. Their credit is given back at a bounded
// rate, so that a flood of them slows its sender's own connection and nothing else.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "consensus/verify.h"
#include "crypto/known_keys.h"
#include "ledger/db/ledger_db.h"
#include "node/checks.h"
#include "node/core.h"
#include "node/fair_work.h"
#include "node/ports.h"

namespace imi::node {

class Intake {
 public:
  Intake(Core& core, FairWork& work, std::shared_ptr<const consensus::Verifier> verifier);

  // A frame of kind kConsensus. `hold` is kept until it was dealt with.
  void message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold);
  // Sends off what was collected.
  void flush();

  // A frame of a kind that this program does not know.
  void skip(PeerIndex from, std::shared_ptr<void> hold);
  // Once a tick.
  void give_back();

  // Results in the order of `bodies`. `lookup`: also ask the ledger what it says of those that are
  // valid and want into the pool.
  struct Answer {
    std::vector<CheckedBody> bodies;
    std::vector<ledger::LedgerDb::Precheck> prechecks;  // with `lookup`, else empty
    // False if some are left out, unchecked, because their sender was disconnected.
    bool complete = true;
  };
  void check(WorkSource source, std::vector<SharedBytes> bodies, bool lookup,
             std::function<void(Answer)> done);
  [[nodiscard]] std::size_t verifying() const { return verifying_; }
  // Whether more from this peer may be taken. `wanted`: a block waits for it, so it does not wait
  // behind what the peer pushed.
  [[nodiscard]] bool has_room(PeerIndex from, bool wanted) const;
  // How many more submissions of clients may be taken.
  [[nodiscard]] std::size_t room_for_clients() const;

 private:
  struct Received {
    PeerIndex from;
    SharedBytes frame;
    std::shared_ptr<void> hold;
  };
  enum class Check : std::uint8_t { kGood, kRefused, kForged, kMalformed, kUnknown };
  struct Piece {
    std::vector<Received> in;
    std::vector<std::optional<consensus::VerifiedMessage>> out;
    std::vector<Check> checks;
  };
  static void verify(Piece& piece, const consensus::Verifier& verifier, std::uint32_t validators);
  [[nodiscard]] bool verify_here() const;
  void deliver(std::uint64_t ticket, std::shared_ptr<Piece> piece);
  void hand_on(const Piece& piece);
  struct Job;
  void check_piece(const std::shared_ptr<Job>& job, std::size_t begin, std::size_t end);
  void finish_piece(const std::shared_ptr<Job>& job, std::size_t begin, std::size_t end, bool ran);
  void finish(Job& job);

  Core& core_;
  FairWork& work_;
  std::shared_ptr<const consensus::Verifier> verifier_;  // shared with the workers
  std::vector<Received> received_;
  std::vector<std::size_t> messages_of_;  // received and not dealt with, by peer
  std::size_t messages_under_way_ = 0;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t next_to_deliver_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Piece>> finished_;
  std::size_t verifying_ = 0;                               // submissions
  std::vector<std::size_t> verifying_of_;                   // by source
  std::vector<std::deque<std::shared_ptr<void>>> skipped_;  // by peer: credits to give back
  // Shared with the workers.
  std::shared_ptr<crypto::KnownKeys> known_keys_ = std::make_shared<crypto::KnownKeys>();
};

}  // namespace imi::node
