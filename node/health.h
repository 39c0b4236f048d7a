// What a node can say of its own state: whether it can answer and commit, and if not, why; whose
// clock is wrong. Status, /readyz, metrics and the log all report this.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/core/parameters.h"
#include "node/clocks.h"
#include "node/driver_events.h"
#include "node/driver_status.h"

namespace imi::node {

struct PeerRow {
  std::string name;
  bool validator = false;
  bool connected = false;
  std::string address;
  std::uint64_t round_trip_us = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string last_end;  // why the last connection or attempt ended, by name; empty: none did
  std::string why_not;   // the same as a sentence, with what the system said; empty if connected
  std::optional<std::int64_t> clock_ahead_us;  // of this node's clock; while connected
  std::uint64_t cut_off = 0;                   // how often it was disconnected for misbehaviour
};

// Of the file system that holds the data folder.
struct DiskSpace {
  std::uint64_t free_bytes = 0;
  bool writable = false;
};

struct NodeHealth {
  bool answers = false;              // reads, from a certified head
  bool commits = false;              // takes part in deciding blocks, and blocks are decided
  std::vector<std::string> why_not;  // sentences; empty if it answers and commits
  ClockReport clocks;
  DiskSpace disk;
  // Since the certified height last rose; absent: not since this process started.
  std::optional<std::uint64_t> head_idle_us;

  [[nodiscard]] bool ready() const { return why_not.empty(); }
  [[nodiscard]] std::string why() const;  // all of them
};

// Looks at the node again and again, remembers when its head moved, and logs what changed. One
// thread.
class HealthWatch {
 public:
  struct Options {
    const Clock& clock;
    ledger::Parameters parameters;
    std::function<DiskSpace()> disk;
    std::function<void(LogLevel, std::string_view)> log;
  };
  explicit HealthWatch(Options options) : o_(std::move(options)) {}

  [[nodiscard]] NodeHealth look(const NodeStatus& status, const std::vector<PeerRow>& peers);

  // With less free space than this a node is not ready: the blocks under way must fit.
  static constexpr std::uint64_t kLeastDiskBytes = std::uint64_t{32} << 20;

 private:
  // One condition that is logged when it begins, at intervals while it lasts, and when it is over.
  struct Told {
    std::string key;  // what it is, without figures that change all the time
    std::uint64_t since_us = 0;
    std::uint64_t told_us = 0;  // 0: not yet
  };
  void tell(Told& told, std::string_view key, std::string_view sentence, std::string_view over,
            std::uint64_t patience_us);
  [[nodiscard]] bool head_is_fresh(const NodeStatus& s, NodeHealth& health);

  Options o_;
  std::optional<chain::Height> certified_;
  std::optional<std::uint64_t> moved_us_;
  std::optional<std::uint64_t> fresh_since_us_;  // the first look at a fresh head, before it moved
  DiskSpace disk_;
  std::uint64_t next_disk_us_ = 0;
  Told clocks_;
  Told silence_;
  Told readiness_;
};

}  // namespace imi::node
