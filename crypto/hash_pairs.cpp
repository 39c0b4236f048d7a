#include "crypto/hash_pairs.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace imi::crypto {

void hash_detail::hash_pairs_one_by_one(Domain d, std::span<const PairJob> jobs) {
  for (const PairJob& job : jobs) *job.out = hash_pair(d, *job.left, *job.right);
}

#if defined(__x86_64__)

namespace {

// BLAKE2b (RFC 7693) of four 64-byte messages, one a 64-bit lane: each is a single, last block.
#define IMI_LANES __attribute__((target("avx2"), always_inline)) inline

constexpr std::uint64_t kIv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                  0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr std::uint8_t kSigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                         {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                         {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                         {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                         {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                         {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                         {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                         {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                         {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                         {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

IMI_LANES __m256i rotr32(__m256i x) { return _mm256_shuffle_epi32(x, 0xb1); }
IMI_LANES __m256i rotr24(__m256i x) {
  return _mm256_shuffle_epi8(
      x, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1,
                          2, 11, 12, 13, 14, 15, 8, 9, 10));
}
IMI_LANES __m256i rotr16(__m256i x) {
  return _mm256_shuffle_epi8(
      x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0,
                          1, 10, 11, 12, 13, 14, 15, 8, 9));
}
IMI_LANES __m256i rotr63(__m256i x) {
  return _mm256_or_si256(_mm256_srli_epi64(x, 63), _mm256_add_epi64(x, x));
}

// The message has 8 words; the other 8 of the block are zeros, whose additions are left out.
template <std::size_t kWord>
IMI_LANES __m256i add_word(__m256i a, const __m256i* m) {
  if constexpr (kWord < 8) {
    return _mm256_add_epi64(a, m[kWord]);
  } else {
    return a;
  }
}

template <std::size_t kX, std::size_t kY>
IMI_LANES void mix(__m256i& a, __m256i& b, __m256i& c, __m256i& d, const __m256i* m) {
  a = add_word<kX>(_mm256_add_epi64(a, b), m);
  d = rotr32(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotr24(_mm256_xor_si256(b, c));
  a = add_word<kY>(_mm256_add_epi64(a, b), m);
  d = rotr16(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotr63(_mm256_xor_si256(b, c));
}

template <std::size_t kRound>
IMI_LANES void round(__m256i* v, const __m256i* m) {
  constexpr const std::uint8_t* s = kSigma[kRound % 10];
  mix<s[0], s[1]>(v[0], v[4], v[8], v[12], m);
  mix<s[2], s[3]>(v[1], v[5], v[9], v[13], m);
  mix<s[4], s[5]>(v[2], v[6], v[10], v[14], m);
  mix<s[6], s[7]>(v[3], v[7], v[11], v[15], m);
  mix<s[8], s[9]>(v[0], v[5], v[10], v[15], m);
  mix<s[10], s[11]>(v[1], v[6], v[11], v[12], m);
  mix<s[12], s[13]>(v[2], v[7], v[8], v[13], m);
  mix<s[14], s[15]>(v[3], v[4], v[9], v[14], m);
}

IMI_LANES __m256i all(std::uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }

// Four 4-word rows to four columns.
IMI_LANES void transpose(__m256i& a, __m256i& b, __m256i& c, __m256i& d) {
  const __m256i ab_low = _mm256_unpacklo_epi64(a, b);
  const __m256i ab_high = _mm256_unpackhi_epi64(a, b);
  const __m256i cd_low = _mm256_unpacklo_epi64(c, d);
  const __m256i cd_high = _mm256_unpackhi_epi64(c, d);
  a = _mm256_permute2x128_si256(ab_low, cd_low, 0x20);
  b = _mm256_permute2x128_si256(ab_high, cd_high, 0x20);
  c = _mm256_permute2x128_si256(ab_low, cd_low, 0x31);
  d = _mm256_permute2x128_si256(ab_high, cd_high, 0x31);
}

IMI_LANES __m256i row(const Hash256* h) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(h->data()));
}
IMI_LANES void store(Hash256* h, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(h->data()), x);
}

__attribute__((target("avx2"))) void hash_four(const std::uint64_t* start, const PairJob* j) {
  __m256i m[8] = {row(j[0].left),  row(j[1].left),  row(j[2].left),  row(j[3].left),
                  row(j[0].right), row(j[1].right), row(j[2].right), row(j[3].right)};
  transpose(m[0], m[1], m[2], m[3]);
  transpose(m[4], m[5], m[6], m[7]);
  __m256i v[16] = {all(start[0]),    all(start[1]), all(start[2]), all(start[3]),
                   all(start[4]),    all(start[5]), all(start[6]), all(start[7]),
                   all(kIv[0]),      all(kIv[1]),   all(kIv[2]),   all(kIv[3]),
                   all(kIv[4] ^ 64), all(kIv[5]),   all(~kIv[6]),  all(kIv[7])};
  round<0>(v, m);
  round<1>(v, m);
  round<2>(v, m);
  round<3>(v, m);
  round<4>(v, m);
  round<5>(v, m);
  round<6>(v, m);
  round<7>(v, m);
  round<8>(v, m);
  round<9>(v, m);
  round<10>(v, m);
  round<11>(v, m);
  for (std::size_t i = 0; i < 4; ++i) {
    v[i] = _mm256_xor_si256(_mm256_xor_si256(v[i], v[i + 8]), all(start[i]));
  }
  transpose(v[0], v[1], v[2], v[3]);
  for (std::size_t i = 0; i < 4; ++i) store(j[i].out, v[i]);
}

}  // namespace

bool hash_detail::has_four_lanes() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

void hash_pairs(Domain d, std::span<const PairJob> jobs) {
  if (!is_rfc6962(d) && hash_detail::has_four_lanes()) {
    // RFC 7693 2.5 and 2.8: digest length 32, fanout 1, depth 1, no salt, the domain as `personal`.
    std::uint64_t start[8];
    std::memcpy(start, kIv, sizeof(start));
    start[0] ^= 0x01010020;
    std::uint64_t personal[2];
    std::memcpy(personal, domain_text(d).data(), sizeof(personal));
    start[6] ^= personal[0];
    start[7] ^= personal[1];
    for (; jobs.size() >= 4; jobs = jobs.subspan(4)) hash_four(start, jobs.data());
  }
  hash_detail::hash_pairs_one_by_one(d, jobs);
}

#else

bool hash_detail::has_four_lanes() { return false; }

void hash_pairs(Domain d, std::span<const PairJob> jobs) {
  hash_detail::hash_pairs_one_by_one(d, jobs);
}

#endif

}  // namespace imi::crypto
