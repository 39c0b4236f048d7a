#include "tests/sim/world.h"

#include <secp256k1.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ledger/core/codes.h"
#include "ledger/submission/admission.h"

namespace imi::sim {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kYearMs = std::int64_t{365} * 86'400'000;

crypto::SecretKey make_key(std::uint64_t seed) {
  crypto::SeededRandom random(seed);
  return crypto::SecretKey::generate(random);
}

// A valid code of a state organ in a reserved test division.
ledger::Uscc make_uscc(int number) {
  std::string digits = "11999999" + std::string(8, '0') + std::to_string(number);
  digits.push_back(ledger::uscc_check_character(digits));
  const auto uscc = ledger::parse_uscc(digits);
  IMI_CHECK(uscc.has_value());
  return *uscc;
}

ledger::Catalog make_catalog() {
  ledger::Catalog catalog;
  catalog.fields = {{ledger::FieldId(1), "identity", {"身份", "Identity"}}};
  ledger::Schema schema;
  schema.id = ledger::SchemaId(1);
  schema.text = "resident";
  schema.names = {"居民", "Resident"};
  schema.registrar_level = 3;
  schema.issuer_level = 2;
  schema.field = ledger::FieldId(1);
  schema.max_days = 3650;
  catalog.schemas = {schema};
  return catalog;
}

ledger::AgencyRegister make_agency(const std::string& name, int number, ledger::Roles roles,
                                   const crypto::SecretKey& key) {
  ledger::AgencyRegister agency;
  agency.id = ledger::agency_id(name);
  ledger::AgencyProfile& p = agency.profile;
  p.short_name = name;
  p.title = name;
  p.uscc = make_uscc(number);
  p.tier = ledger::AgencyTier::kCity;
  p.roles = roles;
  p.fields = {ledger::FieldId(1)};
  p.divisions = {ledger::Division{999900000000}};
  p.keys = {key.public_key()};
  return agency;
}

ledger::Parameters make_parameters() {
  ledger::Parameters p;
  p.window = 4;
  p.activation_delay = 8;
  p.timeout_ms = 500;
  p.max_timeout_ms = 8'000;
  p.heartbeat_ms = 2'000;
  p.past_skew_ms = 2'000;
  p.future_skew_ms = 1'000;
  p.max_expiry_ms = 120'000;
  p.grace_ms = 60'000;
  return p;
}

void fill_bytes(ClientSubmission& out, const ledger::Submission& submission) {
  out.bytes = std::make_shared<const Bytes>(encode(submission));
  out.content = ledger::content_hash(submission.header, submission.signature);
  out.known.bytes = out.bytes;
}

}  // namespace

World::World(std::uint16_t replicas, std::uint32_t rotation_heights)
    : issuer_key_(make_key(9'002)) {
  genesis_.chain_name = "sim";
  genesis_.suite = crypto::kSuiteName;
  genesis_.time = chain::TimeMs(kStart);
  genesis_.parameters = make_parameters();
  genesis_.parameters.rotation_heights = rotation_heights;
  genesis_.catalog = make_catalog();
  for (std::uint16_t i = 0; i < replicas; ++i) {
    validator_keys_.push_back(make_key(1'000 + i));
    chain::Validator v;
    v.name = "v" + std::to_string(i);
    v.key = validator_keys_.back().public_key();
    v.tls_key_pin = crypto::hash(crypto::Domain::kTest, as_bytes(v.name));
    genesis_.validators.members.push_back(v);
  }
  const crypto::SecretKey council = make_key(9'001);
  genesis_.agencies = {
      make_agency("council", 1, {ledger::Role::kCouncil}, council),
      make_agency("issuer", 2, {ledger::Role::kIssuer, ledger::Role::kRegistrar}, issuer_key_)};
  std::sort(genesis_.agencies.begin(), genesis_.agencies.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  issuer_ = ledger::agency_id("issuer");
  const auto valid = ledger::validate(genesis_);
  if (!valid) IMI_CHECK(false, describe(valid.error()));
  id_ = ledger::genesis_id(genesis_);
}

ClientSubmission Clients::make(chain::TimeMs expiry) {
  const auto random_bytes = [this](auto fixed) {
    for (auto& b : fixed.bytes) b = static_cast<std::uint8_t>(rng_.next());
    return fixed;
  };
  std::vector<ledger::Entry> entries;
  ClientSubmission out;
  const std::uint64_t count = rng_.chance_ppm(800'000) ? 1 : rng_.range(2, 5);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!issued_.empty() && rng_.chance_ppm(300'000)) {
      ledger::AttStatus status;
      status.id = issued_[rng_.below(issued_.size())];
      status.action = ledger::AttAction::kRevoke;
      out.known.entries.push_back({chain::retag<Hash256>(status.id), true});
      entries.emplace_back(status);
      continue;
    }
    ledger::AttIssue issue;
    issue.id = random_bytes(ledger::AttestationId{});
    issue.schema = ledger::SchemaId(1);
    issue.level = 1;
    issue.claims_root = random_bytes(Hash256{});
    issue.claims = 3;
    issue.holder_key_hash = random_bytes(Hash256{});
    issue.from = world_.genesis().time;
    issue.until = chain::TimeMs(world_.genesis().time.value + kYearMs);
    issued_.push_back(issue.id);
    out.known.entries.push_back({chain::retag<Hash256>(issue.id), false});
    entries.emplace_back(issue);
  }
  ledger::SubmissionTerms terms;
  terms.genesis = world_.id();
  terms.author = chain::retag<ledger::AuthorId>(world_.issuer());
  terms.nonce = random_bytes(ledger::Nonce{});
  terms.expiry = expiry;
  const ledger::Submission submission =
      ledger::sign_submission(terms, std::move(entries), world_.issuer_key());
  out.known.id = ledger::submission_id(submission.header);
  out.known.expiry = expiry;
  fill_bytes(out, submission);
  return out;
}

ClientSubmission Clients::twin_of(const ClientSubmission& submission) const {
  auto twin = decode<ledger::Submission>(*submission.bytes);
  IMI_CHECK(twin.has_value());
  const auto digest = ledger::signed_digest(*twin).digest;
  // Nonces are RFC 6979's everywhere else; another one needs extra entropy.
  const unsigned char entropy[32] = {7};
  secp256k1_context* context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  secp256k1_ecdsa_signature signature;
  IMI_CHECK(secp256k1_ecdsa_sign(context, &signature, digest.bytes.data(),
                                 world_.issuer_key().reveal().data(), nullptr, entropy) == 1);
  secp256k1_ecdsa_signature_serialize_compact(context, twin->signature.bytes.data(), &signature);
  secp256k1_context_destroy(context);
  ClientSubmission out = submission;
  fill_bytes(out, *twin);
  IMI_CHECK(out.content != submission.content);
  return out;
}

node::SharedBytes Clients::forgery_of(const ClientSubmission& submission, std::uint32_t variant) {
  auto forged = decode<ledger::Submission>(*submission.bytes);
  IMI_CHECK(forged.has_value());
  auto& bytes = forged->signature.bytes;
  bytes[1 + variant / 8 % 30] ^= static_cast<std::uint8_t>(1U << variant % 8);
  return std::make_shared<const Bytes>(encode(*forged));
}

}  // namespace imi::sim
