// Processes that outlive the command that started them: start, find again, stop. A process is known
// by pid AND start time, so that a re-used pid is never taken for a node, nor killed. Linux only
// (/proc, pidfd).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace imi::cli {

struct Process {
  pid_t pid = 0;
  std::uint64_t started = 0;  // field 22 of /proc/<pid>/stat: clock ticks since boot
  bool operator==(const Process&) const = default;
};

// The live process with that pid, or nothing (zombies count as gone).
[[nodiscard]] std::optional<Process> find_process(pid_t pid);
[[nodiscard]] bool is_alive(const Process& p);
// True while it is suspended (SIGSTOP, a debugger): it neither serves nor takes SIGTERM.
[[nodiscard]] bool is_suspended(const Process& p);

// The process that holds `file` open, among those whose descriptors this user may see. `likely` is
// looked at first; without a hit every process is. `file` may have been removed since it was
// opened.
[[nodiscard]] std::optional<Process> holder_of(const std::filesystem::path& file,
                                               const std::vector<pid_t>& likely);
// The folder a process works in; empty if that cannot be seen.
[[nodiscard]] std::filesystem::path working_folder(const Process& p);

// "<pid> <started>\n", written whole or not at all.
[[nodiscard]] bool save_process(const std::filesystem::path& file, const Process& p);
[[nodiscard]] std::optional<Process> load_process(const std::filesystem::path& file);

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is a path
  std::filesystem::path log;      // standard output and error are appended here
  std::filesystem::path directory;
};
// Starts a process in a session of its own (a terminal's Ctrl-C does not reach it). The error is a
// sentence; a program that cannot be executed is an error here, not later.
[[nodiscard]] std::expected<Process, std::string> spawn_daemon(const SpawnOptions& options);

// Runs a program to its end and takes what it printed (at most 1 MiB of each). Ctrl-C does not
// reach it.
struct ProgramResult {
  int code = 0;  // exit code; 128 + signal if it was killed
  std::string out;
  std::string err;
};
[[nodiscard]] std::expected<ProgramResult, std::string> run_program(
    const std::vector<std::string>& argv);

// Sends `signal` to exactly that process. False if it is gone.
bool send_signal(const Process& p, int signal);
// True once it is gone; false after timeout_ms.
[[nodiscard]] bool wait_gone(const Process& p, int timeout_ms);

// Leaves a guard process behind that kills `processes` (SIGKILL) as soon as the process `owner` is
// gone, and ends when they all are. For tests: nothing survives a test runner, however it dies.
[[nodiscard]] std::expected<void, std::string> tie_to(const std::vector<Process>& processes,
                                                      pid_t owner);

// CPU time (user + system, ms), resident bytes and bytes written to storage of a live process.
struct Usage {
  std::uint64_t cpu_ms = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t peak_resident_bytes = 0;
  std::optional<std::uint64_t> written_bytes;  // only of one's own processes
};
[[nodiscard]] std::optional<Usage> usage_of(const Process& p);

// A TCP port of 127.0.0.1 that nothing listens on now, each time another one.
[[nodiscard]] std::optional<std::uint16_t> free_port();
[[nodiscard]] bool port_is_free(std::uint16_t port);

}  // namespace imi::cli
