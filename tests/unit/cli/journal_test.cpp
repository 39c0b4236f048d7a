#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "cli/journal.h"

using namespace imi;       // NOLINT
using namespace imi::cli;  // NOLINT

namespace {
struct TempPath {
  std::string path =
      (std::filesystem::temp_directory_path() / ("imi-journal-" + std::to_string(getpid())))
          .string();
  TempPath() { std::filesystem::remove(path); }
  TempPath(const TempPath&) = delete;
  TempPath& operator=(const TempPath&) = delete;
  ~TempPath() { std::filesystem::remove(path); }
};
JournalHeader header() {
  JournalHeader h;
  h.kind = "events";
  h.rows = 4;
  h.content.bytes[0] = 7;
  return h;
}
JournalSubmission submission(std::uint8_t id, std::vector<std::uint64_t> rows) {
  JournalSubmission s;
  s.id.bytes[0] = id;
  s.expiry_ms = 1000;
  s.rows = std::move(rows);
  s.signed_bytes = Bytes(40, id);
  return s;
}
JournalSettled settled(std::uint8_t id, bool expired) {
  JournalSettled s;
  s.id.bytes[0] = id;
  s.expired = expired;
  s.accepted = 1;
  s.refused = {{3, "duplicate-source"}};
  return s;
}
}  // namespace

TEST_CASE("What was journaled before a crash is there after it, to the byte") {
  const TempPath t;
  {
    auto j = Journal::open(t.path, header());
    REQUIRE(j);
    CHECK(!j->existed());
    REQUIRE(j->add(submission(1, {2, 3})));
    REQUIRE(j->add(submission(2, {4, 5})));
    REQUIRE(j->add(settled(1, false)));
    REQUIRE(j->sync());
  }
  auto j = Journal::open(t.path, header());
  REQUIRE(j);
  CHECK(j->existed());
  REQUIRE(j->submissions().size() == 2);
  CHECK(j->submissions()[1].signed_bytes == Bytes(40, 2));
  CHECK(j->submissions()[1].rows == std::vector<std::uint64_t>{4, 5});
  REQUIRE(j->settled(j->submissions()[0].id) != nullptr);
  CHECK(j->settled(j->submissions()[0].id)->refused[0].code == "duplicate-source");
  CHECK(j->settled(j->submissions()[1].id) == nullptr);
  CHECK(j->covers(4));
  CHECK(!j->covers(6));
}

TEST_CASE("Only an expired submission gives its rows back") {
  const TempPath t;
  auto j = Journal::open(t.path, header());
  REQUIRE(j);
  REQUIRE(j->add(submission(1, {2, 3})));
  REQUIRE(j->add(settled(1, true)));
  CHECK(!j->covers(2));
  REQUIRE(j->add(submission(2, {2, 3})));
  CHECK(j->covers(2));
  REQUIRE(j->add(settled(2, false)));
  CHECK(j->covers(2));
}

TEST_CASE("A refused row is given back, one that the ledger has already is not") {
  const TempPath t;
  const auto refused = [](std::uint8_t id) {
    JournalSettled s = settled(id, false);
    s.refused = {{3, "no-such-subject"}, {4, "already-registered"}, {5, std::string(kConflict)}};
    return s;
  };
  {
    auto j = Journal::open(t.path, header());
    REQUIRE(j);
    REQUIRE(j->add(submission(1, {2, 3, 4, 5})));
    REQUIRE(j->add(refused(1)));
  }
  auto j = Journal::open(t.path, header());
  REQUIRE(j);
  CHECK(j->covers(2));
  CHECK(!j->covers(3));
  CHECK(j->covers(4));
  CHECK(!j->covers(5));
  // Tried again, under way, and refused again.
  REQUIRE(j->add(submission(2, {3})));
  CHECK(j->covers(3));
  REQUIRE(j->add(refused(2)));
  CHECK(!j->covers(3));
}

TEST_CASE("A torn tail at any byte is cut off, and the whole entries before it are kept") {
  const TempPath t;
  {
    auto j = Journal::open(t.path, header());
    REQUIRE(j->add(submission(1, {2})));
    REQUIRE(j->add(submission(2, {3})));
  }
  std::ifstream in(t.path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::size_t seen_one = 0;
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    std::ofstream(t.path, std::ios::binary | std::ios::trunc) << whole.substr(0, n);
    auto j = Journal::open(t.path, header());
    REQUIRE(j);
    REQUIRE(j->submissions().size() <= 2);
    if (j->submissions().size() == 1) ++seen_one;
    CHECK((j->submissions().size() == 2) == (n == whole.size()));
    REQUIRE(j->add(submission(9, {4})));
  }
  CHECK(seen_one > 0);
}

TEST_CASE("A flipped byte drops what it touched and all after it") {
  const TempPath t;
  {
    auto j = Journal::open(t.path, header());
    REQUIRE(j->add(submission(1, {2})));
  }
  std::fstream f(t.path, std::ios::binary | std::ios::in | std::ios::out);
  f.seekp(-1, std::ios::end);
  f.put('\xFF');
  f.close();
  auto j = Journal::open(t.path, header());
  REQUIRE(j);
  CHECK(j->submissions().empty());
  CHECK(j->cut_bytes() > 0);
}

TEST_CASE("A journal of another file is refused, and one in use too") {
  const TempPath t;
  auto j = Journal::open(t.path, header());
  REQUIRE(j);
  auto second = Journal::open(t.path, header());
  REQUIRE(!second);
  CHECK(second.error().reason == JournalError::Reason::kBusy);
  {
    auto gone = std::move(*j);
  }
  JournalHeader other = header();
  other.content.bytes[0] = 8;
  auto foreign = Journal::open(t.path, other);
  REQUIRE(!foreign);
  CHECK(foreign.error().reason == JournalError::Reason::kForeign);

  std::ofstream(t.path, std::ios::binary | std::ios::trunc) << "some other file altogether";
  auto damaged = Journal::open(t.path, header());
  REQUIRE(!damaged);
  CHECK(damaged.error().reason == JournalError::Reason::kDamaged);
}

TEST_CASE("A journal that another run removes while it is opened is not the removed one") {
  const TempPath t;
  std::atomic<int> opened{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> runs;
  for (int n = 0; n < 4; ++n) {
    runs.emplace_back([&] {
      while (opened < 1'200) {
        auto j = Journal::open(t.path, header());
        if (!j) continue;
        ++opened;
        if (!std::filesystem::exists(t.path)) ++lost;  // only whoever has it open removes it
        std::filesystem::remove(t.path);
      }
    });
  }
  for (std::thread& run : runs) run.join();
  CHECK(lost == 0);
}
