#include "base/hex.h"

#include <doctest/doctest.h>

using namespace imi;

TEST_CASE("hexadecimal text round-trips, and malformed text is refused") {
  const Bytes b{0x00, 0xff, 0x1a};
  CHECK(to_hex(b) == "00ff1a");
  CHECK(from_hex("00FF1a").value() == b);
  CHECK(from_hex("0").error() == TextError::kOddLength);
  CHECK(from_hex("0g").error() == TextError::kBadCharacter);
  CHECK(fixed_from_hex<Hash256>("00").error() == TextError::kWrongSize);
}

TEST_CASE("base64url has one text per byte string") {
  for (std::size_t n = 0; n < 10; ++n) {
    Bytes b;
    for (std::size_t i = 0; i < n; ++i) b.push_back(static_cast<std::uint8_t>(251 * i + 77));
    CHECK(from_base64url(to_base64url(b)).value() == b);
  }
  CHECK(to_base64url(as_bytes("fo")) == "Zm8");
  CHECK(from_base64url("Zm9").error() == TextError::kNotCanonical);
  CHECK(from_base64url("Zm8=").error() == TextError::kBadCharacter);
  CHECK(from_base64url("Z").error() == TextError::kWrongSize);
}
