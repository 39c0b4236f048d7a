// The text of a key file (crypto/keystore.h has its lines): made and read without touching any
// file.
//
// One form: lower-case hexadecimal, decimal numbers without leading zeros, the lines in their order
// and nothing else. Argon2id's costs are in the text, bounded on reading so that a planted file
// cannot take all memory. With a passphrase every line but the last is authenticated by the last.
//
// Pure except for the randomness given. Errors are KeystoreErrors without a path. Re-entrant.
#pragma once

#include "crypto/keystore.h"

namespace imi::crypto {

// Argon2id's costs: passes over, and KiB of, memory (RFC 9106).
struct KeyCost {
  std::uint64_t ops = 0;
  std::uint64_t memory_kib = 0;
  bool operator==(const KeyCost&) const = default;
};
inline constexpr KeyCost kKeyCost{3, 262'144};     // libsodium's "moderate": about 0.7 s, 256 MiB
inline constexpr KeyCost kLightKeyCost{1, 8'192};  // for tests: guards nothing
inline constexpr KeyCost kLeastKeyCost{1, 8'192};
inline constexpr KeyCost kMostKeyCost{16, 1'048'576};
inline constexpr std::size_t kMaxKeyText = 4096;

// Text that may hold a secret: zeroed when it goes.
struct SecretText {
  std::string text;
  SecretText() = default;
  SecretText(SecretText&& other) noexcept { std::swap(text, other.text); }
  SecretText& operator=(SecretText&&) = delete;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(text); }
};

// No passphrase (or an empty one): the text says `cipher none` and shows the secret. `cost` must
// lie between the bounds.
[[nodiscard]] std::expected<SecretText, KeystoreError> encode_key(
    const SecretKey& key, std::string_view purpose, std::optional<std::string_view> passphrase,
    RandomSource& random, const KeyCost& cost = kKeyCost);
[[nodiscard]] std::expected<KeyInfo, KeystoreError> decode_key_info(std::string_view text);
[[nodiscard]] std::expected<SecretKey, KeystoreError> decode_key(
    std::string_view text, std::optional<std::string_view> passphrase);

}  // namespace imi::crypto
