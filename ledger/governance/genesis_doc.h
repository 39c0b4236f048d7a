// The genesis document: everything a chain starts from. Its hash is the chain's identity; its file
// is all that an offline checker needs to trust.
//
// File form: the 8 bytes "IMIGEN01", then the canonical encoding. Pure.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "chain/validator_set.h"
#include "ledger/agency/entries.h"
#include "ledger/core/catalog.h"
#include "ledger/core/parameters.h"
#include "ledger/core/policy.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxGenesisAgencies = 1024;
inline constexpr std::size_t kMaxGenesisBytes = std::size_t{4} << 20;
inline constexpr std::string_view kGenesisMagic = "IMIGEN01";

struct Genesis {
  SchemaVersion<1> version;
  std::string chain_name;  // [a-z0-9-], 1..40 bytes: the <network> of did:imi:<network>:<id>
  std::string suite;       // crypto::kSuiteName
  chain::TimeMs time;      // of height 0; block 1 is later
  Parameters parameters;
  chain::ValidatorSet validators;  // epoch 0
  Catalog catalog;
  std::vector<AgencyRegister> agencies;  // ascending by id; parents may come in any order
  bool operator==(const Genesis&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, chain_name, suite, time, parameters, validators, catalog, agencies);
    require(ar, agencies.size() <= kMaxGenesisAgencies &&
                    validators.members.size() <= chain::kMaxValidators);
  }
};

struct GenesisError {
  enum class Reason : std::uint8_t {
    kNotGenesis,  // no magic: another kind of file
    kTooLarge,
    kMalformed,  // damaged: see detail
    kChainName,
    kSuite,  // a suite this build does not have
    kTime,   // before 2000 or after 2199
    kParameters,
    kValidators,
    kCatalog,
    kAgencies,   // an agency's registration would be refused: see detail
    kNoCouncil,  // no agency could ever register another
    kTooManyAgencies,
  };
  Reason reason{};
  std::string detail;
};
[[nodiscard]] std::string describe(const GenesisError& e);

[[nodiscard]] chain::GenesisId genesis_id(const Genesis& genesis);
// What a chain of this genesis goes by.
[[nodiscard]] Policy make_policy(const Genesis& genesis);
[[nodiscard]] std::expected<void, GenesisError> validate(const Genesis& genesis);

[[nodiscard]] Bytes encode_genesis_file(const Genesis& genesis);
// Decodes and validates.
[[nodiscard]] std::expected<Genesis, GenesisError> decode_genesis_file(ByteView bytes);

}  // namespace imi::ledger
