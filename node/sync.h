// Catch-up, both sides (D2, D6). Internal to the driver.
//
// Asking: one request at a time, to peers in turn; an answer's runs are verified with their
// certificates on the workers, their bodies collected, and only then given to consensus. The next
// request leaves while the last answer is being executed, up to limits.sync_backlog blocks ahead.
//
// Any answer that reaches beyond what is here is used, however late it comes. After one that is
// late another peer is asked, for half as much, and waited for twice as long (Pace); the late peer
// is passed over for a while, longer each time until it answers, and not blamed. A peer whose
// answer does not verify is disconnected and not asked for limits.peer_penalty_us. Unrequested
// answers are dropped unread.
//
// Serving: runs under checkpoint certificates where there are any (few signatures for many blocks),
// else single blocks under commit certificates; and bodies by content hash. Bounded per peer, and
// in turn with everything else that is done for peers (FairWork).
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "consensus/verify.h"
#include "node/bodies.h"
#include "node/core.h"
#include "node/execution.h"
#include "node/fair_work.h"
#include "node/pace.h"
#include "node/ports.h"
#include "node/wire.h"

namespace imi::node {

class Sync {
 public:
  Sync(Core& core, FairWork& work, std::shared_ptr<const consensus::Verifier> verifier,
       Bodies& bodies, Execution& execution);

  // Consensus is behind and wants these.
  void want(const consensus::FetchBlocks& wanted);
  void on_runs(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold);
  // A body came, a block was executed, or time passed.
  void advance();
  // Nothing that it was asked for will come.
  void disconnected(PeerIndex peer);

  void serve_runs(PeerIndex to, const FetchRunsFrame& request);
  void serve_bodies(PeerIndex to, const FetchBodiesFrame& request);

  [[nodiscard]] bool busy() const { return request_.has_value() || !ready_.empty(); }

 private:
  // What is waited for.
  struct Request {
    PeerIndex peer;
    chain::Height from;
    std::uint64_t deadline_us = 0;
    bool arrived = false;  // and is being verified
  };
  // What one peer was asked for and may still answer.
  struct Unanswered {
    chain::Height from;
    std::uint64_t at_us = 0;
  };
  struct Asked {
    std::vector<Unanswered> unanswered;  // oldest first
    std::size_t verifying = 0;           // answers
    std::uint64_t passed_over_until_us = 0;
    std::uint32_t late_in_a_row = 0;
    std::uint32_t useless_in_a_row = 0;
  };
  struct Answer;
  static void verify(Answer& answer, const Bytes& frame, chain::Height wanted,
                     const ledger::AdmissionLimits& limits, const consensus::Verifier& verifier);
  void request_next();
  [[nodiscard]] std::optional<PeerIndex> choose_peer();
  std::uint64_t take_request(PeerIndex from, chain::Height height);
  void accept(PeerIndex from, Answer& answer, bool ran);
  [[nodiscard]] bool use(Answer& answer);
  void deliver_ready();

  Core& core_;
  FairWork& work_;
  std::shared_ptr<const consensus::Verifier> verifier_;  // shared with the workers
  Bodies& bodies_;
  Execution& execution_;

  Pace pace_;
  std::optional<Request> request_;
  std::vector<Asked> asked_;                     // by validator
  std::deque<consensus::VerifiedBlocks> ready_;  // verified; their bodies may still be missing
  chain::Height next_;                           // the first height that is not in `ready_`
  chain::Height to_;
  bool wanted_ = false;
  std::uint64_t want_us_ = 0;
  std::uint32_t turn_ = 0;
  std::map<std::uint32_t, std::uint64_t> serving_;
};

}  // namespace imi::node
