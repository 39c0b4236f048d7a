#include "crypto/known_keys.h"

#include <openssl/bn.h>
#include <secp256k1.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "crypto/huge_pages.h"

namespace imi::crypto {
namespace {

using Scalar = std::array<std::uint8_t, 32>;  // big-endian, below the group order

const secp256k1_context* context() { return secp256k1_context_static; }

// Windows of so many bits, digits -2^(w-1)..2^(w-1). The generator's table is shared by all keys.
constexpr unsigned kKeyBits = 11;
constexpr unsigned kBaseBits = 13;
static_assert(kKeyBits <= 16 && kBaseBits <= 16, "bits_at() reads three bytes");
constexpr std::size_t rows_of(unsigned bits) { return (256 + bits) / bits; }  // with the last carry
constexpr std::size_t kMaxPoints = rows_of(kKeyBits) + rows_of(kBaseBits);

secp256k1_pubkey sum(const secp256k1_pubkey& a, const secp256k1_pubkey& b) {
  const secp256k1_pubkey* both[2] = {&a, &b};
  secp256k1_pubkey out;
  // Multiples below the (prime) group order: never the point at infinity.
  IMI_CHECK(secp256k1_ec_pubkey_combine(context(), &out, both, 2) == 1);
  return out;
}

constexpr Scalar kOne = [] {
  Scalar one{};
  one.back() = 1;
  return one;
}();

bool is_scalar(const std::uint8_t* bytes) {  // 1 <= value < group order
  return secp256k1_ec_seckey_verify(context(), bytes) == 1;
}

void multiply(Scalar& a, const Scalar& by) {  // both of them scalars: so is the product
  IMI_CHECK(secp256k1_ec_seckey_tweak_mul(context(), a.data(), by.data()) == 1);
}

struct FreeNumber {
  void operator()(BIGNUM* n) const { BN_free(n); }
  void operator()(BN_CTX* c) const { BN_CTX_free(c); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

Scalar inverse(const Scalar& a) {
  static constexpr Scalar kOrder = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                    0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
  const Number order(BN_bin2bn(kOrder.data(), kOrder.size(), nullptr));
  const Number value(BN_bin2bn(a.data(), static_cast<int>(a.size()), nullptr));
  const std::unique_ptr<BN_CTX, FreeNumber> room(BN_CTX_new());
  IMI_CHECK(order && value && room);
  const Number result(BN_mod_inverse(nullptr, value.get(), order.get(), room.get()));
  Scalar out;
  IMI_CHECK(result && BN_bn2binpad(result.get(), out.data(), static_cast<int>(out.size())) ==
                          static_cast<int>(out.size()));
  Scalar product = a;
  multiply(product, out);
  IMI_CHECK(product == kOne, "a number times its inverse");
  return out;
}

struct Term {
  const secp256k1_pubkey* point = nullptr;
  bool negated = false;
};

// The sum; nullopt: the point at infinity.
std::optional<secp256k1_pubkey> sum(std::span<const Term> terms) {
  std::array<secp256k1_pubkey, kMaxPoints> negated;
  std::array<const secp256k1_pubkey*, kMaxPoints> points;
  std::size_t n = 0;
  for (const Term& t : terms) {
    points[n] = t.point;
    if (t.negated) {
      negated[n] = *t.point;
      IMI_CHECK(secp256k1_ec_pubkey_negate(context(), &negated[n]) == 1);
      points[n] = &negated[n];
    }
    ++n;
  }
  secp256k1_pubkey out;
  if (secp256k1_ec_pubkey_combine(context(), &out, points.data(), n) != 1) return std::nullopt;
  return out;
}

}  // namespace

// k * 2^(bits * row) * P for all rows and 1 <= k <= 2^(bits - 1).
class KnownKeys::Multiples {
 public:
  Multiples(secp256k1_pubkey point, unsigned bits)
      : bits_(bits), half_(std::size_t{1} << (bits - 1)) {
    points_.reserve(rows_of(bits) * half_);
    for (std::size_t row = 0; row < rows_of(bits); ++row) {
      points_.push_back(point);
      for (std::size_t k = 1; k < half_; ++k) points_.push_back(sum(points_.back(), point));
      point = sum(points_.back(), points_.back());
    }
  }

  // Adds to `terms` those whose sum is scalar * P, and asks the memory for their points.
  void terms(const Scalar& scalar, std::vector<Term>& terms) const {
    const auto half = static_cast<int>(half_);
    int carry = 0;
    for (std::size_t row = 0; row < rows_of(bits_); ++row) {
      int digit = bits_at(scalar, row * bits_) + carry;
      carry = digit > half ? 1 : 0;
      digit -= carry * 2 * half;
      if (digit == 0) continue;
      const auto k = static_cast<std::size_t>(digit < 0 ? -digit : digit);
      terms.push_back({&points_[row * half_ + k - 1], digit < 0});
      __builtin_prefetch(terms.back().point);
    }
    IMI_CHECK(carry == 0);
  }

 private:
  // `bits_` bits of the scalar from bit `from` on, zeros beyond its end.
  [[nodiscard]] int bits_at(const Scalar& scalar, std::size_t from) const {
    std::uint32_t word = 0;
    const std::size_t lowest = from / 8;  // counted from the end: the scalar is big-endian
    for (std::size_t i = 0; i < 3 && lowest + i < scalar.size(); ++i) {
      word |= std::uint32_t{scalar[scalar.size() - 1 - lowest - i]} << (8 * i);
    }
    return static_cast<int>((word >> (from % 8)) & ((1u << bits_) - 1));
  }

  unsigned bits_;
  std::size_t half_;
  std::vector<secp256k1_pubkey, HugePages<secp256k1_pubkey>> points_;
};

struct KnownKeys::Fast {
  std::size_t item = 0;
  std::shared_ptr<const Multiples> key;
  Scalar s{};
  Scalar before{};  // product of the s of all items before this one
};

KnownKeys::KnownKeys(const Options& options) : options_(options) {}
KnownKeys::~KnownKeys() = default;

std::size_t KnownKeys::keys_with_tables() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(tables_, [](const auto& t) { return t.second != nullptr; }));
}

std::vector<bool> KnownKeys::verify(std::span<const SignedDigest> items) {
  std::vector<bool> out(items.size(), false);
  std::vector<Fast> fast;
  if (items.size() >= options_.min_batch) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto found = tables_.find(items[i].key);
      if (found == tables_.end() || found->second == nullptr) continue;
      fast.push_back({i, found->second, {}, {}});
    }
  }
  std::erase_if(fast, [&](const Fast& f) {
    const SignedDigest& item = items[f.item];
    return !is_scalar(item.digest.data()) || !is_scalar(item.signature.data()) ||
           !is_scalar(item.signature.data() + 32);
  });
  if (fast.size() >= options_.min_batch) verify_fast(items, fast, out);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!out[i]) out[i] = crypto::verify(items[i].key, items[i].digest, items[i].signature);
  }
  count(items, out);
  return out;
}

// The generator's: the same for all, made when the first key has earned its own.
const KnownKeys::Multiples& KnownKeys::base() {
  static const Multiples made = [] {
    static constexpr std::array<std::uint8_t, 33> kGenerator = {
        0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0,
        0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d,
        0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98};
    secp256k1_pubkey generator;
    IMI_CHECK(secp256k1_ec_pubkey_parse(context(), &generator, kGenerator.data(),
                                        kGenerator.size()) == 1);
    return Multiples(generator, kBaseBits);
  }();
  return made;
}

void KnownKeys::prepare() { (void)base(); }

void KnownKeys::verify_fast(std::span<const SignedDigest> items, std::span<Fast> fast,
                            std::vector<bool>& out) const {
  // 1/s for all: one inversion of the product of all, then backwards.
  Scalar product = kOne;
  for (Fast& f : fast) {
    std::copy_n(items[f.item].signature.data() + 32, 32, f.s.begin());
    f.before = product;
    multiply(product, f.s);
  }
  Scalar rest = inverse(product);
  std::vector<Term> terms;
  terms.reserve(kMaxPoints);
  for (std::size_t n = fast.size(); n > 0; --n) {
    const Fast& f = fast[n - 1];
    const SignedDigest& item = items[f.item];
    Scalar w = rest;
    multiply(w, f.before);
    multiply(rest, f.s);
    secp256k1_ecdsa_signature parsed;
    if (secp256k1_ecdsa_signature_parse_compact(context(), &parsed, item.signature.data()) != 1 ||
        secp256k1_ecdsa_signature_normalize(context(), nullptr, &parsed) != 0) {
      continue;  // high S: verify() says no
    }
    Scalar u1 = w;
    Scalar u2 = w;
    Scalar z;
    Scalar r;
    std::copy_n(item.digest.data(), 32, z.begin());
    std::copy_n(item.signature.data(), 32, r.begin());
    multiply(u1, z);
    multiply(u2, r);
    terms.clear();
    base().terms(u1, terms);
    f.key->terms(u2, terms);
    const auto point = sum(terms);
    if (!point) continue;
    std::array<std::uint8_t, 33> text;
    std::size_t size = text.size();
    (void)secp256k1_ec_pubkey_serialize(context(), text.data(), &size, &*point,
                                        SECP256K1_EC_COMPRESSED);
    out[f.item] = std::equal(r.begin(), r.end(), text.begin() + 1);
  }
}

void KnownKeys::count(std::span<const SignedDigest> items, const std::vector<bool>& valid) {
  std::vector<PublicKey> earned;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const PublicKey& key = items[i].key;
      if (!valid[i] || tables_.size() >= options_.max_keys || tables_.contains(key)) continue;
      if (seen_.size() >= options_.max_counted && !seen_.contains(key)) seen_.clear();
      if (++seen_[key] < options_.earn_after) continue;
      seen_.erase(key);
      tables_.emplace(key, nullptr);
      earned.push_back(key);
    }
  }
  for (const PublicKey& key : earned) earn(key);
}

void KnownKeys::earn(const PublicKey& key) {
  secp256k1_pubkey point;
  IMI_CHECK(secp256k1_ec_pubkey_parse(context(), &point, key.data(), PublicKey::kSize) == 1,
            "a key of a valid signature is a point");
  prepare();
  auto made = std::make_shared<const Multiples>(point, kKeyBits);
  const std::lock_guard lock(mutex_);
  tables_[key] = std::move(made);
}

}  // namespace imi::crypto
