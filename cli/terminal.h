// What a stream is: a terminal or not, how wide, coloured or not.
#pragma once

#include <cstddef>

namespace imi::cli {

inline constexpr std::size_t kDefaultWidth = 100;  // when the stream is not a terminal
inline constexpr std::size_t kMinWidth = 20;

struct Terminal {
  bool tty = false;
  bool color = false;  // a tty, TERM is not "dumb", and NO_COLOR (no-color.org) is unset or empty
  bool wraps = false;  // a tty, or COLUMNS is set: lines are to fit
  std::size_t width = kDefaultWidth;  // COLUMNS, else the window's size, else kDefaultWidth

  // Of a file descriptor (1 or 2), now.
  [[nodiscard]] static Terminal of(int fd);
};

}  // namespace imi::cli
