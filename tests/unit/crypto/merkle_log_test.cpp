#include "crypto/merkle_log.h"

#include "base/hex.h"
#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
// Tiles as a store would keep them.
struct Tiles final : LogTileSource {
  std::map<LogTileId, std::vector<Hash256>> rows;
  std::optional<std::vector<Hash256>> read_tile(LogTileId id) const override {
    ++reads;
    const auto found = rows.find(id);
    if (found == rows.end()) return std::nullopt;
    return found->second;
  }
  void write(const StagedAppend& staged) {
    for (const LogTileWrite& w : staged.writes) rows[w.id] = w.hashes;
  }
  mutable int reads = 0;
};

struct Log {
  Tiles tiles;
  LogWriter writer;
  std::vector<Hash256> leaves;
  void append(std::span<const Hash256> more) {
    StagedAppend staged = writer.stage(more);
    tiles.write(staged);
    writer.apply(std::move(staged));
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
};
}  // namespace

TEST_CASE("a log grown in blocks of any size has the root and tiles of one grown leaf by leaf") {
  Rng rng(1);
  Log log;
  LogFrontier one_by_one;
  for (int block = 0; block < 60; ++block) {
    const auto more = rng.hashes(rng.below(5) == 0 ? rng.below(1500) : rng.below(40));
    log.append(more);
    for (const Hash256& h : more) one_by_one.append(h);
    CHECK(log.writer.frontier() == one_by_one);
    CHECK(log.writer.frontier().root() == naive_merkle_root(Domain::kLogNode, log.leaves));
  }
  REQUIRE(log.leaves.size() > 4 * kLogTileWidth);
  std::size_t stored = 0;
  for (const auto& [id, hashes] : log.tiles.rows) {
    if (id.level != 0) continue;
    for (const Hash256& h : hashes) CHECK(h == log.leaves[stored++]);
  }
  CHECK(stored == log.leaves.size());
  for (std::uint64_t j = 0; j < log.leaves.size() / kLogTileWidth; ++j) {
    const auto part = std::span(log.leaves).subspan(j * kLogTileWidth, kLogTileWidth);
    CHECK(log.tiles.rows.at({1, 0})[j] == naive_merkle_root(Domain::kLogNode, part));
  }
}

TEST_CASE("a small block rewrites one tile, and a level above only when a tile was filled") {
  Rng rng(2);
  Log log;
  log.append(rng.hashes(250));
  CHECK(log.writer.stage(rng.hashes(5)).writes.size() == 1);
  CHECK(log.writer.stage(rng.hashes(6)).writes.size() == 2);  // tile 0/0 full, and 1/0
  CHECK(log.writer.stage(rng.hashes(7)).writes.size() == 3);  // and the new 0/1
  CHECK(log.writer.stage({}).writes.empty());
  CHECK(log.writer.frontier().size() == 250);  // staging changed nothing
}

TEST_CASE(
    "three levels of tiles: a log beyond 65,536 leaves proves its first, last and middle leaf") {
  Rng rng(3);
  Log log;
  const auto leaves = rng.hashes(65'536 + 300);
  for (std::size_t at = 0; at < leaves.size(); at += 4'096) {
    log.append(std::span(leaves).subspan(at, std::min<std::size_t>(4'096, leaves.size() - at)));
  }
  CHECK(log.tiles.rows.contains({2, 0}));
  const Hash256 root = log.writer.frontier().root();
  const std::uint64_t n = leaves.size();
  for (const std::uint64_t i : {std::uint64_t{0}, std::uint64_t{40'000}, n - 1}) {
    log.tiles.reads = 0;
    const auto path = log_inclusion_proof(log.tiles, i, n);
    REQUIRE(path);
    CHECK(log.tiles.reads <= 9);
    CHECK(verify_log_inclusion(leaves[i], i, n, *path, root));
  }
  const auto path = log_consistency_proof(log.tiles, 65'537, n);
  REQUIRE(path);
  CHECK(verify_log_consistency(
      65'537, merkle_root(Domain::kLogNode, std::span(leaves).first(65'537)), n, root, *path));
}

TEST_CASE("proofs at every older size are made from the newest tiles") {
  Rng rng(4);
  Log log;
  log.append(rng.hashes(700));
  Rng pick(5);
  LogFrontier at;
  std::vector<Hash256> roots{at.root()};
  for (const Hash256& h : log.leaves) {
    at.append(h);
    roots.push_back(at.root());
  }
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t n = 1 + pick.below(700);
    const std::uint64_t leaf = pick.below(n);
    const std::uint64_t m = pick.below(n + 1);
    const auto inclusion = log_inclusion_proof(log.tiles, leaf, n);
    REQUIRE(inclusion);
    CHECK(verify_log_inclusion(log.leaves[leaf], leaf, n, *inclusion, roots[n]));
    const auto consistency = log_consistency_proof(log.tiles, m, n);
    REQUIRE(consistency);
    CHECK(verify_log_consistency(m, roots[m], n, roots[n], *consistency));
  }
  CHECK(log_inclusion_proof(log.tiles, 700, 700).error().reason == LogError::Reason::kBeyondSize);
}

TEST_CASE("a log opened from its tiles goes on as if it had never stopped") {
  Rng rng(6);
  Log log;
  for (const std::size_t n : {0u, 1u, 255u, 256u, 300u, 512u, 700u}) {
    log.append(rng.hashes(n));
    const Bytes row = encode(log.writer.frontier());
    const auto frontier = decode<LogFrontier>(row);
    REQUIRE(frontier);
    auto opened = LogWriter::open(log.tiles, *frontier);
    REQUIRE(opened);
    const auto more = rng.hashes(600);
    CHECK(opened->stage(more).writes == log.writer.stage(more).writes);
    CHECK(opened->stage(more).root == log.writer.stage(more).root);
  }
}

TEST_CASE("missing, short and changed tiles are named") {
  Rng rng(7);
  Log log;
  log.append(rng.hashes(600));
  const LogFrontier frontier = log.writer.frontier();
  Tiles bad = log.tiles;
  bad.rows.erase({1, 0});
  CHECK(LogWriter::open(bad, frontier).error() == LogError{LogError::Reason::kTileMissing, {1, 0}});
  bad = log.tiles;
  bad.rows.at({0, 2}).pop_back();
  CHECK(LogWriter::open(bad, frontier).error() == LogError{LogError::Reason::kTileMissing, {0, 2}});
  CHECK(log_inclusion_proof(bad, 598, 600).error() ==
        LogError{LogError::Reason::kTileMissing, {0, 2}});
  bad = log.tiles;
  bad.rows.at({0, 2})[3].bytes[5] ^= 1;
  CHECK(LogWriter::open(bad, frontier).error() == LogError{LogError::Reason::kTileWrong, {0, 2}});
  CHECK(describe(LogError{LogError::Reason::kTileWrong, {0, 2}}).find("0/2") != std::string::npos);
}

// The test tree of the RFC's reference implementation (certificate-transparency, merkle tests).
TEST_CASE("the history of heads has the hashes of RFC 6962") {
  const std::vector<Bytes> data{{},
                                {0x00},
                                {0x10},
                                {0x20, 0x21},
                                {0x30, 0x31},
                                {0x40, 0x41, 0x42, 0x43},
                                from_hex("5051525354555657").value(),
                                from_hex("606162636465666768696a6b6c6d6e6f").value()};
  const std::vector<std::string> roots{
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  LogFrontier history(Domain::kHeadsNode);
  CHECK(to_hex(history.root()) == roots[0]);
  for (std::size_t i = 0; i < data.size(); ++i) {
    history.append(hash(Domain::kHeadsLeaf, data[i]));
    CHECK(to_hex(history.root()) == roots[i + 1]);
  }
}
