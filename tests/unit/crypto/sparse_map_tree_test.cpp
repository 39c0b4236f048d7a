#include "crypto/sparse_map_tree.h"

#include <set>
#include <thread>

#include "support.h"

using namespace imi;                // NOLINT
using namespace imi::crypto;        // NOLINT
using namespace imi::crypto::test;  // NOLINT

namespace {

// Paths that collide in their first bits now and then, so that deep nodes and full buckets occur.
Hash256 clustered_path(Rng& rng) {
  Hash256 path = rng.hash();
  if (rng.below(3) == 0) {
    const std::size_t shared = rng.below(6);
    for (std::size_t i = 0; i < shared; ++i) path.bytes[i] = 0xab;
  }
  return path;
}

std::vector<MapChange> random_changes(Rng& rng, const MapModel& model, std::size_t n) {
  std::map<Hash256, std::optional<Hash256>> changes;
  for (std::size_t i = 0; i < n; ++i) {
    Hash256 path = clustered_path(rng);
    if (!model.empty() && rng.below(2) == 0) {
      const auto at = model.lower_bound(path);
      path = at == model.end() ? model.begin()->first : at->first;
    }
    std::optional<Hash256> value;
    if (rng.below(3) != 0) value = rng.hash();
    changes[path] = value;
  }
  std::vector<MapChange> out;
  for (const auto& [path, value] : changes) out.push_back({path, value});
  return out;
}

void change(MapModel& model, std::span<const MapChange> changes) {
  for (const MapChange& c : changes) {
    if (c.value_hash) {
      model[c.path] = *c.value_hash;
    } else {
      model.erase(c.path);
    }
  }
}

MapUndo commit(SparseMapTree& tree, MapModel& model, std::span<const MapChange> changes) {
  const ModelSource source(model);
  auto staged = tree.stage(changes, source);
  REQUIRE(staged);
  change(model, changes);  // the store's write
  return tree.apply(std::move(*staged));
}

void check_proof(const Hash256& root, const MapModel& model, const Hash256& path,
                 const std::expected<ProvedValue, MapError>& proved) {
  REQUIRE(proved);
  CHECK(decode<MapProof>(encode(proved->proof)) == proved->proof);
  const auto at = model.find(path);
  if (at == model.end()) {
    CHECK(!proved->value_hash);
    CHECK(verify_absent(root, path, proved->proof));
  } else {
    CHECK(proved->value_hash == at->second);
    CHECK(verify_present(root, path, at->second, proved->proof));
    CHECK(!verify_absent(root, path, proved->proof));
  }
}

SparseMapTree rebuilt(const MapModel& model, const SparseMapTree::Options& options,
                      std::uint32_t ranges) {
  SparseMapTree tree(options);
  const std::uint32_t total = 1u << options.bucket_bits;
  tree.begin_rebuild();
  for (std::uint32_t r = 0; r < ranges; ++r) {
    const std::uint32_t from = static_cast<std::uint32_t>(std::uint64_t{total} * r / ranges);
    const std::uint32_t to = static_cast<std::uint32_t>(std::uint64_t{total} * (r + 1) / ranges);
    auto builder = tree.rebuild_range(from, to);
    for (const auto& [path, value] : model) {
      const std::uint32_t bucket = bucket_of(options.bucket_bits, path);
      if (bucket >= from && bucket < to) REQUIRE(builder.add({path, value}));
    }
    builder.finish();
  }
  tree.finish_rebuild();
  return tree;
}

}  // namespace

TEST_CASE("the empty map's root is zeros, and one leaf is the root") {
  SparseMapTree tree({.bucket_bits = 4, .cache_leaves = 100});
  MapModel model;
  CHECK(tree.root().is_zero());
  const MapChange one{path_of_all(0x77), path_of_all(0x01)};
  commit(tree, model, std::span(&one, 1));
  CHECK(tree.root() == map_leaf_hash({one.path, *one.value_hash}));
  const MapChange gone{one.path, std::nullopt};
  commit(tree, model, std::span(&gone, 1));
  CHECK(tree.root().is_zero());
  CHECK(tree.leaf_count() == 0);
}

TEST_CASE("trees of every cut and cache agree with the definition over a long random history") {
  Rng rng(11);
  MapModel model;
  const MapModel nothing;
  std::vector<SparseMapTree> trees;
  for (const unsigned bits : {1u, 2u, 3u, 5u, 8u, 9u, 12u, 16u, 20u}) {
    for (const std::size_t cache : {std::size_t{0}, std::size_t{50}, std::size_t{100'000}}) {
      if (bits > 9 && cache == 0) continue;
      trees.emplace_back(SparseMapTree::Options{.bucket_bits = bits, .cache_leaves = cache});
    }
  }
  for (int block = 0; block < 40; ++block) {
    const auto changes = random_changes(rng, model, rng.below(40));
    MapModel after = model;
    change(after, changes);
    const Hash256 expected = naive_map_root(after);
    for (SparseMapTree& tree : trees) {
      MapModel own = model;
      const Hash256 before = tree.root();
      const MapUndo undo = commit(tree, own, changes);
      CHECK(tree.root() == expected);
      CHECK(undo.root_before() == before);
      CHECK(tree.leaf_count() == after.size());
      CHECK(tree.cached_leaves() <= 100'000);
    }
    model = after;
    const ModelSource source(model);
    for (const SparseMapTree& tree : trees) {
      const Hash256 path = clustered_path(rng);
      check_proof(expected, model, path, tree.prove(path, source));
      if (model.empty()) continue;
      const Hash256 present = model.begin()->first;
      check_proof(expected, model, present, tree.prove(present, source));
    }
  }
  for (const SparseMapTree& tree : trees) {
    CHECK(rebuilt(model, {tree.bucket_bits(), 30}, 3).root() == tree.root());
  }
}

TEST_CASE("the root does not depend on the order in which a set came about") {
  Rng rng(12);
  std::vector<MapChange> sets;
  for (int i = 0; i < 60; ++i) sets.push_back({clustered_path(rng), rng.hash()});
  MapModel forwards;
  MapModel backwards;
  SparseMapTree a({.bucket_bits = 3, .cache_leaves = 1000});
  SparseMapTree b({.bucket_bits = 7, .cache_leaves = 5});
  for (std::size_t i = 0; i < sets.size(); ++i) {
    commit(a, forwards, std::span(&sets[i], 1));
    const Hash256 passing = rng.hash();
    const MapChange there[] = {{passing, rng.hash()}};
    commit(b, backwards, there);
    commit(b, backwards, std::span(&sets[sets.size() - 1 - i], 1));
    const MapChange away[] = {{passing, std::nullopt}};
    commit(b, backwards, away);
  }
  CHECK(a.root() == b.root());
}

TEST_CASE("staging changes nothing, and a staged update fits the tree it was made from alone") {
  Rng rng(13);
  MapModel model;
  SparseMapTree tree({.bucket_bits = 6, .cache_leaves = 1000});
  commit(tree, model, random_changes(rng, model, 50));
  const ModelSource source(model);
  const Hash256 root = tree.root();
  const auto changes = random_changes(rng, model, 20);
  const auto staged = tree.stage(changes, source);
  REQUIRE(staged);
  CHECK(staged->root() != root);
  CHECK(tree.root() == root);
  CHECK(tree.stage(changes, source)->root() == staged->root());
  for (const auto& [path, value] : model) check_proof(root, model, path, tree.prove(path, source));
}

TEST_CASE("changes that change nothing cost nothing and keep the root") {
  Rng rng(14);
  MapModel model;
  SparseMapTree tree({.bucket_bits = 6, .cache_leaves = 1000});
  commit(tree, model, random_changes(rng, model, 50));
  const ModelSource source(model);
  const MapChange same{model.begin()->first, model.begin()->second};
  const MapChange absent{rng.hash(), std::nullopt};
  CHECK(tree.stage(std::span(&same, 1), source)->node_count() == 0);
  CHECK(tree.stage(std::span(&absent, 1), source)->node_count() == 0);
  CHECK(tree.stage({}, source)->root() == tree.root());
}

TEST_CASE("older states are proved through the undo records, several blocks back") {
  Rng rng(15);
  for (const std::size_t cache : {std::size_t{0}, std::size_t{40}, std::size_t{10'000}}) {
    SparseMapTree tree({.bucket_bits = 5, .cache_leaves = cache});
    MapModel model;
    std::vector<MapModel> states;
    std::vector<Hash256> roots;
    std::vector<MapUndo> undos;
    commit(tree, model, random_changes(rng, model, 60));
    for (int block = 0; block < 6; ++block) {
      states.push_back(model);
      roots.push_back(tree.root());
      undos.push_back(commit(tree, model, random_changes(rng, model, 25)));
    }
    for (std::size_t back = 0; back < states.size(); ++back) {
      std::vector<const MapUndo*> needed;
      for (std::size_t i = back; i < undos.size(); ++i) needed.push_back(&undos[i]);
      CHECK(tree.root_at(needed) == roots[back]);
      // A source at the proved state and one at a later state both serve.
      const ModelSource then(states[back]);
      const ModelSource now(model);
      for (int i = 0; i < 60; ++i) {
        Hash256 path = clustered_path(rng);
        if (i % 2 == 0) {
          const auto at = states[back].lower_bound(path);
          if (at != states[back].end()) path = at->first;
        }
        check_proof(roots[back], states[back], path, tree.prove(path, then, needed));
        check_proof(roots[back], states[back], path, tree.prove(path, now, needed));
      }
    }
  }
}

TEST_CASE("every changed bit of a map proof is refused, for present and absent paths") {
  Rng rng(16);
  MapModel model;
  SparseMapTree tree({.bucket_bits = 4, .cache_leaves = 1000});
  commit(tree, model, random_changes(rng, model, 40));
  const ModelSource source(model);
  std::set<bool> seen;
  for (int i = 0; i < 12; ++i) {
    Hash256 path = rng.hash();
    if (i % 2 == 0) path = std::next(model.begin(), i)->first;
    const auto proved = tree.prove(path, source);
    REQUIRE(proved);
    seen.insert(proved->value_hash.has_value());
    each_bit_flip(encode(proved->proof), [&](ByteView bytes) {
      const auto changed = decode<MapProof>(bytes);
      if (!changed) return;
      if (proved->value_hash) {
        CHECK(!verify_present(tree.root(), path, *proved->value_hash, *changed));
      } else {
        CHECK(!verify_absent(tree.root(), path, *changed));
      }
    });
    if (proved->value_hash) {
      each_bit_flip(to_bytes(proved->value_hash->view()), [&](ByteView bytes) {
        CHECK(!verify_present(tree.root(), path, Hash256::from(bytes), proved->proof));
      });
    }
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("a bucket that somebody aims at stays correct while it grows, splits and shrinks") {
  Rng rng(17);
  MapModel model;
  SparseMapTree tree({.bucket_bits = 8, .cache_leaves = 100'000});
  std::vector<Hash256> paths;
  for (int i = 0; i < 700; ++i) {
    Hash256 path = rng.hash();
    path.bytes[0] = 0x42;
    if (i % 5 == 0) path.bytes[1] = 0x42;
    paths.push_back(path);
  }
  std::ranges::sort(paths);
  const auto some = [&](std::size_t n, bool erase) {
    std::map<Hash256, std::optional<Hash256>> picked;
    for (std::size_t i = 0; i < n; ++i) {
      std::optional<Hash256> value;
      if (!erase) value = rng.hash();
      picked[paths[rng.below(paths.size())]] = value;
    }
    std::vector<MapChange> out;
    for (const auto& [path, value] : picked) out.push_back({path, value});
    return out;
  };
  for (int round = 0; round < 60; ++round) {
    commit(tree, model, some(30, round % 20 >= 12 && round % 2 == 0));
    CHECK(tree.root() == naive_map_root(model));
    CHECK(tree.leaf_count() == model.size());
    const ModelSource source(model);
    for (int i = 0; i < 4; ++i) {
      const Hash256 path = paths[rng.below(paths.size())];
      check_proof(tree.root(), model, path, tree.prove(path, source));
    }
  }
  while (!model.empty()) {
    commit(tree, model, some(400, true));
    CHECK(tree.root() == naive_map_root(model));
  }
  CHECK(tree.cached_leaves() == 0);
}

TEST_CASE("the cache stays within its bound and keeps buckets from being read again") {
  Rng rng(18);
  MapModel model;
  SparseMapTree small({.bucket_bits = 8, .cache_leaves = 200});
  SparseMapTree large({.bucket_bits = 8, .cache_leaves = 5'000});
  MapModel same;
  for (int block = 0; block < 30; ++block) {
    const auto changes = random_changes(rng, model, 100);
    commit(small, model, changes);
    commit(large, same, changes);
    CHECK(small.cached_leaves() <= 200);
  }
  CHECK(large.cached_leaves() == model.size());
  const auto changes = random_changes(rng, model, 100);
  const ModelSource source(model);
  CHECK(large.stage(changes, source));
  CHECK(source.reads == 0);
  CHECK(small.stage(changes, source));
  CHECK(source.reads > 0);
}

TEST_CASE("the cache alone answers whether a path holds anything, truthfully or not at all") {
  Rng rng(21);
  for (const std::size_t cache : {std::size_t{0}, std::size_t{300}, std::size_t{100'000}}) {
    MapModel model;
    SparseMapTree tree({.bucket_bits = 6, .cache_leaves = cache});
    int known = 0;
    for (int block = 0; block < 20; ++block) {
      commit(tree, model, random_changes(rng, model, 60));
      for (int i = 0; i < 50; ++i) {
        const auto at = model.lower_bound(clustered_path(rng));
        const Hash256 path = i % 2 == 0 && at != model.end() ? at->first : clustered_path(rng);
        const auto found = tree.find_cached(path);
        if (!found) {
          CHECK(cache < 100'000);
          continue;
        }
        ++known;
        const auto truth = model.find(path);
        CHECK(found->has_value() == (truth != model.end()));
        if (truth != model.end()) CHECK(**found == truth->second);
      }
    }
    CHECK((known > 0 || cache == 0));
  }
}

TEST_CASE("a failing source, a lost record, a changed and a foreign one are named") {
  Rng rng(19);
  MapModel model;
  SparseMapTree tree({.bucket_bits = 4, .cache_leaves = 0});
  commit(tree, model, random_changes(rng, model, 100));
  const Hash256 victim = model.begin()->first;
  const MapChange write{victim, rng.hash()};
  ModelSource source(model);
  source.broken = true;
  CHECK(tree.prove(victim, source).error().reason == MapError::Reason::kSourceFailed);
  CHECK(describe(tree.stage(std::span(&write, 1), source).error()).find("the disk is gone") !=
        std::string::npos);
  source.broken = false;
  MapModel damaged = model;
  damaged.erase(victim);
  CHECK(tree.prove(victim, ModelSource(damaged)).error().reason == MapError::Reason::kDamaged);
  damaged[victim] = rng.hash();
  CHECK(tree.stage(std::span(&write, 1), ModelSource(damaged)).error().reason ==
        MapError::Reason::kDamaged);
  CHECK(tree.prove(victim, source));
  const MapChange unsorted[] = {{model.rbegin()->first, rng.hash()}, {victim, rng.hash()}};
  CHECK(tree.stage(unsorted, source).error().reason == MapError::Reason::kNotSorted);
}

TEST_CASE("a tree is rebuilt by two threads from two ranges, with a warm cache") {
  Rng rng(20);
  MapModel model;
  for (int i = 0; i < 5'000; ++i) model[rng.hash()] = rng.hash();
  SparseMapTree tree({.bucket_bits = 10, .cache_leaves = 3'000});
  tree.begin_rebuild();
  const auto half = [&](std::uint32_t from, std::uint32_t to) {
    auto builder = tree.rebuild_range(from, to);
    for (const auto& [path, value] : model) {
      const std::uint32_t bucket = bucket_of(10, path);
      if (bucket >= from && bucket < to && !builder.add({path, value})) return;
    }
    builder.finish();
  };
  {
    const std::jthread low([&] { half(0, 512); });
    const std::jthread high([&] { half(512, 1024); });
  }
  tree.finish_rebuild();
  CHECK(tree.root() == naive_map_root(model));
  CHECK(tree.leaf_count() == model.size());
  CHECK(tree.cached_leaves() > 2'500);
  CHECK(tree.cached_leaves() <= 3'000);
  commit(tree, model, random_changes(rng, model, 300));
  CHECK(tree.root() == naive_map_root(model));
}

TEST_CASE("rebuilding refuses leaves out of order or out of range") {
  SparseMapTree tree({.bucket_bits = 4, .cache_leaves = 10});
  tree.begin_rebuild();
  auto builder = tree.rebuild_range(4, 8);
  CHECK(builder.add({path_of_all(0x50), {}}));
  CHECK(builder.add({path_of_all(0x50), {}}).error().reason == MapError::Reason::kNotSorted);
  CHECK(builder.add({path_of_all(0x4f), {}}).error().reason == MapError::Reason::kNotSorted);
  CHECK(builder.add({path_of_all(0x30), {}}).error().reason == MapError::Reason::kOutOfRange);
  CHECK(builder.add({path_of_all(0x80), {}}).error().reason == MapError::Reason::kOutOfRange);
}

TEST_CASE("buckets cover all paths, each path in one") {
  for (const unsigned bits : {1u, 7u, 18u, 20u}) {
    const std::uint64_t total = std::uint64_t{1} << bits;
    CHECK(bucket_begin(bits, 0) == Hash256{});
    CHECK(!bucket_begin(bits, total));
    for (const std::uint64_t i : {std::uint64_t{1}, total / 2, total - 1}) {
      const Hash256 begin = *bucket_begin(bits, i);
      CHECK(bucket_of(bits, begin) == i);
      Hash256 before = begin;
      for (std::size_t b = 32; b-- > 0 && before.bytes[b]-- == 0;) {
      }
      CHECK(bucket_of(bits, before) == i - 1);
    }
  }
  CHECK(bucket_of(20, path_of_all(0xff)) == (1u << 20) - 1);
}
