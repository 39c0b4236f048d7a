// Internal to node/net: prevents clients and peers from filling the log.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "node/net/net_error.h"

namespace imi::node {

// At most kNetLogPerSecond lines per second and kind; the next line that passes says how many did
// not. One thread.
template <std::size_t kKinds>
class LogLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LogLimiter(NetLog sink) : sink_(std::move(sink)) {}

  void log(std::size_t kind, NetLogLevel level, std::string_view line, Clock::time_point now) {
    if (!sink_) return;
    Window& w = windows_[kind];
    if (now - w.start >= std::chrono::seconds(1)) {
      w.start = now;
      w.lines = 0;
    }
    if (w.lines >= kNetLogPerSecond) {
      ++w.left_out;
      return;
    }
    ++w.lines;
    if (w.left_out == 0) {
      sink_(level, line);
    } else {
      sink_(level, std::string(line) + " (and " + std::to_string(w.left_out) + " like it before)");
      w.left_out = 0;
    }
  }

 private:
  struct Window {
    Clock::time_point start{};
    std::uint32_t lines = 0;
    std::uint64_t left_out = 0;
  };
  NetLog sink_;
  std::array<Window, kKinds> windows_;
};

}  // namespace imi::node
