// Seeded randomness for simulation: xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018).
// Integers only, so that a seed means the same run with every compiler. One stream per concern
// (network, disk, faults, clients): drawing more in one never shifts another.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace imi::sim {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = split_mix(seed);
  }

  // An independent stream for a named concern, and for a part of it (a node).
  [[nodiscard]] static Rng stream(std::uint64_t seed, std::string_view concern,
                                  std::uint64_t part = 0) {
    std::uint64_t h = 0xcbf29ce484222325U ^ seed;
    for (const char c : concern) {
      h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
    }
    h ^= (part + 1) * 0x9e3779b97f4a7c15U;
    return Rng(split_mix(h));
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // 0 .. n-1; 0 if n is 0. The modulo bias is below 2^-32 for the sizes used here.
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  // lo .. hi, both possible.
  std::uint64_t range(std::uint64_t lo, std::uint64_t hi) { return lo + below(hi - lo + 1); }
  std::int64_t range_i64(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(hi - lo) + 1));
  }
  // True in `parts` of a million.
  bool chance_ppm(std::uint64_t parts) { return below(1'000'000) < parts; }

 private:
  static std::uint64_t split_mix(std::uint64_t& x) {
    x += 0x9e3779b97f4a7c15U;
    std::uint64_t z = x;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t state_[4]{};
};

}  // namespace imi::sim
