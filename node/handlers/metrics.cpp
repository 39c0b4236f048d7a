// The node's metrics: one table, from which the text, HELP and TYPE, and the table in
// docs/OPERATIONS.md follow.
#include "node/handlers/impl.h"
#include "node/net/metrics_text.h"
#include "node/net/rpc_metrics.h"

namespace imi::node {
namespace {

using enum MetricType;

// What the values are read from.
struct Sample {
  const NodeStatus& status;
  const DriverCounters& counters;
  const NodeHealth& health;
  const std::vector<PeerRow>& peers;
};

struct Metric {
  using Value = std::uint64_t (*)(const Sample&);
  using Write = void (*)(MetricsText&, const Sample&);
  constexpr Metric(MetricSpec s, Value v) : spec(s), value(v) {}
  constexpr Metric(MetricSpec s, Write w) : spec(s), write(w) {}

  MetricSpec spec;
  Value value = nullptr;  // of a metric with one sample
  Write write = nullptr;  // of any other
};

void write_silent(MetricsText& out, const Sample& s) {
  const bool silent = s.status.role == NodeRole::kSilentValidator;
  out.sample(silent ? 1 : 0, {{"reason", silent ? s.status.silent_because : std::string()}});
}
void write_halted(MetricsText& out, const Sample& s) {
  const bool halted = s.status.halted.has_value();
  out.sample(halted ? 1 : 0, {{"reason", halted ? name(s.status.halted->code) : ""}});
}
void write_role(MetricsText& out, const Sample& s) {
  for (const NodeRole r : {NodeRole::kValidator, NodeRole::kObserver, NodeRole::kSilentValidator}) {
    out.sample(s.status.role == r ? 1 : 0, {{"role", name(r)}});
  }
}
constexpr std::int64_t kUsPerMs = 1'000;
void write_block_ahead(MetricsText& out, const Sample& s) {
  out.seconds(s.health.clocks.block_ahead_ms * kUsPerMs);
}
void write_own_ahead(MetricsText& out, const Sample& s) {
  if (s.health.clocks.own_ahead_ms) out.seconds(*s.health.clocks.own_ahead_ms * kUsPerMs);
}
void write_peers_connected(MetricsText& out, const Sample& s) {
  for (const PeerRow& p : s.peers) {
    out.sample(p.connected ? 1 : 0,
               {{"peer", p.name}, {"reason", p.connected ? std::string() : p.last_end}});
  }
}
void write_peer_clocks(MetricsText& out, const Sample& s) {
  for (const PeerRow& p : s.peers) {
    if (p.clock_ahead_us) out.seconds(*p.clock_ahead_us, {{"peer", p.name}});
  }
}
void write_round_trips(MetricsText& out, const Sample& s) {
  for (const PeerRow& p : s.peers) {
    if (p.connected) out.seconds(static_cast<std::int64_t>(p.round_trip_us), {{"peer", p.name}});
  }
}
void write_cut_off(MetricsText& out, const Sample& s) {
  for (const PeerRow& p : s.peers) out.sample(p.cut_off, {{"peer", p.name}});
}
void write_head_idle(MetricsText& out, const Sample& s) {
  if (s.health.head_idle_us) out.seconds(static_cast<std::int64_t>(*s.health.head_idle_us));
}

const Metric kMetrics[] = {
    {{"imi_ready", kGauge, "1 if the node can answer and commit, as /readyz says."},
     [](const Sample& s) -> std::uint64_t { return s.health.ready() ? 1 : 0; }},
    {{"imi_answers", kGauge, "1 if the node answers reads from a certified head."},
     [](const Sample& s) -> std::uint64_t { return s.health.answers ? 1 : 0; }},
    {{"imi_role", kGauge, "1 for the node's role: validator, observer or silent-validator."},
     write_role},
    {{"imi_silent", kGauge, "1 if this validator's key signs nothing; the label says why."},
     write_silent},
    {{"imi_halted", kGauge, "1 if the node has halted; the label says why."}, write_halted},
    {{"imi_height_certified", kGauge, "Height of the last head that a quorum signed."},
     [](const Sample& s) -> std::uint64_t { return s.status.certified.value; }},
    {{"imi_height_executed", kGauge, "Height of the last block executed here."},
     [](const Sample& s) -> std::uint64_t { return s.status.executed.height.value; }},
    {{"imi_height_decided", kGauge, "Height of the last block decided."},
     [](const Sample& s) -> std::uint64_t { return s.status.decided.value; }},
    {{"imi_head_idle_seconds", kGauge,
      "Time since the certified height last rose; no sample before it first did."},
     write_head_idle},
    {{"imi_view", kGauge, "Consensus view."},
     [](const Sample& s) -> std::uint64_t { return s.status.view.value; }},
    {{"imi_view_changing", kGauge, "1 while the node is changing to that view."},
     [](const Sample& s) -> std::uint64_t { return s.status.changing ? 1 : 0; }},
    {{"imi_lagging", kGauge, "1 while the node is catching up."},
     [](const Sample& s) -> std::uint64_t { return s.status.lagging ? 1 : 0; }},
    {{"imi_peers_connected", kGauge, "Validators, other than this node, that are connected."},
     [](const Sample& s) -> std::uint64_t { return s.status.peers_connected; }},
    {{"imi_peers_needed", kGauge, "Connected validators needed for a quorum."},
     [](const Sample& s) -> std::uint64_t { return s.status.peers_needed; }},
    {{"imi_peer_connected", kGauge,
      "1 if the peer is connected; otherwise the label says how the last attempt ended."},
     write_peers_connected},
    {{"imi_peer_round_trip_seconds", kGauge, "Round trip of the last keep-alive."},
     write_round_trips},
    {{"imi_peer_cut_off_total", kCounter, "Times that the peer was disconnected for misbehaviour."},
     write_cut_off},
    {{"imi_peer_clock_ahead_seconds", kGauge, "The peer's clock minus this node's."},
     write_peer_clocks},
    {{"imi_clock_ahead_seconds", kGauge,
      "This node's clock minus that of most validators; no sample without a majority."},
     write_own_ahead},
    {{"imi_block_time_ahead_seconds", kGauge,
      "Time of the last executed block minus this node's clock."},
     write_block_ahead},
    {{"imi_clock_problem", kGauge,
      "1 if a clock is off, this node's or a peer's; status names it."},
     [](const Sample& s) -> std::uint64_t { return s.health.clocks.problem.empty() ? 0 : 1; }},
    {{"imi_disk_free_bytes", kGauge, "Free space of the file system that holds the data folder."},
     [](const Sample& s) -> std::uint64_t { return s.health.disk.free_bytes; }},
    {{"imi_pool_items", kGauge, "Submissions that wait for a block."},
     [](const Sample& s) -> std::uint64_t { return s.status.pool_items; }},
    {{"imi_pool_bytes", kGauge, "Their size."},
     [](const Sample& s) -> std::uint64_t { return s.status.pool_bytes; }},
    {{"imi_waiting_clients", kGauge, "Clients that wait for the fate of a submission."},
     [](const Sample& s) -> std::uint64_t { return s.status.waiting_clients; }},
    {{"imi_log_entries", kGauge, "Entries in the ledger's event log."},
     [](const Sample& s) -> std::uint64_t { return s.status.executed.log_size; }},
    {{"imi_steps_total", kCounter, "Inputs to consensus."},
     [](const Sample& s) -> std::uint64_t { return s.counters.steps; }},
    {{"imi_messages_in_total", kCounter, "Consensus messages received."},
     [](const Sample& s) -> std::uint64_t { return s.counters.messages_in; }},
    {{"imi_messages_refused_total", kCounter, "Consensus messages that did not decode or verify."},
     [](const Sample& s) -> std::uint64_t { return s.counters.messages_refused; }},
    {{"imi_messages_unknown_total", kCounter,
      "Consensus messages of a kind that this program does not know."},
     [](const Sample& s) -> std::uint64_t { return s.counters.messages_unknown; }},
    {{"imi_frames_malformed_total", kCounter, "Frames that no honest peer sends."},
     [](const Sample& s) -> std::uint64_t { return s.counters.frames_malformed; }},
    {{"imi_frames_unknown_total", kCounter, "Frames of a kind that this program does not know."},
     [](const Sample& s) -> std::uint64_t { return s.counters.frames_unknown; }},
    {{"imi_pushes_dropped_total", kCounter,
      "Pushes dropped because they were beyond the sender's share."},
     [](const Sample& s) -> std::uint64_t { return s.counters.pushes_dropped; }},
    {{"imi_blocks_committed_total", kCounter, "Blocks decided."},
     [](const Sample& s) -> std::uint64_t { return s.counters.blocks_committed; }},
    {{"imi_blocks_proposed_total", kCounter, "Blocks proposed by this node."},
     [](const Sample& s) -> std::uint64_t { return s.counters.blocks_proposed; }},
    {{"imi_submissions_committed_total", kCounter, "Submissions in executed blocks."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_committed; }},
    {{"imi_entries_committed_total", kCounter, "Entries in executed blocks."},
     [](const Sample& s) -> std::uint64_t { return s.counters.entries_committed; }},
    {{"imi_view_changes_total", kCounter, "Changes of the consensus view."},
     [](const Sample& s) -> std::uint64_t { return s.counters.view_changes; }},
    {{"imi_safety_log_syncs_total", kCounter, "Synced writes of the safety log."},
     [](const Sample& s) -> std::uint64_t { return s.counters.log_syncs; }},
    {{"imi_safety_log_bytes_total", kCounter, "Bytes written to the safety log."},
     [](const Sample& s) -> std::uint64_t { return s.counters.log_bytes; }},
    {{"imi_submissions_received_total", kCounter, "Submissions received, from clients and peers."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_received; }},
    {{"imi_submissions_verified_total", kCounter,
      "Submissions whose signature was checked and is valid."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_verified; }},
    {{"imi_submissions_refused_total", kCounter, "Submissions refused before the pool."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_refused; }},
    {{"imi_submissions_forged_total", kCounter,
      "Submissions whose sender, a peer, must have known that they are invalid."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_forged; }},
    {{"imi_submissions_rejected_by_state_total", kCounter,
      "Submissions refused because the latest state contradicts them."},
     [](const Sample& s) -> std::uint64_t { return s.counters.submissions_rejected_by_state; }},
    {{"imi_blocks_synced_total", kCounter, "Blocks fetched from peers while catching up."},
     [](const Sample& s) -> std::uint64_t { return s.counters.blocks_synced; }},
    {{"imi_sync_late_total", kCounter, "Catch-up answers that did not come in time."},
     [](const Sample& s) -> std::uint64_t { return s.counters.sync_late; }},
    {{"imi_sync_unasked_total", kCounter, "Catch-up answers that nobody had asked for."},
     [](const Sample& s) -> std::uint64_t { return s.counters.sync_unasked; }},
    {{"imi_evidence_total", kCounter, "Pairs of contradicting messages seen."},
     [](const Sample& s) -> std::uint64_t { return s.counters.evidence; }},
    {{"imi_alarms_total", kCounter, "Times that others signed another head than this node's."},
     [](const Sample& s) -> std::uint64_t { return s.counters.alarms; }},
    {{"imi_commit_seconds", kHistogram,
      "Time from a submission's arrival in the pool to the execution of its block."},
     [](MetricsText& out, const Sample& s) { out.histogram(s.counters.commit_latency); }},
    {{"imi_safety_log_sync_seconds", kHistogram,
      "Time of a synced write of the safety log, queueing included."},
     [](MetricsText& out, const Sample& s) { out.histogram(s.counters.log_sync_latency); }},
};

}  // namespace

std::vector<MetricSpec> Handlers::metric_specs() {
  std::vector<MetricSpec> out;
  for (const Metric& m : kMetrics) out.push_back(m.spec);
  for (const MetricSpec& s : rpc_metric_specs()) out.push_back(s);
  return out;
}

std::string Handlers::metrics() const {
  const NodeStatus status = impl_->node.status();
  const DriverCounters counters = impl_->node.counters();
  const NodeHealth health = impl_->node.health();
  const std::vector<PeerRow> peers = impl_->node.peers();
  const Sample sample{status, counters, health, peers};
  MetricsText out;
  for (const Metric& m : kMetrics) {
    out.begin(m.spec);
    if (m.value != nullptr) {
      out.sample(m.value(sample));
    } else {
      m.write(out, sample);
    }
  }
  return out.take();
}

}  // namespace imi::node
