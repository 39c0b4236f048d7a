// The system under LevelDB: the POSIX environment with these changes.
//
//  - Tables are read with pread, not mapped. Mapped tables count as the process's memory, are never
//    put in the block cache, and so have their checksums computed again at every read; read this
//    way, memory is what the cache says and a checksum costs once a cache miss.
//
// Thread-safe.
#pragma once

#include <leveldb/env.h>

namespace imi::ledger {

class LevelDbEnv final : public leveldb::EnvWrapper {
 public:
  LevelDbEnv() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** result) override;
  // LevelDB's own diary (the LOG file) grows without bound and says nothing we do not: dropped.
  leveldb::Status NewLogger(const std::string& path, leveldb::Logger** result) override;
};

}  // namespace imi::ledger
