#include "crypto/keystore.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/hex.h"

namespace imi::crypto {
namespace {

using Reason = KeystoreError::Reason;
constexpr std::size_t kMaxFile = 4096;
constexpr std::uint64_t kOps = 2;
constexpr std::uint64_t kMemoryKib = 65'536;
constexpr std::string_view kSealedCipher = "argon2id-xchacha20poly1305";

using Salt = FixedBytes<struct SaltTag, crypto_pwhash_SALTBYTES>;
using Nonce = FixedBytes<struct NonceTag, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;
constexpr std::size_t kSealedBytes = SecretKey::kSize + crypto_aead_xchacha20poly1305_ietf_ABYTES;

// A key derived from a passphrase, zeroed when it goes.
struct SealKey {
  std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> bytes{};
  SealKey() = default;
  SealKey(const SealKey&) = delete;
  SealKey& operator=(const SealKey&) = delete;
  ~SealKey() { sodium_memzero(bytes.data(), bytes.size()); }
};

// A file's text, zeroed when it goes: it may hold a secret.
struct SecretText {
  std::string text;
  SecretText() = default;
  SecretText(SecretText&&) = default;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(text); }
};

struct Parsed {
  KeyInfo info;
  std::string authenticated;  // all lines before `sealed`
  std::uint64_t ops = 0;
  std::uint64_t memory_kib = 0;
  Salt salt;
  Nonce nonce;
  Bytes secret;  // the secret, or sealed bytes
};

std::unexpected<KeystoreError> refuse(Reason r, const std::filesystem::path& file,
                                      std::string detail = {}) {
  return std::unexpected(KeystoreError{r, file.string(), std::move(detail)});
}
std::unexpected<KeystoreError> io_error(const std::filesystem::path& file) {
  const Reason r = errno == ENOENT   ? Reason::kNoFile
                   : errno == EEXIST ? Reason::kExists
                                     : Reason::kIo;
  return refuse(r, file, std::strerror(errno));
}

bool is_purpose(std::string_view s) {
  return !s.empty() && s.size() <= 32 &&
         s.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool to_number(std::string_view s, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc() && end == s.data() + s.size() && out >= least && out <= most;
}

std::expected<SecretText, KeystoreError> read_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return io_error(file);
  struct stat st{};
  SecretText out;
  out.text.resize(kMaxFile + 1);
  const bool stat_ok = ::fstat(fd, &st) == 0;
  const ssize_t n = ::read(fd, out.text.data(), out.text.size());
  ::close(fd);
  if (!stat_ok || n < 0) return io_error(file);
  if (st.st_uid != ::geteuid() && ::geteuid() != 0) return refuse(Reason::kNotOwner, file);
  if ((st.st_mode & 077) != 0) return refuse(Reason::kTooOpen, file);
  if (n > static_cast<ssize_t>(kMaxFile)) return refuse(Reason::kDamaged, file, "too long");
  out.text.resize(static_cast<std::size_t>(n));
  return out;
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
  const auto salt_bytes = fixed_from_hex<Salt>(*salt);
  const auto nonce_bytes = fixed_from_hex<Nonce>(*nonce);
  out.authenticated.assign(begin, text.data());
  const auto sealed = take(text, "sealed");
  auto bytes = from_hex(sealed.value_or(""));
  if (!salt_bytes || !nonce_bytes || !bytes || bytes->size() != kSealedBytes) return false;
  out.salt = *salt_bytes;
  out.nonce = *nonce_bytes;
  out.secret = std::move(*bytes);
  return to_number(*ops, 1, 16, out.ops) && to_number(*memory, 8192, 1'048'576, out.memory_kib);
}

std::expected<Parsed, KeystoreError> parse(std::string_view text,
                                           const std::filesystem::path& file) {
  const char* begin = text.data();
  const auto version = take(text, "imi-key");
  if (version && *version != "1") return refuse(Reason::kNewerFormat, file);
  const auto purpose = take(text, "purpose");
  const auto key = take(text, "public");
  const auto cipher = take(text, "cipher");
  if (!version || !purpose || !key || !cipher) return refuse(Reason::kDamaged, file, "no key file");
  Parsed out;
  const auto public_key = fixed_from_hex<PublicKey>(*key);
  if (!is_purpose(*purpose) || !public_key)
    return refuse(Reason::kDamaged, file, "bad public part");
  out.info = {std::string(*purpose), *public_key, *cipher == kSealedCipher};
  if (out.info.sealed) {
    if (!parse_sealed(text, begin, out)) return refuse(Reason::kDamaged, file, "bad sealed part");
  } else {
    const auto secret = take(text, "secret");
    auto bytes = from_hex(secret.value_or(""));
    if (*cipher != "none" || !bytes || bytes->size() != SecretKey::kSize) {
      return refuse(Reason::kDamaged, file, "bad secret part");
    }
    out.secret = std::move(*bytes);
  }
  if (!text.empty()) {
    sodium_memzero(out.secret.data(), out.secret.size());
    return refuse(Reason::kDamaged, file, "text after the key");
  }
  return out;
}

bool derive(SealKey& key, std::string_view passphrase, const Parsed& p) {
  if (sodium_init() < 0) return false;  // picks the fast implementation; harmless to repeat
  return crypto_pwhash(key.bytes.data(), key.bytes.size(), passphrase.data(), passphrase.size(),
                       p.salt.data(), p.ops, p.memory_kib * 1024,
                       crypto_pwhash_ALG_ARGON2ID13) == 0;
}

std::expected<void, KeystoreError> write_new(const std::filesystem::path& file,
                                             std::string_view text) {
  // Written whole under another name, then linked: a crash leaves either no key or all of it.
  const std::string temporary = file.string() + ".new";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(temporary);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written || ::link(temporary.c_str(), file.c_str()) != 0) {
    if (!written) errno = error;
    auto e = io_error(file);
    ::unlink(temporary.c_str());
    return e;
  }
  ::unlink(temporary.c_str());
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return io_error(folder);
  const bool synced = ::fsync(dir) == 0;
  ::close(dir);
  if (!synced) return io_error(folder);
  return {};
}

}  // namespace

void wipe(std::string& secret) {
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

std::string describe(const KeystoreError& e) {
  switch (e.reason) {
    case Reason::kNoFile: return "there is no key file " + e.path;
    case Reason::kIo: return "cannot read or write the key file " + e.path + ": " + e.detail;
    case Reason::kTooOpen:
      return "the key file " + e.path +
             " can be read by others: chmod 600 it, and consider the key "
             "known to them";
    case Reason::kNotOwner: return "the key file " + e.path + " belongs to another user";
    case Reason::kDamaged: return e.path + " is not a sound key file: " + e.detail;
    case Reason::kNewerFormat: return e.path + " was written by a newer version of this program";
    case Reason::kPassphraseNeeded:
      return "the key " + e.path + " is sealed: its passphrase is needed";
    case Reason::kWrongPassphrase: return "the passphrase does not open the key " + e.path;
    case Reason::kExists:
      return "there is a key at " + e.path + " already; keys are never overwritten";
    case Reason::kBadPurpose:
      return "the purpose of a key is 1 to 32 of a-z, 0-9 and '-': '" + e.detail + "'";
  }
  return e.detail;
}

std::expected<void, KeystoreError> save_key(const std::filesystem::path& file, const SecretKey& key,
                                            std::string_view purpose,
                                            std::optional<std::string_view> passphrase,
                                            RandomSource& random) {
  if (!is_purpose(purpose)) return refuse(Reason::kBadPurpose, file, std::string(purpose));
  SecretText out;
  out.text.reserve(kMaxFile);
  out.text = "imi-key 1\npurpose " + std::string(purpose) + "\npublic " + to_hex(key.public_key());
  if (!passphrase || passphrase->empty()) {
    std::string hex = to_hex(key.reveal());
    out.text += "\ncipher none\nsecret " + hex + "\n";
    wipe(hex);
    return write_new(file, out.text);
  }
  Parsed p;
  p.ops = kOps;
  p.memory_kib = kMemoryKib;
  p.salt = random.fixed<Salt>();
  p.nonce = random.fixed<Nonce>();
  out.text += "\ncipher " + std::string(kSealedCipher) + "\nops " + std::to_string(p.ops) +
              "\nmemory_kib " + std::to_string(p.memory_kib) + "\nsalt " + to_hex(p.salt) +
              "\nnonce " + to_hex(p.nonce) + "\n";
  SealKey seal;
  if (!derive(seal, *passphrase, p))
    return refuse(Reason::kIo, file, "not enough memory for Argon2id");
  Bytes sealed(kSealedBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      sealed.data(), nullptr, key.reveal().data(), key.reveal().size(), as_bytes(out.text).data(),
      out.text.size(), nullptr, p.nonce.data(), seal.bytes.data());
  out.text += "sealed " + to_hex(sealed) + "\n";
  return write_new(file, out.text);
}

std::expected<KeyInfo, KeystoreError> read_key_info(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto p = parse(text->text, file);
  if (!p) return std::unexpected(p.error());
  sodium_memzero(p->secret.data(), p->secret.size());
  return p->info;
}

std::expected<SecretKey, KeystoreError> load_key(const std::filesystem::path& file,
                                                 std::optional<std::string_view> passphrase) {
  auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto p = parse(text->text, file);
  if (!p) return std::unexpected(p.error());
  Bytes secret = std::move(p->secret);
  if (p->info.sealed) {
    if (!passphrase || passphrase->empty()) return refuse(Reason::kPassphraseNeeded, file);
    SealKey seal;
    if (!derive(seal, *passphrase, *p))
      return refuse(Reason::kIo, file, "not enough memory for Argon2id");
    Bytes opened(SecretKey::kSize);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(opened.data(), nullptr, nullptr, secret.data(),
                                                   secret.size(), as_bytes(p->authenticated).data(),
                                                   p->authenticated.size(), p->nonce.data(),
                                                   seal.bytes.data()) != 0) {
      return refuse(Reason::kWrongPassphrase, file);
    }
    secret = std::move(opened);
  }
  auto key = SecretKey::from_bytes(secret);
  sodium_memzero(secret.data(), secret.size());
  if (!key || key->public_key() != p->info.public_key) {
    return refuse(Reason::kDamaged, file, "the secret does not belong to the public key");
  }
  return std::move(*key);
}

}  // namespace imi::crypto
