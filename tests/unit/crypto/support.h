// What the crypto tests share: seeded randomness, and naive models written from the definitions,
// with none of the code under test but the hash.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "crypto/hash.h"
#include "crypto/sparse_map_tree.h"

namespace imi::crypto::test {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}
  // 0 .. n - 1. (std distributions differ between libraries; this does not.)
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  Hash256 hash() {
    Hash256 out;
    for (auto& b : out.bytes) b = static_cast<std::uint8_t>(engine_());
    return out;
  }
  std::vector<Hash256> hashes(std::size_t n) {
    std::vector<Hash256> out(n);
    for (auto& h : out) h = hash();
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

// The same byte 32 times.
inline Hash256 path_of_all(std::uint8_t byte) {
  Hash256 out;
  out.bytes.fill(byte);
  return out;
}

// RFC 9162 2.1.1, word for word.
inline Hash256 naive_merkle_root(Domain node, std::span<const Hash256> leaves) {
  if (leaves.empty()) return imi::crypto::hash(node, {});
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return hash_pair(node, naive_merkle_root(node, leaves.first(k)),
                   naive_merkle_root(node, leaves.subspan(k)));
}

// The state map's root from its definition: recursion over a set of leaves.
using MapModel = std::map<Hash256, Hash256>;
inline Hash256 naive_map_root(const MapModel& all, std::size_t depth = 0) {
  if (all.empty()) return {};
  if (all.size() == 1) {
    return hash_pair(Domain::kMapLeaf, all.begin()->first, all.begin()->second);
  }
  MapModel side[2];
  for (const auto& [path, value] : all) {
    side[(path.bytes[depth / 8] >> (7 - depth % 8)) & 1].emplace(path, value);
  }
  return hash_pair(Domain::kMapNode, naive_map_root(side[0], depth + 1),
                   naive_map_root(side[1], depth + 1));
}

// A bucket source over a model. Counts its reads.
class ModelSource final : public BucketSource {
 public:
  explicit ModelSource(const MapModel& model) : model_(model) {}
  std::expected<std::vector<MapLeaf>, std::string> read_bucket(unsigned bits,
                                                               std::uint32_t index) const override {
    ++reads;
    if (broken) return std::unexpected("the disk is gone");
    std::vector<MapLeaf> out;
    const auto begin = bucket_begin(bits, index);
    const auto end = bucket_begin(bits, std::uint64_t{index} + 1);
    for (auto at = model_.lower_bound(*begin); at != model_.end() && (!end || at->first < *end);
         ++at) {
      out.push_back({at->first, at->second});
    }
    return out;
  }
  mutable int reads = 0;
  bool broken = false;

 private:
  const MapModel& model_;
};

// Hands every one-bit change of `bytes` to `check`.
template <class F>
void each_bit_flip(Bytes bytes, F check) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
    check(ByteView(bytes));
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
  }
}

}  // namespace imi::crypto::test
