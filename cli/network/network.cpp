#include "cli/network/network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <thread>

#include "cli/interrupt.h"
#include "cli/network/identity.h"
#include "cli/network/node_files.h"

namespace imi::cli {
namespace {

constexpr int kStopMs = 15'000;
constexpr std::uintmax_t kLeastSpace = std::uintmax_t{64} << 20;
constexpr std::int64_t kSilentMs =
    3'000;  // signing nothing for so long is not a passing state at start
constexpr std::int64_t kFreshMs = 15'000;  // an idle chain commits a heartbeat block every 5 s

std::string program_of_name(const std::string& given) {
  if (!given.empty()) {
    if (::access(given.c_str(), X_OK) == 0) return std::filesystem::absolute(given).string();
    fail(ExitCode::kLocal, "no-imid", fmt::format("{} is not an executable file", given));
  }
  std::error_code ec;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  if (const auto beside = self.parent_path() / "imid"; !ec && ::access(beside.c_str(), X_OK) == 0) {
    return beside.string();
  }
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string one = rest.substr(0, colon) + "/imid";
    if (::access(one.c_str(), X_OK) == 0) return one;
    rest.erase(0, colon == std::string::npos ? rest.size() : colon + 1);
  }
  fail(ExitCode::kLocal, "no-imid",
       "the node program `imid` is neither beside `imi` nor on the PATH",
       "--imid FILE, or build it: scripts/build release imid");
}

void stop(const Process& p) {
  send_signal(p, SIGTERM);
  send_signal(p, SIGCONT);  // a suspended process would not take it
  if (wait_gone(p, kStopMs)) return;
  send_signal(p, SIGKILL);
  (void)wait_gone(p, kStopMs);
}

// Why a node that was just started is gone: the end of its log.
[[noreturn]] void died(const std::filesystem::path& dir, const NodeEntry& node) {
  std::istringstream tail(tail_of(log_file(dir, node), 12));
  Failure f{ExitCode::kLocal,
            fmt::format("{} ended while starting. The end of its log:", node.name),
            fmt::format("imi network logs {}; then imi network up again", node.name),
            "node-died",
            {}};
  for (std::string line; std::getline(tail, line);) f.details.push_back(line);
  throw f;
}

}  // namespace

Network::Network(Session& session, std::filesystem::path dir, bool make)
    : session_(session), dir_(std::move(dir)) {
  std::error_code ec;
  if (make) {
    const bool is_new = std::filesystem::create_directories(dir_, ec);
    if (ec)
      fail(ExitCode::kLocal, "cannot-make",
           fmt::format("cannot make {}: {}", dir_.string(), ec.message()));
    if (is_new) std::filesystem::permissions(dir_, std::filesystem::perms::owner_all, ec);
    dir_ = std::filesystem::canonical(dir_);
  } else if (!std::filesystem::exists(manifest_path(dir_), ec) && nodes_in_folder(dir_).empty()) {
    fail(ExitCode::kLocal, "no-network", dir_.string() + " holds no network",
         "imi network up, or --dir FOLDER");
  }
  lock_ = ::open((dir_ / ".network.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const bool busy = lock_ >= 0 && errno == EWOULDBLOCK;
    fail(ExitCode::kLocal, busy ? "busy" : "cannot-lock",
         busy ? fmt::format("another `imi network` is running in {}", dir_.string())
              : fmt::format("cannot lock {}: {}", dir_.string(), std::strerror(errno)),
         busy ? "wait for it to end" : "");
  }
  if (std::filesystem::exists(manifest_path(dir_))) {
    auto m = load_manifest(dir_);
    if (m) {
      manifest_ = std::move(*m);
    } else {
      damage_ = m.error();
    }
  } else if (!make) {
    damage_ = manifest_path(dir_).string() + " is missing";
  }
  if (!damage_.empty()) manifest_.nodes = nodes_in_folder(dir_);
}

Network::~Network() {
  if (lock_ >= 0) ::close(lock_);
}

std::size_t Network::down() {
  if (!damage_.empty()) {
    session_.out().warn(damage_ + "; the nodes are found by their folders");
  }
  std::vector<std::pair<NodeEntry, Process>> running;
  for (const NodeEntry& node : manifest_.nodes) {
    if (const auto p = node_process(dir_, node)) running.emplace_back(node, *p);
  }
  for (const auto& [node, p] : running) {
    send_signal(p, SIGTERM);
    send_signal(p, SIGCONT);  // a suspended process would not take it
  }
  // All of them stop at the same time: one deadline.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kStopMs);
  for (const auto& [node, p] : running) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (!wait_gone(p, static_cast<int>(std::max<std::int64_t>(left.count(), 0)))) {
      session_.out().warn(fmt::format("{} (pid {}) did not stop in {} s: killed", node.name, p.pid,
                                      kStopMs / 1000));
      send_signal(p, SIGKILL);
      (void)wait_gone(p, kStopMs);
    }
    std::error_code ec;
    std::filesystem::remove(pid_file(dir_, node), ec);
  }
  return running.size();
}

void Network::remove_all() {
  down();
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(dir_, ec)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with("validator-") || name == "agencies" || name == "persons" ||
                      name == "imports" || name == "demo" || name == "network.json" ||
                      name == "genesis.imi" || name == "trusted-head" || name == "bench-subjects";
    if (ours) std::filesystem::remove_all(entry.path(), ec);
  }
  manifest_ = {};
  damage_.clear();
}

void Network::prepare(const UpOptions& o, const std::string& program) {
  if (!damage_.empty()) {
    const bool any = std::ranges::any_of(
        manifest_.nodes, [&](const NodeEntry& n) { return node_process(dir_, n).has_value(); });
    fail(ExitCode::kLocal, "manifest-damaged", damage_,
         any ? "its nodes run: imi network down stops them and keeps their data; then put the file "
               "back"
             : "put the file back; --fresh would make a new network and destroy this one's data");
  }
  const auto have = static_cast<std::uint32_t>(manifest_.nodes.size());
  const std::uint32_t n = o.validators.value_or(have == 0 ? kLeastValidators : have);
  if (have != 0 && n != have) {
    fail(ExitCode::kUsage, "validators-differ",
         fmt::format("{} holds a network of {} validators, not {}", dir_.string(), have, n),
         "another --dir, or --fresh to make it anew (its data will be lost)");
  }
  if (have == 0) {
    for (std::uint32_t i = 0; i < n; ++i)
      manifest_.nodes.push_back({fmt::format("validator-{}", i), 0, 0});
  }
  manifest_.imid = program;
  choose_ports();
  make_network_files(session_, dir_, manifest_, o.chain_name);
  // First, so that an interrupted run leaves configurations that the next one brings into line.
  write_file(manifest_path(dir_), manifest_text(manifest_));
  write_configs();
}

void Network::choose_ports() {
  std::set<std::uint16_t> used;
  for (const NodeEntry& n : manifest_.nodes) {
    used.insert(n.rpc_port);
    used.insert(n.peer_port);
  }
  const auto choose = [&](std::uint16_t& port, bool running) {
    if (running || (port != 0 && port_is_free(port))) return;
    for (int tries = 0; tries < 64; ++tries) {
      const auto p = free_port();
      if (!p || !used.insert(*p).second) continue;
      port = *p;
      return;
    }
    fail(ExitCode::kLocal, "no-port", "no free port was found on 127.0.0.1");
  };
  for (NodeEntry& n : manifest_.nodes) {
    const bool running = node_process(dir_, n).has_value();
    choose(n.rpc_port, running);
    choose(n.peer_port, running);
  }
}

void Network::write_file(const std::filesystem::path& file, const std::string& text) {
  const auto old = read_whole(file, 1U << 20);
  if (old && *old == text) return;
  if (old) before_.emplace(file, *old);
  if (auto ok = write_whole(file, text); !ok) fail(ExitCode::kLocal, "cannot-write", ok.error());
}

void Network::write_configs() {
  for (const NodeEntry& node : manifest_.nodes) {
    const auto file = node_folder(dir_, node) / "imid.toml";
    const auto old = read_whole(file, 1U << 20);
    const std::string text =
        old ? with_ports(*old, dir_, manifest_, node) : node_config(dir_, manifest_, node);
    if (old && *old == text) continue;
    write_file(file, text);
    // A peer moved to another port while this node ran: it reads its peers at start only.
    if (const auto p = node_process(dir_, node)) {
      stop(*p);
      stopped_.push_back(node);
    }
  }
}

// A node that halted on a full disk goes on answering reads until there is space for it to start.
void Network::stop_halted() {
  for (const NodeState& s : look_at(dir_, manifest_)) {
    if (!s.process || s.halted.empty()) continue;
    std::error_code ec;
    const auto space = std::filesystem::space(node_folder(dir_, s.entry) / "data", ec);
    if (!ec && space.available < kLeastSpace) {
      fail(ExitCode::kLocal, "disk-full",
           fmt::format("{} has halted ({}), and only {} are free on the disk of {}", s.entry.name,
                       s.halted, size_text(space.available),
                       (node_folder(dir_, s.entry) / "data").string()),
           fmt::format("free at least {}, then imi network up", size_text(kLeastSpace)));
    }
    session_.out().note(fmt::format("{} has halted ({}): restarting it", s.entry.name, s.halted));
    stop(*s.process);
  }
}

void Network::start(const NodeEntry& node) {
  SpawnOptions s;
  s.argv = {manifest_.imid, "--config", (node_folder(dir_, node) / "imid.toml").string()};
  s.log = log_file(dir_, node);
  s.directory = node_folder(dir_, node);
  auto p = spawn_daemon(s);
  if (!p) fail(ExitCode::kLocal, "cannot-start", fmt::format("{}: {}", node.name, p.error()));
  started_.emplace_back(node, *p);
  if (!save_process(pid_file(dir_, node), *p)) {
    send_signal(*p, SIGTERM);
    fail(ExitCode::kLocal, "cannot-write", "cannot write " + pid_file(dir_, node).string());
  }
}

void Network::start_missing(const UpOptions& o) {
  for (const NodeEntry& node : manifest_.nodes) {
    if (node_process(dir_, node)) continue;
    ensure_initialised(manifest_.imid, node_folder(dir_, node) / "imid.toml");
    start(node);
  }
  if (o.tie_to == 0 || started_.empty()) return;
  std::vector<Process> processes;
  for (const auto& [node, process] : started_) processes.push_back(process);
  if (auto ok = tie_to(processes, o.tie_to); !ok) fail(ExitCode::kLocal, "cannot-tie", ok.error());
}

// Puts files back as they were, and what ran before runs again. Without changed files nothing needs
// to be undone: the nodes that did start serve.
void Network::undo() {
  if (before_.empty()) return;
  for (const auto& [node, process] : started_) stop(process);
  for (const auto& [file, text] : before_) {
    if (auto ok = write_whole(file, text); !ok) session_.out().warn(ok.error());
  }
  before_.clear();
  const auto old = load_manifest(dir_);
  if (old) manifest_ = *old;
  for (const NodeEntry& node : stopped_) {
    try {
      if (!node_process(dir_, node)) start(node);
    } catch (const Failure& f) {  // the first failure is the one to be reported
      session_.out().warn(f.what);
    }
  }
}

void Network::wait_until_committing(const UpOptions& o) {
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 began)
        .count();
  };
  std::string waiting_for;
  std::map<std::string, std::int64_t> silent_since;
  while (elapsed() < o.wait_ms) {
    if (interrupted()) {
      fail(ExitCode::kInterrupted, "interrupted", "interrupted; the nodes continue to start",
           "imi network status, or imi network down");
    }
    waiting_for.clear();
    for (const NodeState& s : look_at(dir_, manifest_)) {
      if (!s.process) died(dir_, s.entry);
      // Committing, and not only remembering that it once did.
      const bool fresh = s.height >= 1 && session_.now_ms() - s.block_time_ms <= kFreshMs;
      if (s.ready && fresh) continue;
      if (s.role == "silent-validator" && !s.awaits && s.reads && fresh &&
          elapsed() - silent_since.emplace(s.entry.name, elapsed()).first->second >= kSilentMs) {
        continue;
      }
      const std::string why = !s.answers      ? s.why
                              : !s.ready      ? "not ready: " + s.why
                              : s.height == 0 ? "no block yet"
                                              : "no new block yet";
      waiting_for += fmt::format("{}{}: {}", waiting_for.empty() ? "" : "; ", s.entry.name, why);
    }
    if (waiting_for.empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  fail(ExitCode::kUnreachable, "not-ready",
       fmt::format("after {} the network still does not commit: {}", duration_text(o.wait_ms),
                   waiting_for),
       "imi network logs");
}

void Network::up(const UpOptions& o) {
  // Before anything is removed or changed.
  const std::string program = program_of_name(o.imid);
  if (auto ran = run_program({program, "--version"}); !ran || ran->code != 0) {
    fail(ExitCode::kLocal, "no-imid",
         fmt::format("{} --version failed: it is not a node program that runs here", program),
         "--imid FILE, or build it: scripts/build release imid");
  }
  if (o.fresh) remove_all();
  try {
    prepare(o, program);
    stop_halted();
    start_missing(o);
    wait_until_committing(o);
  } catch (const Failure& f) {
    // Slow is not failed: the nodes go on starting with what was written.
    if (f.exit != ExitCode::kUnreachable && f.exit != ExitCode::kInterrupted) undo();
    throw;
  }
}

}  // namespace imi::cli
