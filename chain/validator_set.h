// The validators of one epoch, and the sizes of the quorums they form.
#pragma once

#include <string>
#include <vector>

#include "chain/ids.h"
#include "crypto/suite.h"

namespace imi::chain {

// Rule A0. n >= 4 in production; the formulas hold for any n >= 1 (n = 1 has f = 0, q = 1).
struct Quorum {
  std::uint32_t n = 0;
  std::uint32_t f = 0;     // floor((n - 1) / 3): members that may be arbitrarily faulty
  std::uint32_t q = 0;     // ceil((n + f + 1) / 2): two quorums share an honest member
  std::uint32_t weak = 0;  // f + 1: one honest member at least

  [[nodiscard]] static constexpr Quorum of(std::uint32_t n) {
    const std::uint32_t f = n == 0 ? 0 : (n - 1) / 3;
    return {n, f, (n + f + 2) / 2, f + 1};
  }
};

inline constexpr std::size_t kMaxValidators = 100;

struct Validator {
  std::string name;       // 1..64 bytes, unique in the set; for people and logs
  crypto::PublicKey key;  // signs votes and checkpoints
  Hash256 tls_key_pin;    // SHA-256 of the SubjectPublicKeyInfo of its TLS certificate
  bool operator==(const Validator&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(name, key, tls_key_pin);
  }
};

enum class ValidatorSetError : std::uint8_t {
  kEmpty,
  kTooMany,
  kBadName,
  kBadKey,
  kDuplicateName,
  kDuplicateKey,
  kDuplicateTlsKey,
};
[[nodiscard]] std::string_view describe(ValidatorSetError e);

struct ValidatorSet {
  Epoch epoch;
  std::vector<Validator> members;  // index = MemberId
  bool operator==(const ValidatorSet&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(epoch, members);
  }

  [[nodiscard]] Quorum quorum() const {
    return Quorum::of(static_cast<std::uint32_t>(members.size()));
  }
  [[nodiscard]] bool contains(MemberId m) const { return m.value < members.size(); }
  [[nodiscard]] const Validator& member(MemberId m) const { return members[m.value]; }
  [[nodiscard]] Hash256 digest() const;
  [[nodiscard]] std::expected<void, ValidatorSetError> validate() const;
};

// The primary of a view: members take turns, epoch by epoch.
[[nodiscard]] inline MemberId primary(const ValidatorSet& set, View view) {
  return MemberId(static_cast<std::uint16_t>((set.epoch.value + view.value) % set.members.size()));
}

}  // namespace imi::chain
