// The randomness seam. Everything that draws random bytes takes a RandomSource, so that a simulated
// cluster is reproducible from one seed. Pure targets draw none at all.
#pragma once

#include <span>

#include "base/bytes.h"

namespace imi::crypto {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <class Fixed>
  Fixed fixed() {
    Fixed v;
    fill(v.bytes);
    return v;
  }
};

// The operating system's generator (libsodium randombytes). Thread-safe.
[[nodiscard]] RandomSource& system_random();

// A reproducible stream (ChaCha20 keyed by the seed) for simulation and tests. Never for keys that
// guard anything real. Not thread-safe.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : seed_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

}  // namespace imi::crypto
