#include "crypto/keystore.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "crypto/key_text.h"

namespace imi::crypto {
namespace {

using Reason = KeystoreError::Reason;

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
// What the text's own functions refuse, with the file's name.
std::unexpected<KeystoreError> in_file(KeystoreError e, const std::filesystem::path& file) {
  e.path = file.string();
  return std::unexpected(std::move(e));
}

std::expected<SecretText, KeystoreError> read_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return io_error(file);
  struct stat st{};
  SecretText out;
  out.text.resize(kMaxKeyText + 1);
  const bool stat_ok = ::fstat(fd, &st) == 0;
  if (stat_ok && !S_ISREG(st.st_mode)) {
    ::close(fd);
    return refuse(Reason::kDamaged, file, "not a regular file");
  }
  const ssize_t n = ::read(fd, out.text.data(), out.text.size());
  ::close(fd);
  if (!stat_ok || n < 0) return io_error(file);
  if (st.st_uid != ::geteuid()) return refuse(Reason::kNotOwner, file);
  if ((st.st_mode & 077) != 0) return refuse(Reason::kTooOpen, file);
  out.text.resize(static_cast<std::size_t>(n));
  return out;
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
      return "a key exists already at " + e.path + "; keys are never overwritten";
    case Reason::kBadPurpose:
      return "the purpose of a key is 1 to 32 of a-z, 0-9 and '-': '" + e.detail + "'";
  }
  return e.detail;
}

std::expected<void, KeystoreError> save_key(const std::filesystem::path& file, const SecretKey& key,
                                            std::string_view purpose,
                                            std::optional<std::string_view> passphrase,
                                            RandomSource& random) {
  const auto text = encode_key(key, purpose, passphrase, random);
  if (!text) return in_file(text.error(), file);
  return write_new(file, text->text);
}

std::expected<KeyInfo, KeystoreError> read_key_info(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto info = decode_key_info(text->text);
  if (!info) return in_file(std::move(info.error()), file);
  return info;
}

std::expected<SecretKey, KeystoreError> load_key(const std::filesystem::path& file,
                                                 std::optional<std::string_view> passphrase) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto key = decode_key(text->text, passphrase);
  if (!key) return in_file(std::move(key.error()), file);
  return key;
}

}  // namespace imi::crypto
