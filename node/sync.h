// Catch-up, both sides (D2, D6). Internal to the driver.
//
// Asking: one request at a time, to peers in turn; an answer's runs are verified with their
// certificates on the workers, their bodies collected, and only then given to consensus. Who does
// not answer in time is passed over; who answers with what does not verify is disconnected and not
// asked for limits.peer_penalty_us. The next request leaves while the last answer is being
// executed, up to limits.sync_backlog blocks ahead.
//
// Serving: runs under checkpoint certificates where there are any (few signatures for many blocks),
// else single blocks under commit certificates; and bodies by content hash. Bounded per peer.
// Source: faults.md 17.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "consensus/verify.h"
#include "node/bodies.h"
#include "node/core.h"
#include "node/execution.h"
#include "node/wire.h"

namespace imi::node {

class Sync {
 public:
  Sync(Core& core, std::shared_ptr<const consensus::Verifier> verifier, Bodies& bodies,
       Execution& execution)
      : core_(core), verifier_(std::move(verifier)), bodies_(bodies), execution_(execution) {}

  // Consensus is behind and wants these.
  void want(const consensus::FetchBlocks& wanted);
  void on_runs(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold);
  // A body came, a block was executed, or time passed.
  void advance();

  void serve_runs(PeerIndex to, const FetchRunsFrame& request);
  void serve_bodies(PeerIndex to, const FetchBodiesFrame& request);

  [[nodiscard]] bool busy() const { return request_.has_value() || !ready_.empty(); }

 private:
  struct Request {
    PeerIndex peer;
    chain::Height from;
    std::uint64_t deadline_us = 0;
    bool verifying = false;
  };
  struct Answer;
  void request_next();
  [[nodiscard]] std::optional<PeerIndex> choose_peer();
  void accept(PeerIndex from, Answer& answer);
  void deliver_ready();

  Core& core_;
  std::shared_ptr<const consensus::Verifier> verifier_;  // shared with the workers
  Bodies& bodies_;
  Execution& execution_;

  std::optional<Request> request_;
  std::deque<consensus::VerifiedBlocks> ready_;  // verified; their bodies may still be missing
  chain::Height next_;                           // the first height not asked for yet
  chain::Height to_;
  bool wanted_ = false;
  std::uint64_t want_us_ = 0;
  std::uint32_t turn_ = 0;
  std::map<std::uint32_t, std::uint64_t> passed_over_until_us_;
  std::map<std::uint32_t, std::uint64_t> serving_;
};

}  // namespace imi::node
