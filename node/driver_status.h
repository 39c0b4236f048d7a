// How a driver stands: its state at one instant, and its counters since it started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chain/head.h"
#include "consensus/effects.h"
#include "node/halt.h"
#include "node/latency.h"

namespace imi::node {

enum class NodeRole : std::uint8_t {
  kValidator,
  kObserver,         // not a member
  kSilentValidator,  // a member whose key signs nothing (B6)
};
[[nodiscard]] std::string_view name(NodeRole r);

struct NodeStatus {
  NodeRole role{};
  std::string silent_because;  // kSilentValidator: why
  bool awaiting_peers =
      false;  // silent only until enough peers have said what they saw it sign (B6)
  chain::Epoch epoch;
  chain::View view;
  bool changing = false;
  chain::MemberId primary;
  std::uint32_t backoff = 0;
  chain::Height decided;
  chain::LedgerHead executed;
  chain::Height certified;
  bool lagging = false;
  std::size_t peers_connected = 0;  // validators but this one
  std::size_t peers_needed = 0;     // for a quorum, this one not counted if it votes
  std::size_t pool_items = 0;
  std::size_t pool_bytes = 0;
  std::size_t pool_queued = 0;
  std::size_t verifying = 0;
  std::size_t waiting_clients = 0;
  std::size_t missing_bodies = 0;  // of blocks under way
  std::size_t log_groups_queued = 0;
  std::size_t executing = 0;  // blocks handed to the ledger
  std::optional<HaltReport> halted;
  bool ready = false;   // can commit and answer, as far as this node can tell
  std::string why_not;  // a sentence, if not ready
};

struct DriverCounters {
  std::uint64_t steps = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t messages_refused = 0;  // did not decode or verify
  std::uint64_t messages_unknown = 0;  // of a kind that this program does not know
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_unknown = 0;  // of a kind that this program does not know
  std::uint64_t pushes_dropped = 0;  // beyond the sender's share
  std::uint64_t blocks_committed = 0;
  std::uint64_t blocks_executed = 0;
  std::uint64_t submissions_committed = 0;
  std::uint64_t entries_committed = 0;
  std::uint64_t blocks_proposed = 0;
  std::uint64_t view_changes = 0;
  std::uint64_t log_syncs = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t submissions_received = 0;  // to be verified
  std::uint64_t submissions_verified = 0;
  std::uint64_t submissions_refused = 0;
  std::uint64_t submissions_forged = 0;             // of those, from peers that must have known it
  std::uint64_t submissions_rejected_by_state = 0;  // valid, but contradicted by the state
  std::uint64_t bodies_fetched = 0;
  std::uint64_t blocks_synced = 0;
  std::uint64_t sync_late = 0;     // answers that were not there in time
  std::uint64_t sync_unasked = 0;  // answers that were not asked for
  std::uint64_t evidence = 0;
  std::uint64_t alarms = 0;
  std::uint64_t ignored[consensus::kIgnoredReasons] = {};
  LatencyHistogram commit_latency;    // of submissions: arrival in the pool to execution
  LatencyHistogram log_sync_latency;  // of writes of the safety log
};

}  // namespace imi::node
