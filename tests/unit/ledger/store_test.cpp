// The Store contract, held against both stores; and what only the one on a disk can meet: damage,
// a full disk, another owner, torn writes.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ledger/db/leveldb_store.h"
#include "ledger/db/mem_store.h"
#include "tests/unit/ledger/fault_store.h"

namespace imi::ledger {
namespace {
namespace fs = std::filesystem;
using Reason = StoreError::Reason;

class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "imi-store-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { fs::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

WriteBatch one(std::string_view key, std::string_view value) {
  WriteBatch b;
  b.put(as_bytes(key), as_bytes(value));
  return b;
}

std::string text_at(const StoreView& store, std::string_view key) {
  const auto got = store.get(as_bytes(key));
  REQUIRE(got.has_value());
  return got->has_value() ? std::string(as_text(**got)) : "(absent)";
}

std::string keys_in(const StoreView& store, std::string_view first, std::string_view last) {
  std::string out;
  REQUIRE(store.scan(as_bytes(first), as_bytes(last), [&](ByteView key, ByteView) {
    out.append(as_text(key)).append(" ");
    return true;
  }));
  return out;
}

void expect_contract(Store& store) {
  REQUIRE(store.write(one("b", "1")));
  WriteBatch batch;
  batch.put(as_bytes("a"), as_bytes("2"));
  batch.put(as_bytes("c"), as_bytes("3"));
  batch.erase(as_bytes("b"));
  batch.put(as_bytes("c"), as_bytes("4"));  // the later change of a key wins
  REQUIRE(store.write(batch));
  CHECK(text_at(store, "a") == "2");
  CHECK(text_at(store, "b") == "(absent)");
  CHECK(text_at(store, "c") == "4");

  const auto before = store.snapshot();
  REQUIRE(before.has_value());
  WriteBatch more;
  more.erase(as_bytes("a"));
  more.put(as_bytes("d"), as_bytes(""));
  more.put(as_bytes(std::string_view("\xff\x01", 2)), as_bytes("high"));
  REQUIRE(store.write(more, Durability::kBuffered));
  CHECK(text_at(**before, "a") == "2");
  CHECK(text_at(**before, "d") == "(absent)");
  CHECK(keys_in(**before, "", "") == "a c ");
  CHECK(text_at(store, "a") == "(absent)");
  CHECK(text_at(store, "d").empty());
  CHECK(keys_in(store, "", "") == "c d \xff\x01 ");
  CHECK(keys_in(store, "c", "d") == "c ");

  int seen = 0;
  REQUIRE(store.scan({}, {}, [&](ByteView, ByteView) { return ++seen < 2; }));
  CHECK(seen == 2);
  REQUIRE(store.write(WriteBatch()));
}

TEST_CASE("the store in memory keeps the contract of stores") {
  const auto store = MemStore::create();
  expect_contract(*store);
}

TEST_CASE("the store on a disk keeps the contract of stores, and its rows survive closing") {
  const TempFolder folder;
  {
    const auto store = open_leveldb(folder.path() / "ledger");
    REQUIRE(store.has_value());
    expect_contract(**store);
  }
  const auto again = open_leveldb(folder.path() / "ledger");
  REQUIRE(again.has_value());
  CHECK(keys_in(**again, "", "") == "c d \xff\x01 ");
}

TEST_CASE("the store in memory forgets versions that no snapshot sees") {
  const auto store = MemStore::create();
  for (int i = 0; i < 100; ++i) {
    const auto held = store->snapshot();
    REQUIRE(store->write(one("k" + std::to_string(i), "v")));
    WriteBatch erase;
    erase.erase(as_bytes("k" + std::to_string(i)));
    REQUIRE(store->write(erase));
  }
  CHECK(store->size_on_disk() == 0);
  CHECK(keys_in(*store, "", "").empty());
}

TEST_CASE("a snapshot in memory is unmoved while another thread writes") {
  const auto store = MemStore::create();
  for (int i = 0; i < 200; ++i) REQUIRE(store->write(one("k" + std::to_string(i), "old")));
  const auto view = store->snapshot();
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) CHECK(store->write(one("k" + std::to_string(i), "new")));
  });
  int rows = 0;
  REQUIRE((*view)->scan({}, {}, [&](ByteView, ByteView value) {
    CHECK(as_text(value) == "old");
    ++rows;
    return true;
  }));
  writer.join();
  CHECK(rows == 200);
}

TEST_CASE("a folder that another process (or another opener) holds is refused as locked") {
  const TempFolder folder;
  const auto first = open_leveldb(folder.path() / "s");
  REQUIRE(first.has_value());
  const auto second = open_leveldb(folder.path() / "s");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason == Reason::kLocked);
}

TEST_CASE("a folder of another program is refused and left as it was") {
  const TempFolder folder;
  std::ofstream(folder.path() / "holiday.txt") << "photos";
  const auto refused = open_leveldb(folder.path());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason == Reason::kForeign);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);

  std::ofstream(folder.path() / "STORE") << "somebody else's marker\n";
  CHECK(open_leveldb(folder.path()).error().reason == Reason::kForeign);
  CHECK(open_leveldb(folder.path() / "holiday.txt").error().reason == Reason::kForeign);
}

TEST_CASE("an older and a newer store format are told apart and refused") {
  const TempFolder folder;
  REQUIRE(open_leveldb(folder.path() / "s").has_value());
  const fs::path marker = folder.path() / "s" / "STORE";
  std::ofstream(marker, std::ios::trunc) << "imi-ledger store\nformat 99\n";
  CHECK(open_leveldb(folder.path() / "s").error().reason == Reason::kNewer);
  std::ofstream(marker, std::ios::trunc) << "imi-ledger store\nformat 0\n";
  CHECK(open_leveldb(folder.path() / "s").error().reason == Reason::kOlder);
  std::ofstream(marker, std::ios::trunc) << "imi-ledger store\nformat what\n";
  CHECK(open_leveldb(folder.path() / "s").error().reason == Reason::kCorruption);
}

TEST_CASE("a store that should exist but does not is refused rather than created again") {
  const TempFolder folder;
  LevelDbOptions options;
  options.create_if_missing = false;
  CHECK(open_leveldb(folder.path() / "s", options).error().reason == Reason::kMissing);

  REQUIRE(open_leveldb(folder.path() / "s").has_value());
  fs::remove(folder.path() / "s" / "db" / "CURRENT");
  const auto lost = open_leveldb(folder.path() / "s");  // even where creating is allowed
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().reason == Reason::kCorruption);
  fs::remove_all(folder.path() / "s" / "db");
  CHECK(open_leveldb(folder.path() / "s").error().reason == Reason::kCorruption);
}

TEST_CASE("a creation cut short by a crash is finished by the next start") {
  const TempFolder folder;
  const fs::path s = folder.path() / "s";
  fs::create_directories(s / "db");
  std::ofstream(s / "STORE.new") << "imi-led";
  std::ofstream(s / "db" / "CURRENT") << "nonsense";
  const auto store = open_leveldb(s);
  REQUIRE(store.has_value());
  CHECK((*store)->write(one("a", "1")).has_value());
  CHECK(fs::exists(s / "STORE"));
  CHECK_FALSE(fs::exists(s / "STORE.new"));
}

fs::path newest_with(const fs::path& folder, std::string_view extension) {
  fs::path found;
  for (const auto& e : fs::directory_iterator(folder)) {
    if (e.path().extension() == extension && (found.empty() || e.path() > found)) found = e.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

TEST_CASE("a batch torn at any byte by a crash is there whole or not at all") {
  const TempFolder folder;
  const fs::path s = folder.path() / "s";
  {
    const auto store = open_leveldb(s);
    REQUIRE(store.has_value());
    WriteBatch batch;
    batch.put(as_bytes("a"), as_bytes("old"));
    batch.put(as_bytes("z"), as_bytes("old"));
    REQUIRE((*store)->write(batch));
  }
  // Opening moves the log into a table; a fresh open then writes a fresh log with one batch.
  std::uintmax_t whole = 0;
  {
    const auto store = open_leveldb(s);
    REQUIRE(store.has_value());
    WriteBatch batch;
    batch.put(as_bytes("a"), as_bytes(std::string(300, 'n')));
    batch.put(as_bytes("z"), as_bytes(std::string(300, 'n')));
    REQUIRE((*store)->write(batch));
    whole = fs::file_size(newest_with(s / "db", ".log"));
  }
  REQUIRE(whole > 600);
  for (std::uintmax_t cut = 0; cut <= whole; cut += 13) {
    const fs::path copy = folder.path() / "copy";
    fs::remove_all(copy);
    fs::copy(s, copy, fs::copy_options::recursive);
    fs::resize_file(newest_with(copy / "db", ".log"), cut);
    const auto store = open_leveldb(copy);
    REQUIRE(store.has_value());
    const std::string a = text_at(**store, "a");
    CHECK(a == text_at(**store, "z"));
    CHECK((a == "old" || cut >= whole - 13));
  }
}

TEST_CASE("a damaged table is named as corruption when its rows are read") {
  const TempFolder folder;
  const fs::path s = folder.path() / "s";
  {
    const auto store = open_leveldb(s);
    for (int i = 0; i < 500; ++i) {
      REQUIRE((*store)->write(one("key" + std::to_string(1000 + i), std::string(200, 'v')),
                              Durability::kBuffered));
    }
    REQUIRE((*store)->write(one("last", "1")));
  }
  REQUIRE(open_leveldb(s).has_value());  // moves the log into a table
  const fs::path table = newest_with(s / "db", ".ldb");
  {
    std::fstream f(table, std::ios::binary | std::ios::in | std::ios::out);
    f.seekg(5000);
    const char was = static_cast<char>(f.get());
    f.seekp(5000);
    f.put(static_cast<char>(was ^ 4));
  }
  const auto store = open_leveldb(s);
  bool damaged = !store.has_value() && store.error().reason == Reason::kCorruption;
  if (store.has_value()) {
    const auto scanned = (*store)->scan({}, {}, [](ByteView, ByteView) { return true; });
    damaged = !scanned.has_value() && scanned.error().reason == Reason::kCorruption;
  }
  CHECK(damaged);
}

TEST_CASE("a store that may not be written is refused as an input or output error, by name") {
  if (::geteuid() == 0) return;  // the superuser may write anywhere
  const TempFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(open_leveldb(folder.path() / "s").error().reason == Reason::kIo);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST_CASE("a disk that fills up is named, the store takes no more, and reads go on") {
  const TempFolder folder;
  const auto store = open_leveldb(folder.path() / "s");
  REQUIRE(store.has_value());
  REQUIRE((*store)->write(one("kept", "1")));
  // A limit on file size is the one way to a full disk that needs no disk of its own.
  rlimit was{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &was) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{std::size_t{1} << 20, was.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::expected<void, StoreError> written;
  for (int i = 0; i < 64 && written; ++i) {
    written = (*store)->write(one("big" + std::to_string(i), std::string(100'000, 'x')));
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &was) == 0);
  std::signal(SIGXFSZ, old_handler);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().reason == Reason::kNoSpace);
  const auto after = (*store)->write(one("later", "1"));
  REQUIRE_FALSE(after.has_value());
  CHECK(after.error().reason == Reason::kStopped);
  CHECK(text_at(**store, "kept") == "1");
}

TEST_CASE("every store error has a name and a sentence that says what to do") {
  for (int r = 0; r <= static_cast<int>(Reason::kExpired); ++r) {
    const StoreError e{static_cast<Reason>(r), "somewhere"};
    CHECK(name(e.reason) != "unknown");
    CHECK(describe(e).find("somewhere") != std::string::npos);
    CHECK(describe(e).size() > 40);
  }
}

}  // namespace
}  // namespace imi::ledger
