// The rows of a block's submissions: whatever their sizes, each is read back by its index, and a
// row that was lost or changed is named.
#include "ledger/db/body_rows.h"

#include <doctest/doctest.h>

#include "ledger/db/mem_store.h"
#include "ledger/db/rows.h"
#include "tests/unit/ledger/test_chain.h"

namespace imi::ledger::test {
namespace {

constexpr chain::Height kHeight{7};

struct Written {
  explicit Written(const std::vector<std::uint32_t>& entries_of_each) {
    std::uint32_t number = 1;
    for (const std::uint32_t n : entries_of_each) {
      std::vector<Entry> entries;
      for (std::uint32_t i = 0; i < n; ++i) entries.push_back(TestChain::enterprise(number++));
      bodies.push_back(chain.submit(std::move(entries)));
    }
    WriteBatch batch;
    put_bodies(batch, kHeight, bodies);
    rows = batch.count();
    // Neighbours that must not be read for it.
    batch.put(rows::bodies_key(kHeight.next(), 0), encode(std::vector<Bytes>{Bytes{1}}));
    batch.put(rows::block_key(kHeight), Bytes{1});
    REQUIRE(store->write(batch));
  }
  void check_all() const {
    const auto all = read_bodies(*store, kHeight);
    REQUIRE(all);
    REQUIRE(all->size() == bodies.size());
    for (std::uint32_t i = 0; i < bodies.size(); ++i) {
      CHECK((*all)[i] == encode(*bodies[i]));
      const auto one = read_body(*store, kHeight, i);
      REQUIRE(one);
      REQUIRE(one->has_value());
      CHECK(**one == encode(*bodies[i]));
    }
    const auto beyond = read_body(*store, kHeight, static_cast<std::uint32_t>(bodies.size()));
    REQUIRE(beyond);
    CHECK_FALSE(beyond->has_value());
  }

  TestChain chain;
  std::shared_ptr<MemStore> store = MemStore::create();
  std::vector<std::shared_ptr<const Submission>> bodies;
  std::size_t rows = 0;
};

}  // namespace

TEST_CASE("submissions of every size are read back, alone and together") {
  Written({}).check_all();
  Written({1}).check_all();
  const Written small(std::vector<std::uint32_t>(300, 1));
  small.check_all();
  CHECK(small.rows > 1);
  CHECK(small.rows < 10);
  const Written mixed({1, 1500, 1, 1, 1500, 1500, 1});  // 1,500 entries fill a row
  mixed.check_all();
  CHECK(mixed.rows >= 3);
}

TEST_CASE("a row of submissions that is lost, cut or misplaced is named, not skipped") {
  const std::vector<std::uint32_t> sizes(300, 1);
  std::vector<Bytes> keys;
  {
    const Written w(sizes);
    REQUIRE(w.store->scan(rows::bodies_key(kHeight, 0), rows::bodies_end(kHeight),
                          [&](ByteView key, ByteView) {
                            keys.push_back(to_bytes(key));
                            return true;
                          }));
  }
  REQUIRE(keys.size() > 2);
  const auto damaged = [&](auto&& damage) {
    Written w(sizes);
    WriteBatch batch;
    damage(batch);
    REQUIRE(w.store->write(batch));
    const auto read = read_bodies(*w.store, kHeight);
    REQUIRE_FALSE(read);
    CHECK(read.error().reason == StoreError::Reason::kCorruption);
  };
  damaged([&](WriteBatch& b) { b.erase(keys[0]); });
  damaged([&](WriteBatch& b) { b.erase(keys[1]); });
  damaged([&](WriteBatch& b) { b.put(keys[1], Bytes{}); });
  damaged([&](WriteBatch& b) { b.put(keys[1], Bytes{0}); });
  damaged([&](WriteBatch& b) { b.put(keys[1], Bytes{2, 1, 0}); });
  damaged([&](WriteBatch& b) { b.put(keys[0], encode(std::vector<Bytes>(400))); });
  // One asked for by its index: the row that should have it has not.
  Written w(sizes);
  WriteBatch batch;
  batch.put(keys[0], Bytes{0xff});
  REQUIRE(w.store->write(batch));
  const auto one = read_body(*w.store, kHeight, 0);
  REQUIRE_FALSE(one);
  CHECK(one.error().reason == StoreError::Reason::kCorruption);
}

}  // namespace imi::ledger::test
