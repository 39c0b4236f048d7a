// network up, status, down, logs.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/hex.h"
#include "chain/validator_set.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/network/network.h"

namespace imi::cli {
namespace {

json::object to_json(const NodeState& n) {
  json::object o{{"name", n.entry.name},
                 {"running", n.process.has_value()},
                 {"answers", n.answers},
                 {"ready", n.ready},
                 {"votes", n.votes},
                 {"rpc", fmt::format("127.0.0.1:{}", n.entry.rpc_port)},
                 {"peer", fmt::format("127.0.0.1:{}", n.entry.peer_port)}};
  if (n.process) o["pid"] = n.process->pid;
  if (n.answers) {
    o["role"] = n.role;
    o["height"] = n.height;
    o["certified"] = n.certified;
    o["view"] = n.view;
    o["reads"] = n.reads;
  }
  if (!n.halted.empty()) o["halted"] = n.halted;
  if (n.clock_ahead_ms) o["clock_ahead_ms"] = *n.clock_ahead_ms;
  if (!n.clock_problem.empty()) o["clock_problem"] = n.clock_problem;
  if (n.usage) o["resident_bytes"] = n.usage->resident_bytes;
  if (!n.why.empty()) o["why"] = n.why;
  return o;
}

constexpr std::string_view kSilentRole = "silent-validator";

// What a node is at present, in a word or two.
std::string state_of(const NodeState& n) {
  if (!n.halted.empty()) return "halted: " + n.halted;
  if (!n.process) return "down";
  if (!n.answers) return "silent";
  if (n.votes) return "serving";
  if (n.awaits) return "asking peers";
  if (n.role == kSilentRole) return n.reads ? "reads only" : "signs nothing";
  return "not ready";
}

// How many of the nodes vote, how many votes commit a block, and which do not vote.
struct Standing {
  std::size_t votes = 0;
  std::size_t nodes = 0;
  std::size_t quorum = 0;
  std::string others;  // "validator-2 (signs nothing), validator-3 (down)"
  bool down = false;   // any of them
  bool halted = false;
  bool silent = false;
  std::string mute;  // one whose process runs and does not answer
  [[nodiscard]] std::string advice() const;
  [[nodiscard]] bool serves() const { return votes >= quorum; }
  [[nodiscard]] std::string text() const {
    return fmt::format("{} of {} validators vote; {} are needed to commit. Not voting: {}", votes,
                       nodes, quorum, others);
  }
};

Standing standing_of(const std::vector<NodeState>& nodes) {
  Standing out;
  out.nodes = nodes.size();
  out.quorum = chain::Quorum::of(static_cast<std::uint32_t>(nodes.size())).q;
  for (const NodeState& n : nodes) {
    if (n.votes) {
      ++out.votes;
      continue;
    }
    const std::string state =
        n.halted.empty() && n.role == kSilentRole && !n.awaits ? "signs nothing" : state_of(n);
    out.others += fmt::format("{}{} ({})", out.others.empty() ? "" : ", ", n.entry.name, state);
    out.down = out.down || (!n.process && n.halted.empty());
    out.halted = out.halted || !n.halted.empty();
    out.silent = out.silent || (n.role == kSilentRole && !n.awaits);
    if (n.process && !n.answers) out.mute = n.entry.name;
  }
  return out;
}

// What to do for those that do not vote.
std::string Standing::advice() const {
  std::vector<std::string> out;
  if (down) out.emplace_back("imi network up starts those that are down");
  if (halted)
    out.emplace_back("free space on the disk; then imi network up restarts the halted nodes");
  if (silent) {
    out.emplace_back(
        "keys that sign nothing cannot vote again on this chain: see docs/OPERATIONS.md, \"A "
        "validator that signs nothing\"");
  }
  if (!mute.empty()) out.push_back("imi network logs " + mute);
  if (out.empty()) out.emplace_back("remove the cause that is shown for each of them");
  std::string text;
  for (const std::string& one : out) text += (text.empty() ? "" : "; ") + one;
  return text;
}

// Clocks further apart than this disturb a network.
constexpr std::int64_t kClockMs = 2'000;

// A clock that is wrong, as the nodes see it and by this machine's own.
void warn_of_clocks(Session& s, const std::vector<NodeState>& nodes) {
  for (const NodeState& n : nodes) {
    if (!n.clock_problem.empty()) {
      s.out().warn(fmt::format("{} reports: {}", n.entry.name, n.clock_problem));
    } else if (n.clock_ahead_ms && std::abs(*n.clock_ahead_ms) > kClockMs) {
      s.out().warn(fmt::format("the clock of {} is {} {} this machine's", n.entry.name,
                               duration_text(std::abs(*n.clock_ahead_ms)),
                               *n.clock_ahead_ms > 0 ? "ahead of" : "behind"));
    }
  }
}

// Prints the nodes; returns how they stand.
Standing show_nodes(Session& s, const std::filesystem::path& dir, const Manifest& m) {
  const std::vector<NodeState> nodes = look_at(dir, m);
  const Standing standing = standing_of(nodes);
  std::size_t ready = 0;
  json::array list;
  Table t({{"node", Align::kLeft, 8},
           {"state", Align::kLeft, 7},
           {"role", Align::kLeft, 6},
           {"height", Align::kRight},
           {"certified", Align::kRight},
           {"view", Align::kRight},
           {"pid", Align::kRight},
           {"memory", Align::kRight},
           {"rpc", Align::kLeft, 0}});
  for (const NodeState& n : nodes) {
    list.push_back(to_json(n));
    if (n.ready) ++ready;
    const Cell state(state_of(n), n.votes                         ? Style::kGood
                                  : n.answers && n.halted.empty() ? Style::kWarn
                                                                  : Style::kBad);
    t.add({n.entry.name, state, n.role, n.answers ? grouped(n.height) : "",
           n.answers ? grouped(n.certified) : "", n.answers ? std::to_string(n.view) : "",
           n.process ? std::to_string(n.process->pid) : "",
           n.usage ? size_text(n.usage->resident_bytes) : "",
           fmt::format("127.0.0.1:{}", n.entry.rpc_port)});
  }
  s.out().emit(json::object{{"dir", dir.string()},
                            {"nodes", list},
                            {"ready", ready},
                            {"voting", standing.votes},
                            {"quorum", standing.quorum},
                            {"serving", standing.serves()}});
  s.out().show(t);
  for (const NodeState& n : nodes) {
    if (!n.votes && n.why != "not running" && !n.why.empty()) {
      s.out().line(n.entry.name + ": " + n.why);
    }
  }
  warn_of_clocks(s, nodes);
  return standing;
}

void up(Session& s, const UpOptions& options) {
  Network network(s, s.dir(), true);
  s.out().note(fmt::format("network in {}", s.dir().string()));
  network.up(options);
  const auto m = load_manifest(s.dir());
  if (!m) fail(ExitCode::kLocal, "manifest-damaged", m.error());
  const Standing standing = show_nodes(s, s.dir(), *m);
  s.out().line();
  if (!standing.serves()) {
    fail(ExitCode::kUnreachable, "no-quorum", "the network does not commit: " + standing.text(),
         standing.advice());
  }
  if (standing.votes < standing.nodes) {
    s.out().warn(fmt::format("{}. What to do: {}", standing.text(), standing.advice()));
  }
  s.out().line("The network serves. Its id, which every proof is checked against:");
  s.out().line("  " + to_hex(s.genesis_id()));
}

void status(Session& s) {
  if (!std::filesystem::exists(manifest_path(s.dir()))) {
    fail(ExitCode::kLocal, "no-network", s.dir().string() + " holds no network",
         "imi network up, or --dir FOLDER");
  }
  const auto m = load_manifest(s.dir());
  if (!m) {
    fail(ExitCode::kLocal, "manifest-damaged", m.error(),
         "imi network down stops its nodes, found by their folders, and keeps their data");
  }
  const Standing standing = show_nodes(s, s.dir(), *m);
  if (standing.votes == standing.nodes) return;
  if (standing.serves()) {
    return s.out().warn(fmt::format("{}. What to do: {}", standing.text(), standing.advice()));
  }
  fail(ExitCode::kUnreachable, "no-quorum", standing.text(), standing.advice());
}

void down(Session& s) {
  std::error_code ec;
  if (!std::filesystem::exists(manifest_path(s.dir()), ec) && nodes_in_folder(s.dir()).empty()) {
    s.out().emit(json::object{{"stopped", 0}});
    return s.out().line("no network in " + s.dir().string());
  }
  Network network(s, s.dir(), false);
  const std::size_t n = network.down();
  s.out().emit(json::object{{"stopped", n}});
  s.out().line(n == 0 ? "the network is already down; its data is kept"
                      : fmt::format("stopped {} validators; their data is kept", n));
}

void logs(Session& s, const std::string& only, std::size_t lines, bool follow) {
  const auto m = load_manifest(s.dir());
  if (!m) fail(ExitCode::kLocal, "no-network", m.error(), "imi network up, or --dir FOLDER");
  std::vector<std::string> names;
  std::vector<std::pair<std::string, std::filesystem::path>> files;
  for (const NodeEntry& n : m->nodes) {
    names.push_back(n.name);
    if (only.empty() || n.name == only)
      files.emplace_back(n.name, node_folder(s.dir(), n) / "imid.log");
  }
  if (files.empty()) {
    const auto near = nearest(only, names);
    fail(ExitCode::kUsage, "no-such-node", fmt::format("there is no node '{}'", printable(only)),
         near ? "imi network logs " + *near : "one of " + joined(names, "or"));
  }
  std::vector<std::uintmax_t> seen;
  for (const auto& [name, file] : files) {
    if (files.size() > 1) s.out().heading("==> " + name);
    s.out().show_text(tail_of(file, lines));
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    seen.push_back(ec ? 0 : size);
  }
  while (follow && !interrupted() && s.out().flush()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    for (std::size_t i = 0; i < files.size(); ++i) {
      std::error_code ec;
      const auto size = std::filesystem::file_size(files[i].second, ec);
      if (ec || size <= seen[i]) continue;
      std::FILE* f = std::fopen(files[i].second.c_str(), "rb");
      if (f == nullptr) continue;
      std::fseek(f, static_cast<long>(seen[i]), SEEK_SET);
      std::string text(static_cast<std::size_t>(size - seen[i]), '\0');
      text.resize(std::fread(text.data(), 1, text.size(), f));
      std::fclose(f);
      seen[i] += text.size();
      s.out().show_text(text);
    }
  }
}

}  // namespace

void add_network_commands(CLI::App& root, Session& s) {
  auto* network = root.add_subcommand("network", "A network of validators on this machine");
  network->group(kChapterNetwork);
  network->require_subcommand(1);
  network->footer("imi network up && imi network status && imi network down");

  auto* go =
      network->add_subcommand("up",
                              "Create the network if there is none, and start what is not running\n"
                              "Makes keys, TLS identities, the genesis document and the nodes' "
                              "configuration where they are missing, chooses free ports, starts "
                              "one process per validator, and waits until they commit. Safe to "
                              "repeat: what exists is kept, a node that died or halted is "
                              "restarted.");
  auto o = std::make_shared<UpOptions>();
  auto n = std::make_shared<std::uint32_t>(0);
  auto tie = std::make_shared<bool>(false);
  auto wait = std::make_shared<std::uint32_t>(60);
  go->add_option("--validators", *n, "how many; 4 tolerate 1 faulty, 7 tolerate 2 (default 4)")
      ->type_name("N")
      ->check(CLI::Range(kLeastValidators, kMostValidators));
  go->add_flag("--fresh", o->fresh,
               "remove the existing network with its data, and create a new one");
  go->add_option("--imid", o->imid, "the node program; default: beside imi, else on the PATH")
      ->type_name("FILE");
  go->add_option("--chain-name", o->chain_name, "name written into a new genesis")
      ->capture_default_str();
  go->add_option("--wait", *wait, "seconds to wait until the nodes commit")->capture_default_str();
  go->add_flag("--tie-to-parent", *tie, "kill the nodes when the calling process ends (for tests)");
  go->footer("imi network up\nimi network up --dir /tmp/seven --validators 7");
  go->callback([&s, o, n, tie, wait] {
    s.action = [&s, o, n, tie, wait] {
      if (*n != 0) o->validators = *n;
      o->wait_ms = std::int64_t{*wait} * 1000;
      if (*tie) o->tie_to = ::getppid();
      up(s, *o);
    };
  });

  auto* look = network->add_subcommand("status", "Each node's state, height, view, pid and memory");
  look->footer("imi network status --json");
  look->callback([&s] { s.action = [&s] { status(s); }; });

  auto* stop = network->add_subcommand("down", "Stop the nodes in order; their data is kept");
  stop->footer("imi network down");
  stop->callback([&s] { s.action = [&s] { down(s); }; });

  auto* log = network->add_subcommand("logs", "The end of the nodes' logs");
  auto only = std::make_shared<std::string>();
  auto lines = std::make_shared<std::size_t>(20);
  auto follow = std::make_shared<bool>(false);
  log->add_option("NODE", *only, "one node, e.g. validator-0; else all");
  log->add_option("-n,--lines", *lines, "lines per node")->capture_default_str();
  log->add_flag("-f,--follow", *follow, "follow the logs as they grow, until Ctrl-C");
  log->footer("imi network logs validator-0 -n 100\nimi network logs -f");
  log->callback([&s, only, lines, follow] {
    s.action = [&s, only, lines, follow] { logs(s, *only, *lines, *follow); };
  });
}

}  // namespace imi::cli
