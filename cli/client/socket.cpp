#include "cli/client/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace imi::cli {

namespace {

using Failure = Socket::Failure;

constexpr std::chrono::milliseconds kSlice{100};  // between two looks at `interrupted`

struct FreeAddresses {
  void operator()(addrinfo* a) const { ::freeaddrinfo(a); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

std::expected<Addresses, std::string> resolve(const NodeAddress& to) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
  if (error != 0) return std::unexpected(std::string("no such host: ") + ::gai_strerror(error));
  return Addresses(found);
}

int open_and_connect(const addrinfo& to) {
  const int fd =
      ::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

std::expected<void, Failure> wait_for(int fd, short events, Socket::Deadline deadline,
                                      const std::function<bool()>& interrupted) {
  for (;;) {
    if (interrupted && interrupted()) return std::unexpected(Failure{"interrupted", true});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Socket::Clock::now());
    if (left.count() <= 0) return std::unexpected(Failure{"no answer in time", false, true});
    const auto slice = interrupted ? std::min(left, kSlice) : left;
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, static_cast<int>(std::min<std::int64_t>(slice.count(), 60'000)));
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return std::unexpected(Failure{std::strerror(errno)});
  }
}

}  // namespace

Socket& Socket::operator=(Socket&& o) noexcept {
  if (this != &o) {
    close();
    fd_ = std::exchange(o.fd_, -1);
  }
  return *this;
}

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int Socket::connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

int Socket::start_connect(const NodeAddress& to) {
  const auto addresses = resolve(to);
  if (!addresses) {
    errno = EHOSTUNREACH;
    return -1;
  }
  return open_and_connect(**addresses);
}

std::expected<Socket, Failure> Socket::connect(const NodeAddress& to, Deadline deadline,
                                               const std::function<bool()>& interrupted) {
  const auto addresses = resolve(to);
  if (!addresses) return std::unexpected(Failure{addresses.error()});
  std::string why = "no address";
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next) {
    Socket s(open_and_connect(*a));
    if (!s.is_open()) {
      why = std::strerror(errno);
      continue;
    }
    if (auto ready = wait_for(s.fd(), POLLOUT, deadline, interrupted); !ready) {
      return std::unexpected(ready.error());
    }
    const int error = connect_result(s.fd());
    if (error == 0) return s;
    why = std::strerror(error);
  }
  return std::unexpected(Failure{why});
}

std::expected<void, Failure> Socket::send_all(std::string_view bytes, Deadline deadline,
                                              const std::function<bool()>& interrupted) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      return std::unexpected(Failure{std::strerror(errno)});
    }
    if (auto ready = wait_for(fd_, POLLOUT, deadline, interrupted); !ready) return ready;
  }
  return {};
}

std::expected<std::size_t, Failure> Socket::receive(char* to, std::size_t size, Deadline deadline,
                                                    const std::function<bool()>& interrupted) {
  for (;;) {
    // Asked before every read: where the other side always has more, no read would ever wait.
    if (auto ready = wait_for(fd_, POLLIN, deadline, interrupted); !ready) {
      return std::unexpected(ready.error());
    }
    const ssize_t n = ::recv(fd_, to, size, 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      return std::unexpected(Failure{std::strerror(errno)});
    }
  }
}

}  // namespace imi::cli
