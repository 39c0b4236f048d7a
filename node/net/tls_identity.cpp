#include "node/net/tls_identity.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "node/net/tls_pin.h"

namespace imi::node {

namespace {

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;

constexpr std::size_t kMaxPemBytes = 64u << 10;
using Reason = NetError::Reason;

NetError openssl_error(Reason reason, std::string subject) {
  char text[160] = "OpenSSL gave no reason";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof(text));
  }
  ERR_clear_error();
  return {reason, std::move(subject), text};
}

NetError system_error(Reason reason, const std::filesystem::path& path, int error) {
  return {reason, path.string(), std::strerror(error)};
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(n));
  return out;
}

BioPtr bio_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

CertificatePtr make_certificate(EVP_PKEY* key, const std::string& common_name) {
  CertificatePtr cert(X509_new());
  if (!cert) return nullptr;
  // What peers check is the key; the rest is as fixed as the format allows.
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(cert.get()), "20200101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(cert.get()), "99991231235959Z");
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509_set_pubkey(cert.get(), key);
  if (X509_sign(cert.get(), key, EVP_sha256()) == 0) return nullptr;
  return cert;
}

std::expected<Hash256, NetError> pin_of_key(EVP_PKEY* key, const std::string& subject) {
  unsigned char* der = nullptr;
  const int n = i2d_PUBKEY(key, &der);
  if (n <= 0) return std::unexpected(openssl_error(Reason::kKeyDamaged, subject));
  Hash256 pin;
  SHA256(der, static_cast<std::size_t>(n), pin.data());
  OPENSSL_free(der);
  return pin;
}

std::expected<std::string, NetError> read_pem(const std::filesystem::path& path, bool secret) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    const auto reason = errno == ENOENT ? Reason::kKeyMissing : Reason::kPermission;
    return std::unexpected(system_error(reason, path, errno));
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat st{};
  if (::fstat(fd, &st) != 0) return std::unexpected(system_error(Reason::kPermission, path, errno));
  if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return std::unexpected(NetError{Reason::kKeyReadable, path.string(), ""});
  }
  std::string out(kMaxPemBytes + 1, '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = ::read(fd, out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error(Reason::kKeyDamaged, path, errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (have > kMaxPemBytes) {
    return std::unexpected(NetError{Reason::kKeyDamaged, path.string(), "larger than any PEM key"});
  }
  out.resize(have);
  return out;
}

// Never leaves a partial file under the final name: O_EXCL, and removed again on failure.
std::expected<void, NetError> write_new(const std::filesystem::path& path, std::string_view text,
                                        mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) {
    const auto reason = errno == EEXIST ? Reason::kKeyExists : Reason::kPermission;
    return std::unexpected(system_error(reason, path, errno));
  }
  int error = ::fchmod(fd, mode) == 0 ? 0 : errno;  // whatever the umask was
  while (error == 0 && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0) return {};
  ::unlink(path.c_str());
  return std::unexpected(system_error(Reason::kWriteFailed, path, error));
}

std::expected<void, NetError> sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(Reason::kWriteFailed, folder, errno));
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return std::unexpected(system_error(Reason::kWriteFailed, folder, error));
  return {};
}

}  // namespace

TlsIdentity::~TlsIdentity() { OPENSSL_cleanse(key_pem.data(), key_pem.size()); }

std::optional<Hash256> pin_of(const X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return std::nullopt;
  auto pin = pin_of_key(key, "");
  ERR_clear_error();
  if (!pin) return std::nullopt;
  return *pin;
}

std::expected<Hash256, NetError> pin_of_certificate(std::string_view pem) {
  const BioPtr bio = bio_of(pem);
  const CertificatePtr cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!cert) return std::unexpected(openssl_error(Reason::kKeyDamaged, "the certificate"));
  return pin_of_key(X509_get0_pubkey(cert.get()), "the certificate");
}

std::expected<TlsIdentity, NetError> generate_tls_identity(const std::string& common_name) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return std::unexpected(openssl_error(Reason::kTlsFailed, common_name));
  const CertificatePtr cert = make_certificate(key.get(), common_name.substr(0, 64));
  if (!cert) return std::unexpected(openssl_error(Reason::kTlsFailed, common_name));
  const BioPtr key_bio(BIO_new(BIO_s_secmem()));
  const BioPtr cert_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(cert_bio.get(), cert.get()) != 1) {
    return std::unexpected(openssl_error(Reason::kTlsFailed, common_name));
  }
  auto pin = pin_of_key(key.get(), common_name);
  if (!pin) return std::unexpected(pin.error());
  TlsIdentity out;
  out.key_pem = bio_text(key_bio.get());
  out.certificate_pem = bio_text(cert_bio.get());
  out.pin = *pin;
  return out;
}

std::expected<void, NetError> save_tls_identity(const TlsIdentity& identity,
                                                const std::filesystem::path& folder) {
  if (auto ok = write_new(folder / kTlsKeyFile, identity.key_pem, 0600); !ok) return ok;
  if (auto ok = write_new(folder / kTlsCertificateFile, identity.certificate_pem, 0644); !ok) {
    // A key without its certificate would block the next attempt.
    ::unlink((folder / kTlsKeyFile).c_str());
    return ok;
  }
  return sync_folder(folder);
}

std::expected<TlsIdentity, NetError> load_tls_identity(const std::filesystem::path& folder) {
  const auto key_path = folder / kTlsKeyFile;
  const auto certificate_path = folder / kTlsCertificateFile;
  auto key_pem = read_pem(key_path, true);
  if (!key_pem) return std::unexpected(key_pem.error());
  TlsIdentity out;
  out.key_pem = std::move(*key_pem);
  auto certificate_pem = read_pem(certificate_path, false);
  if (!certificate_pem) return std::unexpected(certificate_pem.error());
  out.certificate_pem = std::move(*certificate_pem);
  const BioPtr key_bio = bio_of(out.key_pem);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return std::unexpected(openssl_error(Reason::kKeyDamaged, key_path.string()));
  const BioPtr cert_bio = bio_of(out.certificate_pem);
  const CertificatePtr cert(PEM_read_bio_X509(cert_bio.get(), nullptr, nullptr, nullptr));
  if (!cert) return std::unexpected(openssl_error(Reason::kKeyDamaged, certificate_path.string()));
  if (X509_check_private_key(cert.get(), key.get()) != 1) {
    ERR_clear_error();
    return std::unexpected(NetError{Reason::kKeyDamaged, certificate_path.string(),
                                    "the certificate is of another key"});
  }
  auto pin = pin_of_key(key.get(), key_path.string());
  if (!pin) return std::unexpected(pin.error());
  out.pin = *pin;
  return out;
}

}  // namespace imi::node
