#include "ledger/db/leveldb_store.h"

#include <fcntl.h>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/check.h"
#include "ledger/db/leveldb_env.h"

namespace imi::ledger {
namespace {

namespace fs = std::filesystem;
using Reason = StoreError::Reason;

constexpr std::string_view kMarkerOwner = "imi-ledger store\n";
constexpr std::uint32_t kStoreFormat = 1;
constexpr int kBloomBitsPerKey = 10;

leveldb::Slice slice(ByteView v) { return {reinterpret_cast<const char*>(v.data()), v.size()}; }
ByteView view(const leveldb::Slice& s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

StoreError system_error(const fs::path& where, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return {full ? Reason::kNoSpace : Reason::kIo,
          where.string() + ": " + std::generic_category().message(code)};
}

// LevelDB hands the system's text on, not its number; both are compared in the same locale.
StoreError from_status(const leveldb::Status& s) {
  const std::string text = s.ToString();
  if (s.IsCorruption()) return {Reason::kCorruption, text};
  for (const int code : {ENOSPC, EDQUOT, EFBIG}) {
    if (text.find(std::strerror(code)) != std::string::npos) return {Reason::kNoSpace, text};
  }
  if (s.IsIOError() && text.find("/LOCK") != std::string::npos) return {Reason::kLocked, text};
  // A file that the manifest names and the folder has not: lost, not a refused read. And a store
  // whose marker says that it exists, without its CURRENT file.
  if (s.IsNotFound() || s.IsInvalidArgument()) return {Reason::kCorruption, text};
  return {Reason::kIo, text};
}

std::expected<std::optional<Bytes>, StoreError> get_row(leveldb::DB& db, ByteView key,
                                                        const leveldb::Snapshot* at) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.snapshot = at;
  std::string value;
  const leveldb::Status s = db.Get(options, slice(key), &value);
  if (s.IsNotFound()) return std::nullopt;
  if (!s.ok()) return std::unexpected(from_status(s));
  return to_bytes(as_bytes(value));
}

std::expected<void, StoreError> scan_rows(leveldb::DB& db, ByteView first, ByteView last,
                                          const StoreView::Visitor& visit, bool fill_cache,
                                          const leveldb::Snapshot* at) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = fill_cache;
  options.snapshot = at;
  const std::unique_ptr<leveldb::Iterator> row(db.NewIterator(options));
  for (row->Seek(slice(first)); row->Valid(); row->Next()) {
    if (!last.empty() && row->key().compare(slice(last)) >= 0) break;
    if (!visit(view(row->key()), view(row->value()))) break;
  }
  if (!row->status().ok()) return std::unexpected(from_status(row->status()));
  return {};
}

// Members go in reverse order: the database first, then what it uses.
struct Engine {
  LevelDbEnv env;
  std::unique_ptr<const leveldb::FilterPolicy> filter;
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<leveldb::DB> db;
};

class LevelDbView final : public StoreView {
 public:
  explicit LevelDbView(std::shared_ptr<Engine> engine)
      : engine_(std::move(engine)), at_(engine_->db->GetSnapshot()) {}
  LevelDbView(const LevelDbView&) = delete;
  LevelDbView& operator=(const LevelDbView&) = delete;
  ~LevelDbView() override { engine_->db->ReleaseSnapshot(at_); }

  std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const override {
    return get_row(*engine_->db, key, at_);
  }
  std::expected<void, StoreError> scan(ByteView first, ByteView last, const Visitor& visit,
                                       bool fill_cache) const override {
    return scan_rows(*engine_->db, first, last, visit, fill_cache, at_);
  }

 private:
  std::shared_ptr<Engine> engine_;
  const leveldb::Snapshot* at_;
};

class LevelDbStore final : public Store {
 public:
  explicit LevelDbStore(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const override {
    return get_row(*engine_->db, key, nullptr);
  }
  std::expected<void, StoreError> scan(ByteView first, ByteView last, const Visitor& visit,
                                       bool fill_cache) const override {
    return scan_rows(*engine_->db, first, last, visit, fill_cache, nullptr);
  }

  std::expected<void, StoreError> write(const WriteBatch& batch, Durability durability) override {
    if (stopped_.load()) return std::unexpected(StoreError{Reason::kStopped, {}});
    if (batch.bytes() > kMaxStoreBatchBytes) {
      return std::unexpected(StoreError{Reason::kTooLarge, std::to_string(batch.bytes())});
    }
    changes_.Clear();
    batch.for_each([&](ByteView key, std::optional<ByteView> value) {
      if (value) {
        changes_.Put(slice(key), slice(*value));
      } else {
        changes_.Delete(slice(key));
      }
    });
    leveldb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    const leveldb::Status s = engine_->db->Write(options, &changes_);
    if (s.ok()) return {};
    stopped_.store(true);
    return std::unexpected(from_status(s));
  }

  std::expected<std::shared_ptr<const StoreView>, StoreError> snapshot() override {
    return std::make_shared<LevelDbView>(engine_);
  }

  std::uint64_t size_on_disk() const override {
    const leveldb::Range all("", "\xff\xff\xff\xff");
    std::uint64_t bytes = 0;
    engine_->db->GetApproximateSizes(&all, 1, &bytes);
    return bytes;
  }

 private:
  std::shared_ptr<Engine> engine_;
  leveldb::WriteBatch changes_;  // of the one writing thread; its buffer is used again
  std::atomic<bool> stopped_ = false;
};

// ---- the marker --------------------------------------------------------------------------------

std::expected<void, StoreError> sync_path(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(path, errno));
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return std::unexpected(system_error(path, failed));
  return {};
}

fs::path marker(const fs::path& folder) { return folder / "STORE"; }
// Present while the store is being created: nothing in the folder was promised to anyone yet.
fs::path marker_aside(const fs::path& folder) { return folder / "STORE.new"; }

std::expected<void, StoreError> write_marker_aside(const fs::path& folder) {
  const fs::path aside = marker_aside(folder);
  {
    std::ofstream out(aside, std::ios::binary | std::ios::trunc);
    errno = 0;
    out << kMarkerOwner << "format " << kStoreFormat << "\n" << std::flush;
    if (!out) return std::unexpected(system_error(aside, errno == 0 ? EIO : errno));
  }
  if (auto synced = sync_path(aside, O_RDONLY); !synced) return synced;
  return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

// The last step of creation: from here on a folder without its database is damaged, not new.
std::expected<void, StoreError> publish_marker(const fs::path& folder) {
  std::error_code failed;
  fs::rename(marker_aside(folder), marker(folder), failed);
  if (failed) return std::unexpected(system_error(marker(folder), failed.value()));
  return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

std::expected<void, StoreError> check_marker(const fs::path& folder) {
  const fs::path path = marker(folder);
  std::ifstream in(path, std::ios::binary);
  std::string text(256, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (!text.starts_with(kMarkerOwner)) {
    return std::unexpected(
        StoreError{Reason::kForeign, path.string() + " does not name a store of this program"});
  }
  constexpr std::string_view kFormat = "format ";
  const std::string_view rest = std::string_view(text).substr(kMarkerOwner.size());
  std::uint32_t format = 0;
  const bool named = rest.starts_with(kFormat);
  const char* end = rest.data() + rest.size();
  if (!named || std::from_chars(rest.data() + kFormat.size(), end, format).ec != std::errc{}) {
    return std::unexpected(StoreError{Reason::kCorruption, path.string() + " names no format"});
  }
  if (format == kStoreFormat) return {};
  const std::string seen = path.string() + " says format " + std::to_string(format) +
                           ", this program reads " + std::to_string(kStoreFormat);
  return std::unexpected(StoreError{format < kStoreFormat ? Reason::kOlder : Reason::kNewer, seen});
}

// Looks at the folder before LevelDB does. True: a store is to be created there.
std::expected<bool, StoreError> prepare(const fs::path& folder, bool create) {
  std::error_code failed;
  const bool exists = fs::exists(folder, failed);
  if (failed) return std::unexpected(system_error(folder, failed.value()));
  if (exists && !fs::is_directory(folder, failed)) {
    return std::unexpected(StoreError{Reason::kForeign, folder.string() + " is not a folder"});
  }
  if (exists && fs::exists(marker(folder), failed)) {
    if (auto ours = check_marker(folder); !ours) return std::unexpected(ours.error());
    return false;
  }
  const bool resumed = exists && fs::exists(marker_aside(folder), failed);
  if (exists && !resumed && !fs::is_empty(folder, failed)) {
    return std::unexpected(StoreError{
        Reason::kForeign, folder.string() + " is not empty and has no marker of this program"});
  }
  if (failed) return std::unexpected(system_error(folder, failed.value()));
  if (!create) return std::unexpected(StoreError{Reason::kMissing, folder.string()});
  fs::create_directories(folder, failed);
  if (!failed) fs::remove_all(folder / "db", failed);  // of a creation that did not end
  if (failed) return std::unexpected(system_error(folder, failed.value()));
  if (auto written = write_marker_aside(folder); !written) return std::unexpected(written.error());
  return true;
}

}  // namespace

std::expected<std::shared_ptr<Store>, StoreError> open_leveldb(const fs::path& folder,
                                                               const LevelDbOptions& options) {
  const auto create = prepare(folder, options.create_if_missing);
  if (!create) return std::unexpected(create.error());
  auto engine = std::make_shared<Engine>();
  engine->filter.reset(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey));
  engine->cache.reset(leveldb::NewLRUCache(options.block_cache_bytes));

  leveldb::Options o;
  o.create_if_missing = *create;  // never makes an empty database where one was lost
  o.paranoid_checks = true;
  o.env = &engine->env;
  o.write_buffer_size = options.write_buffer_bytes;
  o.max_open_files = options.max_open_files;
  o.block_cache = engine->cache.get();
  o.block_size = options.block_bytes;
  o.max_file_size = options.table_bytes;
  o.compression = options.compress ? leveldb::kSnappyCompression : leveldb::kNoCompression;
  o.filter_policy = engine->filter.get();

  leveldb::DB* db = nullptr;
  const leveldb::Status s = leveldb::DB::Open(o, (folder / "db").string(), &db);
  if (!s.ok()) return std::unexpected(from_status(s));
  engine->db.reset(db);
  if (*create) {
    if (auto published = publish_marker(folder); !published) {
      return std::unexpected(published.error());
    }
  }
  return std::make_shared<LevelDbStore>(std::move(engine));
}

}  // namespace imi::ledger
