// What happened, twice: as a hash over every event (same seed, same hash), and as a short tail of
// records that is turned into text only when it has to be read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/event_queue.h"

namespace imi::sim {

inline constexpr std::uint16_t kNoNode = 0xffff;

struct TraceRecord {
  Micros at = 0;
  std::uint64_t event = 0;       // the number of the event it belongs to
  std::uint16_t node = kNoNode;  // who
  std::uint16_t peer = kNoNode;  // with whom
  const char* what = "";         // a literal
  std::uint64_t a = 0;           // meaning depends on `what`: see describe()
  std::uint64_t b = 0;
  std::uint64_t digest = 0;  // first bytes of an id, or 0
};

class Trace {
 public:
  explicit Trace(std::size_t keep) : ring_(keep) {}

  void add(const TraceRecord& record);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // With `echo`, every record is also printed to stderr as it happens.
  void set_echo(bool echo) { echo_ = echo; }

  // The newest records, oldest first, one line each.
  [[nodiscard]] std::vector<std::string> tail(std::size_t lines) const;

 private:
  std::vector<TraceRecord> ring_;
  std::uint64_t hash_ = 0x243f6a8885a308d3U;
  std::uint64_t count_ = 0;
  bool echo_ = false;
};

[[nodiscard]] std::string describe(const TraceRecord& record);

// First eight bytes of a digest, for records.
template <class Fixed>
[[nodiscard]] std::uint64_t brief(const Fixed& v) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = (out << 8) | v.bytes[i];
  return out;
}

}  // namespace imi::sim
