// The disk seam of the safety log: the few operations that node/wal.h needs, so that the simulator
// can stand between it and the disk and drop what was not synced.
//
// Contract, as POSIX file systems keep it and no more: bytes appended are durable after sync() of
// the file; a name created or removed is durable after sync_dir() of its directory. After append()
// or sync() has failed, what the file holds is unknown until it is read again after a restart: the
// owner stops (a failed fsync may have dropped the page, ATC'20).
//
// Paths: `directory` as given by the owner, names without a slash.
// Threading: one thread at a time. Errors: IoError, nothing is thrown.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace imi::node {

struct IoError {
  enum class Reason : std::uint8_t {
    kIo,          // the operating system refused; `detail` says why
    kNoSpace,     // the disk or quota is full
    kPermission,  // permission denied
    kMissing,     // no such file or directory
    kExists,      // it is there already
    kTooLarge,    // longer than the reader accepts
  };
  Reason reason{};
  std::string path;
  std::string detail;
};
[[nodiscard]] std::string_view name(IoError::Reason r);
[[nodiscard]] std::string describe(const IoError& e);

// A new file being written from its beginning. Destroying it closes it and syncs nothing.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  [[nodiscard]] virtual std::expected<void, IoError> append(ByteView bytes) = 0;
  // All bytes appended so far are durable on return (fdatasync).
  [[nodiscard]] virtual std::expected<void, IoError> sync() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Creates the directory and its parents; nothing if it exists. Durable on return.
  [[nodiscard]] virtual std::expected<void, IoError> make_directory(
      const std::string& directory) = 0;
  // The names in a directory, sorted; empty if there is no such directory.
  [[nodiscard]] virtual std::expected<std::vector<std::string>, IoError> list(
      const std::string& directory) = 0;
  // A new file for its owner alone (mode 0600); kExists if the name is taken. Space for `reserve`
  // bytes is reserved if the system can, without changing the size.
  [[nodiscard]] virtual std::expected<std::unique_ptr<AppendFile>, IoError> create(
      const std::string& directory, const std::string& file, std::uint64_t reserve) = 0;
  [[nodiscard]] virtual std::expected<Bytes, IoError> read(const std::string& directory,
                                                           const std::string& file,
                                                           std::uint64_t max_bytes) = 0;
  [[nodiscard]] virtual std::expected<void, IoError> remove(const std::string& directory,
                                                            const std::string& file) = 0;
  [[nodiscard]] virtual std::expected<void, IoError> sync_directory(
      const std::string& directory) = 0;
};

}  // namespace imi::node
