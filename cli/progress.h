// Progress for people who wait: a bar with rate and time to go on a terminal, a line from time to
// time elsewhere, nothing with --json or --quiet. Writes to standard error only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/terminal.h"

namespace imi::cli {

// One line, no longer than `width` columns: "events  [#####.....]  54%  4,907 of 9,070  2,310/s  2
// s to go". The parts that do not fit are left out, the bar first. Pure.
[[nodiscard]] std::string progress_line(std::string_view label, std::uint64_t done,
                                        std::uint64_t total, std::int64_t elapsed_ms,
                                        std::size_t width, bool unicode);

class Progress {
 public:
  Progress(std::string label, std::uint64_t total, const Terminal& err, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap: draws at most 10 times per second on a terminal, every 5 s elsewhere.
  void update(std::uint64_t done);
  void set_total(std::uint64_t total) { total_ = total; }
  // The last state, with a new line. The destructor calls it if anything was drawn.
  void finish();
  [[nodiscard]] std::int64_t elapsed_ms() const;

 private:
  void draw();

  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  Terminal err_;
  bool quiet_;
  bool drawn_ = false;
  bool finished_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace imi::cli
