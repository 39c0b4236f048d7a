#include "base/hex.h"

namespace imi {

std::string_view describe(TextError e) {
  switch (e) {
    case TextError::kOddLength: return "the hexadecimal text has an odd number of digits";
    case TextError::kBadCharacter: return "the text has a character outside its alphabet";
    case TextError::kWrongSize: return "the text has the wrong length";
    case TextError::kNotCanonical: return "the text is not in its one canonical form";
  }
  return "unknown text error";
}

std::string to_hex(ByteView v) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(v.size() * 2);
  for (std::uint8_t b : v) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

namespace {
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int base64_value(char c) {
  const auto at = kBase64Url.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}
}  // namespace

std::expected<Bytes, TextError> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::unexpected(TextError::kOddLength);
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int hi = hex_value(text[i]);
    const int lo = hex_value(text[i + 1]);
    if (hi < 0 || lo < 0) return std::unexpected(TextError::kBadCharacter);
    out.push_back(static_cast<std::uint8_t>(hi * 16 + lo));
  }
  return out;
}

std::string to_base64url(ByteView v) {
  std::string out;
  out.reserve((v.size() * 4 + 2) / 3);
  std::uint32_t acc = 0;
  int bits = 0;
  for (std::uint8_t b : v) {
    acc = (acc << 8 | b) & 0xffffff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out.push_back(kBase64Url[acc >> bits & 63]);
    }
  }
  if (bits > 0) out.push_back(kBase64Url[acc << (6 - bits) & 63]);
  return out;
}

std::expected<Bytes, TextError> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::unexpected(TextError::kWrongSize);
  static const auto kTable = [] {
    std::array<std::int8_t, 256> t{};
    for (int c = 0; c < 256; ++c) {
      t[static_cast<std::size_t>(c)] =
          static_cast<std::int8_t>(c == 0 ? -1 : base64_value(static_cast<char>(c)));
    }
    return t;
  }();
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t acc = 0;
  int bits = 0;
  for (char c : text) {
    const int v = kTable[static_cast<std::uint8_t>(c)];
    if (v < 0) return std::unexpected(TextError::kBadCharacter);
    acc = (acc << 6 | static_cast<std::uint32_t>(v)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(acc >> bits & 255));
    }
  }
  if ((acc & ((1U << bits) - 1)) != 0) return std::unexpected(TextError::kNotCanonical);
  return out;
}

}  // namespace imi
