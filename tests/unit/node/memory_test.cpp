// A validator that lost or rolled back its memory, as its operator may cause it: whole nodes
// over disks that are restored and wiped (B6).
#include <doctest/doctest.h>

#include "tests/unit/node/cluster.h"

namespace imi::node::test {
namespace {

struct Disks {
  std::map<std::string, std::map<std::string, std::shared_ptr<MemFiles::File>>> files;
  std::shared_ptr<ledger::MemStore> store;
};

Disks copy_of(const TestNode& n) {
  Disks out;
  for (const auto& [directory, files] : n.files.directories) {
    for (const auto& [name, file] : files) {
      out.files[directory][name] = std::make_shared<MemFiles::File>(*file);
    }
  }
  out.store = ledger::MemStore::create();
  ledger::WriteBatch rows;
  REQUIRE(n.store->scan({}, {}, [&rows](ByteView key, ByteView value) {
    rows.put(key, value);
    return true;
  }));
  REQUIRE(out.store->write(rows));
  return out;
}

// Four validators that committed, and went idle.
struct Idle : Cluster {
  Idle() {
    for (const auto& n : nodes) n->init();
    for (const auto& n : nodes) n->start();
    commit(0, 3);
    backup = copy_of(victim());
    commit(10, 6);
    run_for(2'500);  // long enough to write down what was seen last
  }
  void commit(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t n = first; n < first + count; ++n) {
      REQUIRE(node(0).submit(*submission(n), WaitFor::kCertified));
    }
    REQUIRE(run_until([this] { return certified_everywhere(1); }));
  }
  TestNode& victim() { return node(3); }
  void restore() {
    victim().files.directories = backup.files;
    victim().store = backup.store;
  }
  void wipe() {
    victim().files.directories.clear();
    victim().store = ledger::MemStore::create();
    victim().init();
  }
  void check_silent() {
    run_for(1'000);
    const NodeStatus s = victim().driver->status();
    CHECK(s.role == NodeRole::kSilentValidator);
    CHECK(s.silent_because.find("does not remember") != std::string::npos);
    // It stays so while the others commit, and it follows them without a vote.
    const std::size_t votes = victim().votes_sent;
    commit(100, 3);
    CHECK(victim().votes_sent == votes);
    // For good: its own restart changes nothing.
    victim().kill();
    victim().start();
    run_for(1'000);
    CHECK(victim().driver->status().silent_because == s.silent_because);
    CHECK(victim().votes_sent == votes);
  }
  Disks backup;
};

}  // namespace

TEST_CASE("an old backup restored on an idle network signs nothing, and says why") {
  Idle c;
  c.victim().kill();
  c.restore();
  const std::size_t votes = c.victim().votes_sent;
  c.victim().start();
  c.check_silent();
  CHECK(c.victim().votes_sent == votes);
}

TEST_CASE("an old safety log beside the newer ledger signs nothing") {
  Idle c;
  c.victim().kill();
  c.victim().files.directories = c.backup.files;
  const std::size_t votes = c.victim().votes_sent;
  c.victim().start();
  c.check_silent();
  CHECK(c.victim().votes_sent == votes);
}

TEST_CASE("a second init after total loss signs nothing") {
  Idle c;
  c.victim().kill();
  c.wipe();
  const std::size_t votes = c.victim().votes_sent;
  c.victim().start();
  c.check_silent();
  CHECK(c.victim().votes_sent == votes);
}

TEST_CASE("lost memory is noticed after the whole network lost power") {
  for (const bool wiped : {false, true}) {
    Idle c;
    for (const auto& n : c.nodes) {
      n->kill();
      n->files.power_cut();
    }
    wiped ? c.wipe() : c.restore();
    const std::size_t votes = c.victim().votes_sent;
    for (const auto& n : c.nodes) n->start();
    c.check_silent();
    CHECK(c.victim().votes_sent == votes);
  }
}

TEST_CASE("a network that is restarted whole signs at once, also with f members down") {
  for (const std::uint32_t up : {4u, 3u}) {
    Idle c;
    for (const auto& n : c.nodes) n->kill();
    for (std::uint32_t i = 0; i < up; ++i) c.node(i).start();
    const std::uint64_t from = c.now_us;
    REQUIRE(c.run_until([&] {
      for (std::uint32_t i = 0; i < up; ++i) {
        if (c.node(i).driver->status().role != NodeRole::kValidator) return false;
      }
      return true;
    }));
    CHECK(c.now_us - from < 200'000);  // virtual time
    REQUIRE(c.node(0).submit(*c.submission(500), WaitFor::kCertified));
  }
}

TEST_CASE("while peers are asked, status says so and how many have answered") {
  Idle c;
  c.victim().kill();
  for (std::uint32_t i = 0; i < 4; ++i) {
    c.cut.insert({3, i});
    c.cut.insert({i, 3});
  }
  c.victim().start();
  c.run_for(500);
  const NodeStatus s = c.victim().driver->status();
  CHECK(s.role == NodeRole::kSilentValidator);
  CHECK(s.silent_because == "asking peers what they last saw this validator sign: 0 of 2 answered");
  CHECK_FALSE(s.ready);
  c.cut.clear();
  CHECK(
      c.run_until([&] { return c.victim().driver->status().role == NodeRole::kValidator; }, 1'000));
}

}  // namespace imi::node::test
