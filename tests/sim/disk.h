// A simulated disk: files as a power cut would leave them.
//
// Every file has the bytes a process sees and the bytes that are durable. sync() makes a file's
// bytes durable, sync_dir() the directory's entries: until then a created, renamed or removed name
// may come back as it was. power_cut() keeps what is durable and, of the rest, what an operating
// system and a drive may have written in any order and only partly: nothing, a prefix, a torn last
// write, or scattered sectors. kill() (kill -9) loses nothing: the page cache survives a process.
//
// Faults on demand: the next sync or append fails with EIO or ENOSPC. After a failed sync the pages
// count as clean although they never reached the disk (Rebello et al., ATC'20): processes, also later
// ones, read the bytes until a power cut shows zeros in their place.
//
// One disk a simulated machine; it outlives the processes that use it. Single-threaded.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/rng.h"

namespace imi::sim {

enum class DiskFault : std::uint8_t { kNone, kIo, kNoSpace };

class SimDisk {
 public:
  static constexpr std::size_t kSectorBytes = 512;
  static constexpr std::size_t kPageBytes = 4096;

  struct Counters {
    std::uint64_t syncs = 0;
    std::uint64_t bytes_appended = 0;
    std::uint64_t power_cuts = 0;
    std::uint64_t torn_files = 0;      // files that a power cut left with part of a write
    std::uint64_t dropped_files = 0;   // files that lost unsynced bytes
    std::uint64_t faults = 0;
  };

  explicit SimDisk(Rng rng) : rng_(rng) {}

  // A file's content: shared by the name that leads to it and by whoever has it open.
  struct Node {
    Bytes now;                         // what processes read
    Bytes durable;                     // what a power cut leaves
    std::size_t clean = 0;             // now[0, clean) == durable[0, clean)
    std::size_t lost_from = 0;         // [lost_from, lost_to) will never reach the disk although
    std::size_t lost_to = 0;           // processes read it: a sync of it failed
  };
  using NodePtr = std::shared_ptr<Node>;

  [[nodiscard]] NodePtr find(const std::string& path) const;
  NodePtr create(const std::string& path);  // replaces what the name led to
  bool remove(const std::string& path);
  bool rename(const std::string& from, const std::string& to);
  [[nodiscard]] std::vector<std::string> list(const std::string& prefix) const;
  // All names under `directory` become durable.
  DiskFault sync_dir(const std::string& directory);

  DiskFault append(Node& file, ByteView data);
  void truncate(Node& file, std::size_t size);
  DiskFault sync(Node& file);

  // What the disk does to the next operations that write or sync.
  void fail_next(DiskFault fault, bool on_sync) {
    fault_ = fault;
    fault_on_sync_ = on_sync;
  }
  [[nodiscard]] bool fault_pending() const { return fault_ != DiskFault::kNone; }

  void power_cut();
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  [[nodiscard]] DiskFault take_fault(bool on_sync);
  [[nodiscard]] Bytes after_power_cut(const Node& file);
  void settle_file(Node& file);

  Rng rng_;
  std::map<std::string, NodePtr> names_;          // what processes see
  std::map<std::string, NodePtr> durable_names_;  // what a power cut leaves
  DiskFault fault_ = DiskFault::kNone;
  bool fault_on_sync_ = false;
  Counters counters_;
};

}  // namespace imi::sim
