#include "chain/validator_set.h"

#include <set>

#include "base/codec.h"
#include "crypto/hash.h"

namespace imi::chain {

std::string_view describe(ValidatorSetError e) {
  switch (e) {
    case ValidatorSetError::kEmpty: return "the validator set is empty";
    case ValidatorSetError::kTooMany: return "the validator set has more than 100 members";
    case ValidatorSetError::kBadName: return "a validator's name is empty or longer than 64 bytes";
    case ValidatorSetError::kBadKey: return "a validator's public key is not a valid key";
    case ValidatorSetError::kDuplicateName: return "two validators have the same name";
    case ValidatorSetError::kDuplicateKey: return "two validators have the same public key";
    case ValidatorSetError::kDuplicateTlsKey: return "two validators have the same TLS key";
  }
  return "unknown validator set error";
}

Hash256 ValidatorSet::digest() const {
  return crypto::hash_of(crypto::Domain::kValidatorSet, *this);
}

std::expected<void, ValidatorSetError> ValidatorSet::validate() const {
  using E = ValidatorSetError;
  if (members.empty()) return std::unexpected(E::kEmpty);
  if (members.size() > kMaxValidators) return std::unexpected(E::kTooMany);
  std::set<std::string> names;
  std::set<crypto::PublicKey> keys;
  std::set<Hash256> pins;
  for (const Validator& v : members) {
    if (v.name.empty() || v.name.size() > 64) return std::unexpected(E::kBadName);
    if (!crypto::is_valid(v.key)) return std::unexpected(E::kBadKey);
    if (!names.insert(v.name).second) return std::unexpected(E::kDuplicateName);
    if (!keys.insert(v.key).second) return std::unexpected(E::kDuplicateKey);
    if (!pins.insert(v.tls_key_pin).second) return std::unexpected(E::kDuplicateTlsKey);
  }
  return {};
}

}  // namespace imi::chain
