// The chain that a simulated cluster runs: its genesis, all keys, and the submissions that
// clients make. Keys are the same in every run; what clients do comes from the run's seed.
#pragma once

#include <memory>
#include <vector>

#include "ledger/governance/genesis_doc.h"
#include "ledger/submission/submission.h"
#include "node/ports.h"
#include "tests/sim/oracle.h"
#include "tests/sim/rng.h"

namespace imi::sim {

inline constexpr std::uint32_t kTickMs = 20;

class World {
 public:
  World(std::uint16_t replicas, std::uint32_t rotation_heights);

  [[nodiscard]] const ledger::Genesis& genesis() const { return genesis_; }
  [[nodiscard]] const chain::GenesisId& id() const { return id_; }
  [[nodiscard]] const crypto::SecretKey& validator_key(MemberId m) const {
    return validator_keys_[m.value];
  }
  [[nodiscard]] const ledger::AgencyId& issuer() const { return issuer_; }
  [[nodiscard]] const crypto::SecretKey& issuer_key() const { return issuer_key_; }

 private:
  ledger::Genesis genesis_;
  chain::GenesisId id_;
  std::vector<crypto::SecretKey> validator_keys_;
  ledger::AgencyId issuer_;
  crypto::SecretKey issuer_key_;
};

// A submission as a client holds it.
struct ClientSubmission {
  std::shared_ptr<const Bytes> bytes;
  ContentHash content;
  KnownSubmission known;
};

// Makes submissions: attestations issued and revoked, some of which execution must refuse.
class Clients {
 public:
  Clients(const World& world, Rng rng) : world_(world), rng_(rng) {}
  [[nodiscard]] ClientSubmission make(chain::TimeMs expiry);
  // The same submission under another signature of its author: equal id, other content hash.
  [[nodiscard]] ClientSubmission twin_of(const ClientSubmission& submission) const;
  // A copy with an invalid signature; a different one for each `variant`.
  [[nodiscard]] static node::SharedBytes forgery_of(const ClientSubmission& submission,
                                                    std::uint32_t variant);
  [[nodiscard]] Rng& rng() { return rng_; }

 private:
  const World& world_;
  Rng rng_;
  std::vector<ledger::AttestationId> issued_;
};

}  // namespace imi::sim
