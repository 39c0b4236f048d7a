#include "crypto/key_text.h"

#include <sodium.h>

#include <charconv>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/hex.h"

namespace imi::crypto {
namespace {

using Reason = KeystoreError::Reason;
constexpr std::string_view kSealedCipher = "argon2id-xchacha20poly1305";

using KeySalt = FixedBytes<struct KeySaltTag, crypto_pwhash_SALTBYTES>;
using KeyNonce = FixedBytes<struct KeyNonceTag, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;
constexpr std::size_t kSealedBytes = SecretKey::kSize + crypto_aead_xchacha20poly1305_ietf_ABYTES;

// A key derived from a passphrase, zeroed when it goes.
struct SealKey {
  std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> bytes{};
  SealKey() = default;
  SealKey(const SealKey&) = delete;
  SealKey& operator=(const SealKey&) = delete;
  ~SealKey() { sodium_memzero(bytes.data(), bytes.size()); }
};

// Bytes that may hold a secret, zeroed when they go.
struct SecretBytes {
  Bytes bytes;
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes(size) {}
  SecretBytes(SecretBytes&&) = default;
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    std::swap(bytes, other.bytes);
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { sodium_memzero(bytes.data(), bytes.size()); }
};

struct Parsed {
  KeyInfo info;
  std::string authenticated;  // all lines before `sealed`
  KeyCost cost;
  KeySalt salt;
  KeyNonce nonce;
  SecretBytes secret;  // the secret, or sealed bytes
};

std::unexpected<KeystoreError> refuse(Reason r, std::string detail = {}) {
  return std::unexpected(KeystoreError{r, {}, std::move(detail)});
}

bool is_purpose(std::string_view s) {
  return !s.empty() && s.size() <= 32 &&
         s.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// A number in its one decimal form.
bool to_number(std::string_view s, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc() && end == s.data() + s.size() && std::to_string(out) == s &&
         out >= least && out <= most;
}

// Hexadecimal in its one form: lower case.
std::optional<Bytes> from_lower_hex(std::string_view s) {
  if (s.find_first_of("ABCDEF") != std::string_view::npos) return std::nullopt;
  auto bytes = from_hex(s);
  if (!bytes) return std::nullopt;
  return std::move(*bytes);
}
template <class Fixed>
std::optional<Fixed> fixed_from_lower_hex(std::string_view s) {
  const auto bytes = from_lower_hex(s);
  if (!bytes || bytes->size() != Fixed::kSize) return std::nullopt;
  return Fixed::from(*bytes);
}

// Takes the line "name value" off the front of `text`; nothing if it is not there.
std::optional<std::string_view> take(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ' ') {
    return std::nullopt;
  }
  text.remove_prefix(end + 1);
  return line.substr(name.size() + 1);
}

bool parse_sealed(std::string_view& text, const char* begin, Parsed& out) {
  const auto ops = take(text, "ops");
  const auto memory = take(text, "memory_kib");
  const auto salt = take(text, "salt");
  const auto nonce = take(text, "nonce");
  if (!ops || !memory || !salt || !nonce) return false;
  const auto salt_bytes = fixed_from_lower_hex<KeySalt>(*salt);
  const auto nonce_bytes = fixed_from_lower_hex<KeyNonce>(*nonce);
  out.authenticated.assign(begin, text.data());
  const auto sealed = take(text, "sealed");
  auto bytes = from_lower_hex(sealed.value_or(""));
  if (!salt_bytes || !nonce_bytes || !bytes || bytes->size() != kSealedBytes) return false;
  out.salt = *salt_bytes;
  out.nonce = *nonce_bytes;
  out.secret.bytes = std::move(*bytes);
  return to_number(*ops, kLeastKeyCost.ops, kMostKeyCost.ops, out.cost.ops) &&
         to_number(*memory, kLeastKeyCost.memory_kib, kMostKeyCost.memory_kib, out.cost.memory_kib);
}

std::expected<Parsed, KeystoreError> parse(std::string_view text) {
  if (text.size() > kMaxKeyText) return refuse(Reason::kDamaged, "too long");
  const char* begin = text.data();
  const auto version = take(text, "imi-key");
  if (version && *version != "1") return refuse(Reason::kNewerFormat);
  const auto purpose = take(text, "purpose");
  const auto key = take(text, "public");
  const auto cipher = take(text, "cipher");
  if (!version || !purpose || !key || !cipher) return refuse(Reason::kDamaged, "no key file");
  Parsed out;
  const auto public_key = fixed_from_lower_hex<PublicKey>(*key);
  if (!is_purpose(*purpose) || !public_key) return refuse(Reason::kDamaged, "bad public part");
  out.info = {std::string(*purpose), *public_key, *cipher == kSealedCipher};
  if (out.info.sealed) {
    if (!parse_sealed(text, begin, out)) return refuse(Reason::kDamaged, "bad sealed part");
  } else {
    const auto secret = take(text, "secret");
    auto bytes = from_lower_hex(secret.value_or(""));
    if (bytes) out.secret.bytes = std::move(*bytes);
    if (*cipher != "none" || out.secret.bytes.size() != SecretKey::kSize) {
      return refuse(Reason::kDamaged, "bad secret part");
    }
  }
  if (!text.empty()) return refuse(Reason::kDamaged, "text after the key");
  return out;
}

bool derive(SealKey& key, std::string_view passphrase, const Parsed& p) {
  if (sodium_init() < 0) return false;  // picks the fast implementation; harmless to repeat
  return crypto_pwhash(key.bytes.data(), key.bytes.size(), passphrase.data(), passphrase.size(),
                       p.salt.data(), p.cost.ops, p.cost.memory_kib * 1024,
                       crypto_pwhash_ALG_ARGON2ID13) == 0;
}

constexpr std::string_view kNoMemory = "not enough memory for Argon2id";

std::expected<SecretBytes, KeystoreError> unseal(const Parsed& p, std::string_view passphrase) {
  SealKey seal;
  if (!derive(seal, passphrase, p)) return refuse(Reason::kIo, std::string(kNoMemory));
  SecretBytes out(SecretKey::kSize);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          out.bytes.data(), nullptr, nullptr, p.secret.bytes.data(), p.secret.bytes.size(),
          as_bytes(p.authenticated).data(), p.authenticated.size(), p.nonce.data(),
          seal.bytes.data()) != 0) {
    return refuse(Reason::kWrongPassphrase);
  }
  return out;
}

}  // namespace

std::expected<SecretText, KeystoreError> encode_key(const SecretKey& key, std::string_view purpose,
                                                    std::optional<std::string_view> passphrase,
                                                    RandomSource& random, const KeyCost& cost) {
  IMI_CHECK(cost.ops >= kLeastKeyCost.ops && cost.ops <= kMostKeyCost.ops);
  IMI_CHECK(cost.memory_kib >= kLeastKeyCost.memory_kib);
  IMI_CHECK(cost.memory_kib <= kMostKeyCost.memory_kib);
  if (!is_purpose(purpose)) return refuse(Reason::kBadPurpose, std::string(purpose));
  SecretText out;
  out.text.reserve(kMaxKeyText);  // no copies of secrets are left behind by growing
  out.text = "imi-key 1\npurpose " + std::string(purpose) + "\npublic " + to_hex(key.public_key());
  if (!passphrase || passphrase->empty()) {
    std::string hex = to_hex(key.reveal());
    out.text.append("\ncipher none\nsecret ").append(hex).append("\n");
    wipe(hex);
    return out;
  }
  Parsed p;
  p.cost = cost;
  p.salt = random.fixed<KeySalt>();
  p.nonce = random.fixed<KeyNonce>();
  out.text += "\ncipher " + std::string(kSealedCipher) + "\nops " + std::to_string(cost.ops) +
              "\nmemory_kib " + std::to_string(cost.memory_kib) + "\nsalt " + to_hex(p.salt) +
              "\nnonce " + to_hex(p.nonce) + "\n";
  SealKey seal;
  if (!derive(seal, *passphrase, p)) return refuse(Reason::kIo, std::string(kNoMemory));
  Bytes sealed(kSealedBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      sealed.data(), nullptr, key.reveal().data(), key.reveal().size(), as_bytes(out.text).data(),
      out.text.size(), nullptr, p.nonce.data(), seal.bytes.data());
  out.text += "sealed " + to_hex(sealed) + "\n";
  return out;
}

std::expected<KeyInfo, KeystoreError> decode_key_info(std::string_view text) {
  auto p = parse(text);
  if (!p) return std::unexpected(std::move(p.error()));
  return std::move(p->info);
}

std::expected<SecretKey, KeystoreError> decode_key(std::string_view text,
                                                   std::optional<std::string_view> passphrase) {
  auto p = parse(text);
  if (!p) return std::unexpected(std::move(p.error()));
  if (p->info.sealed) {
    if (!passphrase || passphrase->empty()) return refuse(Reason::kPassphraseNeeded);
    auto opened = unseal(*p, *passphrase);
    if (!opened) return std::unexpected(std::move(opened.error()));
    p->secret = std::move(*opened);
  }
  auto key = SecretKey::from_bytes(p->secret.bytes);
  if (!key || key->public_key() != p->info.public_key) {
    return refuse(Reason::kDamaged, "the secret does not belong to the public key");
  }
  return std::move(*key);
}

}  // namespace imi::crypto
