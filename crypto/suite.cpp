#include "crypto/suite.h"

#include <secp256k1.h>
#include <sodium.h>

#include "base/check.h"

namespace imi::crypto {
namespace {

// One context for signing, randomised against side channels once; verification needs none.
const secp256k1_context* signing_context() {
  static const secp256k1_context* context = [] {
    secp256k1_context* c = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    IMI_CHECK(c != nullptr);
    std::array<std::uint8_t, 32> seed;
    randombytes_buf(seed.data(), seed.size());
    IMI_CHECK(secp256k1_context_randomize(c, seed.data()) == 1);
    sodium_memzero(seed.data(), seed.size());
    return c;
  }();
  return context;
}

const secp256k1_context* verify_context() { return secp256k1_context_static; }

bool verify_parsed(const secp256k1_pubkey& key, const Hash256& digest, const Signature& sig) {
  secp256k1_ecdsa_signature parsed;
  if (secp256k1_ecdsa_signature_parse_compact(verify_context(), &parsed, sig.data()) != 1) {
    return false;
  }
  return secp256k1_ecdsa_verify(verify_context(), &parsed, digest.data(), &key) == 1;
}

}  // namespace

std::string_view describe(KeyError e) {
  switch (e) {
    case KeyError::kNotAKey: return "the bytes are not a key of this suite";
  }
  return "unknown key error";
}

SecretKey SecretKey::generate(RandomSource& random) {
  std::array<std::uint8_t, kSize> bytes;
  for (;;) {
    random.fill(bytes);
    auto key = from_bytes(bytes);
    if (key) {
      sodium_memzero(bytes.data(), bytes.size());
      return std::move(*key);
    }
  }
}

std::expected<SecretKey, KeyError> SecretKey::from_bytes(ByteView bytes) {
  if (bytes.size() != kSize) return std::unexpected(KeyError::kNotAKey);
  if (secp256k1_ec_seckey_verify(signing_context(), bytes.data()) != 1) {
    return std::unexpected(KeyError::kNotAKey);
  }
  SecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  secp256k1_pubkey point;
  IMI_CHECK(secp256k1_ec_pubkey_create(signing_context(), &point, key.bytes_.data()) == 1);
  std::size_t size = PublicKey::kSize;
  secp256k1_ec_pubkey_serialize(signing_context(), key.public_key_.data(), &size, &point,
                                SECP256K1_EC_COMPRESSED);
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept
    : bytes_(other.bytes_), public_key_(other.public_key_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    public_key_ = other.public_key_;
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::clone() const {
  SecretKey copy;
  copy.bytes_ = bytes_;
  copy.public_key_ = public_key_;
  return copy;
}

Signature SecretKey::sign(const Hash256& digest) const {
  secp256k1_ecdsa_signature sig;
  IMI_CHECK(secp256k1_ecdsa_sign(signing_context(), &sig, digest.data(), bytes_.data(),
                                 secp256k1_nonce_function_rfc6979, nullptr) == 1);
  Signature out;
  secp256k1_ecdsa_signature_serialize_compact(signing_context(), out.data(), &sig);
  return out;
}

bool is_valid(const PublicKey& key) {
  secp256k1_pubkey point;
  return secp256k1_ec_pubkey_parse(verify_context(), &point, key.data(), PublicKey::kSize) == 1;
}

bool verify(const PublicKey& key, const Hash256& digest, const Signature& sig) {
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_parse(verify_context(), &point, key.data(), PublicKey::kSize) != 1) {
    return false;
  }
  return verify_parsed(point, digest, sig);
}

std::expected<VerifyKey, KeyError> VerifyKey::parse(const PublicKey& key) {
  static_assert(sizeof(secp256k1_pubkey) == sizeof(parsed_));
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_parse(verify_context(), &point, key.data(), PublicKey::kSize) != 1) {
    return std::unexpected(KeyError::kNotAKey);
  }
  VerifyKey out;
  std::memcpy(out.parsed_.data(), &point, sizeof(point));
  return out;
}

bool VerifyKey::verify(const Hash256& digest, const Signature& sig) const {
  secp256k1_pubkey point;
  std::memcpy(&point, parsed_.data(), sizeof(point));
  return verify_parsed(point, digest, sig);
}

}  // namespace imi::crypto
