// The safety log: what was synced is given back, what was torn is cut, what is damaged is refused.
#include <doctest/doctest.h>

#include "node/startup.h"
#include "tests/unit/node/mem_files.h"

namespace imi::node::test {
namespace {

const std::string kDirectory = "data/safety";

consensus::SafetyRecord vote(std::uint64_t height) {
  return consensus::CommitVote{chain::View(3), chain::Height(height),
                               crypto::SeededRandom(height).fixed<chain::BlockId>()};
}
WalBody body(std::uint64_t n, std::size_t size) {
  crypto::SeededRandom random(n);
  Bytes bytes(size);
  random.fill(bytes);
  return {random.fixed<chain::ContentHash>(), std::make_shared<const Bytes>(std::move(bytes))};
}

struct Log {
  MemFiles files;
  crypto::SeededRandom random{7};
  WalHeader header{kWalFormat, random.fixed<chain::GenesisId>(), random.fixed<crypto::PublicKey>()};

  void create() { REQUIRE(Wal::create(files, kDirectory, header, random)); }
  std::size_t split_bytes = kWalSplitBytes;
  std::expected<Wal::Opened, WalError> open() {
    return Wal::open(files, kDirectory, header, random, split_bytes);
  }
  std::unique_ptr<Wal> start() {
    auto opened = open();
    REQUIRE(opened);
    REQUIRE(opened->wal->start(opened->content.state, {}));
    return std::move(opened->wal);
  }
  consensus::SafetyState folded(std::initializer_list<std::uint64_t> heights) const {
    consensus::SafetyState state;
    for (const std::uint64_t h : heights) state.apply(vote(h));
    return state;
  }
  // Ten bodies of 1000 bytes, of which two at most fit into a group.
  std::vector<WalBody> many() {
    split_bytes = 2'500;
    std::vector<WalBody> out;
    for (std::uint64_t n = 1; n <= 10; ++n) out.push_back(body(n, 1'000));
    return out;
  }
  WalError::Reason refusal() {
    auto opened = open();
    REQUIRE_FALSE(opened);
    return opened.error().reason;
  }
};

}  // namespace

TEST_CASE("a log gives back what was appended, in order, bodies included") {
  Log log;
  log.create();
  auto wal = log.start();
  const WalBody b = body(1, 1000);
  REQUIRE(wal->append({{vote(1), vote(2)}, {b}}));
  REQUIRE(wal->append({{vote(3)}, {}}));
  const auto opened = log.open();
  REQUIRE(opened);
  CHECK(opened->content.state == log.folded({1, 2, 3}));
  CHECK(opened->content.groups == 3);
  CHECK(opened->content.cut_bytes == 0);
  REQUIRE(opened->content.bodies.size() == 1);
  CHECK(*opened->content.bodies.at(b.content) == *b.bytes);
}

TEST_CASE("one append is one sync, whatever it holds") {
  Log log;
  log.create();
  auto wal = log.start();
  const std::size_t before = log.files.syncs;
  REQUIRE(wal->append({{vote(1), vote(2), vote(3)}, {body(1, 10), body(2, 5000)}}));
  CHECK(log.files.syncs == before + 1);
}

TEST_CASE("a power cut takes only what was not synced") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  log.files.power_cut();
  const auto opened = log.open();
  REQUIRE(opened);
  CHECK(opened->content.state == log.folded({1}));
}

TEST_CASE("a torn last group is cut at every length, and groups before it stay") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  MemFiles::File& file = log.files.only(kDirectory);
  const Bytes whole = file.bytes;
  REQUIRE(wal->append({{vote(2)}, {body(1, 300)}}));
  const Bytes longer = file.bytes;
  for (std::size_t size = whole.size(); size < longer.size(); ++size) {
    file.bytes.assign(longer.begin(), longer.begin() + static_cast<std::ptrdiff_t>(size));
    const auto opened = log.open();
    REQUIRE(opened);
    // The last group counts once all of it but its padding is there.
    const bool complete = opened->content.groups == 3;
    CHECK(opened->content.state == (complete ? log.folded({1, 2}) : log.folded({1})));
    if (size + 8 < longer.size()) CHECK_FALSE(complete);
  }
}

TEST_CASE("a flipped bit before the last group is damage, at every byte, and never skipped") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  const std::size_t last = log.files.only(kDirectory).bytes.size();
  REQUIRE(wal->append({{vote(2)}, {}}));
  MemFiles::File& file = log.files.only(kDirectory);
  const Bytes good = file.bytes;
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < last; ++at) {
    file.bytes = good;
    file.bytes[at] ^= 0x10;
    const auto opened = log.open();
    if (opened) {
      // Only padding, which means nothing, may differ unnoticed.
      CHECK(opened->content.state == log.folded({1, 2}));
      ++unnoticed;
    } else {
      CHECK(opened.error().reason == WalError::Reason::kDamaged);
    }
  }
  CHECK(unnoticed <= 2 * 7);
}

TEST_CASE("a stranger's body that looks like a later group does not make a torn log damaged") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  // A whole log file as a body, as somebody might submit one.
  const Bytes copy = log.files.only(kDirectory).bytes;
  WalBody evil{crypto::SeededRandom(9).fixed<chain::ContentHash>(), nullptr};
  for (std::size_t pad = 0; pad < 8; ++pad) {
    Log again;
    again.create();
    auto w = again.start();
    Bytes bytes(pad);
    append(bytes, copy);
    evil.bytes = std::make_shared<const Bytes>(bytes);
    REQUIRE(w->append({{vote(2)}, {evil}}));
    Bytes& file = again.files.only(kDirectory).bytes;
    file.resize(file.size() - 8);
    CHECK(again.open());
  }
}

TEST_CASE("a rotation leaves one file with the state and the bodies given") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1), vote(2)}, {body(1, 100)}}));
  const WalBody kept = body(2, 50);
  REQUIRE(wal->start(log.folded({1, 2}), {kept}));
  REQUIRE(wal->append({{vote(3)}, {}}));
  CHECK(log.files.directories.at(kDirectory).size() == 1);
  const auto opened = log.open();
  REQUIRE(opened);
  CHECK(opened->content.state == log.folded({1, 2, 3}));
  CHECK(opened->content.bodies.size() == 1);
}

TEST_CASE("a rotation that a power cut interrupts leaves the old file in force") {
  Log log;
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  log.files.fail_sync = IoError::Reason::kIo;
  CHECK_FALSE(wal->start(log.folded({1}), {}));
  log.files.fail_sync.reset();
  REQUIRE(log.files.sync_directory(kDirectory));
  SUBCASE("nothing of the new file reached the disk") { log.files.power_cut(); }
  SUBCASE("a part of it did") { log.files.power_cut(60); }
  const auto opened = log.open();
  REQUIRE(opened);
  CHECK(opened->content.state == log.folded({1}));
  REQUIRE(opened->wal->start(opened->content.state, {}));
  CHECK(log.files.directories.at(kDirectory).size() == 1);
}

TEST_CASE("a new file's bodies beyond the split go in further groups, and all come back") {
  Log log;
  const auto bodies = log.many();
  log.create();
  auto wal = log.start();
  REQUIRE(wal->start(log.folded({1}), bodies));
  REQUIRE(wal->append({{vote(2)}, {}}));
  CHECK(log.files.directories.at(kDirectory).size() == 1);
  const auto opened = log.open();
  REQUIRE(opened);
  CHECK(opened->content.state == log.folded({1, 2}));
  CHECK(opened->content.groups == 1 + 5 + 1);
  REQUIRE(opened->content.bodies.size() == bodies.size());
  for (const WalBody& b : bodies) CHECK(*opened->content.bodies.at(b.content) == *b.bytes);
}

TEST_CASE("a new file counts only with all of its bodies, wherever its writing was interrupted") {
  for (std::size_t appends = 0; appends < 6; ++appends) {
    Log log;
    const auto bodies = log.many();
    log.create();
    auto wal = log.start();
    const WalBody first = body(99, 10);
    REQUIRE(wal->append({{vote(1)}, {first}}));
    log.files.appends_left = appends;
    CHECK_FALSE(wal->start(log.folded({1}), bodies));
    log.files.appends_left.reset();
    REQUIRE(log.files.sync_directory(kDirectory));
    CHECK(log.files.directories.at(kDirectory).size() == 2);
    const auto opened = log.open();
    REQUIRE(opened);
    CHECK(opened->content.state == log.folded({1}));
    CHECK(opened->content.bodies.size() == 1);  // of the older file, which is in force
    REQUIRE(opened->wal->start(opened->content.state, {first}));
    CHECK(log.files.directories.at(kDirectory).size() == 1);
  }
}

TEST_CASE("a file whose opening was cut at any byte does not count, and alone it is damage") {
  Log log;
  const auto bodies = log.many();
  log.create();
  auto wal = log.start();
  REQUIRE(wal->append({{vote(1)}, {}}));
  auto& files = log.files.directories.at(kDirectory);
  const auto older = *files.begin();
  REQUIRE(wal->start(log.folded({1}), bodies));
  MemFiles::File& file = *files.begin()->second;
  const Bytes whole = file.bytes;
  const std::size_t padding = 8;  // at most, of the last group
  for (std::size_t size = 0; size + padding < whole.size(); size += 13) {
    file.bytes.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    files.erase(older.first);
    CHECK(log.refusal() == WalError::Reason::kDamaged);
    files.insert(older);
    const auto opened = log.open();
    REQUIRE(opened);
    CHECK(opened->content.bodies.empty());
    CHECK(opened->content.state == log.folded({1}));
  }
  file.bytes = whole;
  CHECK(log.open()->content.bodies.size() == bodies.size());
}

TEST_CASE("damage in an opening of several groups is refused as everywhere, never skipped") {
  Log log;
  const auto bodies = log.many();
  log.create();
  auto wal = log.start();
  REQUIRE(wal->start(log.folded({1}), bodies));
  Bytes& bytes = log.files.only(kDirectory).bytes;
  for (std::size_t at = 5; at < bytes.size(); at += 501) {
    const Bytes good = bytes;
    bytes[at] ^= 0x10;
    const auto opened = log.open();
    if (opened) {  // padding
      CHECK(opened->content.bodies.size() == bodies.size());
    } else {
      CHECK(opened.error().reason == WalError::Reason::kDamaged);
    }
    bytes = good;
  }
}

TEST_CASE("an append's bodies beyond the split come before its records, which count alone") {
  Log log;
  const auto bodies = log.many();
  log.create();
  auto wal = log.start();
  const Bytes before = log.files.only(kDirectory).bytes;
  REQUIRE(wal->append({{vote(1)}, bodies}));
  Bytes& bytes = log.files.only(kDirectory).bytes;
  const Bytes whole = bytes;
  {
    const auto opened = log.open();
    REQUIRE(opened);
    CHECK(opened->content.state == log.folded({1}));
    CHECK(opened->content.groups == 1 + 5 + 1);
    CHECK(opened->content.bodies.size() == bodies.size());
  }
  for (std::size_t size = before.size(); size + 8 < whole.size(); size += 7) {
    bytes.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto opened = log.open();
    REQUIRE(opened);
    CHECK(opened->content.state == consensus::SafetyState{});
  }
}

TEST_CASE("a full disk and a failed sync are named, and the log refuses everything after") {
  Log log;
  log.create();
  auto wal = log.start();
  SUBCASE("full") {
    log.files.fail_append = IoError::Reason::kNoSpace;
    const auto failed = wal->append({{vote(1)}, {}});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().reason == WalError::Reason::kNoSpace);
    CHECK(describe(failed.error()).find("free some space") != std::string::npos);
  }
  SUBCASE("sync") {
    log.files.fail_sync = IoError::Reason::kIo;
    const auto failed = wal->append({{vote(1)}, {}});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().reason == WalError::Reason::kIo);
  }
  log.files.fail_append.reset();
  log.files.fail_sync.reset();
  CHECK(wal->append({{vote(2)}, {}}).error().reason == WalError::Reason::kStopped);
  CHECK(wal->start({}, {}).error().reason == WalError::Reason::kStopped);
}

TEST_CASE("another chain's log, another key's, an older and a newer one are refused by name") {
  Log log;
  log.create();
  const WalHeader own = log.header;
  log.header.genesis.bytes[0] ^= 1;
  CHECK(log.refusal() == WalError::Reason::kForeign);
  log.header = own;
  log.header.key.bytes[5] ^= 1;
  CHECK(log.refusal() == WalError::Reason::kForeign);
  log.header = own;
  Log newer;
  newer.header.format = kWalFormat + 1;
  newer.create();
  newer.header.format = kWalFormat;
  CHECK(newer.refusal() == WalError::Reason::kNewer);
  Log older;
  older.header.format = kWalFormat - 1;
  older.create();
  older.header.format = kWalFormat;
  CHECK(older.refusal() == WalError::Reason::kOlder);
}

TEST_CASE("the only file without its first group is damage, not an empty log") {
  Log log;
  log.create();
  log.files.only(kDirectory).bytes.resize(20);
  CHECK(log.refusal() == WalError::Reason::kDamaged);
  log.files.only(kDirectory).bytes.clear();
  CHECK(log.refusal() == WalError::Reason::kDamaged);
}

TEST_CASE("a node without a log observes; init marks the first boot once, and never over blocks") {
  Log log;
  auto start = open_safety(log.files, kDirectory, log.header, log.random);
  REQUIRE(start);
  CHECK(start->wal == nullptr);
  CHECK(start->silent_because.find("imid init") != std::string::npos);

  const auto late = init_safety(log.files, kDirectory, log.header, log.random, true);
  REQUIRE_FALSE(late);
  CHECK(late.error().reason == WalError::Reason::kMissing);

  REQUIRE(init_safety(log.files, kDirectory, log.header, log.random, false));
  const auto again = init_safety(log.files, kDirectory, log.header, log.random, false);
  REQUIRE_FALSE(again);
  CHECK(again.error().reason == WalError::Reason::kExists);

  start = open_safety(log.files, kDirectory, log.header, log.random);
  REQUIRE(start);
  CHECK(start->wal != nullptr);
}

}  // namespace imi::node::test
