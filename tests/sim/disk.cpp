#include "tests/sim/disk.h"

#include <algorithm>
#include <set>
#include <utility>

namespace imi::sim {

SimDisk::NodePtr SimDisk::find(const std::string& path) const {
  const auto it = names_.find(path);
  return it == names_.end() ? nullptr : it->second;
}

SimDisk::NodePtr SimDisk::create(const std::string& path) {
  auto node = std::make_shared<Node>();
  names_[path] = node;
  return node;
}

bool SimDisk::remove(const std::string& path) { return names_.erase(path) != 0; }

bool SimDisk::rename(const std::string& from, const std::string& to) {
  const auto it = names_.find(from);
  if (it == names_.end()) return false;
  NodePtr node = it->second;
  names_.erase(it);
  names_[to] = std::move(node);
  return true;
}

std::vector<std::string> SimDisk::list(const std::string& prefix) const {
  std::vector<std::string> out;
  for (auto it = names_.lower_bound(prefix); it != names_.end() && it->first.starts_with(prefix);
       ++it) {
    out.push_back(it->first);
  }
  return out;
}

DiskFault SimDisk::take_fault(bool on_sync) {
  if (fault_ == DiskFault::kNone || fault_on_sync_ != on_sync) return DiskFault::kNone;
  ++counters_.faults;
  return std::exchange(fault_, DiskFault::kNone);
}

DiskFault SimDisk::sync_dir(const std::string& directory) {
  if (const DiskFault fault = take_fault(true); fault != DiskFault::kNone) return fault;
  ++counters_.syncs;
  std::erase_if(durable_names_,
                [&](const auto& entry) { return entry.first.starts_with(directory); });
  for (const auto& [path, node] : names_) {
    if (path.starts_with(directory)) durable_names_[path] = node;
  }
  return DiskFault::kNone;
}

DiskFault SimDisk::append(Node& file, ByteView data) {
  if (const DiskFault fault = take_fault(false); fault != DiskFault::kNone) {
    imi::append(file.now, data.first(rng_.below(data.size() + 1)));  // a part may be taken
    return fault;
  }
  imi::append(file.now, data);
  counters_.bytes_appended += data.size();
  return DiskFault::kNone;
}

void SimDisk::truncate(Node& file, std::size_t size) {
  file.now.resize(std::min(size, file.now.size()));
  file.clean = std::min(file.clean, file.now.size());
  file.lost_to = std::min(file.lost_to, file.now.size());
  file.lost_from = std::min(file.lost_from, file.lost_to);
}

DiskFault SimDisk::sync(Node& file) {
  if (const DiskFault fault = take_fault(true); fault != DiskFault::kNone) {
    if (file.lost_from == file.lost_to) file.lost_from = file.clean;
    file.lost_to = file.now.size();
    file.clean = file.now.size();  // so the kernel believes
    return fault;
  }
  ++counters_.syncs;
  if (file.clean == file.now.size()) {  // nothing to write but, perhaps, a shorter length
    if (file.durable.size() > file.clean) file.durable.resize(file.clean);
    return DiskFault::kNone;
  }
  // The page that an append shares with lost bytes is dirty again, and so is written whole.
  file.lost_to = std::min(file.lost_to, file.clean / kPageBytes * kPageBytes);
  file.lost_from = std::min(file.lost_from, file.lost_to);
  std::size_t from = std::min(file.clean, file.durable.size());
  if (file.clean / kPageBytes * kPageBytes < from) from = file.clean / kPageBytes * kPageBytes;
  file.durable.resize(from);
  imi::append(file.durable, ByteView(file.now).subspan(from));
  std::fill(file.durable.begin() + static_cast<std::ptrdiff_t>(file.lost_from),
            file.durable.begin() + static_cast<std::ptrdiff_t>(file.lost_to), std::uint8_t{0});
  file.clean = file.now.size();
  return DiskFault::kNone;
}

// The bytes that a power cut leaves of a file with unsynced bytes after `base` durable ones.
Bytes SimDisk::after_power_cut(const Node& file) {
  Bytes kept = file.durable;
  const std::size_t base = kept.size();
  if (file.now.size() <= base) {
    // Truncated and not synced: the old length, or the new one.
    if (file.now.size() < base && rng_.chance_ppm(500'000)) kept.resize(file.now.size());
    return kept;
  }
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

void SimDisk::settle_file(Node& file) {
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
  // operations of a directory, so it is one or the other as a whole.
  if (rng_.chance_ppm(500'000)) {
    names_ = durable_names_;
  } else {
    durable_names_ = names_;
  }
  std::set<Node*> seen;
  for (const auto& [path, node] : names_) {
    if (seen.insert(node.get()).second) settle_file(*node);
  }
  fault_ = DiskFault::kNone;
}

}  // namespace imi::sim
