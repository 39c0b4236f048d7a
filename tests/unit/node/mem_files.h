// A disk in memory for tests of the safety log: bytes not synced vanish in a power cut, and writes
// and syncs fail on demand. Single-threaded.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "node/file_system.h"

namespace imi::node::test {

class MemFiles final : public FileSystem {
 public:
  struct File {
    Bytes bytes;
    std::size_t durable = 0;  // bytes
    bool name_durable = false;
  };
  // directory -> name -> file
  std::map<std::string, std::map<std::string, std::shared_ptr<File>>> directories;
  std::optional<IoError::Reason> fail_append;
  std::optional<IoError::Reason> fail_sync;
  std::optional<IoError::Reason> fail_create;
  std::optional<std::size_t> appends_left;  // then appends fail as a disk does that is full
  std::size_t syncs = 0;

  // What was not synced is gone; `keep_torn` leaves that many bytes of each torn write.
  void power_cut(std::size_t keep_torn = 0) {
    for (auto& [directory, files] : directories) {
      std::erase_if(files, [](const auto& f) { return !f.second->name_durable; });
      for (auto& [name, file] : files) {
        file->bytes.resize(std::min(file->bytes.size(), file->durable + keep_torn));
        file->durable = file->bytes.size();
      }
    }
  }
  File& only(const std::string& directory) { return *directories.at(directory).begin()->second; }

  std::expected<void, IoError> make_directory(const std::string& directory) override {
    directories[directory];
    return {};
  }
  std::expected<std::vector<std::string>, IoError> list(const std::string& directory) override {
    std::vector<std::string> out;
    if (const auto d = directories.find(directory); d != directories.end()) {
      for (const auto& [name, file] : d->second) out.push_back(name);
    }
    return out;
  }
  std::expected<std::unique_ptr<AppendFile>, IoError> create(const std::string& directory,
                                                             const std::string& file,
                                                             std::uint64_t) override {
    if (fail_create) return std::unexpected(IoError{*fail_create, file, "planned"});
    auto& files = directories[directory];
    if (files.contains(file)) return std::unexpected(IoError{IoError::Reason::kExists, file, {}});
    files[file] = std::make_shared<File>();
    return std::make_unique<Handle>(*this, files[file]);
  }
  std::expected<Bytes, IoError> read(const std::string& directory, const std::string& file,
                                     std::uint64_t max_bytes) override {
    const auto& found = directories[directory].at(file);
    if (found->bytes.size() > max_bytes) {
      return std::unexpected(IoError{IoError::Reason::kTooLarge, file, {}});
    }
    return found->bytes;
  }
  std::expected<void, IoError> remove(const std::string& directory,
                                      const std::string& file) override {
    directories[directory].erase(file);
    return {};
  }
  std::expected<void, IoError> sync_directory(const std::string& directory) override {
    for (auto& [name, file] : directories[directory]) file->name_durable = true;
    return {};
  }

 private:
  class Handle final : public AppendFile {
   public:
    Handle(MemFiles& disk, std::shared_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    std::expected<void, IoError> append(ByteView bytes) override {
      if (disk_.fail_append) return std::unexpected(IoError{*disk_.fail_append, "wal", "planned"});
      if (disk_.appends_left && (*disk_.appends_left)-- == 0) {
        disk_.appends_left = 0;
        return std::unexpected(IoError{IoError::Reason::kNoSpace, "wal", "planned"});
      }
      imi::append(file_->bytes, bytes);
      return {};
    }
    std::expected<void, IoError> sync() override {
      if (disk_.fail_sync) return std::unexpected(IoError{*disk_.fail_sync, "wal", "planned"});
      ++disk_.syncs;
      file_->durable = file_->bytes.size();
      return {};
    }

   private:
    MemFiles& disk_;
    std::shared_ptr<File> file_;
  };
};

}  // namespace imi::node::test
