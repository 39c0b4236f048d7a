// The one seam for signatures: keys, signing, verifying. The suite is named in genesis; this build
// has `secp256k1-blake2b`. Another suite (sm2-sm3) is added behind these same functions: sizes are
// those both suites share (32-byte secrets, 33-byte compressed points, 64-byte R||S).
//
// ECDSA over secp256k1 (SEC 1, SEC 2) with RFC 6979 nonces. Low-S is made and enforced
// (libsecp256k1 verifies low-S only); r = 0, s = 0 and values >= the group order are refused.
// Signatures are over 32-byte digests that chain/statement.h makes.
//
// Re-entrant from any thread. SecretKey zeroes its bytes when it goes.
#pragma once

#include <expected>
#include <string_view>

#include "base/bytes.h"
#include "crypto/random.h"

namespace imi::crypto {

inline constexpr std::string_view kSuiteName = "secp256k1-blake2b";

using PublicKey = FixedBytes<struct PublicKeyTag, 33>;
using Signature = FixedBytes<struct SignatureTag, 64>;

enum class KeyError : std::uint8_t {
  kNotAKey,  // zero, beyond the group order, or not on the curve
};
[[nodiscard]] std::string_view describe(KeyError e);

class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;

  [[nodiscard]] static SecretKey generate(RandomSource& random);
  [[nodiscard]] static std::expected<SecretKey, KeyError> from_bytes(ByteView bytes);

  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] Signature sign(const Hash256& digest) const;
  // For the keystore alone: the caller zeroes its copy.
  [[nodiscard]] ByteView reveal() const { return bytes_; }
  [[nodiscard]] SecretKey clone() const;

 private:
  SecretKey() = default;
  std::array<std::uint8_t, kSize> bytes_{};
  PublicKey public_key_;
};

// True if the bytes are a point on the curve in compressed form.
[[nodiscard]] bool is_valid(const PublicKey& key);

// True if `sig` is `key`'s low-S signature over `digest`. About 41 us; 36 us with a VerifyKey.
[[nodiscard]] bool verify(const PublicKey& key, const Hash256& digest, const Signature& sig);

// A parsed public key, for keys used often (validators, agencies).
class VerifyKey {
 public:
  [[nodiscard]] static std::expected<VerifyKey, KeyError> parse(const PublicKey& key);
  [[nodiscard]] bool verify(const Hash256& digest, const Signature& sig) const;

 private:
  alignas(8) std::array<std::uint8_t, 64> parsed_{};
};

}  // namespace imi::crypto
