#include "ledger/state/store.h"

#include <cstring>

#include "base/check.h"

namespace imi::ledger {
namespace {
constexpr std::uint8_t kPut = 1;
constexpr std::uint8_t kErase = 0;
constexpr std::size_t kLengthBytes = 4;

void append_length(Bytes& out, std::size_t n) {
  const auto v = static_cast<std::uint32_t>(n);
  std::array<std::uint8_t, kLengthBytes> raw{};
  std::memcpy(raw.data(), &v, raw.size());
  append(out, raw);
}
std::uint32_t read_length(const std::uint8_t* p) {
  std::uint32_t v = 0;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
}  // namespace

std::string_view name(StoreError::Reason r) {
  switch (r) {
    case StoreError::Reason::kCorruption: return "corruption";
    case StoreError::Reason::kIo: return "io-error";
    case StoreError::Reason::kNoSpace: return "no-space";
    case StoreError::Reason::kLocked: return "locked";
    case StoreError::Reason::kMissing: return "missing";
    case StoreError::Reason::kForeign: return "foreign-store";
    case StoreError::Reason::kOlder: return "older-format";
    case StoreError::Reason::kNewer: return "newer-format";
    case StoreError::Reason::kTooLarge: return "too-large";
    case StoreError::Reason::kStopped: return "stopped";
    case StoreError::Reason::kExpired: return "expired-view";
  }
  return "unknown";
}

std::string describe(const StoreError& e) {
  const auto advice = [&]() -> std::string_view {
    switch (e.reason) {
      case StoreError::Reason::kCorruption:
        return "the stored data is damaged: move the folder away and let the node catch up from "
               "its "
               "peers into an empty one; check the disk before trusting it again";
      case StoreError::Reason::kIo:
        return "the system refused to read or write: check the disk, the mount and the "
               "permissions, "
               "then start the node again";
      case StoreError::Reason::kNoSpace:
        return "the disk or quota is full: free space, then start the node again; nothing was "
               "half-written";
      case StoreError::Reason::kLocked:
        return "another process has this store open: stop it first; two nodes must never share a "
               "folder or a key";
      case StoreError::Reason::kMissing:
        return "there is no store here: check the path, or initialise the node";
      case StoreError::Reason::kForeign:
        return "this folder holds something else: check the path and the genesis file; nothing in "
               "it "
               "was changed";
      case StoreError::Reason::kOlder:
        return "the store was written in an older format: use the program that wrote it, or let "
               "the "
               "node catch up into an empty folder";
      case StoreError::Reason::kNewer:
        return "the store was written in a newer format: update this program; nothing in it was "
               "changed";
      case StoreError::Reason::kTooLarge: return "a row or batch is beyond the store's limits";
      case StoreError::Reason::kStopped:
        return "an earlier write failed, so the store takes no more: end the process, see to the "
               "cause named there, start again";
      case StoreError::Reason::kExpired:
        return "the request took so long that its view of the ledger is gone: ask again";
    }
    return "";
  };
  std::string out(name(e.reason));
  if (!e.detail.empty()) out.append(" (").append(e.detail).append(")");
  return out.append(": ").append(advice());
}

void WriteBatch::add(std::uint8_t kind, ByteView key, ByteView value) {
  IMI_CHECK(key.size() <= kMaxStoreKeyBytes && value.size() <= kMaxStoreValueBytes);
  buffer_.push_back(kind);
  append_length(buffer_, key.size());
  append_length(buffer_, value.size());
  append(buffer_, key);
  append(buffer_, value);
  ++count_;
}

void WriteBatch::put(ByteView key, ByteView value) { add(kPut, key, value); }
void WriteBatch::erase(ByteView key) { add(kErase, key, {}); }
void WriteBatch::clear() {
  buffer_.clear();
  count_ = 0;
}

WriteBatch::Change WriteBatch::change_at(std::size_t& at) const {
  const std::uint8_t* p = buffer_.data() + at;
  const std::size_t key_size = read_length(p + 1);
  const std::size_t value_size = read_length(p + 1 + kLengthBytes);
  const std::uint8_t* key = p + 1 + 2 * kLengthBytes;
  at += 1 + 2 * kLengthBytes + key_size + value_size;
  return {*p == kErase, {key, key_size}, {key + key_size, value_size}};
}

}  // namespace imi::ledger
