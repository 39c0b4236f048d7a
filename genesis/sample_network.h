// A ready-made network for trying things out: the agencies of one district, with their keys.
//
// Every code in it is a test code: the division inside (990604) does not exist in China. Never for
// production: all agencies' keys are made in one place.
#pragma once

#include <vector>

#include "crypto/random.h"
#include "genesis/toml_reader.h"
#include "ledger/governance/genesis_doc.h"

namespace imi::genesis {

// Agencies of the sample, by short name: what each may do.
//   council-440600      registers agencies (council)
//   market-440604       registers enterprises; records registration, quality
//   food-440604         records food
//   fire-440604         records fire
//   tax-440604          records and attests tax
//   labour-440604       records and attests labour
//   environment-440604  records environment
//   community-440604    records community life (residents' pacts), attests residence
//   registrar-a, registrar-b   register persons, attest identity
inline constexpr std::string_view kSampleCouncil = "council-440600";
inline constexpr std::string_view kSampleMarket = "market-440604";
inline constexpr std::string_view kSampleFood = "food-440604";
inline constexpr std::string_view kSampleFire = "fire-440604";
inline constexpr std::string_view kSampleTax = "tax-440604";
inline constexpr std::string_view kSampleRegistrar = "registrar-a";

struct AgencyKey {
  std::string short_name;
  crypto::SecretKey key;
};

struct SampleNetwork {
  ledger::Genesis genesis;
  std::vector<AgencyKey> keys;  // one per agency, in the order of the list above

  // The key of an agency; IMI_CHECK that there is one.
  [[nodiscard]] const crypto::SecretKey& key(std::string_view short_name) const;
};

struct SampleOptions {
  std::string chain_name = "chancheng-sample";
  chain::TimeMs time;  // of genesis
  ledger::Parameters parameters;
  std::vector<chain::Validator> validators;  // in the order of their member ids
};

// Agency keys are drawn from `random`: a SeededRandom gives the same network again.
[[nodiscard]] std::expected<SampleNetwork, BuildError> make_sample_network(
    const SampleOptions& options, crypto::RandomSource& random);

}  // namespace imi::genesis
