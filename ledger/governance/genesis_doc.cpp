#include "ledger/governance/genesis_doc.h"

#include <algorithm>
#include <map>
#include <set>

#include "crypto/hash.h"
#include "ledger/agency/apply.h"
#include "ledger/core/calendar.h"

namespace imi::ledger {
namespace {

using Reason = GenesisError::Reason;

constexpr std::size_t kMaxChainNameBytes = 40;
constexpr std::size_t kMaxDepth = 16;

std::unexpected<GenesisError> fail(Reason r, std::string detail = {}) {
  return std::unexpected(GenesisError{r, std::move(detail)});
}

bool is_chain_name(std::string_view s) {
  return !s.empty() && s.size() <= kMaxChainNameBytes &&
         std::all_of(s.begin(), s.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// Every chain of parents ends.
std::expected<void, GenesisError> check_parents(
    const std::map<AgencyId, const AgencyProfile*>& agencies) {
  for (const auto& [id, profile] : agencies) {
    const AgencyProfile* at = profile;
    for (std::size_t depth = 0; at->parent; ++depth) {
      const auto it = agencies.find(*at->parent);
      if (it == agencies.end()) return fail(Reason::kAgencies, profile->short_name + ": no parent");
      if (depth >= kMaxDepth) return fail(Reason::kAgencies, profile->short_name + ": parent-loop");
      at = it->second;
    }
  }
  return {};
}

std::expected<void, GenesisError> check_agencies(const Genesis& genesis) {
  if (genesis.agencies.size() > kMaxGenesisAgencies) {
    return fail(Reason::kTooManyAgencies, std::to_string(genesis.agencies.size()));
  }
  const Policy policy = make_policy(genesis);
  std::map<AgencyId, const AgencyProfile*> by_id;
  std::set<crypto::PublicKey> keys;
  bool council = false;
  const AgencyRegister* before = nullptr;
  for (const AgencyRegister& a : genesis.agencies) {
    const std::string& who = a.profile.short_name;
    if (before != nullptr && !(before->id < a.id)) {
      return fail(Reason::kAgencies, who + ": ids must strictly ascend");
    }
    before = &a;
    if (auto ok = execution::check(a, policy, policy.genesis_day); !ok) {
      return fail(Reason::kAgencies, who + ": " + describe(ok.error()));
    }
    for (const auto& key : a.profile.keys) {
      if (!keys.insert(key).second) return fail(Reason::kAgencies, who + ": key-reused");
    }
    by_id.emplace(a.id, &a.profile);
    council = council || a.profile.roles.has(Role::kCouncil);
  }
  if (!council) return fail(Reason::kNoCouncil);
  return check_parents(by_id);
}

}  // namespace

std::string describe(const GenesisError& e) {
  const auto sentence = [&]() -> std::string_view {
    switch (e.reason) {
      case Reason::kNotGenesis: return "this is not a genesis file";
      case Reason::kTooLarge: return "the genesis file is larger than 4 MiB";
      case Reason::kMalformed: return "the genesis file is damaged";
      case Reason::kChainName: return "the chain name must be 1..40 of a-z, 0-9 and '-'";
      case Reason::kSuite: return "the genesis names a signature suite that this build lacks";
      case Reason::kTime: return "the genesis time must lie in 2000..2199";
      case Reason::kParameters: return "a parameter is out of range";
      case Reason::kValidators: return "the validator set is not valid";
      case Reason::kCatalog: return "the catalog is not valid";
      case Reason::kAgencies: return "an agency is not valid";
      case Reason::kNoCouncil: return "no agency has the role council: none could ever be added";
      case Reason::kTooManyAgencies: return "there are more than 1024 agencies";
    }
    return "?";
  }();
  return e.detail.empty() ? std::string(sentence) : std::string(sentence) + ": " + e.detail;
}

chain::GenesisId genesis_id(const Genesis& genesis) {
  return chain::retag<chain::GenesisId>(crypto::hash_of(crypto::Domain::kGenesis, genesis));
}

Policy make_policy(const Genesis& genesis) {
  return {genesis_id(genesis), genesis.catalog, genesis.parameters, day_of(genesis.time)};
}

std::expected<void, GenesisError> validate(const Genesis& genesis) {
  if (!is_chain_name(genesis.chain_name)) return fail(Reason::kChainName, genesis.chain_name);
  if (genesis.suite != crypto::kSuiteName) return fail(Reason::kSuite, genesis.suite);
  const Day day = day_of(genesis.time);
  if (day < day_from({2000, 1, 1}) || day > kLastDay) {
    return fail(Reason::kTime, std::to_string(genesis.time.value) + " ms");
  }
  if (auto ok = validate(genesis.parameters); !ok) {
    return fail(Reason::kParameters, std::string(describe(ok.error())));
  }
  if (auto ok = genesis.validators.validate(); !ok) {
    return fail(Reason::kValidators, std::string(describe(ok.error())));
  }
  if (genesis.validators.epoch != chain::Epoch(0)) {
    return fail(Reason::kValidators, "genesis is epoch 0");
  }
  if (auto ok = genesis.catalog.validate(); !ok) {
    return fail(Reason::kCatalog, describe(ok.error()));
  }
  return check_agencies(genesis);
}

Bytes encode_genesis_file(const Genesis& genesis) {
  Bytes out = to_bytes(as_bytes(kGenesisMagic));
  encode_to(out, genesis);
  return out;
}

std::expected<Genesis, GenesisError> decode_genesis_file(ByteView bytes) {
  if (bytes.size() < kGenesisMagic.size() ||
      as_text(bytes.first(kGenesisMagic.size())) != kGenesisMagic) {
    return fail(Reason::kNotGenesis);
  }
  if (bytes.size() > kMaxGenesisBytes) return fail(Reason::kTooLarge);
  auto genesis = decode<Genesis>(bytes.subspan(kGenesisMagic.size()));
  if (!genesis) return fail(Reason::kMalformed, describe(genesis.error()));
  if (auto ok = validate(*genesis); !ok) return std::unexpected(ok.error());
  return std::move(*genesis);
}

}  // namespace imi::ledger
