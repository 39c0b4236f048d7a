#include "ledger/db/rows.h"

#include "ledger/state/state_keys.h"

namespace imi::ledger::rows {
namespace {

Bytes meta_key(std::string_view text) {
  Bytes key{'M'};
  append(key, as_bytes(text));
  return key;
}

Bytes height_key(std::uint8_t letter, chain::Height height) {
  Bytes key{letter};
  append_big_endian(key, height.value);
  return key;
}

}  // namespace

Bytes format_key() { return meta_key("format"); }
Bytes genesis_key() { return meta_key("genesis"); }
Bytes start_key() { return meta_key("start"); }
Bytes applied_key() { return meta_key("applied"); }
Bytes certified_key() { return meta_key("certified"); }

Bytes record_key(const Hash256& path) {
  Bytes key;
  key.reserve(1 + Hash256::kSize);
  key.push_back('R');
  append(key, path.view());
  return key;
}
Bytes records_end() { return {'R' + 1}; }

Bytes agencies_end() { return {'A' + 1}; }
std::optional<std::pair<chain::Height, AgencyId>> parse_agency_key(ByteView key) {
  constexpr std::size_t kBefore = 1 + sizeof(std::uint64_t);
  if (key.size() != kBefore + AgencyId::kSize || key[0] != 'A') return std::nullopt;
  std::uint64_t height = 0;
  for (const std::uint8_t b : key.subspan(1, sizeof(height))) height = height << 8 | b;
  return std::pair(chain::Height(height), AgencyId::from(key.subspan(kBefore)));
}

Bytes block_key(chain::Height height) { return height_key('B', height); }
Bytes bodies_key(chain::Height height, std::uint32_t last) {
  Bytes key = height_key('S', height);
  append_big_endian(key, last);
  return key;
}
std::optional<std::uint32_t> last_of_bodies_key(ByteView key) {
  constexpr std::size_t kBefore = 1 + sizeof(std::uint64_t);
  if (key.size() != kBefore + sizeof(std::uint32_t)) return std::nullopt;
  std::uint32_t last = 0;
  for (const std::uint8_t b : key.subspan(kBefore)) last = last << 8 | b;
  return last;
}
Bytes bodies_end(chain::Height height) { return height_key('S', height.next()); }
Bytes outcomes_key(chain::Height height) { return height_key('O', height); }
Bytes certificate_key(chain::Height height) { return height_key('C', height); }

namespace {
Bytes level_key(std::uint8_t letter, crypto::LogTileId id) {
  Bytes key{letter, id.level};
  append_big_endian(key, id.index);
  return key;
}
}  // namespace
Bytes tile_key(crypto::LogTileId id) { return level_key('L', id); }
Bytes heads_key(crypto::LogTileId id) { return level_key('H', id); }

Bytes tile_value(const std::vector<Hash256>& hashes) {
  Bytes out;
  out.reserve(hashes.size() * Hash256::kSize);
  for (const Hash256& h : hashes) append(out, h.view());
  return out;
}

std::optional<std::vector<Hash256>> parse_tile(ByteView value) {
  const std::size_t n = value.size() / Hash256::kSize;
  if (value.size() % Hash256::kSize != 0 || n == 0 || n > crypto::kLogTileWidth) {
    return std::nullopt;
  }
  std::vector<Hash256> hashes(n);
  for (std::size_t i = 0; i < n; ++i) {
    hashes[i] = Hash256::from(value.subspan(i * Hash256::kSize, Hash256::kSize));
  }
  return hashes;
}

}  // namespace imi::ledger::rows
