// Verifies many signatures of few keys faster than one by one: for keys met often (agencies) it
// keeps tables of their multiples, so that a verification is some fifty additions of points and no
// doubling, and a batch shares one modular inversion (Montgomery's trick).
//
// The answer is always that of crypto::verify(): a signature is accepted here only if its equation
// holds exactly (R = (z/s)G + (r/s)Q, x(R) = r, low S); whatever else the fast way meets (a value
// out of range, another x, the point at infinity) is decided by verify(). All arithmetic on curve
// and scalars is libsecp256k1's; only the inversion is OpenSSL's, and its product with the number
// is checked to be one. Source: SEC 1 4.1.4; fixed-base windows: Brickell et al., EUROCRYPT '92;
// ADR 0008.
//
// A key earns its tables (1.6 MB, some 100 ms to make, once) by `earn_after` valid signatures, and
// at most `max_keys` have them: whoever signs with ever new keys costs what verify() costs. The
// generator's (5.4 MB, some 300 ms) are made with the first and shared by the whole process.
//
// Threads: re-entrant. Tables are made by the thread that meets the threshold, without the lock;
// the others go the slow way meanwhile. Holds public data alone, so timing is no secret's.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "crypto/suite.h"

namespace imi::crypto {

struct SignedDigest {
  PublicKey key;
  Hash256 digest;
  Signature signature;
};

class KnownKeys {
 public:
  struct Options {
    std::uint32_t earn_after = 512;   // valid signatures
    std::size_t max_keys = 16;        // with tables
    std::size_t max_counted = 1'024;  // keys whose signatures are counted; beyond, counting starts
                                      // over
    std::size_t min_batch = 4;        // below, the inversion costs more than the tables save
  };

  explicit KnownKeys(const Options& options);
  KnownKeys() : KnownKeys(Options{}) {}
  ~KnownKeys();

  // Makes the generator's tables now, so that the first key to earn its own does not wait for them.
  static void prepare();

  // One answer an item, as crypto::verify() gives it.
  [[nodiscard]] std::vector<bool> verify(std::span<const SignedDigest> items);

  [[nodiscard]] std::size_t keys_with_tables() const;

 private:
  class Multiples;
  using Tables = std::map<PublicKey, std::shared_ptr<const Multiples>>;

  struct Fast;  // an item that has tables, and its scalars
  static const Multiples& base();
  void verify_fast(std::span<const SignedDigest> items, std::span<Fast> fast,
                   std::vector<bool>& out) const;
  void count(std::span<const SignedDigest> items, const std::vector<bool>& valid);
  void earn(const PublicKey& key);

  const Options options_;
  mutable std::mutex mutex_;
  Tables tables_;                            // guarded by mutex_; null: being made
  std::map<PublicKey, std::uint32_t> seen_;  // guarded by mutex_
};

}  // namespace imi::crypto
