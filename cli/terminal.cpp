#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace imi::cli {

Terminal Terminal::of(int fd) {
  Terminal t;
  const auto env = [](const char* name) {
    const char* v = std::getenv(name);
    return std::string_view(v == nullptr ? "" : v);
  };
  t.tty = isatty(fd) == 1;
  t.wraps = t.tty;
  t.color = t.tty && env("NO_COLOR").empty() && env("TERM") != "dumb";
  winsize size{};
  if (t.tty && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) t.width = size.ws_col;
  if (const std::string_view columns = env("COLUMNS"); !columns.empty()) {
    const unsigned long n = std::strtoul(columns.data(), nullptr, 10);
    if (n > 0 && n < 100'000) {
      t.width = n;
      t.wraps = true;
    }
  }
  t.width = std::max(t.width, kMinWidth);
  return t;
}

}  // namespace imi::cli
