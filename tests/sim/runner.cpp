#include "tests/sim/runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>
#include <sstream>

#include "base/check.h"

namespace imi::sim {
namespace {

// ---- a worker process ---------------------------------------------------------------------------

// One line per fact; texts come last on their line, newlines in them as '\x01'.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', '\x01');
  return text;
}
std::string many_lines(std::string text) {
  std::replace(text.begin(), text.end(), '\x01', '\n');
  return text;
}

void write_all(int fd, const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n <= 0) _exit(3);
    at += static_cast<std::size_t>(n);
  }
}

std::string result_text(std::size_t number, const RunResult& r) {
  std::ostringstream out;
  for (const auto& [name, value] : r.counters) out << "C " << value << ' ' << name << '\n';
  if (r.violation) {
    out << "V " << r.violation->invariant << ' ' << one_line(r.violation->text) << '\n';
    for (const std::string& line : r.tail) out << "T " << one_line(line) << '\n';
  }
  out << "R " << number << ' ' << r.events << ' ' << r.virtual_time / 1'000'000 << '\n';
  return out.str();
}

[[noreturn]] void work(const Batch& batch, const std::vector<std::size_t>& numbers, int fd) {
  if (batch.in_worker) batch.in_worker();
  for (const std::size_t number : numbers) {
    write_all(fd, "S " + std::to_string(number) + "\n");
    ::alarm(batch.seed_timeout_s);
    write_all(fd, result_text(number, run(batch.runs[number])));
  }
  ::close(fd);
  _exit(0);
}

// ---- the parent ---------------------------------------------------------------------------------

class Pool {
 public:
  Pool(const Batch& batch, BatchReport& report) : batch_(batch), report_(report) {}

  void run() {
    const unsigned jobs = std::max(1u, batch_.jobs);
    workers_.resize(jobs);
    for (std::size_t i = 0; i < batch_.runs.size(); ++i) workers_[i % jobs].left.push_back(i);
    for (Worker& w : workers_) start(w);
    while (step()) {
    }
    for (Worker& w : workers_) stop(w);
  }

 private:
  struct Worker {
    pid_t pid = -1;
    int fd = -1;
    std::vector<std::size_t> left;
    std::string buffer;
    std::optional<std::size_t> current;
    Counters counters;
    std::optional<Violation> violation;
    std::vector<std::string> tail;
  };

  void start(Worker& w) {
    if (w.left.empty()) return;
    int fds[2];
    IMI_CHECK(::pipe(fds) == 0);
    std::fflush(nullptr);
    w.pid = ::fork();
    IMI_CHECK(w.pid >= 0);
    if (w.pid == 0) {
      ::close(fds[0]);
      work(batch_, w.left, fds[1]);
    }
    ::close(fds[1]);
    w.fd = fds[0];
    w.buffer.clear();
    w.current.reset();
  }

  bool step() {
    std::vector<pollfd> fds;
    std::vector<Worker*> owners;
    for (Worker& w : workers_) {
      if (w.fd < 0) continue;
      fds.push_back({w.fd, POLLIN, 0});
      owners.push_back(&w);
    }
    if (fds.empty() || report_.failures.size() >= batch_.stop_after_failures) return false;
    if (::poll(fds.data(), fds.size(), -1) < 0) return true;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents != 0) read_from(*owners[i]);
    }
    return true;
  }

  void read_from(Worker& w) {
    char chunk[65'536];
    const ssize_t n = ::read(w.fd, chunk, sizeof(chunk));
    if (n > 0) {
      w.buffer.append(chunk, static_cast<std::size_t>(n));
      for (std::size_t end; (end = w.buffer.find('\n')) != std::string::npos;) {
        take_line(w, w.buffer.substr(0, end));
        w.buffer.erase(0, end + 1);
      }
      return;
    }
    ended(w);
  }

  // End of file: the worker finished, or died with a seed in its hands.
  void ended(Worker& w) {
    ::close(w.fd);
    w.fd = -1;
    int status = 0;
    ::waitpid(w.pid, &status, 0);
    w.pid = -1;
    if (!w.current) {
      IMI_CHECK(w.left.empty() || !WIFEXITED(status) || WEXITSTATUS(status) != 0);
      if (!w.left.empty() && WIFEXITED(status)) {
        w.violation = Violation{"crash", "the worker did not start its seeds"};
        finish_run(w, w.left.front(), 0, 0);
      }
      return;
    }
    std::string how = "the process ended";
    if (WIFSIGNALED(status)) {
      how = WTERMSIG(status) == SIGALRM
                ? "no end within " + std::to_string(batch_.seed_timeout_s) + " s"
                : std::string("the process died: ") + ::strsignal(WTERMSIG(status));
    } else if (WIFEXITED(status)) {
      how = "the process ended with code " + std::to_string(WEXITSTATUS(status));
    }
    w.violation = Violation{"crash", how + " (its message is on stderr)"};
    finish_run(w, *w.current, 0, 0);
    start(w);
  }

  void take_line(Worker& w, const std::string& line) {
    std::istringstream in(line.substr(2));
    std::string rest;
    switch (line[0]) {
      case 'S': {
        std::size_t number = 0;
        in >> number;
        w.current = number;
        break;
      }
      case 'C': {
        std::uint64_t value = 0;
        in >> value;
        in.get();
        std::getline(in, rest);
        w.counters[rest] += value;
        break;
      }
      case 'V': {
        Violation v;
        in >> v.invariant;
        in.get();
        std::getline(in, v.text);
        v.text = many_lines(v.text);
        w.violation = v;
        break;
      }
      case 'T': w.tail.push_back(many_lines(line.substr(2))); break;
      case 'R': {
        std::size_t number = 0;
        std::uint64_t events = 0;
        std::uint64_t seconds = 0;
        in >> number >> events >> seconds;
        finish_run(w, number, events, seconds);
        break;
      }
      default: break;
    }
  }

  void finish_run(Worker& w, std::size_t number, std::uint64_t events, std::uint64_t seconds) {
    const RunOptions& o = batch_.runs[number];
    ++report_.runs;
    report_.events += events;
    report_.virtual_seconds += seconds;
    ++report_.by_replicas[o.replicas];
    Counters& totals = report_.by_plan[std::string(name(o.plan))];
    ++totals["runs"];
    for (const auto& [name, value] : w.counters) totals[name] += value;
    if (w.violation) report_.failures.push_back({o, *w.violation, events, w.tail});
    w.counters.clear();
    w.violation.reset();
    w.tail.clear();
    w.current.reset();
    std::erase(w.left, number);
    if (batch_.progress && report_.runs % 100 == 0) {
      std::fprintf(stderr, "  %llu runs\n", static_cast<unsigned long long>(report_.runs));
    }
  }

  static void stop(Worker& w) {
    if (w.fd >= 0) ::close(w.fd);
    if (w.pid <= 0) return;
    ::kill(w.pid, SIGKILL);
    ::waitpid(w.pid, nullptr, 0);
  }

  const Batch& batch_;
  BatchReport& report_;
  std::vector<Worker> workers_;
};

}  // namespace

RunOptions options_for(std::uint64_t seed, std::uint64_t events) {
  static constexpr std::uint16_t kSizes[] = {4, 5, 7};
  RunOptions o;
  o.seed = seed;
  o.events = events;
  o.replicas = kSizes[seed % 3];
  o.plan = static_cast<Plan>(seed / 3 % kPlans);
  return o;
}

std::string repro_command(const RunOptions& o) {
  std::string out = "imi-sim --seed " + std::to_string(o.seed) + " --replicas " +
                    std::to_string(o.replicas) + " --plan " + std::string(name(o.plan)) +
                    " --events " + std::to_string(o.events);
  if (o.byzantine) out += " --byzantine " + std::to_string(*o.byzantine);
  return out;
}

BatchReport run_batch(const Batch& batch) {
  BatchReport report;
  const auto begin = std::chrono::steady_clock::now();
  Pool(batch, report).run();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

void print(const Failure& f) {
  std::printf("VIOLATED %s: %s\n  at event %llu\n", f.violation.invariant.c_str(),
              f.violation.text.c_str(), static_cast<unsigned long long>(f.event));
  for (const std::string& line : f.tail) std::printf("  | %s\n", line.c_str());
  std::printf("  again: %s\n", repro_command(f.options).c_str());
}

std::vector<std::string> print(const BatchReport& report,
                               const std::vector<std::string>& required) {
  std::set<std::string> names;
  for (const auto& [plan, counters] : report.by_plan) {
    for (const auto& [name, value] : counters) names.insert(name);
  }
  names.insert(required.begin(), required.end());
  std::printf("%-34s", "");
  for (const auto& [plan, counters] : report.by_plan) std::printf("%12s", plan.c_str());
  std::printf("\n");
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    std::uint64_t sum = 0;
    std::printf("%-34s", name.c_str());
    for (const auto& [plan, counters] : report.by_plan) {
      const auto it = counters.find(name);
      const std::uint64_t value = it == counters.end() ? 0 : it->second;
      sum += value;
      std::printf("%12llu", static_cast<unsigned long long>(value));
    }
    std::printf("\n");
    if (sum == 0 && std::find(required.begin(), required.end(), name) != required.end()) {
      missing.push_back(name);
    }
  }
  std::printf("%llu runs (", static_cast<unsigned long long>(report.runs));
  for (const auto& [n, runs] : report.by_replicas) {
    std::printf("n=%u: %llu ", unsigned{n}, static_cast<unsigned long long>(runs));
  }
  std::printf(") in %.1f s: %llu events, %llu virtual seconds, %zu violations\n", report.seconds,
              static_cast<unsigned long long>(report.events),
              static_cast<unsigned long long>(report.virtual_seconds), report.failures.size());
  return missing;
}

std::vector<std::string> required_counters() {
  return {"heights decided",
          "heads certified",
          "acknowledged",
          "views entered",
          "view change with a prepared set",
          "re-proposal decided",
          "equivocation",
          "evidence kept",
          "catch-up by blocks",
          "restart with votes",
          "torn tail recovered",
          "died inside a write",
          "store batches lost",
          "stopped by a disk fault",
          "whole cluster lost power",
          "partition",
          "push dropped by a censor",
          "re-proposal returned to its signer",
          "complaint of a primary",
          "halt on another head",
          "submission with a very short life",
          "submission pushed before it is due",
          "submission under two signatures",
          "submission pushed after the others",
          "submission pushed to one member only",
          "push flood by an observer",
          "push flood by a member",
          "members that feign wishes",
          "submission included in time",
          "liar disconnected",
          "censor that acknowledges nothing",
          "censor that acknowledges to one",
          "censor that acknowledges some",
          "censor that acknowledges all",
          "censor behind a shield",
          "censor just below the timeout",
          "stale NEW-VIEW shown",
          "view left half prepared again",
          "answer over a slow link",
          "clocks set back",
          "backup restored on an idle network",
          "backup restored on a busy network",
          "disk lost and initialised again",
          "backup restored and all restarted",
          "lost memory noticed",
          "forgotten vote shown in a certificate",
          "frames lost",
          "frames duplicated",
          "frames cut off"};
}

}  // namespace imi::sim
