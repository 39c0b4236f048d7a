// Private payloads: sealed once under a fresh key, which is wrapped for each reader.
//
// The payload is encrypted with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a 32-byte key
// of its own; the key is wrapped for each reader in a libsodium sealed box (X25519, an ephemeral
// sender key, XSalsa20-Poly1305). `context` (the record the payload belongs to) is authenticated
// with it and must be given again to open. The key is committed to, so that one ciphertext cannot
// open to different texts for different readers (Poly1305 alone does not promise that). Who sealed
// it is not proved here: the ledger entry that names the payload's hash does.
//
// Erasure: without any wrapped key or reader's secret, nothing opens it. Pure except for the
// randomness given. Re-entrant. Secrets are zeroed.
#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "crypto/random.h"

namespace imi::crypto {

using BoxPublicKey = FixedBytes<struct BoxPublicKeyTag, 32>;

// An X25519 secret.
class BoxSecretKey {
 public:
  static constexpr std::size_t kSize = 32;
  [[nodiscard]] static BoxSecretKey generate(RandomSource& random);
  // Exactly 32 bytes (CHECKed); every such value is a secret.
  [[nodiscard]] static BoxSecretKey from_bytes(ByteView bytes);
  BoxSecretKey(BoxSecretKey&& other) noexcept;
  BoxSecretKey& operator=(BoxSecretKey&& other) noexcept;
  BoxSecretKey(const BoxSecretKey&) = delete;
  BoxSecretKey& operator=(const BoxSecretKey&) = delete;
  ~BoxSecretKey();
  [[nodiscard]] const BoxPublicKey& public_key() const { return public_key_; }
  // For the keystore alone: the caller zeroes its copy.
  [[nodiscard]] ByteView reveal() const { return bytes_; }

 private:
  BoxSecretKey() = default;
  std::array<std::uint8_t, kSize> bytes_{};
  BoxPublicKey public_key_;
};

enum class SealError : std::uint8_t {
  kNoReaders,        // a payload that nobody could open
  kTooManyReaders,   // more than kMaxReaders
  kBadReader,        // a reader's key is not a usable X25519 point
  kPayloadTooLarge,  // more than kMaxSealedPayload
  kNotAReader,       // opening: not wrapped for this key
  kDamaged,          // opening: changed, cut short, or of another context
};
[[nodiscard]] std::string_view describe(SealError e);

inline constexpr std::size_t kMaxReaders = 64;
inline constexpr std::size_t kMaxSealedPayload = 1u << 20;

struct WrappedKey {
  BoxPublicKey reader;
  std::array<std::uint8_t, 80> box{};  // sealed box of the payload's key
  bool operator==(const WrappedKey&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(reader, box);
  }
};

struct SealedPayload {
  SchemaVersion<1> version;
  std::vector<WrappedKey> readers;  // 1..64, strictly ascending by reader
  std::array<std::uint8_t, 24> nonce{};
  std::array<std::uint8_t, 32> key_commitment{};  // H(kDerive, "payload-key" || nonce || key)
  Bytes ciphertext;                               // payload + 16 bytes
  bool operator==(const SealedPayload&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, readers, nonce, key_commitment, ciphertext);
    require(ar, is_well_formed());
  }
  [[nodiscard]] bool is_well_formed() const;
};

// Readers may be given in any order and twice.
[[nodiscard]] std::expected<SealedPayload, SealError> seal(ByteView payload, ByteView context,
                                                           std::span<const BoxPublicKey> readers,
                                                           RandomSource& random);
[[nodiscard]] std::expected<Bytes, SealError> open(const SealedPayload& sealed, ByteView context,
                                                   const BoxSecretKey& reader);

}  // namespace imi::crypto
