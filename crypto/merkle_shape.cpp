#include "crypto/merkle_shape.h"

#include <bit>

#include "base/check.h"
#include "crypto/hash_pairs.h"

namespace imi::crypto {
namespace {

// Where a tree of n >= 2 leaves splits: the largest power of two below n.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// The hash of the subtree over leaves [lo, hi), lo < hi, as the shape has them: perfect ones come
// from the source, the right edge is put together.
std::expected<Hash256, MerkleError> subtree(Domain domain, MerkleNodes& nodes, std::uint64_t lo,
                                            std::uint64_t hi) {
  const std::uint64_t n = hi - lo;
  if (std::has_single_bit(n)) {
    const auto height = static_cast<unsigned>(std::countr_zero(n));
    const auto found = nodes.node(height, lo >> height);
    if (!found) return std::unexpected(MerkleError::kMissingNode);
    return *found;
  }
  const std::uint64_t middle = lo + split_of(n);
  auto left = subtree(domain, nodes, lo, middle);
  if (!left) return left;
  auto right = subtree(domain, nodes, middle, hi);
  if (!right) return right;
  return hash_pair(domain, *left, *right);
}

std::expected<void, MerkleError> push_subtree(MerklePath& out, Domain domain, MerkleNodes& nodes,
                                              std::uint64_t lo, std::uint64_t hi) {
  auto h = subtree(domain, nodes, lo, hi);
  if (!h) return std::unexpected(h.error());
  out.push_back(*h);
  return {};
}

// The walk that makers and checkers of range proofs share: visits the largest subtrees of [lo, hi)
// that are wholly inside or wholly outside [begin, end), left to right. Visitor: inside(lo, hi),
// outside(lo, hi), node(left, right), each returning expected<Value, MerkleError>.
template <class Visitor>
auto walk(Visitor& v, std::uint64_t lo, std::uint64_t hi, std::uint64_t begin, std::uint64_t end)
    -> decltype(v.inside(lo, hi)) {
  if (hi <= begin || lo >= end) return v.outside(lo, hi);
  if (begin <= lo && hi <= end) return v.inside(lo, hi);
  const std::uint64_t middle = lo + split_of(hi - lo);
  auto left = walk(v, lo, middle, begin, end);
  if (!left) return left;
  auto right = walk(v, middle, hi, begin, end);
  if (!right) return right;
  return v.node(*left, *right);
}

struct Nothing {};

// Collects the hashes outside.
struct Maker {
  Domain domain;
  MerkleNodes& nodes;
  MerklePath& out;
  std::expected<Nothing, MerkleError> inside(std::uint64_t, std::uint64_t) { return Nothing{}; }
  std::expected<Nothing, MerkleError> outside(std::uint64_t lo, std::uint64_t hi) {
    if (auto pushed = push_subtree(out, domain, nodes, lo, hi); !pushed) {
      return std::unexpected(pushed.error());
    }
    return Nothing{};
  }
  std::expected<Nothing, MerkleError> node(Nothing, Nothing) { return Nothing{}; }
};

// Takes the hashes outside from the proof and hands the inside to `Inside`.
template <class Inside>
struct Checker {
  Domain domain;
  Inside inside;
  std::span<const Hash256> path;
  std::size_t used = 0;
  std::expected<Hash256, MerkleError> outside(std::uint64_t, std::uint64_t) {
    if (used == path.size()) return std::unexpected(MerkleError::kProofLength);
    return path[used++];
  }
  std::expected<Hash256, MerkleError> node(const Hash256& left, const Hash256& right) const {
    return hash_pair(domain, left, right);
  }
};

// The inside of a range proof: the leaves given.
struct InsideLeaves {
  Domain domain;
  std::uint64_t begin;
  std::span<const Hash256> leaves;
  std::expected<Hash256, MerkleError> operator()(std::uint64_t lo, std::uint64_t hi) const {
    return merkle_root(domain, leaves.subspan(lo - begin, hi - lo));
  }
};

// The inside of an extension proof: the old tree's peaks, which come in the order of the walk.
struct InsidePeaks {
  Domain domain;
  std::span<const Hash256> peaks;
  std::size_t used = 0;
  std::expected<Hash256, MerkleError> operator()(std::uint64_t lo, std::uint64_t hi) {
    if (std::has_single_bit(hi - lo)) {
      IMI_CHECK(used < peaks.size());
      return peaks[used++];
    }
    const std::uint64_t middle = lo + split_of(hi - lo);
    auto left = (*this)(lo, middle);
    if (!left) return left;
    auto right = (*this)(middle, hi);
    if (!right) return right;
    return hash_pair(domain, *left, *right);
  }
};

std::expected<void, MerkleError> inclusion_path(MerklePath& out, Domain domain, MerkleNodes& nodes,
                                                std::uint64_t index, std::uint64_t lo,
                                                std::uint64_t hi) {
  if (hi - lo == 1) return {};
  const std::uint64_t middle = lo + split_of(hi - lo);
  const bool go_right = index >= middle;
  const auto below = go_right ? inclusion_path(out, domain, nodes, index, middle, hi)
                              : inclusion_path(out, domain, nodes, index, lo, middle);
  if (!below) return below;
  return go_right ? push_subtree(out, domain, nodes, lo, middle)
                  : push_subtree(out, domain, nodes, middle, hi);
}

// SUBPROOF(m, D[lo:hi], b) of RFC 9162 2.1.4.1, with m counted from the start of the tree.
std::expected<void, MerkleError> subproof(MerklePath& out, Domain domain, MerkleNodes& nodes,
                                          std::uint64_t m, std::uint64_t lo, std::uint64_t hi,
                                          bool whole_old_tree) {
  if (m == hi) {
    if (whole_old_tree) return {};
    return push_subtree(out, domain, nodes, lo, hi);
  }
  const std::uint64_t middle = lo + split_of(hi - lo);
  if (m <= middle) {
    const auto below = subproof(out, domain, nodes, m, lo, middle, whole_old_tree);
    if (!below) return below;
    return push_subtree(out, domain, nodes, middle, hi);
  }
  const auto below = subproof(out, domain, nodes, m, middle, hi, false);
  if (!below) return below;
  return push_subtree(out, domain, nodes, lo, middle);
}

}  // namespace

std::string_view describe(MerkleError e) {
  switch (e) {
    case MerkleError::kIndexBeyondSize: return "the leaves named are not in a tree of that size";
    case MerkleError::kProofLength: return "the proof has too many or too few hashes";
    case MerkleError::kWrongRoot: return "the proof does not lead to the root";
    case MerkleError::kMissingNode: return "a hash that the proof needs could not be read";
  }
  return "unknown Merkle error";
}

std::optional<Hash256> LeafNodes::node(unsigned height, std::uint64_t index) {
  if (height >= 63) return std::nullopt;
  const std::uint64_t count = std::uint64_t{1} << height;
  const std::uint64_t fitting = leaves_.size() >> height;
  if (index >= fitting) return std::nullopt;
  return merkle_root(domain_, leaves_.subspan(index << height, count));
}

void MerklePeaks::append(Domain node_domain, const Hash256& leaf) {
  append_with(node_domain, leaf, [](unsigned, const Hash256&) {});
}

Hash256 MerklePeaks::root(Domain node_domain) const {
  if (peaks.empty()) return hash(node_domain, {});
  Hash256 bag = peaks.back();
  for (std::size_t i = peaks.size() - 1; i-- > 0;) bag = hash_pair(node_domain, peaks[i], bag);
  return bag;
}

bool MerklePeaks::is_well_formed() const {
  return peaks.size() == static_cast<std::size_t>(std::popcount(size));
}

void save(EncodeArchive& ar, const MerklePeaks& v) {
  IMI_CHECK(v.is_well_formed());
  ar.varint(v.size);
  for (const Hash256& h : v.peaks) ar(h);
}

void load(DecodeArchive& ar, MerklePeaks& v) {
  v.size = ar.varint(UINT64_MAX);
  v.peaks.assign(static_cast<std::size_t>(std::popcount(v.size)), {});
  for (Hash256& h : v.peaks) ar(h);
}

// Level by level, a node without a neighbour moving up as it is: that is the same shape as
// splitting at powers of two, and it gives hash_pairs() many nodes at a time.
Hash256 merkle_root(Domain node_domain, std::span<const Hash256> leaves) {
  if (leaves.empty()) return hash(node_domain, {});
  std::vector<Hash256> level;
  std::vector<PairJob> jobs;
  while (leaves.size() > 1) {
    const std::size_t pairs = leaves.size() / 2;
    std::vector<Hash256> above(pairs + leaves.size() % 2);
    jobs.clear();
    for (std::size_t i = 0; i < pairs; ++i) {
      jobs.push_back({&leaves[2 * i], &leaves[2 * i + 1], &above[i]});
    }
    hash_pairs(node_domain, jobs);
    if (leaves.size() % 2 != 0) above.back() = leaves.back();
    level = std::move(above);
    leaves = level;
  }
  return leaves[0];
}

// ---- inclusion --------------------------------------------------------------------------------

std::expected<MerklePath, MerkleError> make_inclusion(Domain node_domain, MerkleNodes& nodes,
                                                      std::uint64_t index, std::uint64_t size) {
  if (index >= size) return std::unexpected(MerkleError::kIndexBeyondSize);
  MerklePath out;
  if (auto made = inclusion_path(out, node_domain, nodes, index, 0, size); !made) {
    return std::unexpected(made.error());
  }
  return out;
}

std::expected<void, MerkleError> verify_inclusion(Domain node_domain, const Hash256& leaf,
                                                  std::uint64_t index, std::uint64_t size,
                                                  std::span<const Hash256> path,
                                                  const Hash256& root) {
  if (index >= size) return std::unexpected(MerkleError::kIndexBeyondSize);
  // RFC 9162 2.1.3.2, with its names.
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Hash256 r = leaf;
  for (const Hash256& p : path) {
    if (sn == 0) return std::unexpected(MerkleError::kProofLength);
    if ((fn & 1) != 0 || fn == sn) {
      r = hash_pair(node_domain, p, r);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = hash_pair(node_domain, r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return std::unexpected(MerkleError::kProofLength);
  if (r != root) return std::unexpected(MerkleError::kWrongRoot);
  return {};
}

// ---- consistency ------------------------------------------------------------------------------

std::expected<MerklePath, MerkleError> make_consistency(Domain node_domain, MerkleNodes& nodes,
                                                        std::uint64_t old_size,
                                                        std::uint64_t size) {
  if (old_size > size) return std::unexpected(MerkleError::kIndexBeyondSize);
  MerklePath out;
  if (old_size == 0 || old_size == size) return out;
  if (auto made = subproof(out, node_domain, nodes, old_size, 0, size, true); !made) {
    return std::unexpected(made.error());
  }
  return out;
}

std::expected<void, MerkleError> verify_consistency(Domain node_domain, std::uint64_t old_size,
                                                    const Hash256& old_root, std::uint64_t size,
                                                    const Hash256& root,
                                                    std::span<const Hash256> path) {
  if (old_size > size) return std::unexpected(MerkleError::kIndexBeyondSize);
  if (old_size == 0 || old_size == size) {
    if (!path.empty()) return std::unexpected(MerkleError::kProofLength);
    const bool same = old_size == size ? old_root == root : old_root == hash(node_domain, {});
    if (!same) return std::unexpected(MerkleError::kWrongRoot);
    return {};
  }
  // RFC 9162 2.1.4.2, with its names. An old tree that is perfect is the first hash itself.
  const bool perfect = std::has_single_bit(old_size);
  if (path.empty()) return std::unexpected(MerkleError::kProofLength);
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  Hash256 fr = perfect ? old_root : path[0];
  Hash256 sr = fr;
  for (const Hash256& c : path.subspan(perfect ? 0 : 1)) {
    if (sn == 0) return std::unexpected(MerkleError::kProofLength);
    if ((fn & 1) != 0 || fn == sn) {
      fr = hash_pair(node_domain, c, fr);
      sr = hash_pair(node_domain, c, sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = hash_pair(node_domain, sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return std::unexpected(MerkleError::kProofLength);
  if (fr != old_root || sr != root) return std::unexpected(MerkleError::kWrongRoot);
  return {};
}

// ---- ranges and extensions --------------------------------------------------------------------

namespace {
bool is_range(std::uint64_t begin, std::uint64_t end, std::uint64_t size) {
  return size == 0 ? (begin == 0 && end == 0) : (begin < end && end <= size);
}
}  // namespace

std::expected<MerklePath, MerkleError> make_range(Domain node_domain, MerkleNodes& nodes,
                                                  std::uint64_t begin, std::uint64_t end,
                                                  std::uint64_t size) {
  if (!is_range(begin, end, size)) return std::unexpected(MerkleError::kIndexBeyondSize);
  MerklePath out;
  if (size == 0) return out;
  Maker maker{node_domain, nodes, out};
  if (auto made = walk(maker, 0, size, begin, end); !made) return std::unexpected(made.error());
  return out;
}

std::expected<Hash256, MerkleError> range_root(Domain node_domain, std::uint64_t begin,
                                               std::span<const Hash256> leaves, std::uint64_t size,
                                               std::span<const Hash256> path) {
  if (begin > size || leaves.size() > size - begin ||
      !is_range(begin, begin + leaves.size(), size)) {
    return std::unexpected(MerkleError::kIndexBeyondSize);
  }
  if (size == 0) {
    if (!path.empty()) return std::unexpected(MerkleError::kProofLength);
    return hash(node_domain, {});
  }
  Checker<InsideLeaves> checker{node_domain, {node_domain, begin, leaves}, path};
  auto root = walk(checker, 0, size, begin, begin + leaves.size());
  if (root && checker.used != path.size()) return std::unexpected(MerkleError::kProofLength);
  return root;
}

std::expected<MerklePath, MerkleError> make_extension(Domain node_domain, MerkleNodes& nodes,
                                                      std::uint64_t old_size, std::uint64_t size) {
  if (old_size > size) return std::unexpected(MerkleError::kIndexBeyondSize);
  MerklePath out;
  if (size == 0) return out;
  Maker maker{node_domain, nodes, out};
  if (auto made = walk(maker, 0, size, 0, old_size); !made) return std::unexpected(made.error());
  return out;
}

std::expected<Hash256, MerkleError> extension_root(Domain node_domain, const MerklePeaks& old,
                                                   std::uint64_t size,
                                                   std::span<const Hash256> path) {
  if (old.size > size) return std::unexpected(MerkleError::kIndexBeyondSize);
  if (!old.is_well_formed()) return std::unexpected(MerkleError::kProofLength);
  if (size == 0) {
    if (!path.empty()) return std::unexpected(MerkleError::kProofLength);
    return hash(node_domain, {});
  }
  Checker<InsidePeaks> checker{node_domain, {node_domain, old.peaks}, path};
  auto root = walk(checker, 0, size, 0, old.size);
  if (root && checker.used != path.size()) return std::unexpected(MerkleError::kProofLength);
  return root;
}

}  // namespace imi::crypto
