// Keys at rest: one file per key, readable by its owner alone.
//
// With a passphrase the secret is sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under
// a key from Argon2id (RFC 9106) with the salt and costs in the file; all lines before the sealed
// one are authenticated with it. Without one (local networks, hosts with an encrypted disk) the
// file says `cipher none`. Either way a file that group or others can read or write, or that
// belongs to another user, is refused (faults.md 61).
//
// The file is text, one "name value" pair per line, in this order, nothing else:
//   imi-key 1
//   purpose <text of [a-z0-9-], 1..32>
//   public <66 hex>
//   cipher none | argon2id-xchacha20poly1305
//   secret <64 hex>                                                  (cipher none)
//   ops <1..16> | memory_kib <8192..1048576> | salt <32 hex> | nonce <48 hex> | sealed <96 hex>
//
// Never overwrites. Secrets are zeroed after use and never printed. Re-entrant. Argon2id at the
// default cost (libsodium's "moderate") takes about 0.7 s and 256 MiB.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/suite.h"

namespace imi::crypto {

struct KeystoreError {
  enum class Reason : std::uint8_t {
    kNoFile,            // there is no such file
    kIo,                // it cannot be read or written; `detail` says why
    kTooOpen,           // others can read or write it: chmod 600
    kNotOwner,          // it belongs to another user
    kDamaged,           // not a key file, or changed since it was written
    kNewerFormat,       // written by a newer version
    kPassphraseNeeded,  // it is sealed and no passphrase was given
    kWrongPassphrase,   // the passphrase does not open it (or the sealed line was changed)
    kExists,            // a key exists already at this path: it is never overwritten
    kBadPurpose,        // the purpose is not [a-z0-9-]{1,32}
  };
  Reason reason{};
  std::string path;
  std::string detail;
};
// A sentence with the file and what to do.
[[nodiscard]] std::string describe(const KeystoreError& e);

struct KeyInfo {
  std::string purpose;  // "validator", "agency", "person": for people and against mix-ups
  PublicKey public_key;
  bool sealed = false;  // needs a passphrase
};

// Writes a new file, mode 0600, synced with its folder. No passphrase (or an empty one): not
// sealed.
[[nodiscard]] std::expected<void, KeystoreError> save_key(
    const std::filesystem::path& file, const SecretKey& key, std::string_view purpose,
    std::optional<std::string_view> passphrase, RandomSource& random);

// What the file says without opening it. Permissions are checked as for load_key.
[[nodiscard]] std::expected<KeyInfo, KeystoreError> read_key_info(
    const std::filesystem::path& file);

// The key. `passphrase` is ignored where the file is not sealed.
[[nodiscard]] std::expected<SecretKey, KeystoreError> load_key(
    const std::filesystem::path& file, std::optional<std::string_view> passphrase = std::nullopt);

// Zeroes a passphrase (or any text) in place, in a way the compiler keeps.
void wipe(std::string& secret);

}  // namespace imi::crypto
