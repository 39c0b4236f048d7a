// Blocks, and what the node reports about itself (unproved, and marked so).
#include <fmt/format.h>

#include "base/hex.h"
#include "consensus/messages.h"
#include "node/handlers/errors.h"
#include "node/handlers/impl.h"
#include "rpc/ledger_json.h"

namespace imi::node {

using rpc::Error;
namespace json = boost::json;

namespace {

// With `prove`: each submission's signed header, from which its content hash, and so the body root
// and the block's id, can be recomputed.
json::object block_json(const ledger::LedgerDb& db, const ledger::StoredBlock& stored,
                        const OutcomesCache::Outcomes& outcomes, bool certified,
                        bool prove = false) {
  const chain::BlockHeader& h = stored.block.header;
  json::array submissions;
  for (std::size_t i = 0; i < stored.bodies.size(); ++i) {
    const auto s = decode<ledger::Submission>(stored.bodies[i]);
    if (!s) continue;
    json::object o{{"id", to_hex(ledger::submission_id(s->header))},
                   {"author", rpc::agency_name(db.genesis(),
                                               chain::retag<ledger::AgencyId>(s->header.author))},
                   {"entries", s->header.count}};
    if (prove) {
      Bytes signed_header = encode(s->header);
      append(signed_header, encode(s->signature));
      o["signed_header"] = to_base64url(signed_header);
    }
    if (outcomes != nullptr && i < outcomes->size()) {
      o["refused"] = (*outcomes)[i].refused.size();
      o["duplicate"] = (*outcomes)[i].duplicate;
    }
    submissions.push_back(std::move(o));
  }
  return {{"height", h.height.value},   {"id", to_hex(chain::block_id(db.genesis_id(), h))},
          {"parent", to_hex(h.parent)}, {"epoch", h.epoch.value},
          {"time_ms", h.time.value},    {"body_root", to_hex(h.body_root)},
          {"certified", certified},     {"submissions", std::move(submissions)}};
}

// How far block time, this node's clock and the peers' clocks are apart.
json::object clock_json(const ClockReport& c) {
  json::object out{
      {"now_ms", c.now_ms}, {"block_ahead_ms", c.block_ahead_ms}, {"peers_measured", c.known}};
  if (c.own_ahead_ms) out["ahead_of_majority_ms"] = *c.own_ahead_ms;
  if (!c.off.empty()) {
    json::array& off = out["peers_off"].emplace_array();
    for (const std::string& name : c.off) off.emplace_back(name);
  }
  if (!c.problem.empty()) out["problem"] = c.problem;
  return out;
}

std::string role_text(const NodeStatus& s) { return std::string(name(s.role)); }

}  // namespace

void Handlers::Impl::block(RpcRequest& q, RpcResponder& r) {
  const chain::Height height(number_param(q, "height").value_or(0));
  const auto stored = db.block(height);
  if (!stored) return r.error(to_rpc(stored.error()));
  const auto reader = db.reader();
  const bool certified = reader && height <= reader->head().height;
  const bool prove = flag_param(q, "prove");
  json::object out = block_json(db, *stored, outcomes.get(db, height), certified, prove);
  if (prove) {
    const auto certificate = db.certificate_at(height);
    if (!certificate) return r.error(to_rpc(certificate.error()));
    if (*certificate) out["certificate"] = to_base64url(encode(**certificate));
  }
  r.result(std::move(out));
}

void Handlers::Impl::blocks(RpcRequest& q, RpcResponder& r) {
  const std::uint64_t from = number_param(q, "from").value_or(1);
  const std::uint64_t limit = number_param(q, "limit").value_or(rpc::kDefaultBlocksPage);
  const auto reader = db.reader();
  json::array out;
  std::size_t bytes = 0;
  for (std::uint64_t h = from; h < from + limit && h <= db.applied().height.value; ++h) {
    if (bytes >= options.blocks_page_bytes) break;
    if (!r.begin()) return;
    const auto stored = db.block(chain::Height(h));
    if (!stored) return r.error(to_rpc(stored.error()));
    const bool certified = reader && chain::Height(h) <= reader->head().height;
    for (const auto& body : stored->bodies) bytes += body.size();
    out.push_back(block_json(db, *stored, outcomes.get(db, chain::Height(h)), certified));
  }
  r.result(std::move(out));
}

void Handlers::Impl::status(RpcRequest&, RpcResponder& r) {
  const NodeStatus s = node.status();
  const DriverCounters c = node.counters();
  const NodeHealth health = node.health();
  const auto& members = db.genesis().validators.members;
  json::object out{
      {"name", options.node_name},
      {"id", to_hex(options.node_id)},
      {"version", options.version},
      {"chain", db.genesis().chain_name},
      {"genesis", to_hex(db.genesis_id())},
      {"role", role_text(s)},
      {"ready", health.ready()},
      {"answers", health.answers},
      {"commits", health.commits},
      {"height", s.certified.value},
      {"certified", s.certified.value},
      {"executed", s.executed.height.value},
      {"decided", s.decided.value},
      {"block_time_ms", s.executed.time.value},
      {"epoch", s.epoch.value},
      {"view", s.view.value},
      {"view_changing", s.changing},
      {"primary", s.primary.value < members.size() ? members[s.primary.value].name : std::string()},
      {"backoff", s.backoff},
      {"lagging", s.lagging},
      {"peers_connected", s.peers_connected},
      {"peers_needed", s.peers_needed},
      {"log_size", s.executed.log_size},
      {"entries_committed", c.entries_committed},
      {"blocks_committed", c.blocks_committed},
      {"view_changes", c.view_changes},
      {"evidence", options.evidence != nullptr ? options.evidence->size() : 0},
      {"pool", json::object{{"items", s.pool_items},
                            {"bytes", s.pool_bytes},
                            {"queued", s.pool_queued},
                            {"verifying", s.verifying},
                            {"waiting_clients", s.waiting_clients},
                            {"missing_bodies", s.missing_bodies}}},
      {"executing", s.executing},
      {"log_groups_queued", s.log_groups_queued}};
  out["clock"] = clock_json(health.clocks);
  out["disk_free_bytes"] = health.disk.free_bytes;
  if (!health.ready()) out["why_not"] = health.why();
  if (!s.silent_because.empty()) out["silent_because"] = s.silent_because;
  if (s.awaiting_peers) out["awaiting_peers"] = true;
  if (s.halted) {
    out["halted"] =
        json::object{{"code", std::string(name(s.halted->code))}, {"sentence", s.halted->sentence}};
  }
  r.result(std::move(out));
}

void Handlers::Impl::validators(RpcRequest&, RpcResponder& r) {
  const chain::ValidatorSet& set = db.genesis().validators;
  const chain::Quorum q = set.quorum();
  r.result(json::object{{"epoch", set.epoch.value},
                        {"quorum", q.q},
                        {"faults_tolerated", q.f},
                        {"digest", to_hex(set.digest())},
                        {"validators", rpc::validators_json(set)}});
}

void Handlers::Impl::genesis(RpcRequest&, RpcResponder& r) {
  r.result(json::object{{"id", to_hex(db.genesis_id())},
                        {"genesis", to_base64url(encode(db.genesis()))}});
}

void Handlers::Impl::catalog(RpcRequest&, RpcResponder& r) {
  r.result(rpc::catalog_json(db.genesis().catalog));
}

void Handlers::Impl::peers(RpcRequest&, RpcResponder& r) {
  json::array out;
  for (const PeerRow& p : node.peers()) {
    json::object o{
        {"name", p.name},          {"validator", p.validator},         {"connected", p.connected},
        {"address", p.address},    {"round_trip_us", p.round_trip_us}, {"bytes_in", p.bytes_in},
        {"bytes_out", p.bytes_out}};
    if (!p.last_end.empty()) o["last_end"] = p.last_end;
    if (!p.why_not.empty()) o["why_not"] = p.why_not;
    if (p.clock_ahead_us) o["clock_ahead_ms"] = *p.clock_ahead_us / 1000;
    out.push_back(std::move(o));
  }
  r.result(std::move(out));
}

void Handlers::Impl::evidence(RpcRequest& q, RpcResponder& r) {
  constexpr std::uint64_t kPage = 10;
  json::array pairs;
  if (options.evidence != nullptr) {
    const auto& members = db.genesis().validators.members;
    for (const EvidencePair& p : options.evidence->pairs(
             number_param(q, "from").value_or(0), number_param(q, "limit").value_or(kPage))) {
      pairs.push_back(json::object{
          {"epoch", p.epoch.value},
          {"member", p.member.value},
          {"name", p.member.value < members.size() ? members[p.member.value].name : std::string()},
          {"kind", std::string(consensus::name(static_cast<consensus::MessageKind>(p.kind)))},
          {"first", to_base64url(p.first)},
          {"second", to_base64url(p.second)}});
    }
  }
  r.result(json::object{{"total", options.evidence != nullptr ? options.evidence->size() : 0},
                        {"pairs", pairs}});
}

}  // namespace imi::node
