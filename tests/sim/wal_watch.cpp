#include "tests/sim/wal_watch.h"

namespace imi::sim {
namespace {

constexpr std::size_t kHeaderBytes = 48;  // magic, length, number, sequence, salt, checksum
constexpr std::uint8_t kHeader = 1;
constexpr std::uint8_t kState = 2;
constexpr std::uint8_t kRecord = 3;
constexpr std::uint8_t kBody = 4;
constexpr std::uint8_t kOpening = 5;

std::size_t little_endian_u32(ByteView b) {
  return static_cast<std::size_t>(b[0]) | static_cast<std::size_t>(b[1]) << 8 |
         static_cast<std::size_t>(b[2]) << 16 | static_cast<std::size_t>(b[3]) << 24;
}

}  // namespace

void WalWatch::on_synced(const std::string& path, ByteView all) {
  std::size_t& at = read_up_to_[path];
  while (all.size() - at >= kHeaderBytes) {
    const ByteView frame = all.subspan(at);
    if (as_text(frame.first(4)) != "IMIW") {
      oracle_.report("I4", "the safety log of member " + std::to_string(member_.value) +
                               " has no group where one was synced");
      return;
    }
    const std::size_t length = little_endian_u32(frame.subspan(4));
    if (length > frame.size() - kHeaderBytes) return;  // not whole: later
    read_payload(frame.subspan(kHeaderBytes, length));
    at = std::min(all.size(), at + (kHeaderBytes + length + 7) / 8 * 8);
  }
}

void WalWatch::read_payload(ByteView payload) {
  while (!payload.empty()) {
    const std::uint8_t kind = payload[0];
    std::size_t size = 0;
    std::size_t at = 1;
    for (unsigned shift = 0; at < payload.size(); shift += 7) {
      const std::uint8_t b = payload[at++];
      size |= static_cast<std::size_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) break;
    }
    if (size > payload.size() - at) break;
    const ByteView bytes = payload.subspan(at, size);
    if (kind == kState) {
      if (const auto state = decode<consensus::SafetyState>(bytes)) {
        oracle_.on_durable_state(member_, *state);
        payload = payload.subspan(at + size);
        continue;
      }
    } else if (kind == kRecord) {
      if (const auto record = decode<consensus::SafetyRecord>(bytes)) {
        oracle_.on_durable_record(member_, *record);
        payload = payload.subspan(at + size);
        continue;
      }
    } else if (kind == kBody && bytes.size() >= ContentHash::kSize) {
      oracle_.on_durable_body(member_, ContentHash::from(bytes.first(ContentHash::kSize)),
                              bytes.subspan(ContentHash::kSize));
      payload = payload.subspan(at + size);
      continue;
    } else if (kind == kHeader || kind == kOpening) {
      payload = payload.subspan(at + size);
      continue;
    }
    break;
  }
  if (!payload.empty()) {
    oracle_.report("I4", "the safety log of member " + std::to_string(member_.value) +
                             " has a group that does not parse");
  }
}

}  // namespace imi::sim
