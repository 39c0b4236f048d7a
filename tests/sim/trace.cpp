#include "tests/sim/trace.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace imi::sim {
namespace {

// One round of a 64-bit mix (the finaliser of MurmurHash3): every bit of the past reaches every bit
// of the result.
std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15U + (h << 6) + (h >> 2);
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdU;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53U;
  h ^= h >> 33;
  return h;
}

std::uint64_t text_hash(const char* s) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (; *s != '\0'; ++s) h = (h ^ static_cast<std::uint8_t>(*s)) * 0x100000001b3U;
  return h;
}

}  // namespace

void Trace::add(const TraceRecord& r) {
  hash_ = mix(hash_, static_cast<std::uint64_t>(r.at));
  hash_ = mix(hash_, (std::uint64_t{r.node} << 16 | r.peer) ^ text_hash(r.what));
  hash_ = mix(hash_, r.a);
  hash_ = mix(hash_, r.b ^ (r.digest << 1 | r.digest >> 63));
  ring_[count_ % ring_.size()] = r;
  ++count_;
  if (echo_) std::fprintf(stderr, "%s\n", describe(r).c_str());
}

std::vector<std::string> Trace::tail(std::size_t lines) const {
  const std::uint64_t kept = std::min<std::uint64_t>({lines, count_, ring_.size()});
  std::vector<std::string> out;
  for (std::uint64_t i = count_ - kept; i < count_; ++i) {
    out.push_back(describe(ring_[i % ring_.size()]));
  }
  return out;
}

std::string describe(const TraceRecord& r) {
  char line[192];
  int n = std::snprintf(line, sizeof(line), "%11.3f ms  #%-7llu ", static_cast<double>(r.at) / 1000,
                        static_cast<unsigned long long>(r.event));
  std::string out(line, static_cast<std::size_t>(n));
  if (r.node != kNoNode) {
    n = std::snprintf(line, sizeof(line), "node %u ", unsigned{r.node});
    out.append(line, static_cast<std::size_t>(n));
  } else {
    out += "world  ";
  }
  if (r.peer != kNoNode) {
    n = std::snprintf(line, sizeof(line), "<-> %u ", unsigned{r.peer});
    out.append(line, static_cast<std::size_t>(n));
  }
  out += r.what;
  n = std::snprintf(line, sizeof(line), " %llu %llu", static_cast<unsigned long long>(r.a),
                    static_cast<unsigned long long>(r.b));
  out.append(line, static_cast<std::size_t>(n));
  if (r.digest != 0) {
    n = std::snprintf(line, sizeof(line), " %016llx", static_cast<unsigned long long>(r.digest));
    out.append(line, static_cast<std::size_t>(n));
  }
  return out;
}

}  // namespace imi::sim
