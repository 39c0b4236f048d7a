#include "genesis/sample_network.h"

#include <algorithm>

#include "base/check.h"
#include "genesis/catalog_toml.h"

namespace imi::genesis {
namespace {

using ledger::Role;

struct SampleAgency {
  std::string_view short_name;
  std::string_view title;
  std::string_view number;  // 8 digits inside its test code
  ledger::AgencyTier tier;
  std::uint64_t division;
  ledger::Roles roles;
  std::vector<std::string_view> fields;
};

constexpr std::uint64_t kCity = 440600000000;      // 佛山市
constexpr std::uint64_t kDistrict = 440604000000;  // 禅城区

std::vector<SampleAgency> sample_agencies() {
  return {
      {kSampleCouncil,
       "信用体系建设委员会 (sample)",
       "00000001",
       ledger::AgencyTier::kCity,
       kCity,
       {Role::kCouncil},
       {}},
      {kSampleMarket,
       "禅城区市场监督管理局 (sample)",
       "00000002",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kMarket, Role::kRecorder, Role::kIssuer},
       {"registration", "quality"}},
      {kSampleFood,
       "禅城区食品安全监督所 (sample)",
       "00000003",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder},
       {"food"}},
      {kSampleFire,
       "禅城区消防救援大队 (sample)",
       "00000004",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder},
       {"fire"}},
      {kSampleTax,
       "禅城区税务局 (sample)",
       "00000005",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder, Role::kIssuer},
       {"tax"}},
      {"labour-440604",
       "禅城区人力资源和社会保障局 (sample)",
       "00000006",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder, Role::kIssuer},
       {"labour"}},
      {"environment-440604",
       "禅城区生态环境分局 (sample)",
       "00000007",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder},
       {"environment"}},
      {"community-440604",
       "禅城区社会治理中心 (sample)",
       "00000008",
       ledger::AgencyTier::kDistrict,
       kDistrict,
       {Role::kRecorder, Role::kIssuer},
       {"community"}},
      {kSampleRegistrar,
       "登记中心甲 (sample)",
       "00000009",
       ledger::AgencyTier::kCity,
       kCity,
       {Role::kRegistrar, Role::kIssuer},
       {"identity"}},
      {"registrar-b",
       "登记中心乙 (sample)",
       "00000010",
       ledger::AgencyTier::kCity,
       kCity,
       {Role::kRegistrar, Role::kIssuer},
       {"identity"}},
  };
}

// 11 = a state organ; 990604: a division that cannot be real; the number; its organisation check
// digit (GB 11714-1997); the check character.
ledger::Uscc test_uscc(std::string_view number) {
  constexpr std::array<int, 8> kWeights = {3, 7, 9, 10, 5, 8, 4, 2};
  int sum = 0;
  for (std::size_t i = 0; i < kWeights.size(); ++i) sum += (number[i] - '0') * kWeights[i];
  const int check = 11 - sum % 11;
  const char digit = check == 10 ? 'X' : check == 11 ? '0' : static_cast<char>('0' + check);
  std::string text = "11990604" + std::string(number) + digit;
  text += ledger::uscc_check_character(text);
  const auto uscc = ledger::parse_uscc(text);
  IMI_CHECK(uscc.has_value(), text);
  return *uscc;
}

ledger::AgencyRegister agency_of(const SampleAgency& a, const ledger::Catalog& catalog,
                                 const crypto::PublicKey& key) {
  ledger::AgencyRegister out;
  out.id = ledger::agency_id(a.short_name);
  ledger::AgencyProfile& p = out.profile;
  p.short_name = a.short_name;
  p.title = a.title;
  p.uscc = test_uscc(a.number);
  if (a.short_name != kSampleCouncil) p.parent = ledger::agency_id(kSampleCouncil);
  p.tier = a.tier;
  p.roles = a.roles;
  for (std::string_view text : a.fields) {
    const auto* field = catalog.field(text);
    IMI_CHECK(field != nullptr, text);
    p.fields.push_back(field->id);
  }
  std::sort(p.fields.begin(), p.fields.end());
  p.divisions = {ledger::Division{a.division}};
  p.keys = {key};
  return out;
}

}  // namespace

const crypto::SecretKey& SampleNetwork::key(std::string_view short_name) const {
  const auto it = std::find_if(keys.begin(), keys.end(),
                               [&](const AgencyKey& k) { return k.short_name == short_name; });
  IMI_CHECK(it != keys.end(), short_name);
  return it->key;
}

std::expected<SampleNetwork, BuildError> make_sample_network(const SampleOptions& options,
                                                             crypto::RandomSource& random) {
  SampleNetwork out;
  ledger::Genesis& g = out.genesis;
  g.chain_name = options.chain_name;
  g.suite = crypto::kSuiteName;
  g.time = options.time;
  g.parameters = options.parameters;
  g.validators.members = options.validators;
  g.catalog = builtin_catalog();
  for (const SampleAgency& a : sample_agencies()) {
    crypto::SecretKey key = crypto::SecretKey::generate(random);
    g.agencies.push_back(agency_of(a, g.catalog, key.public_key()));
    out.keys.push_back({std::string(a.short_name), std::move(key)});
  }
  std::sort(g.agencies.begin(), g.agencies.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  if (auto ok = validate(g); !ok) {
    return std::unexpected(BuildError{"sample network", describe(ok.error())});
  }
  return out;
}

}  // namespace imi::genesis
