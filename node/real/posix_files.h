// The FileSystem of a real disk (POSIX), and the lock that keeps two processes from one data
// directory.
#pragma once

#include <filesystem>

#include "node/file_system.h"

namespace imi::node {

class PosixFileSystem final : public FileSystem {
 public:
  [[nodiscard]] std::expected<void, IoError> make_directory(const std::string& directory) override;
  [[nodiscard]] std::expected<std::vector<std::string>, IoError> list(
      const std::string& directory) override;
  [[nodiscard]] std::expected<std::unique_ptr<AppendFile>, IoError> create(
      const std::string& directory, const std::string& file, std::uint64_t reserve) override;
  [[nodiscard]] std::expected<Bytes, IoError> read(const std::string& directory,
                                                   const std::string& file,
                                                   std::uint64_t max_bytes) override;
  [[nodiscard]] std::expected<void, IoError> remove(const std::string& directory,
                                                    const std::string& file) override;
  [[nodiscard]] std::expected<void, IoError> sync_directory(const std::string& directory) override;
};

// Holds <directory>/lock until destroyed or the process ends, however it ends. The
// file stays; its content is the process id of the last holder, for people.
class DirectoryLock {
 public:
  // kExists: another process holds it.
  [[nodiscard]] static std::expected<DirectoryLock, IoError> take(
      const std::filesystem::path& directory);
  DirectoryLock(DirectoryLock&& o) noexcept : fd_(o.fd_) { o.fd_ = -1; }
  DirectoryLock& operator=(DirectoryLock&& o) noexcept;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Writes a small file whole or not at all: a temporary beside it, synced, renamed, directory
// synced.
[[nodiscard]] std::expected<void, IoError> replace_file(const std::filesystem::path& file,
                                                        std::string_view text);

}  // namespace imi::node
