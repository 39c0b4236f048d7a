// Internal to cli/client: a TCP socket with deadlines.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/client/client.h"

namespace imi::cli {

class Socket {
 public:
  using Clock = std::chrono::steady_clock;
  using Deadline = Clock::time_point;
  // Why something did not happen; `interrupted` if the caller's own wish ended it, `late` if the
  // deadline did.
  struct Failure {
    std::string why;
    bool interrupted = false;
    bool late = false;
  };

  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Socket& operator=(Socket&& o) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  // Tries the host's addresses in turn. `interrupted` may be empty.
  [[nodiscard]] static std::expected<Socket, Failure> connect(
      const NodeAddress& to, Deadline deadline, const std::function<bool()>& interrupted);
  [[nodiscard]] std::expected<void, Failure> send_all(std::string_view bytes, Deadline deadline,
                                                      const std::function<bool()>& interrupted);
  // 0: the other side closed.
  [[nodiscard]] std::expected<std::size_t, Failure> receive(
      char* to, std::size_t size, Deadline deadline, const std::function<bool()>& interrupted);

  // Starts to connect without waiting (one address); -1 and errno on failure.
  [[nodiscard]] static int start_connect(const NodeAddress& to);
  // 0 once connected, else the error.
  [[nodiscard]] static int connect_result(int fd);

  void close();
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace imi::cli
