// The Store on LevelDB 1.23: one folder, one process.
//
// Settings, and why: sync = true on every write (the default loses acknowledged data on power
// loss); paranoid_checks and verify_checksums (the defaults hand damaged rows over silently); a
// 16 MiB write buffer (larger cuts stalls but costs two of them in memory); bloom filters (absence
// is asked for at every new record); a bounded block cache and few open files (LevelDB maps tables
// into memory, which counts as ours: see the figures in docs/adr/0003).
//
// A marker file names format and owner beside the database, so that a folder of another program, or
// of another format, is refused before LevelDB touches it.
// Threading and errors: as store.h says.
#pragma once

#include <filesystem>
#include <memory>

#include "ledger/state/store.h"

namespace imi::ledger {

struct LevelDbOptions {
  std::size_t write_buffer_bytes = std::size_t{16} << 20;
  std::size_t block_cache_bytes = std::size_t{16} << 20;
  std::size_t block_bytes = 4096;
  std::size_t table_bytes = std::size_t{4} << 20;
  int max_open_files = 256;
  bool compress = false;
  bool create_if_missing = true;
};

// Opens the store in `folder` (created if missing and allowed).
[[nodiscard]] std::expected<std::shared_ptr<Store>, StoreError> open_leveldb(
    const std::filesystem::path& folder, const LevelDbOptions& options = {});

}  // namespace imi::ledger
