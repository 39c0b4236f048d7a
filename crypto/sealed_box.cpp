#include "crypto/sealed_box.h"

#include <sodium.h>

#include "base/check.h"
#include "crypto/hash.h"

namespace imi::crypto {
namespace {

static_assert(crypto_box_SEALBYTES + crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 80);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24);
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

// Bytes that are zeroed when they go.
template <std::size_t N>
struct Secret {
  std::array<std::uint8_t, N> bytes{};
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_memzero(bytes.data(), bytes.size()); }
};
using PayloadKey = Secret<crypto_aead_xchacha20poly1305_ietf_KEYBYTES>;

std::array<std::uint8_t, 32> commit_key(const std::array<std::uint8_t, 24>& nonce,
                                        const PayloadKey& key) {
  Secret<11 + 24 + 32> input;
  std::memcpy(input.bytes.data(), "payload-key", 11);
  std::memcpy(input.bytes.data() + 11, nonce.data(), 24);
  std::memcpy(input.bytes.data() + 35, key.bytes.data(), 32);
  return hash(Domain::kDerive, input.bytes).bytes;
}

// crypto_box_seal, with the ephemeral key drawn from our source: ephemeral public key, then the box
// under nonce BLAKE2b-192(ephemeral || reader). crypto_box_seal_open opens it.
bool wrap(WrappedKey& out, const PayloadKey& key, RandomSource& random) {
  Secret<crypto_box_SEEDBYTES> seed;
  Secret<crypto_box_SECRETKEYBYTES> secret;
  std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES> ephemeral;
  random.fill(seed.bytes);
  crypto_box_seed_keypair(ephemeral.data(), secret.bytes.data(), seed.bytes.data());
  std::array<std::uint8_t, 64> both;
  std::memcpy(both.data(), ephemeral.data(), 32);
  std::memcpy(both.data() + 32, out.reader.data(), 32);
  std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce;
  crypto_generichash(nonce.data(), nonce.size(), both.data(), both.size(), nullptr, 0);
  std::memcpy(out.box.data(), ephemeral.data(), ephemeral.size());
  return crypto_box_easy(out.box.data() + ephemeral.size(), key.bytes.data(), key.bytes.size(),
                         nonce.data(), out.reader.data(), secret.bytes.data()) == 0;
}

}  // namespace

std::string_view describe(SealError e) {
  switch (e) {
    case SealError::kNoReaders: return "no reader is named: nobody could open the payload";
    case SealError::kTooManyReaders: return "a payload can be sealed for at most 64 readers";
    case SealError::kBadReader: return "a reader's key is not usable";
    case SealError::kPayloadTooLarge: return "the payload is larger than 1 MiB";
    case SealError::kNotAReader: return "the payload is not sealed for this key";
    case SealError::kDamaged: return "the payload was changed, or belongs to another record";
  }
  return "unknown sealing error";
}

BoxSecretKey BoxSecretKey::generate(RandomSource& random) {
  Secret<kSize> bytes;
  random.fill(bytes.bytes);
  return from_bytes(bytes.bytes);
}

BoxSecretKey BoxSecretKey::from_bytes(ByteView bytes) {
  IMI_CHECK(bytes.size() == kSize);
  BoxSecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  IMI_CHECK(crypto_scalarmult_base(key.public_key_.data(), key.bytes_.data()) == 0);
  return key;
}

BoxSecretKey::BoxSecretKey(BoxSecretKey&& other) noexcept
    : bytes_(other.bytes_), public_key_(other.public_key_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}
BoxSecretKey& BoxSecretKey::operator=(BoxSecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    public_key_ = other.public_key_;
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}
BoxSecretKey::~BoxSecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

bool SealedPayload::is_well_formed() const {
  const bool ascending =
      std::ranges::adjacent_find(readers, [](const WrappedKey& a, const WrappedKey& b) {
        return !(a.reader < b.reader);
      }) == readers.end();
  return ascending && !readers.empty() && readers.size() <= kMaxReaders &&
         ciphertext.size() >= kTag && ciphertext.size() <= kMaxSealedPayload + kTag;
}

std::expected<SealedPayload, SealError> seal(ByteView payload, ByteView context,
                                             std::span<const BoxPublicKey> readers,
                                             RandomSource& random) {
  if (payload.size() > kMaxSealedPayload) return std::unexpected(SealError::kPayloadTooLarge);
  std::vector<BoxPublicKey> sorted(readers.begin(), readers.end());
  std::ranges::sort(sorted);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  if (sorted.empty()) return std::unexpected(SealError::kNoReaders);
  if (sorted.size() > kMaxReaders) return std::unexpected(SealError::kTooManyReaders);

  PayloadKey key;
  random.fill(key.bytes);
  SealedPayload out;
  random.fill(out.nonce);
  out.key_commitment = commit_key(out.nonce, key);
  for (const BoxPublicKey& reader : sorted) {
    out.readers.push_back({reader, {}});
    if (!wrap(out.readers.back(), key, random)) return std::unexpected(SealError::kBadReader);
  }
  out.ciphertext.resize(payload.size() + kTag);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.ciphertext.data(), nullptr, payload.data(),
                                             payload.size(), context.data(), context.size(),
                                             nullptr, out.nonce.data(), key.bytes.data());
  return out;
}

std::expected<Bytes, SealError> open(const SealedPayload& sealed, ByteView context,
                                     const BoxSecretKey& reader) {
  if (!sealed.is_well_formed()) return std::unexpected(SealError::kDamaged);
  const auto mine = std::ranges::find(sealed.readers, reader.public_key(), &WrappedKey::reader);
  if (mine == sealed.readers.end()) return std::unexpected(SealError::kNotAReader);
  PayloadKey key;
  if (crypto_box_seal_open(key.bytes.data(), mine->box.data(), mine->box.size(),
                           reader.public_key().data(), reader.reveal().data()) != 0 ||
      commit_key(sealed.nonce, key) != sealed.key_commitment) {
    return std::unexpected(SealError::kDamaged);
  }
  Bytes out(sealed.ciphertext.size() - kTag);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          out.data(), nullptr, nullptr, sealed.ciphertext.data(), sealed.ciphertext.size(),
          context.data(), context.size(), sealed.nonce.data(), key.bytes.data()) != 0) {
    return std::unexpected(SealError::kDamaged);
  }
  return out;
}

}  // namespace imi::crypto
