#include "tests/unit/ledger/test_chain.h"

#include "base/check.h"
#include "base/hex.h"
#include "ledger/core/calendar.h"

namespace imi::ledger::test {
namespace {

Names names(std::string_view text) { return {std::string(text), std::string(text)}; }

Catalog make_catalog() {
  Catalog c;
  c.fields.push_back({FieldId(1), "food", names("food")});
  Rule rule;
  rule.id = RuleId(1);
  rule.text = "general";
  rule.names = names("general");
  rule.gravity = Gravity::kGeneral;
  rule.published = true;
  rule.min_months = 3;
  rule.max_months = 12;
  rule.repairable = true;
  rule.law = "order 36";
  c.rules.push_back(rule);
  for (std::uint16_t i = 1; i <= 4; ++i) {
    EventCode code;
    code.id = CodeId(i);
    code.text = "food.code-" + std::to_string(i);
    code.names = names(code.text);
    code.field = FieldId(1);
    code.polarity = Polarity::kNegative;
    code.rules = {RuleId(1)};
    c.codes.push_back(code);
  }
  c.buckets.push_back({BucketId(1), Polarity::kNegative, RuleId(1), {FieldId(1)}});
  Schema schema;
  schema.id = SchemaId(1);
  schema.text = "person-identity";
  schema.names = names(schema.text);
  schema.registrar_level = 3;
  schema.issuer_level = 3;
  schema.field = FieldId(1);
  schema.max_days = 3650;
  c.schemas.push_back(schema);
  return c;
}

}  // namespace

TestChain::TestChain(std::uint64_t seed)
    : random_(seed), agency_key_(crypto::SecretKey::generate(random_)) {
  agency_ = agency_id("market");
  genesis_.chain_name = "test";
  genesis_.suite = std::string(crypto::kSuiteName);
  genesis_.time = chain::TimeMs(1'790'000'000'000);
  for (int i = 0; i < 4; ++i) {
    validators_.push_back(crypto::SecretKey::generate(random_));
    genesis_.validators.members.push_back(
        {"v" + std::to_string(i), validators_.back().public_key(), random_.fixed<Hash256>()});
  }
  genesis_.catalog = make_catalog();
  AgencyProfile profile;
  profile.short_name = "market";
  profile.title = "Market regulator";
  profile.uscc = uscc(0);
  profile.tier = AgencyTier::kNational;
  profile.roles.bits = Roles::kAll;
  profile.fields = {FieldId(1)};
  profile.divisions = {Division{0}};
  profile.keys = {agency_key_.public_key()};
  genesis_.agencies.push_back({agency_, profile});
  const auto valid = validate(genesis_);
  IMI_CHECK(valid.has_value(), valid ? "" : describe(valid.error()));
  id_ = genesis_id(genesis_);
  today_ = day_of(genesis_.time);
  time_ = genesis_.time;
}

LedgerDbOptions TestChain::small() {
  LedgerDbOptions o;
  o.bucket_bits = 6;
  o.tree_cache_leaves = 64;
  o.record_cache_bytes = 8192;
  return o;
}

std::unique_ptr<LedgerDb> TestChain::open(std::shared_ptr<Store> store) const {
  auto db = LedgerDb::open(std::move(store), genesis_, small());
  IMI_CHECK(db.has_value(), db ? "" : describe(db.error()));
  return std::move(*db);
}

std::shared_ptr<const Submission> TestChain::submit_as(const AuthorId& author,
                                                       const crypto::SecretKey& key,
                                                       std::vector<Entry> entries,
                                                       chain::TimeMs expiry) {
  const SubmissionTerms terms{id_, author, random_.fixed<Nonce>(), expiry};
  return std::make_shared<const Submission>(sign_submission(terms, std::move(entries), key));
}
std::shared_ptr<const Submission> TestChain::submit_at(std::vector<Entry> entries,
                                                       chain::TimeMs expiry) {
  return submit_as(chain::retag<AuthorId>(agency_), agency_key_, std::move(entries), expiry);
}
std::shared_ptr<const Submission> TestChain::submit(std::vector<Entry> entries) {
  return submit_at(std::move(entries), chain::TimeMs(time_.value + 300'000));
}

chain::Block TestChain::block(const chain::LedgerHead& head,
                              const std::vector<std::shared_ptr<const Submission>>& bodies,
                              std::int64_t ms) const {
  chain::Block b;
  for (const auto& s : bodies) b.items.push_back(digests(*s)->content);
  b.header.epoch = head.epoch;
  b.header.height = head.height.next();
  b.header.parent = head.block;
  b.header.time = chain::TimeMs(head.time.value + ms);
  b.header.body_root = chain::body_root(b.items);
  return b;
}

chain::LedgerHead TestChain::commit(LedgerDb& db,
                                    const std::vector<std::shared_ptr<const Submission>>& bodies,
                                    std::int64_t ms) {
  const chain::Block b = block(db.applied(), bodies, ms);
  time_ = b.header.time;
  const auto head = db.commit_block(b, bodies, as_bytes("commit certificate"));
  IMI_CHECK(head.has_value(), head ? "" : describe(head.error()));
  return *head;
}

chain::CheckpointCertificate TestChain::certificate(const chain::LedgerHead& head,
                                                    std::size_t signers) const {
  chain::CheckpointCertificate c{head, {}};
  for (std::size_t i = 0; i < signers; ++i) {
    const chain::MemberId m(static_cast<std::uint16_t>(i));
    c.signatures.push_back({m, validators_[i].sign(chain::checkpoint_digest(head, m))});
  }
  return c;
}

void TestChain::certify(LedgerDb& db, const chain::LedgerHead& head) const {
  const auto ok = db.set_certified(certificate(head));
  IMI_CHECK(ok.has_value(), ok ? "" : describe(ok.error()));
}

chain::LedgerHead TestChain::add(LedgerDb& db,
                                 const std::vector<std::shared_ptr<const Submission>>& bodies) {
  const chain::LedgerHead head = commit(db, bodies);
  certify(db, head);
  return head;
}

Uscc TestChain::uscc(std::uint32_t n) {
  std::string text = "91440604";
  std::string digits = std::to_string(n);
  text += std::string(9 - digits.size(), '0') + digits;
  text.push_back(uscc_check_character(text));
  const auto parsed = parse_uscc(text);
  IMI_CHECK(parsed.has_value());
  return *parsed;
}

SubjectEnterprise TestChain::enterprise(std::uint32_t n) {
  return {uscc(n), "Shop " + std::to_string(n), Division{440604010001}, EnterpriseStatus::kActive,
          false};
}

EventRecord TestChain::event(std::uint32_t n, std::uint16_t code) {
  EventRecord e;
  e.subject = enterprise_id(uscc(n));
  e.facts.rule = RuleId(1);
  e.facts.occurred = Day(today_.value - 10);
  e.facts.decided = Day(today_.value - 5);
  e.facts.what = PublicFacts{CodeId(code), 500'000, "doc-2026-" + std::to_string(n),
                             Basis{BasisLevel::kLaw, "Food Safety Law art. 126"}, std::nullopt};
  e.facts.body = random_.fixed<Hash256>();
  e.source = to_hex(random_.fixed<Hash256>());
  return e;
}

EventRecord TestChain::person_event(const SubjectId& sid) {
  EventRecord e;
  e.subject = sid;
  e.facts.rule = RuleId(1);
  e.facts.occurred = floor_to_month(Day(today_.value - 40));
  e.facts.decided = floor_to_month(Day(today_.value - 40));
  e.facts.what = CommittedFacts{BucketId(1), random_.fixed<Hash256>()};
  e.source = random_.fixed<SourceKey>();
  return e;
}

SubjectPerson TestChain::person(const crypto::SecretKey& key) {
  return {random_.fixed<SubjectId>(), key.public_key(), 1, random_.fixed<Hash256>()};
}

AttIssue TestChain::attestation() {
  AttIssue a;
  a.id = random_.fixed<AttestationId>();
  a.schema = SchemaId(1);
  a.level = 2;
  a.claims_root = random_.fixed<Hash256>();
  a.claims = 5;
  a.holder_key_hash = random_.fixed<Hash256>();
  a.from = genesis_.time;
  a.until = chain::TimeMs(genesis_.time.value + 86'400'000LL * 365);
  return a;
}

}  // namespace imi::ledger::test
