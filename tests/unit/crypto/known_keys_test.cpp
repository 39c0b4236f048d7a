// Goal: KnownKeys answers what verify() answers, whichever way it goes. Method: the same items
// before and after a key has its tables, with every kind of damage; counts and bounds by counting
// tables.
#include "crypto/known_keys.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "base/hex.h"

using namespace imi;          // NOLINT
using namespace imi::crypto;  // NOLINT

namespace {

struct Signer {
  explicit Signer(std::uint64_t seed) : random(seed), key(SecretKey::generate(random)) {}
  SignedDigest next() {
    const auto digest = random.fixed<Hash256>();
    return {key.public_key(), digest, key.sign(digest)};
  }
  std::vector<SignedDigest> next(std::size_t n) {
    std::vector<SignedDigest> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(next());
    return out;
  }
  SeededRandom random;
  SecretKey key;
};

KnownKeys::Options quick(std::uint32_t earn_after = 4) {
  KnownKeys::Options o;
  o.earn_after = earn_after;
  return o;
}

// a - b over 32 big-endian bytes.
std::array<std::uint8_t, 32> minus(ByteView a, ByteView b) {
  std::array<std::uint8_t, 32> out{};
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int d = a[i] - b[i] - borrow;
    borrow = d < 0 ? 1 : 0;
    out[i] = static_cast<std::uint8_t>(d + 256 * borrow);
  }
  return out;
}

const Bytes kOrder = *from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

// Good items and one of each kind of bad one, all of one key.
std::vector<SignedDigest> mixed(Signer& signer) {
  std::vector<SignedDigest> items = signer.next(12);
  items[1].digest.bytes[7] ^= 1;
  items[2].signature.bytes[3] ^= 0x40;                                                // r
  items[3].signature.bytes[60] ^= 0x02;                                               // s
  std::ranges::fill(std::span(items[4].signature.bytes).first(32), std::uint8_t{0});  // r = 0
  std::ranges::fill(std::span(items[5].signature.bytes).last(32), std::uint8_t{0});   // s = 0
  std::ranges::copy(kOrder, items[6].signature.bytes.begin());                        // r = n
  const auto high = minus(kOrder, ByteView(items[7].signature.bytes).subspan(32));    // n - s
  std::ranges::copy(high, items[7].signature.bytes.begin() + 32);
  std::swap(items[8].signature, items[9].signature);
  items[10].digest.bytes.fill(0);     // z = 0: no scalar, decided by verify()
  items[11].digest.bytes.fill(0xff);  // z >= n
  items[11].signature = signer.key.sign(items[11].digest);
  return items;
}

}  // namespace

TEST_CASE("answers are those of verify(), before and after a key has its tables") {
  Signer signer(1);
  KnownKeys keys(quick());
  for (int round = 0; round < 40; ++round) {
    const std::vector<SignedDigest> items = mixed(signer);
    const std::vector<bool> answers = keys.verify(items);
    REQUIRE(answers.size() == items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      INFO("round " << round << ", item " << i);
      CHECK(answers[i] == verify(items[i].key, items[i].digest, items[i].signature));
    }
    CHECK(answers[0]);
    CHECK(answers[11]);
    CHECK_FALSE(answers[7]);
    if (round > 0) CHECK(keys.keys_with_tables() == 1);
  }
}

TEST_CASE("every one-bit change of a signature is refused with tables too") {
  Signer signer(2);
  KnownKeys keys(quick(1));
  (void)keys.verify(signer.next(4));
  REQUIRE(keys.keys_with_tables() == 1);
  const SignedDigest good = signer.next();
  std::vector<SignedDigest> items(512, good);
  for (std::size_t bit = 0; bit < items.size(); ++bit) {
    items[bit].signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
  items.push_back(good);
  const std::vector<bool> answers = keys.verify(items);
  CHECK(std::ranges::count(answers, true) == 1);
  CHECK(answers.back());
}

TEST_CASE("a signature of another known key is refused, and batches may mix keys") {
  Signer a(3);
  Signer b(4);
  Signer stranger(5);
  KnownKeys keys(quick(1));
  (void)keys.verify(a.next(1));
  (void)keys.verify(b.next(1));
  REQUIRE(keys.keys_with_tables() == 2);
  std::vector<SignedDigest> items;
  for (int i = 0; i < 6; ++i) {
    items.push_back(a.next());
    items.push_back(b.next());
  }
  items.push_back(stranger.next());
  items[4].key = b.key.public_key();
  items[5].key.bytes.fill(0);  // no key at all
  const std::vector<bool> answers = keys.verify(items);
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(answers[i] == (i != 4 && i != 5));
}

TEST_CASE("invalid signatures earn nothing, and tables are bounded") {
  KnownKeys::Options options = quick(2);
  options.max_keys = 2;
  KnownKeys keys(options);
  Signer liar(6);
  for (int i = 0; i < 8; ++i) {
    SignedDigest bad = liar.next();
    bad.digest.bytes[0] ^= 1;
    CHECK_FALSE(keys.verify(std::span(&bad, 1))[0]);
  }
  CHECK(keys.keys_with_tables() == 0);
  for (std::uint64_t seed = 10; seed < 14; ++seed) {
    Signer signer(seed);
    CHECK(std::ranges::count(keys.verify(signer.next(5)), true) == 5);
    CHECK(std::ranges::count(keys.verify(signer.next(5)), true) == 5);
  }
  CHECK(keys.keys_with_tables() == 2);
}

TEST_CASE("several threads verify while tables are made") {
  KnownKeys keys(quick(16));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&keys, &wrong, t] {
      Signer signer(100 + t % 2);  // two threads a key
      for (int round = 0; round < 12; ++round) {
        std::vector<SignedDigest> items = signer.next(8);
        items[3].digest.bytes[1] ^= 8;
        const auto answers = keys.verify(items);
        for (std::size_t i = 0; i < items.size(); ++i) wrong += answers[i] == (i != 3) ? 0 : 1;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(keys.keys_with_tables() == 2);
}
