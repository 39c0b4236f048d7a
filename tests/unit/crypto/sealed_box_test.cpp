#include "crypto/sealed_box.h"

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {
struct Party {
  SeededRandom random{1};
  std::vector<BoxSecretKey> keys;
  std::vector<BoxPublicKey> readers;
  explicit Party(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      keys.push_back(BoxSecretKey::generate(random));
      readers.push_back(keys.back().public_key());
    }
  }
};
const Bytes kContext{1, 2, 3};
}  // namespace

TEST_CASE("each named reader opens the payload, and nobody else") {
  Party p(3);
  const Bytes payload(1000, 0x5a);
  const auto sealed = seal(payload, kContext, p.readers, p.random);
  REQUIRE(sealed);
  for (const auto& key : p.keys) CHECK(open(*sealed, kContext, key) == payload);
  const auto stranger = BoxSecretKey::generate(p.random);
  CHECK(open(*sealed, kContext, stranger).error() == SealError::kNotAReader);
  CHECK(decode<SealedPayload>(encode(*sealed)) == *sealed);
}

TEST_CASE("two sealings of one payload share nothing, and readers may be named twice") {
  Party p(2);
  p.readers.push_back(p.readers[0]);
  const auto a = seal(as_bytes("x"), kContext, p.readers, p.random);
  const auto b = seal(as_bytes("x"), kContext, p.readers, p.random);
  REQUIRE((a && b));
  CHECK(a->readers.size() == 2);
  CHECK(a->ciphertext != b->ciphertext);
  CHECK(a->nonce != b->nonce);
  CHECK(a->readers[0].box != b->readers[0].box);
}

TEST_CASE("a payload does not open in another context") {
  Party p(1);
  const auto sealed = seal({}, kContext, p.readers, p.random);
  REQUIRE(sealed);
  CHECK(open(*sealed, kContext, p.keys[0])->empty());
  CHECK(open(*sealed, Bytes{1, 2}, p.keys[0]).error() == SealError::kDamaged);
}

TEST_CASE("every changed bit of a sealed payload is noticed by the reader it was sealed for") {
  Party p(1);
  const auto sealed = seal(as_bytes("2,000.00"), kContext, p.readers, p.random);
  REQUIRE(sealed);
  each_bit_flip(encode(*sealed), [&](ByteView bytes) {
    const auto changed = decode<SealedPayload>(bytes);
    CHECK((!changed || !open(*changed, kContext, p.keys[0])));
  });
}

TEST_CASE("no readers, too many, unusable ones and payloads too large are refused by name") {
  Party p(kMaxReaders + 1);
  CHECK(seal({}, {}, {}, p.random).error() == SealError::kNoReaders);
  CHECK(seal({}, {}, p.readers, p.random).error() == SealError::kTooManyReaders);
  const BoxPublicKey zero;
  CHECK(seal({}, {}, std::span(&zero, 1), p.random).error() == SealError::kBadReader);
  const auto one = std::span(p.readers).first(1);
  CHECK(seal(Bytes(kMaxSealedPayload + 1), {}, one, p.random).error() ==
        SealError::kPayloadTooLarge);
  CHECK(open(*seal(Bytes(kMaxSealedPayload), {}, one, p.random), {}, p.keys[0])->size() ==
        kMaxSealedPayload);
}

TEST_CASE("readers out of order do not decode: one form per payload") {
  Party p(2);
  auto sealed = *seal(as_bytes("x"), {}, p.readers, p.random);
  std::swap(sealed.readers[0], sealed.readers[1]);
  CHECK(decode<SealedPayload>(encode(sealed)).error().reason == CodecError::Reason::kRuleBroken);
}
