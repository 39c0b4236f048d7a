#include "tests/sim/disk.h"

#include <algorithm>
#include <set>
#include <utility>

namespace imi::sim {

using node::IoError;

class SimDisk::Handle final : public node::AppendFile {
 public:
  Handle(SimDisk& disk, std::string path, FilePtr file)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}
  std::expected<void, IoError> append(ByteView bytes) override {
    return disk_.append(path_, *file_, bytes);
  }
  std::expected<void, IoError> sync() override { return disk_.sync(path_, *file_); }

 private:
  SimDisk& disk_;
  std::string path_;
  FilePtr file_;
};

namespace {
std::string join(const std::string& directory, const std::string& file) {
  return directory + "/" + file;
}
}  // namespace

std::expected<void, IoError> SimDisk::make_directory(const std::string&) { return {}; }

std::expected<std::vector<std::string>, IoError> SimDisk::list(const std::string& directory) {
  const std::string prefix = directory + "/";
  std::vector<std::string> out;
  for (auto it = names_.lower_bound(prefix); it != names_.end() && it->first.starts_with(prefix);
       ++it) {
    out.push_back(it->first.substr(prefix.size()));
  }
  return out;
}

std::expected<std::unique_ptr<node::AppendFile>, IoError> SimDisk::create(
    const std::string& directory, const std::string& file, std::uint64_t) {
  const std::string path = join(directory, file);
  if (names_.contains(path)) {
    return std::unexpected(IoError{IoError::Reason::kExists, path, "simulated"});
  }
  auto content = std::make_shared<File>();
  if (spend()) names_[path] = content;
  return std::make_unique<Handle>(*this, path, content);
}

std::expected<Bytes, IoError> SimDisk::read(const std::string& directory, const std::string& file,
                                            std::uint64_t max_bytes) {
  const std::string path = join(directory, file);
  const auto it = names_.find(path);
  if (it == names_.end()) {
    return std::unexpected(IoError{IoError::Reason::kMissing, path, "simulated"});
  }
  if (it->second->now.size() > max_bytes) {
    return std::unexpected(IoError{IoError::Reason::kTooLarge, path, "simulated"});
  }
  return it->second->now;
}

std::expected<void, IoError> SimDisk::remove(const std::string& directory,
                                             const std::string& file) {
  const std::string path = join(directory, file);
  if (!names_.contains(path)) {
    return std::unexpected(IoError{IoError::Reason::kMissing, path, "simulated"});
  }
  if (spend()) names_.erase(path);
  return {};
}

std::expected<void, IoError> SimDisk::sync_directory(const std::string& directory) {
  if (const DiskFault f = take_fault(true); f != DiskFault::kNone) return failure(f, directory);
  if (!spend()) return {};
  ++counters_.syncs;
  const std::string prefix = directory + "/";
  std::erase_if(durable_names_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
  for (const auto& [path, file] : names_) {
    if (path.starts_with(prefix)) durable_names_[path] = file;
  }
  return {};
}

void SimDisk::fail_next(DiskFault fault, bool on_sync) {
  fault_ = fault;
  fault_on_sync_ = on_sync;
}

DiskFault SimDisk::take_fault(bool on_sync) {
  if (fault_ == DiskFault::kNone || fault_on_sync_ != on_sync) return DiskFault::kNone;
  ++counters_.faults;
  return std::exchange(fault_, DiskFault::kNone);
}

std::unexpected<IoError> SimDisk::failure(DiskFault fault, const std::string& path) {
  const auto reason =
      fault == DiskFault::kNoSpace ? IoError::Reason::kNoSpace : IoError::Reason::kIo;
  return std::unexpected(IoError{reason, path, "simulated"});
}

bool SimDisk::spend() {
  if (budget_ == UINT64_MAX) return true;
  if (budget_ == 0) return false;
  --budget_;
  return true;
}

std::expected<void, IoError> SimDisk::append(const std::string& path, File& file, ByteView data) {
  if (const DiskFault f = take_fault(false); f != DiskFault::kNone) {
    imi::append(file.now, data.first(rng_.below(data.size() + 1)));  // a part may be taken
    return failure(f, path);
  }
  const bool last = budget_ == 1;
  if (!spend()) return {};
  imi::append(file.now, last ? data.first(rng_.below(data.size() + 1)) : data);
  counters_.bytes_appended += data.size();
  return {};
}

std::expected<void, IoError> SimDisk::sync(const std::string& path, File& file) {
  if (const DiskFault f = take_fault(true); f != DiskFault::kNone) {
    if (file.lost_from == file.lost_to) file.lost_from = file.clean;
    file.lost_to = file.now.size();
    file.clean = file.now.size();  // so the kernel believes
    return failure(f, path);
  }
  if (!spend()) return {};
  ++counters_.syncs;
  if (file.clean == file.now.size()) return {};
  // The page that an append shares with lost bytes is dirty again, and so is written whole.
  const std::size_t page = file.clean / kPageBytes * kPageBytes;
  file.lost_to = std::min(file.lost_to, page);
  file.lost_from = std::min(file.lost_from, file.lost_to);
  const std::size_t from = file.durable.size();
  file.durable.resize(file.now.size());
  const std::size_t dirty = std::min({file.clean, from, page});
  std::copy(file.now.begin() + static_cast<std::ptrdiff_t>(dirty), file.now.end(),
            file.durable.begin() + static_cast<std::ptrdiff_t>(dirty));
  std::fill(file.durable.begin() + static_cast<std::ptrdiff_t>(file.lost_from),
            file.durable.begin() + static_cast<std::ptrdiff_t>(file.lost_to), std::uint8_t{0});
  file.clean = file.now.size();
  if (watcher_) watcher_(path, file.durable, from);
  return {};
}

// What a power cut leaves of a file with unsynced bytes after its durable ones.
Bytes SimDisk::after_power_cut(const File& file) {
  Bytes kept = file.durable;
  const std::size_t base = kept.size();
  if (file.now.size() <= base) return kept;
  const ByteView extra = ByteView(file.now).subspan(base);
  switch (rng_.below(4)) {
    case 0:  // nothing of it was written
      break;
    case 1:  // all of it was
      imi::append(kept, extra);
      break;
    case 2:  // a prefix, ending inside a write
      imi::append(kept, extra.first(rng_.below(extra.size() + 1)));
      ++counters_.torn_files;
      break;
    case 3:  // the length was written, and some sectors
      kept.resize(file.now.size(), 0);
      for (std::size_t at = base; at < file.now.size();) {
        const std::size_t end = std::min(file.now.size(), (at / kSectorBytes + 1) * kSectorBytes);
        if (rng_.chance_ppm(500'000)) {
          std::copy(file.now.begin() + static_cast<std::ptrdiff_t>(at),
                    file.now.begin() + static_cast<std::ptrdiff_t>(end),
                    kept.begin() + static_cast<std::ptrdiff_t>(at));
        }
        at = end;
      }
      ++counters_.torn_files;
      break;
  }
  return kept;
}

void SimDisk::settle_file(File& file) {
  Bytes kept = after_power_cut(file);
  if (kept.size() < file.now.size()) ++counters_.dropped_files;
  const std::size_t lost_to = std::min(file.lost_to, kept.size());
  for (std::size_t at = file.lost_from; at < lost_to; ++at) kept[at] = 0;
  file.now = kept;
  file.clean = kept.size();
  file.durable = std::move(kept);
  file.lost_from = file.lost_to = 0;
}

void SimDisk::power_cut() {
  ++counters_.power_cuts;
  // Names first: the directory as it was synced, or as it was last seen. One journal orders the
  // operations of a directory, so it is one or the other.
  if (rng_.chance_ppm(500'000)) {
    names_ = durable_names_;
  } else {
    durable_names_ = names_;
  }
  std::set<File*> seen;
  for (const auto& [path, file] : names_) {
    if (seen.insert(file.get()).second) settle_file(*file);
  }
}

void SimDisk::revive() {
  budget_ = UINT64_MAX;
  fault_ = DiskFault::kNone;
}

SimDisk::Image SimDisk::image() const {
  Image image;
  for (const auto& [path, file] : names_) image[path] = file->now;
  return image;
}

void SimDisk::restore(const Image& image) {
  wipe();
  for (const auto& [path, bytes] : image) {
    auto file = std::make_shared<File>();
    file->now = file->durable = bytes;
    file->clean = bytes.size();
    names_[path] = durable_names_[path] = std::move(file);
  }
}

void SimDisk::wipe() {
  names_.clear();
  durable_names_.clear();
}

}  // namespace imi::sim
