// The canonical codec: one byte string per value, and nothing else decodes to it.
//
// Law (fuzzed): if decode<T>(x) succeeds then encode(*decode<T>(x)) == x.
//
// Forms, which docs/DATA_FORMAT.md repeats for independent implementations:
//   bool            one byte, 0 or 1
//   u8              one byte
//   u16, u32, u64   LEB128, minimal (the last byte of a multi-byte form is never 0)
//   i8..i64         zigzag, then as unsigned
//   enum            one byte through enum_field(); unknown values are refused
//   FixedBytes, std::array   the elements, no length
//   Bytes, string   length (u64 form), then the bytes; strings are not interpreted
//   vector          count, then the elements
//   map             count, then key, value in strictly ascending order of key
//   optional        bool, then the value if true
//   variant         alternative index, one byte, then the alternative
//   struct          its fields in order (a member `serialize`); versioned structs begin with
//                   a SchemaVersion<N> field
//
// Bounds: a claimed length is compared with the bytes that remain before anything is allocated, and
// containers grow as their elements are read. Types are not recursive, so depth is bounded by the
// types. Stock cereal archives have neither property and are never used on outside bytes.
//
// Errors: decode() returns CodecError; nothing is thrown to the caller. Pure, re-entrant.
#pragma once

#include <cereal/cereal.hpp>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "base/bytes.h"

namespace imi {

struct CodecError {
  enum class Reason : std::uint8_t {
    kTruncated,       // the bytes end inside a value
    kTrailing,        // bytes remain after the value
    kNotMinimal,      // a varint with a zero last byte
    kOverflow,        // a number too large for its field
    kBadBool,         // neither 0 nor 1
    kUnknownTag,      // an enum or variant value this version does not know
    kUnknownVersion,  // a schema version this version does not know
    kLengthTooLarge,  // a length beyond the bytes that remain
    kNotSorted,       // map keys not strictly ascending
    kRuleBroken,      // a struct's own rule (see the struct)
  };
  Reason reason{};
  std::size_t offset = 0;  // bytes read when it was noticed
  bool operator==(const CodecError&) const = default;
};
[[nodiscard]] std::string_view describe(CodecError::Reason r);
[[nodiscard]] std::string describe(const CodecError& e);

namespace codec_detail {
// Internal: crosses only the archive's own frames; decode() turns it into a CodecError.
struct Failure {
  CodecError error;
};
}  // namespace codec_detail

class EncodeArchive : public cereal::OutputArchive<EncodeArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit EncodeArchive(Bytes& out)
      : cereal::OutputArchive<EncodeArchive, cereal::AllowEmptyClassElision>(this), out_(out) {}

  void raw(ByteView v) { out_.insert(out_.end(), v.begin(), v.end()); }
  void byte(std::uint8_t b) { out_.push_back(b); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(v));
  }

 private:
  Bytes& out_;
};

class DecodeArchive : public cereal::InputArchive<DecodeArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit DecodeArchive(ByteView in)
      : cereal::InputArchive<DecodeArchive, cereal::AllowEmptyClassElision>(this), in_(in) {}

  [[nodiscard]] std::size_t remaining() const { return in_.size() - at_; }
  [[nodiscard]] std::size_t offset() const { return at_; }
  [[noreturn]] void fail(CodecError::Reason r) const {
    throw codec_detail::Failure{CodecError{r, at_}};
  }

  ByteView raw(std::size_t n) {
    if (n > remaining()) fail(CodecError::Reason::kTruncated);
    ByteView v = in_.subspan(at_, n);
    at_ += n;
    return v;
  }
  std::uint8_t byte() {
    if (at_ == in_.size()) fail(CodecError::Reason::kTruncated);
    return in_[at_++];
  }
  std::uint64_t varint(std::uint64_t max) {
    std::uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint8_t b = byte();
      if (shift == 63 && b > 1) fail(CodecError::Reason::kOverflow);
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) {
        if (b == 0 && shift != 0) fail(CodecError::Reason::kNotMinimal);
        break;
      }
      if (shift == 63) fail(CodecError::Reason::kOverflow);
    }
    if (v > max) fail(CodecError::Reason::kOverflow);
    return v;
  }
  // A length of things that take at least one byte each.
  std::size_t length() {
    const std::uint64_t n = varint(UINT64_MAX);
    if (n > remaining()) fail(CodecError::Reason::kLengthTooLarge);
    return static_cast<std::size_t>(n);
  }

 private:
  ByteView in_;
  std::size_t at_ = 0;
};

// Writes one value of type T to its canonical bytes.
template <class T>
[[nodiscard]] Bytes encode(const T& value) {
  Bytes out;
  EncodeArchive ar(out);
  ar(value);
  return out;
}
template <class T>
void encode_to(Bytes& out, const T& value) {
  EncodeArchive ar(out);
  ar(value);
}

// Reads exactly one value of type T from all of `in`.
template <class T>
[[nodiscard]] std::expected<T, CodecError> decode(ByteView in) {
  try {
    DecodeArchive ar(in);
    T value{};
    ar(value);
    if (ar.remaining() != 0) ar.fail(CodecError::Reason::kTrailing);
    return value;
  } catch (const codec_detail::Failure& f) {
    return std::unexpected(f.error);
  }
}

// An enum (one-byte underlying type) in a serialize(): ar(enum_field(kind)). The enum's namespace
// provides `constexpr bool is_known(E)`.
template <class E>
struct EnumField {
  E& value;
};
template <class E>
EnumField<E> enum_field(E& e) {
  static_assert(std::is_enum_v<E> && sizeof(E) == 1);
  return {e};
}
template <class E>
void save(EncodeArchive& ar, const EnumField<E>& f) {
  ar.byte(static_cast<std::uint8_t>(f.value));
}
template <class E>
void load(DecodeArchive& ar, EnumField<E>& f) {
  const auto v = static_cast<E>(ar.byte());
  if (!is_known(v)) ar.fail(CodecError::Reason::kUnknownTag);
  f.value = v;
}

// A field that is always N: the schema version a struct was written with.
template <std::uint8_t N>
struct SchemaVersion {
  bool operator==(const SchemaVersion&) const = default;
  auto operator<=>(const SchemaVersion&) const = default;
};
template <std::uint8_t N>
void save(EncodeArchive& ar, const SchemaVersion<N>&) {
  ar.byte(N);
}
template <std::uint8_t N>
void load(DecodeArchive& ar, SchemaVersion<N>&) {
  if (ar.byte() != N) ar.fail(CodecError::Reason::kUnknownVersion);
}

// A rule that a struct's serialize() states about what was just read. On writing it does nothing:
// what we write was checked where it was made.
inline void require(EncodeArchive&, bool) {}
inline void require(DecodeArchive& ar, bool rule_holds) {
  if (!rule_holds) ar.fail(CodecError::Reason::kRuleBroken);
}

// ---- primitives -------------------------------------------------------------------------------

template <class T>
concept CodecInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class T>
  requires std::is_arithmetic_v<T>
void save(EncodeArchive& ar, const T& v) {
  static_assert(std::is_integral_v<T>, "the ledger has no floating point");
  if constexpr (std::is_same_v<T, bool>) {
    ar.byte(v ? 1 : 0);
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    ar.byte(v);
  } else if constexpr (std::is_unsigned_v<T>) {
    ar.varint(v);
  } else {
    const auto w = static_cast<std::int64_t>(v);
    ar.varint((static_cast<std::uint64_t>(w) << 1) ^ static_cast<std::uint64_t>(w >> 63));
  }
}
template <class T>
  requires std::is_arithmetic_v<T>
void load(DecodeArchive& ar, T& v) {
  static_assert(std::is_integral_v<T>, "the ledger has no floating point");
  if constexpr (std::is_same_v<T, bool>) {
    const std::uint8_t b = ar.byte();
    if (b > 1) ar.fail(CodecError::Reason::kBadBool);
    v = b == 1;
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    v = ar.byte();
  } else if constexpr (std::is_unsigned_v<T>) {
    v = static_cast<T>(ar.varint(static_cast<std::uint64_t>(static_cast<T>(~T{0}))));
  } else {
    using U = std::make_unsigned_t<T>;
    const std::uint64_t z = ar.varint(static_cast<std::uint64_t>(static_cast<U>(~U{0})));
    v = static_cast<T>(static_cast<std::int64_t>((z >> 1) ^ (~(z & 1) + 1)));
  }
}

// ---- containers -------------------------------------------------------------------------------

template <std::size_t N>
void save(EncodeArchive& ar, const std::array<std::uint8_t, N>& v) {
  ar.raw(v);
}
template <std::size_t N>
void load(DecodeArchive& ar, std::array<std::uint8_t, N>& v) {
  const ByteView in = ar.raw(N);
  std::copy(in.begin(), in.end(), v.begin());
}

inline void save(EncodeArchive& ar, const std::string& v) {
  ar.varint(v.size());
  ar.raw(as_bytes(v));
}
inline void load(DecodeArchive& ar, std::string& v) { v = as_text(ar.raw(ar.length())); }

template <class T>
void save(EncodeArchive& ar, const std::vector<T>& v) {
  ar.varint(v.size());
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    ar.raw(v);
  } else {
    for (const T& e : v) ar(e);
  }
}
template <class T>
void load(DecodeArchive& ar, std::vector<T>& v) {
  static_assert(!std::is_same_v<T, bool>);
  const std::size_t n = ar.length();
  v.clear();
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    const ByteView in = ar.raw(n);
    v.assign(in.begin(), in.end());
  } else {
    v.reserve(std::min<std::size_t>(n, 64));  // a hostile count costs nothing: grow as read
    for (std::size_t i = 0; i < n; ++i) {
      v.emplace_back();
      ar(v.back());
    }
  }
}

template <class K, class V>
void save(EncodeArchive& ar, const std::map<K, V>& v) {
  ar.varint(v.size());
  for (const auto& [key, value] : v) ar(key, value);
}
template <class K, class V>
void load(DecodeArchive& ar, std::map<K, V>& v) {
  const std::size_t n = ar.length();
  v.clear();
  for (std::size_t i = 0; i < n; ++i) {
    K key{};
    V value{};
    ar(key, value);
    if (!v.empty() && !(v.rbegin()->first < key)) ar.fail(CodecError::Reason::kNotSorted);
    v.emplace_hint(v.end(), std::move(key), std::move(value));
  }
}

template <class T>
void save(EncodeArchive& ar, const std::optional<T>& v) {
  ar.byte(v ? 1 : 0);
  if (v) ar(*v);
}
template <class T>
void load(DecodeArchive& ar, std::optional<T>& v) {
  bool present = false;
  ar(present);
  v.reset();
  if (present) ar(v.emplace());
}

namespace codec_detail {
template <std::size_t I, class... Ts>
void load_alternative(DecodeArchive& ar, std::size_t index, std::variant<Ts...>& v) {
  if constexpr (I < sizeof...(Ts)) {
    if (index == I) {
      ar(v.template emplace<I>());
    } else {
      load_alternative<I + 1>(ar, index, v);
    }
  } else {
    ar.fail(CodecError::Reason::kUnknownTag);
  }
}
}  // namespace codec_detail

template <class... Ts>
void save(EncodeArchive& ar, const std::variant<Ts...>& v) {
  static_assert(sizeof...(Ts) <= 256);
  ar.byte(static_cast<std::uint8_t>(v.index()));
  std::visit([&ar](const auto& alternative) { ar(alternative); }, v);
}
template <class... Ts>
void load(DecodeArchive& ar, std::variant<Ts...>& v) {
  const std::size_t index = ar.byte();
  codec_detail::load_alternative<0>(ar, index, v);
}

}  // namespace imi

// What cereal itself needs to know of the archives: no name-value pairs in the bytes.
namespace imi {
template <class T>
void serialize(EncodeArchive& ar, cereal::NameValuePair<T>& t) {
  ar(t.value);
}
template <class T>
void serialize(DecodeArchive& ar, cereal::NameValuePair<T>& t) {
  ar(t.value);
}
}  // namespace imi
