// From the ledger and the safety log to a running driver.
#include "node/checks.h"
#include "node/driver_impl.h"
#include "node/wire.h"

namespace imi::node {

consensus::Config consensus_config(const chain::GenesisId& genesis, const ledger::Parameters& p,
                                   std::uint32_t tick_ms) {
  consensus::Config c;
  c.genesis = genesis;
  c.pipeline = p.window;
  c.max_block_items = p.max_block_items;
  c.max_expiry_ms = p.max_expiry_ms;
  c.past_tolerance_ms = p.past_skew_ms;
  c.future_tolerance_ms = p.future_skew_ms;
  c.rotation_heights = p.rotation_heights;
  c.tick_ms = tick_ms;
  c.progress_timeout_ms = p.timeout_ms;
  c.max_view_timeout_ms = p.max_timeout_ms;
  c.heartbeat_ms = p.heartbeat_ms;
  return c;
}

namespace {

HaltReport report(const ledger::LedgerError& e) {
  const bool mismatch = e.reason == ledger::LedgerError::Reason::kMismatch;
  return {mismatch ? HaltCode::kHeadMismatch : HaltCode::kLedgerDamaged, describe(e)};
}
HaltReport damaged(chain::Height h, std::string_view what) {
  return {HaltCode::kLedgerDamaged, "the ledger's block " + std::to_string(h.value) + " " +
                                        std::string(what) +
                                        ": move the data away and let the node fetch the chain"};
}

// The higher of the known one and `c`.
void raise(std::optional<chain::CheckpointCertificate>& known,
           const chain::CheckpointCertificate& c) {
  if (!known || c.head.height > known->head.height) known = c;
}

// The ledger's last certificate may have been lost in a power cut (it is written with the next
// block); the safety log's and those stored beside blocks are as good.
struct Restart {
  consensus::RestartFacts facts;
  // Of facts.decided, whose blocks may be proposed and voted for again.
  std::map<chain::Height, std::vector<Bytes>> bodies;
};
std::expected<Restart, HaltReport> read_ledger(LedgerPort& ledger,
                                               const consensus::SafetyState& safety) {
  Restart out;
  consensus::RestartFacts& facts = out.facts;
  facts.executed = ledger.applied();
  const auto own = ledger.certificate();
  if (own) facts.stable = *own;
  const chain::Height from = own ? own->head.height.next() : chain::Height(1);
  if (safety.stable) raise(facts.stable, *safety.stable);
  for (chain::Height h = from; h <= facts.executed.height; h = h.next()) {
    auto stored = ledger.block(h);
    if (!stored) return std::unexpected(report(stored.error()));
    auto proof = decode<StoredProof>(stored->commit_certificate);
    if (!proof) return std::unexpected(damaged(h, "has no certificate that can be read"));
    if (const auto* checkpoint = std::get_if<chain::CheckpointCertificate>(&*proof)) {
      raise(facts.stable, *checkpoint);
    } else {
      facts.decided.push_back(
          {std::move(stored->block), std::get<consensus::CommitCertificate>(std::move(*proof))});
      out.bodies.emplace(h, std::move(stored->bodies));
    }
  }
  if (facts.stable) {
    const chain::Height stable = facts.stable->head.height;
    std::erase_if(facts.decided, [stable](const consensus::RestartBlock& b) {
      return b.block.header.height <= stable;
    });
    out.bodies.erase(out.bodies.begin(), out.bodies.upper_bound(stable));
    if (stable >= from && stable <= facts.executed.height) {
      if (auto ok = ledger.set_certified(*facts.stable); !ok) {
        return std::unexpected(report(ok.error()));
      }
    }
  }
  return out;
}

}  // namespace

std::expected<std::unique_ptr<Driver>, HaltReport> Driver::start(DriverOptions options,
                                                                 const Ports& ports) {
  auto found = read_ledger(ports.ledger, options.safety);
  if (!found) return std::unexpected(found.error());
  for (const std::uint8_t b : ports.random.fixed<FixedBytes<struct StartTag, 8>>().bytes) {
    found->facts.start_number = found->facts.start_number << 8 | b;
  }
  const auto limits = ledger::admission_limits(options.consensus.genesis, options.parameters);
  RecoveredBodies recovered;
  for (auto& [height, bodies] : found->bodies) {
    for (Bytes& bytes : bodies) {
      auto body = check_certified_body(std::make_shared<const Bytes>(std::move(bytes)), limits);
      if (!body) return std::unexpected(damaged(height, "has a submission that does not decode"));
      recovered.executed.push_back(std::move(*body));
    }
  }
  for (const WalBody& b : options.bodies) {
    auto body = check_certified_body(b.bytes, limits);
    if (!body || body->content() != b.content) {
      return std::unexpected(HaltReport{
          HaltCode::kSafetyLogFailed,
          "a body in the safety log is not the one it is filed under: the log is damaged"});
    }
    recovered.logged.push_back(std::move(*body));
  }
  auto impl = std::make_shared<Impl>(std::move(options), ports, found->facts, std::move(recovered));
  std::unique_ptr<Driver> driver(new Driver(impl));
  impl->start();
  if (impl->core.halted()) return std::unexpected(*impl->core.halted());
  return driver;
}

}  // namespace imi::node
