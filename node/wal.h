// The safety log: what a validator must not forget, in an append-only file of its own (ADR 0005).
//
// It holds SafetyRecords (B1) and the bodies of blocks that were voted for and are not certified
// (B2). One append() is one group: one frame in the file, one fdatasync. A group counts whole or
// not at all.
//
// Bodies are many and large (blocks of L heights, and of views that failed), so beyond
// kWalSplitBytes they go in groups of their own, each synced before the next is written. In
// append() they come before the group that has the records: bodies alone mean nothing.
//
// Files: <directory>/NNNNNNNNNN.wal, one in use; a second exists only while the log rotates. Every
// file opens with a group that has the header and a whole SafetyState with the bodies still
// needed, so it stands alone; if the bodies are split, this group says how many groups of them
// follow, and the file counts once they are all there. Older files are removed after that. open()
// never appends to what it found: it hands back the content, and start() writes a fresh file from
// it.
//
// Frame, integers little-endian (docs/DATA_FORMAT.md repeats it):
//   u32 magic "IMIW" | u32 payload length | u64 file number | u64 sequence in the file, from 0 |
//   u64 salt | 16 bytes checksum | payload | zeros up to a multiple of 8
//   salt     = random, one per file, not 0: a body made by a stranger cannot look like a frame
//   checksum = first 16 bytes of H(kSafetyLog, the 32 bytes before it || payload)
//   payload  = records: u8 kind | varint length | bytes
//   kinds    = 1 WalHeader, 2 SafetyState, 3 SafetyRecord, 4 body (32-byte content hash,
//   submission), 5 opening (varint: the groups of bodies that follow; in the first group alone)
//
// Recovery. A bad frame that nothing valid follows is the torn end of the last write and is cut:
// nothing that needed it was ever sent. A bad frame before a valid one is damage: refused by name,
// never skipped. (A flipped bit in the very last group cannot be distinguished from a torn write;
// the replica then finds its own newer signature at its peers and stops signing, B6.)
//
// The first file is written only by create() (`imid init`): a directory without a log means that
// the SafetyState was lost, and the key signs nothing (B6, I19).
//
// Errors: WalError. After append() or start() has failed the log refuses everything with kStopped:
// the owner stops signing for good. Threading: one thread at a time.
// Source: docs/PROTOCOL.md B1, B2, B6.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chain/ids.h"
#include "consensus/safety_state.h"
#include "crypto/random.h"
#include "crypto/suite.h"
#include "node/file_system.h"

namespace imi::node {

struct WalError {
  enum class Reason : std::uint8_t {
    kIo,        // see `detail`
    kNoSpace,   // the disk is full
    kMissing,   // there is no log: never initialised, or lost
    kExists,    // create(): there is a log already
    kDamaged,   // a bad frame before a good one, or a file that cannot be this log's
    kForeign,   // of another chain or another key
    kOlder,     // written in an older format than this version reads
    kNewer,     // written by a newer version
    kTooLarge,  // a group beyond kMaxWalGroupBytes
    kStopped,   // an earlier write failed
  };
  Reason reason{};
  std::string detail;
};
[[nodiscard]] std::string_view name(WalError::Reason r);
// A sentence that says what happened and what to do.
[[nodiscard]] std::string describe(const WalError& e);

inline constexpr std::uint32_t kWalFormat = 2;
// What cannot be split, a SafetyState or the records of the waiting steps, stays below this.
inline constexpr std::size_t kMaxWalGroupBytes = std::size_t{256} << 20;
// Bodies beyond this go in further groups.
inline constexpr std::size_t kWalSplitBytes = std::size_t{64} << 20;
// Above what a chain's largest blocks can make of a file (proved in wal.cpp).
inline constexpr std::uint64_t kMaxWalFileBytes = std::uint64_t{36} << 30;
inline constexpr std::uint64_t kWalReserveBytes = std::uint64_t{16} << 20;
// The owner rotates when a file has grown beyond this.
inline constexpr std::uint64_t kWalRotateBytes = std::uint64_t{64} << 20;

// Whose log it is. Written into every file and compared at open().
struct WalHeader {
  std::uint32_t format = kWalFormat;
  chain::GenesisId genesis;
  crypto::PublicKey key;
  bool operator==(const WalHeader&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(format, genesis, key);
  }
};

// One body, by its content hash; the bytes are the encoded submission.
struct WalBody {
  chain::ContentHash content;
  std::shared_ptr<const Bytes> bytes;
};

// What one append() makes durable.
struct WalGroup {
  std::vector<consensus::SafetyRecord> records;
  std::vector<WalBody> bodies;
  [[nodiscard]] bool empty() const { return records.empty() && bodies.empty(); }
};

// What a log gave back.
struct WalContent {
  consensus::SafetyState state;  // all records folded
  // Every body found; the owner keeps those that blocks of `state` list.
  std::map<chain::ContentHash, std::shared_ptr<const Bytes>> bodies;
  std::uint64_t groups = 0;
  std::uint64_t cut_bytes = 0;  // of a torn end
};

class Wal {
 public:
  // The marked first boot (B6): an empty SafetyState. kExists if the directory has a log.
  [[nodiscard]] static std::expected<void, WalError> create(FileSystem& files,
                                                            const std::string& directory,
                                                            const WalHeader& header,
                                                            crypto::RandomSource& random);
  struct Opened {
    std::unique_ptr<Wal> wal;
    WalContent content;
  };
  // Reads the log. start() must follow before append(). `files` and `random` outlive the Wal.
  // `split_bytes`: kWalSplitBytes, less in tests.
  [[nodiscard]] static std::expected<Opened, WalError> open(
      FileSystem& files, const std::string& directory, const WalHeader& header,
      crypto::RandomSource& random, std::size_t split_bytes = kWalSplitBytes);

  // Begins a new file with this state and these bodies, durable on return, and removes older files.
  // Also the rotation: everything appended before it must be in `state`.
  [[nodiscard]] std::expected<void, WalError> start(const consensus::SafetyState& state,
                                                    const std::vector<WalBody>& bodies);
  // Durable on return. One sync, unless bodies are split.
  [[nodiscard]] std::expected<void, WalError> append(const WalGroup& group);

  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  Wal(FileSystem& files, std::string directory, const WalHeader& header,
      crypto::RandomSource& random, std::size_t split_bytes);
  using Part = std::span<const WalBody>;
  // Completes the frame whose payload was put into frame_, appends and syncs it.
  [[nodiscard]] std::expected<void, WalError> write_frame();
  // True if the bodies fit into the frame begun; then they are in it.
  [[nodiscard]] bool put_all(Part bodies);
  [[nodiscard]] std::vector<Part> split(Part bodies) const;
  // A group for each.
  [[nodiscard]] std::expected<void, WalError> write_parts(const std::vector<Part>& parts);
  [[nodiscard]] std::expected<void, WalError> begin_file(std::uint64_t number,
                                                         const consensus::SafetyState& state,
                                                         const std::vector<WalBody>& bodies);
  [[nodiscard]] std::expected<void, WalError> remove_files_below(std::uint64_t number);
  std::unexpected<WalError> stop(WalError e);

  FileSystem& files_;
  std::string directory_;
  WalHeader header_;
  crypto::RandomSource& random_;
  std::size_t split_bytes_;
  std::unique_ptr<AppendFile> file_;
  std::uint64_t number_ = 0;    // of the file in use, or of the newest found
  std::uint64_t sequence_ = 0;  // of the next frame
  std::uint64_t salt_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t syncs_ = 0;
  bool stopped_ = false;
  Bytes frame_;  // kept for its capacity
};

}  // namespace imi::node
