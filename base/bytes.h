// Byte strings: the owned buffer, the view, and fixed-size byte values.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace imi {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// A fixed-size byte value that cannot be mixed up with another of the same size: `Tag` is any type.
// Ordered as unsigned bytes, most significant first, which is also the order of every sorted
// sequence in the wire format.
template <class Tag, std::size_t N>
struct FixedBytes {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> bytes{};

  constexpr std::strong_ordering operator<=>(const FixedBytes& other) const {
    if constexpr (N >= 8) {
      // Digests differ in their first bytes: comparing them as a number is much of what ordered
      // maps of digests do, and costs no call.
      if (!std::is_constant_evaluated()) {
        const std::uint64_t a = first_number();
        const std::uint64_t b = other.first_number();
        if (a != b) return a < b ? std::strong_ordering::less : std::strong_ordering::greater;
      }
    }
    return bytes <=> other.bytes;
  }
  constexpr bool operator==(const FixedBytes&) const = default;

  [[nodiscard]] ByteView view() const { return ByteView(bytes); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes.data(); }
  [[nodiscard]] std::uint8_t* data() { return bytes.data(); }
  [[nodiscard]] bool is_zero() const {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
  }

  // Copies from a view of exactly N bytes; the caller has checked the size.
  static FixedBytes from(ByteView v) {
    FixedBytes out;
    std::memcpy(out.bytes.data(), v.data(), std::min(N, v.size()));
    return out;
  }

  template <class Archive>
  void serialize(Archive& ar) {
    ar(bytes);
  }

 private:
  [[nodiscard]] std::uint64_t first_number() const {
    std::uint64_t n = 0;
    std::memcpy(&n, bytes.data(), sizeof(n));
    if constexpr (std::endian::native == std::endian::little) n = __builtin_bswap64(n);
    return n;
  }
};

// 32-byte digest, of whichever domain (see crypto/hash.h).
using Hash256 = FixedBytes<struct HashTag, 32>;

inline ByteView as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}
inline std::string_view as_text(ByteView v) {
  return {reinterpret_cast<const char*>(v.data()), v.size()};
}
inline Bytes to_bytes(ByteView v) { return {v.begin(), v.end()}; }
inline void append(Bytes& out, ByteView v) { out.insert(out.end(), v.begin(), v.end()); }

// Digests are uniformly distributed, so their first bytes are the hash-table hash. Never used for
// digests an attacker may choose without a bound on the table.
struct FixedBytesHash {
  template <class Tag, std::size_t N>
  std::size_t operator()(const FixedBytes<Tag, N>& v) const {
    std::size_t h = 0;
    std::memcpy(&h, v.bytes.data() + (N - sizeof(h)), sizeof(h));
    return h;
  }
};

}  // namespace imi
