#include "crypto/random.h"

#include <sodium.h>

namespace imi::crypto {

namespace {
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};
}  // namespace

RandomSource& system_random() {
  static SystemRandom instance;
  return instance;
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  std::array<std::uint8_t, crypto_stream_chacha20_KEYBYTES> key{};
  std::array<std::uint8_t, crypto_stream_chacha20_NONCEBYTES> nonce{};
  std::memcpy(key.data(), &seed_, sizeof(seed_));
  std::memcpy(nonce.data(), &counter_, sizeof(counter_));
  ++counter_;
  crypto_stream_chacha20(out.data(), out.size(), nonce.data(), key.data());
}

}  // namespace imi::crypto
