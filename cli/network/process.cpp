#include "cli/network/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace imi::cli {
namespace {

struct Fd {
  int fd = -1;
  explicit Fd(int f) : fd(f) {}
  Fd(Fd&& o) noexcept : fd(std::exchange(o.fd, -1)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The fields of /proc/<pid>/stat after the command name, from field 3 (state) on.
std::vector<std::string> stat_fields(pid_t pid) {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid));
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return {};
  std::istringstream in(text.substr(close + 1));
  std::vector<std::string> out;
  for (std::string f; in >> f;) out.push_back(f);
  return out;
}

// A pidfd of exactly this process, checked after opening, so that it cannot be another's.
Fd open_pidfd(const Process& p) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, p.pid, 0)));
  if (fd.fd >= 0 && !is_alive(p)) return Fd(-1);
  return fd;
}

bool holds_open(pid_t pid, const std::string& file) {
  std::error_code ec;
  const std::filesystem::path folder = fmt::format("/proc/{}/fd", pid);
  for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(it->path(), gone).string();
    if (!gone && (target == file || target == file + " (deleted)")) return true;
  }
  return false;
}

[[noreturn]] void become_daemon(const SpawnOptions& o, int report) {
  const auto die = [&](int step) {
    const int code[2] = {step, errno};
    (void)!::write(report, code, sizeof(code));
    ::_exit(127);
  };
  if (::setsid() < 0) die(1);
  const int null = ::open("/dev/null", O_RDONLY);
  const int log = ::open(o.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640);
  if (null < 0 || log < 0) die(2);
  ::dup2(null, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  // Nothing else is inherited: a node must not hold this command's journal or pipes open.
  (void)::syscall(SYS_close_range, 3U, static_cast<unsigned>(report - 1), 0U);
  (void)::syscall(SYS_close_range, static_cast<unsigned>(report + 1), ~0U, 0U);
  if (!o.directory.empty() && ::chdir(o.directory.c_str()) != 0) die(3);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  std::vector<char*> argv;
  for (const std::string& a : o.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  die(4);
  ::_exit(127);
}

}  // namespace

std::optional<Process> find_process(pid_t pid) {
  const std::vector<std::string> f = stat_fields(pid);
  if (f.size() < 20 || f[0] == "Z" || f[0] == "X") return std::nullopt;
  return Process{pid, std::strtoull(f[19].c_str(), nullptr, 10)};
}

bool is_alive(const Process& p) { return find_process(p.pid) == p; }

bool is_suspended(const Process& p) {
  const std::vector<std::string> f = stat_fields(p.pid);
  return is_alive(p) && !f.empty() && (f[0] == "T" || f[0] == "t");
}

std::optional<Process> holder_of(const std::filesystem::path& file,
                                 const std::vector<pid_t>& likely) {
  std::error_code ec;
  const auto folder = std::filesystem::canonical(file.parent_path(), ec);
  if (ec) return std::nullopt;
  const std::string name = (folder / file.filename()).string();
  const auto holder = [&](pid_t pid) {
    return pid > 1 && holds_open(pid, name) ? find_process(pid) : std::nullopt;
  };
  for (const pid_t pid : likely) {
    if (const auto found = holder(pid)) return found;
  }
  for (std::filesystem::directory_iterator it("/proc", ec), end; !ec && it != end;
       it.increment(ec)) {
    const auto pid = static_cast<pid_t>(std::atoi(it->path().filename().c_str()));
    if (const auto found = holder(pid)) return found;
  }
  return std::nullopt;
}

std::filesystem::path working_folder(const Process& p) {
  std::error_code ec;
  auto folder = std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", p.pid), ec);
  return ec || !is_alive(p) ? std::filesystem::path() : folder;
}

bool save_process(const std::filesystem::path& file, const Process& p) {
  const std::string temporary = file.string() + ".new";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << p.pid << ' ' << p.started << '\n';
    if (!out.flush()) return false;
  }
  std::error_code ec;
  std::filesystem::rename(temporary, file, ec);
  return !ec;
}

std::optional<Process> load_process(const std::filesystem::path& file) {
  std::ifstream in(file);
  Process p;
  if (!(in >> p.pid >> p.started) || p.pid <= 1) return std::nullopt;
  return p;
}

std::expected<Process, std::string> spawn_daemon(const SpawnOptions& o) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return std::unexpected(std::string(std::strerror(errno)));
  const Fd read_end(pipe[0]);
  Fd write_end(pipe[1]);
  // Forked twice, so that the daemon is init's child and leaves no zombie behind.
  int ids[2];
  if (::pipe2(ids, O_CLOEXEC) != 0) return std::unexpected(std::string(std::strerror(errno)));
  const Fd id_read(ids[0]);
  Fd id_write(ids[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (child == 0) {
    const pid_t daemon = ::fork();
    if (daemon == 0) become_daemon(o, write_end.fd);
    (void)!::write(id_write.fd, &daemon, sizeof(daemon));
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  ::close(std::exchange(write_end.fd, -1));
  ::close(std::exchange(id_write.fd, -1));
  pid_t pid = -1;
  if (::read(id_read.fd, &pid, sizeof(pid)) != static_cast<ssize_t>(sizeof(pid)) || pid < 0) {
    return std::unexpected(std::string("cannot fork"));
  }
  const auto found = find_process(pid);
  int code[2] = {0, 0};
  // Ends without bytes when exec closed the pipe.
  if (::read(read_end.fd, code, sizeof(code)) > 0) {
    const char* what = code[0] == 2   ? "open its log"
                       : code[0] == 3 ? "enter its folder"
                                      : "execute";
    return std::unexpected(
        fmt::format("cannot {} {}: {}", what, o.argv[0], std::strerror(code[1])));
  }
  if (!found) return std::unexpected(fmt::format("{} ended at once", o.argv[0]));
  return *found;
}

std::expected<ProgramResult, std::string> run_program(const std::vector<std::string>& argv) {
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return std::unexpected(std::string(std::strerror(errno)));
  Fd out_read(out[0]);
  Fd out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return std::unexpected(std::string(std::strerror(errno)));
  Fd err_read(err[0]);
  Fd err_write(err[1]);
  std::vector<char*> args;
  for (const std::string& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  args.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (child == 0) {
    ::setsid();
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(out_write.fd, 1);
    ::dup2(err_write.fd, 2);
    ::execv(args[0], args.data());
    ::_exit(127);
  }
  ::close(std::exchange(out_write.fd, -1));
  ::close(std::exchange(err_write.fd, -1));
  ProgramResult result;
  pollfd waits[2] = {{out_read.fd, POLLIN, 0}, {err_read.fd, POLLIN, 0}};
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (waits[i].fd < 0 || waits[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(waits[i].fd, buffer, sizeof(buffer));
      std::string& text = i == 0 ? result.out : result.err;
      if (n > 0 && text.size() < (1U << 20)) text.append(buffer, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) waits[i].fd = -1;
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

bool send_signal(const Process& p, int signal) {
  const Fd fd = open_pidfd(p);
  return fd.fd >= 0 && ::syscall(SYS_pidfd_send_signal, fd.fd, signal, nullptr, 0) == 0;
}

bool wait_gone(const Process& p, int timeout_ms) {
  const Fd fd = open_pidfd(p);
  if (fd.fd < 0) return true;
  pollfd poll_fd{fd.fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, timeout_ms) > 0 || !is_alive(p);
}

std::expected<void, std::string> tie_to(const std::vector<Process>& processes, pid_t owner) {
  const auto who = find_process(owner);
  if (!who) return std::unexpected(fmt::format("process {} does not exist", owner));
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(std::string("cannot fork the guard"));
  if (child > 0) {
    ::waitpid(child, nullptr, 0);
    return {};
  }
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  // The guard holds nothing of the command open: no pipe that is read to its end, no lock.
  (void)::syscall(SYS_close_range, 0U, ~0U, 0U);
  std::vector<Fd> fds;
  fds.push_back(open_pidfd(*who));
  for (const Process& p : processes) fds.push_back(open_pidfd(p));
  std::vector<pollfd> waits;
  for (const Fd& fd : fds) waits.push_back({fd.fd, POLLIN, 0});
  const auto owner_gone = [&] { return waits[0].fd < 0 || (waits[0].revents & POLLIN) != 0; };
  while (!owner_gone()) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    bool any = false;
    for (std::size_t i = 1; i < waits.size(); ++i) {
      if (waits[i].revents != 0) waits[i].fd = -1;
      any = any || waits[i].fd >= 0;
    }
    if (!any) ::_exit(0);
  }
  for (const Process& p : processes) send_signal(p, SIGKILL);
  ::_exit(0);
}

std::optional<Usage> usage_of(const Process& p) {
  const std::vector<std::string> f = stat_fields(p.pid);
  if (!is_alive(p) || f.size() < 22) return std::nullopt;
  const auto number = [](const std::string& s) { return std::strtoull(s.c_str(), nullptr, 10); };
  const auto hz = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  Usage u;
  u.cpu_ms = (number(f[11]) + number(f[12])) * 1000 / hz;
  u.resident_bytes = number(f[21]) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto field = [&](const std::string& text, const std::string& key) {
    const std::size_t at = text.find(key);
    return at == std::string::npos ? std::optional<std::uint64_t>()
                                   : number(text.substr(at + key.size()));
  };
  const std::string status = read_file(fmt::format("/proc/{}/status", p.pid));
  u.peak_resident_bytes = field(status, "VmHWM:").value_or(0) * 1024;
  u.written_bytes = field(read_file(fmt::format("/proc/{}/io", p.pid)), "\nwrite_bytes: ");
  return u;
}

bool port_is_free(std::uint16_t port) {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.fd, reinterpret_cast<const sockaddr*>(&a), sizeof(a)) == 0 &&
         ::listen(fd.fd, 1) == 0;
}

std::optional<std::uint16_t> free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof(a);
  if (::bind(fd.fd, reinterpret_cast<const sockaddr*>(&a), n) != 0 ||
      ::getsockname(fd.fd, reinterpret_cast<sockaddr*>(&a), &n) != 0) {
    return std::nullopt;
  }
  return ntohs(a.sin_port);
}

}  // namespace imi::cli
