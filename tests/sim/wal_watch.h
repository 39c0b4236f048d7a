// Reads the safety log's file format (node/wal.h) from bytes that have become durable and tells the
// oracle what they hold. An independent reader: it shares no code with node/wal.cpp.
#pragma once

#include <map>
#include <string>

#include "tests/sim/oracle.h"

namespace imi::sim {

class WalWatch {
 public:
  WalWatch(Oracle& oracle, MemberId member) : oracle_(oracle), member_(member) {}
  // `all`: the durable bytes of the file at `path`.
  void on_synced(const std::string& path, ByteView all);
  // The disk has other files now.
  void forget() { read_up_to_.clear(); }

 private:
  void read_payload(ByteView payload);
  Oracle& oracle_;
  MemberId member_;
  std::map<std::string, std::size_t> read_up_to_;
};

}  // namespace imi::sim
