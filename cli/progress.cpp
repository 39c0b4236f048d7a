#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "cli/text.h"

namespace imi::cli {

std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total,
                          std::int64_t elapsed_ms, std::size_t width, bool unicode) {
  const std::uint64_t shown = std::min(done, total);
  const std::uint64_t ms = static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed_ms, 1));
  const std::uint64_t rate = done * 1000 / ms;
  std::vector<std::string> parts = {
      total > 0 ? fmt::format("{:>3}%", shown * 100 / total) : std::string(),
      total > 0 ? fmt::format("{} of {}", grouped(done), grouped(total)) : grouped(done)};
  if (elapsed_ms >= 500) {
    parts.push_back(fmt::format("{}/s", grouped(rate)));
    if (done >= total && total > 0) {
      parts.push_back("in " + duration_text(elapsed_ms));
    } else if (done > 0 && total > done) {
      // The time so far, scaled: steadier than the last second's rate.
      parts.push_back(duration_text(static_cast<std::int64_t>(ms * (total - done) / done)) +
                      " to go");
    }
  }
  const auto join = [&](std::size_t n) {
    std::string line(label);
    for (std::size_t i = 0; i < n; ++i) {
      if (!parts[i].empty()) line += "  " + parts[i];
    }
    return line;
  };
  std::size_t n = parts.size();
  while (n > 1 && display_width(join(n)) > width) --n;
  std::string line = join(n);
  const std::size_t used = display_width(line);
  constexpr std::size_t kLeastBar = 10;
  if (total > 0 && used + kLeastBar + 4 <= width) {
    const std::size_t bar = std::min<std::size_t>(width - used - 4, 30);
    const auto full = static_cast<std::size_t>(shown * bar / total);
    std::string text;
    for (std::size_t i = 0; i < bar; ++i) {
      text += i < full ? (unicode ? "\u2588" : "#") : (unicode ? "\u2591" : ".");
    }
    line = fmt::format("{}  [{}]{}", label, text, line.substr(label.size()));
  }
  return cut(line, width);
}

Progress::Progress(std::string label, std::uint64_t total, const Terminal& err, bool quiet)
    : label_(std::move(label)),
      total_(total),
      err_(err),
      quiet_(quiet),
      began_(std::chrono::steady_clock::now()),
      last_(began_) {}

Progress::~Progress() {
  if (drawn_) finish();
}

std::int64_t Progress::elapsed_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               began_)
      .count();
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  if (quiet_ || finished_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = err_.tty ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  if ((!drawn_ && err_.tty) || now - last_ >= pause) {
    last_ = now;
    draw();
  }
}

void Progress::draw() {
  const std::string line = progress_line(label_, done_, total_, elapsed_ms(), err_.width - 1, true);
  drawn_ = true;
  std::fputs(err_.tty ? ("\r" + line + "\x1b[K").c_str() : (line + "\n").c_str(), stderr);
  std::fflush(stderr);
}

void Progress::finish() {
  if (finished_ || quiet_) return;
  draw();
  if (err_.tty) std::fputs("\n", stderr);
  finished_ = true;
}

}  // namespace imi::cli
