// Internal to the driver: bulk work on the verification workers, shared fairly among those it is
// done for, so that no backlog delays anybody else's work.
//
// The workers are given a few pieces at a time (limits.verify_pieces); whose piece is next goes in
// turn. Each validator and this node's own clients have a turn each, all observers together one,
// which they take among themselves in turn. The caller bounds what waits.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "base/strong_id.h"
#include "node/core.h"
#include "node/ports.h"

namespace imi::node {

// Whom work is done for: a peer (the same number as its PeerIndex), or this node's own clients.
using WorkSource = StrongId<struct WorkSourceTag, std::uint32_t>;

class FairWork {
 public:
  explicit FairWork(Core& core);
  FairWork(const FairWork&) = delete;
  FairWork& operator=(const FairWork&) = delete;

  [[nodiscard]] static WorkSource peer(PeerIndex p) { return WorkSource(p.value); }
  [[nodiscard]] WorkSource clients() const { return WorkSource(core_.peers); }

  // `work` runs on a worker, then `done(true)` on the loop; or `done(false)` alone, if it was
  // dropped before it began.
  using Done = std::function<void(bool ran)>;
  void run(WorkSource source, Task work, Done done);
  // Everything of this source that has not begun.
  void drop(WorkSource source);

 private:
  struct Piece {
    Task work;
    Done done;
  };
  [[nodiscard]] std::size_t group_of(WorkSource source) const;
  void pump();
  Piece take_next();

  Core& core_;
  std::vector<std::deque<Piece>> waiting_;           // by source
  std::vector<std::deque<std::uint32_t>> in_group_;  // sources with something waiting, next first
  std::deque<std::size_t> groups_;                   // groups with something waiting, next first
  std::size_t under_way_ = 0;
};

}  // namespace imi::node
