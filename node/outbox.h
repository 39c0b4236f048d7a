// Internal to the driver: durable, then sent, then executed (I4), with group commit.
//
// add() takes the effects of one step. While a sync is under way, later steps queue up; the next
// sync covers all of them at once. What a step sends leaves in the order of the steps, after its
// own sync. Steps that need no sync and have none before them leave at once.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "consensus/effects.h"
#include "consensus/safety_state.h"
#include "node/core.h"
#include "node/ports.h"
#include "node/wal.h"

namespace imi::node {

class Outbox {
 public:
  // What a rotation writes: the state and the live bodies at this instant of the loop. The caller
  // has marked these bodies as logged.
  struct Snapshot {
    consensus::SafetyState state;
    std::vector<WalBody> bodies;
  };
  Outbox(Core& core, std::function<Snapshot()> snapshot)
      : core_(core), snapshot_(std::move(snapshot)) {}

  // `after` runs once the sends were handed to the network: the step's executions.
  void add(WalGroup group, std::vector<consensus::Send> sends, Task after);
  [[nodiscard]] std::size_t queued() const { return waiting_.size() + in_flight_; }

 private:
  struct Step {
    WalGroup group;
    std::vector<consensus::Send> sends;
    Task after;
  };
  void write();
  void carry_out(Step& step);
  void written(std::expected<void, WalError> result, std::uint64_t file_bytes,
               std::vector<Step>& steps);

  Core& core_;
  std::function<Snapshot()> snapshot_;
  std::deque<Step> waiting_;
  std::size_t in_flight_ = 0;
  bool writing_ = false;
  bool rotate_ = false;
  std::uint64_t base_bytes_ = 0;  // of the file after its first group
};

}  // namespace imi::node
