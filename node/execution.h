// Internal to the driver: decided blocks go to the ledger one after another (I13), certificates
// follow them.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "chain/certificate.h"
#include "consensus/effects.h"
#include "node/bodies.h"
#include "node/core.h"
#include "node/ports.h"

namespace imi::node {

class Execution {
 public:
  Execution(Core& core, Bodies& bodies) : core_(core), bodies_(bodies) {}

  // `proof`: what is stored beside the block (wire.h StoredProof, encoded).
  void execute(const consensus::Execute& e, Bytes proof);
  // Starts what can be started: called when a body arrives.
  void advance();
  // A stable checkpoint: given to the ledger once its height is executed.
  void certify(const chain::CheckpointCertificate& certificate);

  // On the loop, after the block is durable.
  std::function<void(const chain::LedgerHead&, const chain::Block&, const LedgerPort::Bodies&,
                     const LedgerPort::Repeats&)>
      on_executed;
  // On the loop, after the ledger answers readers at this head.
  std::function<void(const chain::CheckpointCertificate&)> on_certified;

  // Blocks decided and not yet durable.
  [[nodiscard]] std::size_t backlog() const { return queue_.size() + running_; }

 private:
  struct Next {
    std::shared_ptr<const chain::Block> block;
    chain::BlockId id;
    Bytes proof;
  };
  void run(Next next, LedgerPort::Bodies bodies);
  void certify_due();

  Core& core_;
  Bodies& bodies_;
  std::deque<Next> queue_;
  std::size_t running_ = 0;
  chain::Height applied_;
  bool applied_known_ = false;
  std::map<chain::Height, chain::CheckpointCertificate> certificates_;  // waiting for execution
};

}  // namespace imi::node
