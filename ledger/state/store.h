// The key-value store behind the ledger: what the ledger needs of a disk, and nothing more.
//
// Contract
//  - Keys and values are byte strings; keys are ordered as unsigned bytes.
//  - write() applies a whole batch or none of it. A kSynced batch, and every batch before it, is
//    durable when write() returns. After a crash at any instant the store holds a prefix of the
//    sequence of batches written, each whole, which contains every batch that was durable.
//  - After write() has failed the store's content is unknown until it is opened again (a failed
//    fsync may have dropped the page, ATC'20): the owner stops. Every later write() is refused with
//    kStopped; reads still work, so that a node may answer while it no longer votes.
//  - A snapshot sees exactly the batches written before it was taken, for as long as it lives.
//
// Threading: all functions may be called from any thread; batches are written by one thread at a
// time. Snapshots must not outlive their store.
// Errors: StoreError, never an exception. Every read verifies the checksum of what it reads.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace imi::ledger {

struct StoreError {
  enum class Reason : std::uint8_t {
    kCorruption,  // a checksum or the store's own structure is wrong: the data is damaged
    kIo,          // the operating system refused a read or a write
    kNoSpace,     // the disk (or quota) is full
    kLocked,      // another process has the store open
    kMissing,     // there is no store at that place, and creating one was not asked for
    kForeign,     // a store of something else: another program, or another chain
    kOlder,       // written in an older format than this program reads
    kNewer,       // written in a newer format than this program reads
    kTooLarge,    // a key, value or batch beyond the limits below
    kStopped,     // an earlier write failed; open the store again
    kExpired,     // a reader older than the store keeps views for: take a new one
  };
  Reason reason{};
  std::string detail;  // where, and what the system said; for people and logs
  bool operator==(const StoreError&) const = default;
};
[[nodiscard]] std::string_view name(StoreError::Reason r);
// A sentence that says what, where, and what to do.
[[nodiscard]] std::string describe(const StoreError& e);

inline constexpr std::size_t kMaxStoreKeyBytes = 1024;
inline constexpr std::size_t kMaxStoreValueBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxStoreBatchBytes = std::size_t{1} << 30;

// Changes to be applied together, in order; a later change of the same key wins. Owns one flat
// buffer: adding a change is one copy. Not thread-safe.
class WriteBatch {
 public:
  void put(ByteView key, ByteView value);
  void erase(ByteView key);
  void clear();  // keeps the buffer: a batch is made for every block

  bool operator==(const WriteBatch&) const = default;

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return buffer_.size(); }
  [[nodiscard]] bool empty() const { return count_ == 0; }

  // Calls visit(key, value) in order; value is nullopt for an erase. The views are valid until the
  // batch changes.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::size_t at = 0;
    while (at < buffer_.size()) {
      const Change c = change_at(at);
      if (c.erase) {
        visit(c.key, std::optional<ByteView>());
      } else {
        visit(c.key, std::optional<ByteView>(c.value));
      }
    }
  }

 private:
  struct Change {
    bool erase = false;
    ByteView key;
    ByteView value;
  };
  // Reads the change at `at` and moves `at` past it.
  [[nodiscard]] Change change_at(std::size_t& at) const;
  void add(std::uint8_t kind, ByteView key, ByteView value);

  Bytes buffer_;
  std::size_t count_ = 0;
};

// What can be read: a store, or a snapshot of one.
class StoreView {
 public:
  virtual ~StoreView() = default;

  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> get(ByteView key) const = 0;

  // Visits the rows with first <= key < last in ascending order until `visit` returns false. An
  // empty `last` means "to the end". The views passed are valid during the call only. A scan sees
  // one instant of the store. `fill_cache` = false for long scans that would flush the cache.
  using Visitor = std::function<bool(ByteView key, ByteView value)>;
  [[nodiscard]] virtual std::expected<void, StoreError> scan(ByteView first, ByteView last,
                                                             const Visitor& visit,
                                                             bool fill_cache = true) const = 0;
};

enum class Durability : std::uint8_t {
  kSynced,    // durable on return, and all that was written before it
  kBuffered,  // durable with the next kSynced write: survives kill -9, not a power cut
};

class Store : public StoreView {
 public:
  // See the contract above for failure.
  [[nodiscard]] virtual std::expected<void, StoreError> write(
      const WriteBatch& batch, Durability durability = Durability::kSynced) = 0;

  [[nodiscard]] virtual std::expected<std::shared_ptr<const StoreView>, StoreError> snapshot() = 0;

  // Bytes on disk, approximately; 0 where the question has no meaning.
  [[nodiscard]] virtual std::uint64_t size_on_disk() const { return 0; }
};

}  // namespace imi::ledger
