// A simulated disk behind node::FileSystem: files as a crash would leave them.
//
// Every file has the bytes that processes see and the bytes that are durable. sync() makes a file's
// bytes durable, sync_directory() the names: until then a created or removed name may come back as
// it was. A killed process (kill -9) loses nothing it wrote: the page cache survives it.
// power_cut() keeps what is durable and, of the rest, what an operating system and a drive may have
// written: nothing, all, a prefix that ends inside a write, or the length and scattered sectors.
//
// A process may also die inside a piece of work: die_after(n) lets n more operations happen, cuts
// the next append short, and after that nothing reaches the disk.
//
// Faults on demand: the next sync or append fails with EIO or ENOSPC. After a failed sync the pages
// count as clean although they never reached the disk (Rebello et al., ATC'20): processes, also
// later ones, read the bytes until a power cut shows zeros in their place.
//
// One disk per simulated machine; it outlives the processes that use it. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/file_system.h"
#include "tests/sim/rng.h"

namespace imi::sim {

enum class DiskFault : std::uint8_t { kNone, kIo, kNoSpace };

class SimDisk final : public node::FileSystem {
 public:
  static constexpr std::size_t kSectorBytes = 512;
  static constexpr std::size_t kPageBytes = 4096;

  struct Counters {
    std::uint64_t syncs = 0;
    std::uint64_t bytes_appended = 0;
    std::uint64_t power_cuts = 0;
    std::uint64_t torn_files = 0;     // that a power cut left with part of a write
    std::uint64_t dropped_files = 0;  // that lost unsynced bytes
    std::uint64_t faults = 0;
  };

  // Called when bytes [from, to) of a file have become durable by a sync: what the oracle reads.
  using Watcher = std::function<void(const std::string& path, ByteView all, std::size_t from)>;

  explicit SimDisk(Rng rng) : rng_(rng) {}
  void set_watcher(Watcher watcher) { watcher_ = std::move(watcher); }

  // ---- node::FileSystem -----------------------------------------------------------------------
  std::expected<void, node::IoError> make_directory(const std::string& directory) override;
  std::expected<std::vector<std::string>, node::IoError> list(
      const std::string& directory) override;
  std::expected<std::unique_ptr<node::AppendFile>, node::IoError> create(
      const std::string& directory, const std::string& file, std::uint64_t reserve) override;
  std::expected<Bytes, node::IoError> read(const std::string& directory, const std::string& file,
                                           std::uint64_t max_bytes) override;
  std::expected<void, node::IoError> remove(const std::string& directory,
                                            const std::string& file) override;
  std::expected<void, node::IoError> sync_directory(const std::string& directory) override;

  // ---- the world ------------------------------------------------------------------------------
  void fail_next(DiskFault fault, bool on_sync);
  void die_after(std::uint64_t operations) { budget_ = operations; }
  void power_cut();
  void revive();  // a new process may use the disk
  void wipe();    // all files are gone
  // What a file system's snapshot would hold now: everything that processes see, durable.
  using Image = std::map<std::string, Bytes>;
  [[nodiscard]] Image image() const;
  void restore(const Image& image);
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct File {
    Bytes now;                  // what processes read
    Bytes durable;              // what a power cut leaves
    std::size_t clean = 0;      // now[0, clean) was synced, the kernel believes
    std::size_t lost_from = 0;  // [lost_from, lost_to) will never reach the disk: its sync failed
    std::size_t lost_to = 0;
  };
  using FilePtr = std::shared_ptr<File>;
  class Handle;

  [[nodiscard]] std::expected<void, node::IoError> append(const std::string& path, File& file,
                                                          ByteView data);
  [[nodiscard]] std::expected<void, node::IoError> sync(const std::string& path, File& file);
  [[nodiscard]] std::unexpected<node::IoError> failure(DiskFault fault, const std::string& path);
  [[nodiscard]] DiskFault take_fault(bool on_sync);
  [[nodiscard]] bool spend();  // false: the process is dead, nothing happens any more
  [[nodiscard]] Bytes after_power_cut(const File& file);
  void settle_file(File& file);

  Rng rng_;
  Watcher watcher_;
  std::map<std::string, FilePtr> names_;          // what processes see
  std::map<std::string, FilePtr> durable_names_;  // what a power cut leaves
  std::uint64_t budget_ = UINT64_MAX;
  DiskFault fault_ = DiskFault::kNone;
  bool fault_on_sync_ = false;
  Counters counters_;
};

}  // namespace imi::sim
