// Hexadecimal and base64url text forms of bytes.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace imi {

enum class TextError { kOddLength, kBadCharacter, kWrongSize, kNotCanonical };
[[nodiscard]] std::string_view describe(TextError e);

// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(ByteView v);
// Accepts lower and upper case; refuses odd lengths and any other character.
[[nodiscard]] std::expected<Bytes, TextError> from_hex(std::string_view text);

// RFC 4648 section 5 without padding.
[[nodiscard]] std::string to_base64url(ByteView v);
// Refuses padding, white space, and trailing bits that are not zero (one text per byte string).
[[nodiscard]] std::expected<Bytes, TextError> from_base64url(std::string_view text);

// Hex text of exactly N bytes.
template <class Fixed>
[[nodiscard]] std::expected<Fixed, TextError> fixed_from_hex(std::string_view text) {
  auto bytes = from_hex(text);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != Fixed::kSize) return std::unexpected(TextError::kWrongSize);
  return Fixed::from(*bytes);
}

template <class Tag, std::size_t N>
[[nodiscard]] std::string to_hex(const FixedBytes<Tag, N>& v) {
  return to_hex(v.view());
}

}  // namespace imi
