// LedgerDb: blocks in, heads out; two heads; every way in which opening is refused; what survives a
// failed write.
#include "ledger/db/ledger_db.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <ctime>
#include <thread>

#include "ledger/db/rows.h"
#include "ledger/proof/queries.h"
#include "ledger/proof/reader.h"
#include "ledger/proof/verify.h"
#include "ledger/submission/admission.h"
#include "tests/unit/ledger/fault_store.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::ledger {
namespace {
using test::Fault;
using test::FaultStore;
using test::TestChain;
using Reason = LedgerError::Reason;

std::uint64_t events_shown(const LedgerDb& db, std::uint32_t n) {
  const auto reply = answer(*db.reader(), AskEnterprise{TestChain::uscc(n), {}, {}}, false);
  REQUIRE(reply.has_value());
  return std::get<DossierAnswer>(reply->answer).leaves.size();
}

TEST_CASE("a new ledger starts at the genesis head and is found again") {
  TestChain chain;
  const auto store = MemStore::create();
  chain::LedgerHead start;
  {
    const auto db = chain.open(store);
    start = db->applied();
    CHECK(start.height.value == 0);
    CHECK(start.genesis == chain.id());
    CHECK(db->certified() == start);
    CHECK(db->certificate() == nullptr);
    CHECK(db->reader()->head() == start);
    CHECK(db->head(chain::Height(0)) == start);
    CHECK_FALSE(db->block(chain::Height(1)).has_value());
  }
  CHECK(chain.open(store)->applied() == start);
}

TEST_CASE("a block is executed, kept whole for catch-up, and there after a restart") {
  TestChain chain;
  const auto store = MemStore::create();
  const auto first = chain.submit({TestChain::enterprise(1), TestChain::enterprise(2)});
  const auto second = chain.submit({chain.event(1), chain.event(1), chain.event(99)});
  chain::LedgerHead head;
  {
    const auto db = chain.open(store);
    head = chain.add(*db, {first, second});
    CHECK(head.height.value == 1);
    CHECK(head.log_size == 4);  // the event of subject 99 is refused: no leaf
    CHECK(events_shown(*db, 1) == 2);
  }
  const auto db = chain.open(store);
  CHECK(db->applied() == head);
  CHECK(db->certified() == head);
  CHECK(events_shown(*db, 1) == 2);
  const auto stored = db->block(head.height);
  REQUIRE(stored.has_value());
  CHECK(chain::block_id(chain.id(), stored->block.header) == head.block);
  CHECK(as_text(stored->commit_certificate) == "commit certificate");
  REQUIRE(stored->bodies.size() == 2);
  const auto limits = admission_limits(chain.id(), chain.genesis().parameters);
  const auto body = decode_submission(stored->bodies[1], limits);
  REQUIRE(body.has_value());
  CHECK(*body == *second);
  CHECK(db->certificate_at(head.height)->value() == chain.certificate(head));
  const auto found = db->find_submission(digests(*second)->id);
  REQUIRE(found->has_value());
  CHECK((*found)->height == head.height);
  CHECK((*found)->index == 1);
  CHECK_FALSE(db->find_submission(chain.random().fixed<chain::SubmissionId>())->has_value());
}

TEST_CASE("the precheck follows the applied state, and remembers it") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  const auto looked = [&](const std::shared_ptr<const Submission>& s) -> std::string {
    const auto look = db->precheck(*s);
    REQUIRE(look.has_value());
    if (look->applied) return "applied";
    return look->refusal ? std::string(name(look->refusal->refusal.code)) : "passes";
  };
  const AuthorId agency = chain::retag<AuthorId>(chain.agency());
  const auto key = crypto::SecretKey::generate(chain.random());
  const chain::TimeMs expiry(db->applied().time.value + 200'000);
  const auto by_new_key = [&] {
    return chain.submit_as(agency, key, {TestChain::enterprise(7)}, expiry);
  };
  const auto first = chain.submit({TestChain::enterprise(1)});
  CHECK(looked(first) == "passes");
  CHECK(looked(by_new_key()) == "key-not-authorised");
  chain.add(*db, {first});
  CHECK(looked(first) == "applied");

  // The agency's key is changed for another: the very next look knows, although the record was
  // remembered, and a repeat of what the old key signed is still answered with its first place.
  AgencyUpdate rotate;
  rotate.id = chain.agency();
  rotate.version = Version{1};
  rotate.keys = {key.public_key()};
  const auto by_old_key = chain.submit({TestChain::enterprise(2)});
  chain.add(*db, {chain.submit({rotate})});
  CHECK(looked(by_new_key()) == "passes");
  CHECK(looked(by_old_key) == "key-not-authorised");
  CHECK(looked(first) == "applied");

  // Subjects.
  const auto facts_of = [&](const SubjectId& subject) {
    EventRecord e = chain.event(1);
    e.subject = subject;
    return chain.submit_as(agency, key, {e}, expiry);
  };
  const SubjectPerson person = chain.person(crypto::SecretKey::generate(chain.random()));
  CHECK(looked(facts_of(person.id)) == "passes");  // nobody knows yet whose id it is
  chain.add(*db, {chain.submit_as(agency, key, {person}, expiry)});
  for (int again = 0; again < 2; ++again) {
    CHECK(looked(facts_of(person.id)) == "plaintext-for-person");
    CHECK(looked(facts_of(enterprise_id(TestChain::uscc(1)))) == "passes");
  }
}

TEST_CASE("what a precheck costs") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  std::vector<Entry> shops;
  for (std::uint32_t n = 1; n <= 200; ++n) shops.emplace_back(TestChain::enterprise(n));
  chain.add(*db, {chain.submit(std::move(shops))});
  std::vector<Entry> events;
  for (std::uint32_t n = 1; n <= 200; ++n) events.emplace_back(chain.event(n));
  const auto one = chain.submit({chain.event(1)});
  const auto many = chain.submit(std::move(events));
  const auto time = [&](const std::shared_ptr<const Submission>& s, int times) {
    REQUIRE(db->precheck(*s)->refusal == std::nullopt);
    const std::clock_t begin = std::clock();
    for (int i = 0; i < times; ++i) (void)db->precheck(*s);
    return 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / times;
  };
  const auto id = digests(*one)->id;
  const std::clock_t begin = std::clock();
  for (int i = 0; i < 20'000; ++i) (void)db->find_submission(id);
  const double repeat = 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / 20'000;
  MESSAGE("CPU us per submission of 1 event: "
          << time(one, 20'000) << ", of 200: " << time(many, 500)
          << ", of these to see whether it is a repeat: " << repeat);
}

TEST_CASE("a block that is not the next one, or not whole, is refused and changes nothing") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  const auto s = chain.submit({TestChain::enterprise(1)});
  const auto other = chain.submit({TestChain::enterprise(2)});
  const chain::LedgerHead start = db->applied();
  const auto refused = [&](chain::Block b, std::vector<std::shared_ptr<const Submission>> bodies) {
    const auto r = db->commit_block(b, bodies, {});
    REQUIRE_FALSE(r.has_value());
    CHECK(db->applied() == start);
    return r.error().reason;
  };
  chain::Block good = chain.block(start, {s});
  chain::Block b = good;
  b.header.height = chain::Height(2);
  CHECK(refused(b, {s}) == Reason::kNotNext);
  b = good;
  b.header.parent = chain.random().fixed<chain::BlockId>();
  CHECK(refused(b, {s}) == Reason::kNotNext);
  b = good;
  b.header.time = start.time;
  CHECK(refused(b, {s}) == Reason::kBadBlock);
  b = good;
  b.header.epoch = chain::Epoch(1);
  CHECK(refused(b, {s}) == Reason::kBadBlock);
  CHECK(refused(good, {}) == Reason::kBodyMismatch);
  CHECK(refused(good, {other}) == Reason::kBodyMismatch);
  CHECK(refused(good, {nullptr}) == Reason::kBodyMismatch);
  const auto late = chain.submit_at({TestChain::enterprise(3)}, start.time);
  CHECK(refused(chain.block(start, {late}), {late}) == Reason::kBadBlock);
  CHECK(db->commit_block(good, {s}, {}).has_value());
}

TEST_CASE("readers stay at the certified head while execution runs ahead") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  const auto certified = chain.add(*db, {chain.submit({TestChain::enterprise(1), chain.event(1)})});
  const auto reader = db->reader();
  std::vector<chain::LedgerHead> ahead;
  for (int i = 0; i < 5; ++i) ahead.push_back(chain.commit(*db, {chain.submit({chain.event(1)})}));
  CHECK(db->applied() == ahead.back());
  CHECK(db->certified() == certified);
  CHECK(events_shown(*db, 1) == 1);
  // Proofs too are of the certified root, whatever the tree holds by now.
  VerifyOptions options;
  const AskEnterprise ask{TestChain::uscc(1), {}, {}};
  options.asked = ask;
  for (const auto& r : {reader, db->reader()}) {
    const auto reply = answer(*r, ask, true);
    REQUIRE(reply.has_value());
    const auto verified = verify(*reply->proof, chain.genesis(), options);
    REQUIRE(verified.has_value());
    CHECK(verified->head == certified);
    CHECK(std::get<DossierAnswer>(verified->answer).total == 1);
  }
  chain.certify(*db, ahead[2]);  // a stable checkpoint may jump over heights
  CHECK(events_shown(*db, 1) == 4);
  const auto still = answer(*reader, ask, true);
  REQUIRE(still.has_value());
  CHECK(std::get<DossierAnswer>(still->answer).total == 1);
}

TEST_CASE("a reader held for too long is refused by name instead of pinning memory") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  chain.add(*db, {});
  const auto old = db->reader();
  for (std::uint64_t i = 0; i < kReaderSpan; ++i) chain.add(*db, {});
  CHECK(old->record(catalog_path()).has_value());
  chain.add(*db, {});
  const auto refused = old->record(catalog_path());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason == StoreError::Reason::kExpired);
  CHECK(old->prove(catalog_path()).error().reason == StoreError::Reason::kExpired);
}

TEST_CASE("a certificate of another head stops the node, one of the future is not taken") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  const auto head = chain.commit(*db, {});
  chain::LedgerHead other = head;
  other.state_root.bytes[0] ^= 1;
  CHECK(db->set_certified(chain.certificate(other)).error().reason == Reason::kMismatch);
  other = head;
  other.height = head.height.next();
  CHECK(db->set_certified(chain.certificate(other)).error().reason == Reason::kNotApplied);
  CHECK(db->certified().height.value == 0);
  CHECK(db->set_certified(chain.certificate(head)).has_value());
  CHECK(db->set_certified(chain.certificate(head, 4)).has_value());  // again: nothing changes
  CHECK(*db->certificate() == chain.certificate(head));
}

TEST_CASE("restarted ahead of its certificates, the node shows nothing until it has one") {
  TestChain chain;
  const auto store = MemStore::create();
  std::vector<chain::LedgerHead> heads;
  {
    const auto db = chain.open(store);
    chain.add(*db, {chain.submit({TestChain::enterprise(1)})});
    for (int i = 0; i < 2; ++i)
      heads.push_back(chain.commit(*db, {chain.submit({chain.event(1)})}));
  }
  const auto db = chain.open(store);
  CHECK(db->applied() == heads[1]);
  CHECK(db->certified().height.value == 1);
  CHECK(db->reader() == nullptr);
  chain.certify(*db, heads[0]);
  CHECK(db->reader() == nullptr);  // that state cannot be read back
  chain.certify(*db, heads[1]);
  REQUIRE(db->reader() != nullptr);
  CHECK(events_shown(*db, 1) == 2);
}

TEST_CASE(
    "a node that catches up without certificates keeps a bounded past and reads when certified") {
  TestChain chain;
  const auto store = MemStore::create();
  const auto db = chain.open(store);
  chain.add(*db, {});
  const auto early = db->reader();
  chain::LedgerHead head;
  const std::uint64_t most = chain.genesis().parameters.span() + kReaderSpan;
  for (std::uint64_t i = 0; i < most; ++i) head = chain.commit(*db, {});
  CHECK(early->record(catalog_path()).has_value());
  head = chain.commit(*db, {});
  CHECK(db->reader() == nullptr);
  CHECK(early->prove(catalog_path()).error().reason == StoreError::Reason::kExpired);
  chain.certify(*db, head);
  CHECK(db->reader()->prove(catalog_path()).has_value());
}

TEST_CASE("equal blocks give equal stores, whatever the local options") {
  TestChain chain;
  const auto a = MemStore::create();
  const auto b = MemStore::create();
  const auto db_a = chain.open(a);
  LedgerDbOptions options = TestChain::small();
  options.bucket_bits = 10;
  options.tree_cache_leaves = 0;
  options.record_cache_bytes = 0;
  const auto db_b = LedgerDb::open(b, chain.genesis(), options);
  REQUIRE(db_b.has_value());
  for (std::uint32_t i = 1; i < 20; ++i) {
    std::vector<Entry> entries{TestChain::enterprise(i)};
    for (std::uint32_t k = 1; k <= i; ++k) entries.emplace_back(chain.event(k));
    const auto s = chain.submit(std::move(entries));
    const chain::Block block = chain.block(db_a->applied(), {s});
    REQUIRE(db_a->commit_block(block, {s}, {}) == (*db_b)->commit_block(block, {s}, {}));
  }
  CHECK(a->digest() == b->digest());
}

// ---- faults -----------------------------------------------------------------------------------

TEST_CASE("killed at every write, the ledger reopens at the old height or the new, never between") {
  for (const Fault fault : {Fault::kRefusedBefore, Fault::kRefusedAfter}) {
    for (const auto reason : {StoreError::Reason::kIo, StoreError::Reason::kNoSpace}) {
      for (std::size_t fatal = 0; fatal < 9; ++fatal) {
        TestChain chain(fatal + 1);
        auto disk = MemStore::create();
        (void)chain.open(disk);
        const auto store = std::make_shared<FaultStore>(disk);
        const auto db = chain.open(store);
        store->fail_write(fatal, fault, reason);
        chain::LedgerHead last = db->applied();
        chain::LedgerHead attempted = last;
        for (std::uint32_t i = 1; i <= 5; ++i) {
          const auto s = chain.submit({TestChain::enterprise(i), chain.event(1), chain.event(i)});
          const chain::Block block = chain.block(last, {s});
          const auto head = db->commit_block(block, {s}, {});
          attempted.height = block.header.height;
          if (!head) {
            CHECK(head.error().store->reason == reason);
            break;
          }
          last = *head;
          const auto certified = db->set_certified(chain.certificate(last));
          if (!certified) break;
        }
        REQUIRE(store->writes() == fatal + 1);
        // The process must end: it writes nothing more, and still answers.
        CHECK(db->commit_block(chain.block(last, {}), {}, {}).error().reason == Reason::kStopped);
        CHECK(db->set_certified(chain.certificate(last)).error().reason == Reason::kStopped);
        CHECK(db->applied() == last);
        CHECK(db->reader()->record(catalog_path()).has_value());

        const auto again = chain.open(disk);  // rebuilds the tree and compares it with the head
        const bool whole =
            again->applied() == last ||
            (fault == Fault::kRefusedAfter && again->applied().height == attempted.height);
        CHECK(whole);
        CHECK_NOTHROW(chain.add(*again, {chain.submit({TestChain::enterprise(77)})}));
      }
    }
  }
}

TEST_CASE(
    "a write that fails while the ledger is created leaves a store that can be created again") {
  TestChain chain;
  auto disk = MemStore::create();
  const auto store = std::make_shared<FaultStore>(disk);
  store->fail_write(0, Fault::kRefusedBefore, StoreError::Reason::kNoSpace);
  const auto refused = LedgerDb::open(store, chain.genesis(), TestChain::small());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().store->reason == StoreError::Reason::kNoSpace);
  CHECK(describe(refused.error()).find("full") != std::string::npos);
  CHECK(chain.open(disk)->applied().height.value == 0);
}

struct Prepared {
  TestChain chain;
  std::shared_ptr<MemStore> store = MemStore::create();
  Prepared() {
    const auto db = chain.open(store);
    for (std::uint32_t i = 1; i <= 3; ++i) {
      chain.add(*db, {chain.submit({TestChain::enterprise(i), chain.event(1)})});
    }
  }
  LedgerError refusal() const {
    const auto db = LedgerDb::open(store, chain.genesis(), TestChain::small());
    REQUIRE_FALSE(db.has_value());
    return db.error();
  }
  void put(ByteView key, ByteView value) const {
    WriteBatch b;
    b.put(key, value);
    REQUIRE(store->write(b));
  }
  void erase(ByteView key) const {
    WriteBatch b;
    b.erase(key);
    REQUIRE(store->write(b));
  }
};

TEST_CASE(
    "one flipped bit in any record is found at start and named with its height and what to do") {
  const Prepared p;
  std::vector<std::pair<Bytes, Bytes>> records;
  REQUIRE(p.store->scan(as_bytes("R"), as_bytes("S"), [&](ByteView k, ByteView v) {
    records.emplace_back(to_bytes(k), to_bytes(v));
    return true;
  }));
  REQUIRE(records.size() > 10);
  for (const auto& [key, value] : records) {
    Bytes bad = value;
    bad[bad.size() / 2] ^= 0x10;
    p.put(key, bad);
    const LedgerError e = p.refusal();
    CHECK(e.reason == Reason::kDamaged);
    CHECK(describe(e).find("height 3") != std::string::npos);
    CHECK(describe(e).find("catch up from its peers") != std::string::npos);
    p.put(key, value);
  }
  p.erase(records[4].first);
  CHECK(p.refusal().reason == Reason::kDamaged);
  p.put(records[4].first, records[4].second);
  p.put(as_bytes("Rshort"), as_bytes("x"));
  CHECK(p.refusal().reason == Reason::kDamaged);
  p.erase(as_bytes("Rshort"));
  CHECK_NOTHROW((void)p.chain.open(p.store));
}

TEST_CASE("damage outside the records is found at start too") {
  const Prepared p;
  const auto broken = [&](const Bytes& key) {
    const Bytes was = **p.store->get(key);
    Bytes bad = was;
    bad[bad.size() / 2] ^= 1;
    p.put(key, bad);
    const LedgerError e = p.refusal();
    p.erase(key);
    CHECK(p.refusal().reason != Reason::kStore);
    p.put(key, was);
    return e.reason;
  };
  CHECK(broken(rows::applied_key()) == Reason::kDamaged);
  CHECK(broken(rows::tile_key({0, 0})) == Reason::kDamaged);
  CHECK(broken(rows::block_key(chain::Height(3))) == Reason::kDamaged);
  CHECK(broken(rows::certificate_key(chain::Height(3))) != Reason::kStore);
}

TEST_CASE("a store of another chain, format or program is refused by name") {
  const Prepared p;
  const TestChain other(99);
  const auto foreign = LedgerDb::open(p.store, other.genesis(), TestChain::small());
  REQUIRE_FALSE(foreign.has_value());
  CHECK(foreign.error().reason == Reason::kForeign);
  CHECK(describe(foreign.error()).find("genesis file") != std::string::npos);

  p.put(rows::format_key(), Bytes{kLedgerFormat + 1, 0, 0, 0});
  CHECK(p.refusal().reason == Reason::kNewerFormat);
  p.put(rows::format_key(), Bytes{kLedgerFormat - 1, 0, 0, 0});
  CHECK(p.refusal().reason == Reason::kOlderFormat);
  p.put(rows::format_key(), Bytes{1});
  CHECK(p.refusal().reason == Reason::kDamaged);
  p.erase(rows::format_key());
  CHECK(p.refusal().reason == Reason::kForeign);
}

TEST_CASE("a disk that cannot be read at start is named as the disk's failure") {
  const Prepared p;
  const auto store = std::make_shared<FaultStore>(p.store);
  store->fail_reads(StoreError{StoreError::Reason::kIo, "sector 7"});
  const auto db = LedgerDb::open(store, p.chain.genesis(), TestChain::small());
  REQUIRE_FALSE(db.has_value());
  CHECK(db.error().reason == Reason::kStore);
  CHECK(describe(db.error()).find("sector 7") != std::string::npos);
}

// What a reading thread met. Nothing may be thrown from it, so it reports at the end.
struct ReadLog {
  int answers = 0;
  int expired = 0;  // preempted for longer than kReaderSpan heights: the contract says ask again
  std::string failure;
};

ReadLog read_until(const LedgerDb& db, const Genesis& genesis, const std::atomic<bool>& done) {
  ReadLog log;
  VerifyOptions options;
  options.asked = AskEnterprise{TestChain::uscc(1), {}, {}};
  while (!done.load() && log.failure.empty()) {
    const auto reply = answer(*db.reader(), *options.asked, true);
    if (!reply) {
      const bool late =
          reply.error().store && reply.error().store->reason == StoreError::Reason::kExpired;
      if (!late) log.failure = describe(reply.error());
      ++log.expired;
      continue;
    }
    const auto verified = verify(*reply->proof, genesis, options);
    if (!verified) {
      log.failure = describe(verified.error());
    } else if (std::get<DossierAnswer>(verified->answer).total != verified->head.height.value) {
      log.failure = "a dossier that is not that of the head it is proved under";
    }
    ++log.answers;
  }
  return log;
}

TEST_CASE("readers on other threads see whole certified states while blocks are committed") {
  TestChain chain;
  const auto db = chain.open(MemStore::create());
  chain.add(*db, {chain.submit({TestChain::enterprise(1), chain.event(1)})});
  std::atomic<bool> done = false;
  std::array<ReadLog, 2> logs;
  {
    std::vector<std::jthread> readers;
    for (ReadLog& log : logs) {
      readers.emplace_back([&] { log = read_until(*db, chain.genesis(), done); });
    }
    // One event a block: a head's height is the number of events under it.
    chain::LedgerHead behind = db->applied();
    for (int i = 0; i < 150; ++i) {
      const auto head = chain.commit(*db, {chain.submit({chain.event(1)})});
      if (i % 3 == 2) chain.certify(*db, behind);
      behind = head;
    }
    done.store(true);
  }
  for (const ReadLog& log : logs) CHECK_MESSAGE(log.failure.empty(), log.failure);
  CHECK(logs[0].answers + logs[0].expired > 0);
  CHECK(logs[0].answers + logs[1].answers > 0);
}

TEST_CASE("every ledger error has a name and a sentence") {
  for (int r = 0; r <= static_cast<int>(Reason::kNoSuchHeight); ++r) {
    const LedgerError e{static_cast<Reason>(r), "somewhere", std::nullopt};
    CHECK(name(e.reason) != "unknown");
    CHECK(describe(e).find("somewhere") != std::string::npos);
  }
}

}  // namespace
}  // namespace imi::ledger
