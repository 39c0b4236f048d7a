// What is seen of the nodes of a network: their processes, their own words, their logs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "cli/interrupt.h"
#include "cli/network/network.h"

namespace imi::cli {
namespace {

constexpr std::size_t kMaxTail = 1U << 20;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Why a node halted, as people say it.
std::string halt_text(const json::value& status) {
  const json::object* o = status.if_object();
  const json::value* halted = o != nullptr ? o->if_contains("halted") : nullptr;
  if (halted == nullptr) return {};
  const std::string code = text_or_empty(*halted, "code");
  return code.ends_with("-full") ? "disk full" : printable(code);
}

void read_clock(const json::value& status, std::int64_t asked_ms, std::int64_t answered_ms,
                NodeState& s) {
  const json::object* o = status.if_object();
  const json::value* clock = o != nullptr ? o->if_contains("clock") : nullptr;
  if (clock == nullptr) return;
  s.clock_problem = printable(text_or_empty(*clock, "problem"));
  if (const auto now = number_if(*clock, "now_ms")) {
    s.clock_ahead_ms = static_cast<std::int64_t>(*now) - (asked_ms + answered_ms) / 2;
  }
}

NodeState ask(const NodeEntry& entry) {
  NodeState s;
  s.entry = entry;
  ClientOptions o;
  o.nodes = {{"127.0.0.1", entry.rpc_port}};
  o.connect_timeout = std::chrono::milliseconds(1'000);
  o.call_timeout = std::chrono::milliseconds(2'000);
  o.interrupted = [] { return interrupted(); };
  Client client(std::move(o));
  const std::int64_t asked_ms = wall_ms();
  const auto status = client.call("status", {});
  if (!status) {
    s.why = status.error().message;
    return s;
  }
  const json::value& v = *status;
  s.answers = true;
  s.role = text_or_empty(v, "role");
  s.height = number_if(v, "height").value_or(0);
  s.certified = number_if(v, "certified_height").value_or(number_if(v, "certified").value_or(0));
  s.view = number_if(v, "view").value_or(0);
  s.block_time_ms = static_cast<std::int64_t>(number_if(v, "block_time_ms").value_or(0));
  const auto flag = [&v](std::string_view key) {
    const json::value* f = v.is_object() ? v.get_object().if_contains(key) : nullptr;
    return f != nullptr && f->is_bool() && f->get_bool();
  };
  s.ready = flag("ready");
  s.reads = flag("answers");
  s.awaits = flag("awaiting_peers");
  s.why = printable(text_or_empty(v, "why_not"));
  s.votes = s.ready && s.role == "validator";
  s.halted = halt_text(v);
  read_clock(v, asked_ms, wall_ms(), s);
  return s;
}

// The last line of the log of a node that does not run, where it says why.
std::string last_words(const std::filesystem::path& dir, const NodeEntry& node) {
  const std::string line = tail_of(log_file(dir, node), 1);
  const bool says_why = line.starts_with("imid: ") || line.find(" error ") != std::string::npos;
  return says_why ? printable(line.substr(0, line.find('\n'))) : std::string();
}

bool tells_of_full_disk(const std::string& words) {
  return words.find("No space left on device") != std::string::npos ||
         words.find("-full)") != std::string::npos;
}

}  // namespace

std::filesystem::path pid_file(const std::filesystem::path& dir, const NodeEntry& node) {
  return node_folder(dir, node) / "imid.pid";
}
std::filesystem::path log_file(const std::filesystem::path& dir, const NodeEntry& node) {
  return node_folder(dir, node) / "imid.log";
}

std::filesystem::path node_folder(const std::filesystem::path& dir, const NodeEntry& node) {
  return dir / node.name;
}

std::vector<NodeEntry> nodes_in_folder(const std::filesystem::path& dir) {
  std::vector<NodeEntry> out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(dir, ec)) {
    const NodeEntry node{entry.path().filename().string(), 0, 0};
    if (std::filesystem::exists(entry.path() / "imid.toml", ec)) out.push_back(node);
  }
  std::ranges::sort(out, {}, &NodeEntry::name);
  return out;
}

std::optional<Process> node_process(const std::filesystem::path& dir, const NodeEntry& node) {
  std::error_code ec;
  const auto folder = std::filesystem::canonical(node_folder(dir, node), ec);
  if (ec) return std::nullopt;
  std::vector<pid_t> likely;
  if (const auto p = load_process(pid_file(dir, node)); p && is_alive(*p)) {
    // Also while it starts and holds nothing yet. (A copied folder's pid file names another's.)
    if (working_folder(*p) == folder) return p;
    likely.push_back(p->pid);
  }
  const auto lock = folder / "data" / "lock";
  if (const auto text = read_whole(lock, 64)) likely.push_back(std::atoi(text->c_str()));
  return holder_of(lock, likely);
}

std::vector<NodeState> look_at(const std::filesystem::path& dir, const Manifest& m) {
  std::vector<NodeState> out(m.nodes.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < m.nodes.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto process = node_process(dir, m.nodes[i]);
      out[i] = process ? ask(m.nodes[i]) : NodeState{};
      out[i].entry = m.nodes[i];
      out[i].process = process;
      if (process) out[i].usage = usage_of(*process);
      if (process && !out[i].answers && is_suspended(*process)) {
        out[i].why = fmt::format("suspended by a signal: kill -CONT {}", process->pid);
      }
      if (!process) {
        const std::string words = last_words(dir, m.nodes[i]);
        out[i].why = words.empty() ? "not running" : "not running; its log ends: " + words;
        if (tells_of_full_disk(words)) out[i].halted = "disk full";
      }
    });
  }
  for (std::thread& t : threads) t.join();
  return out;
}

std::string tail_of(const std::filesystem::path& file, std::size_t lines) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::size_t>(in.tellg());
  const std::size_t from = size > kMaxTail ? size - kMaxTail : 0;
  in.seekg(static_cast<std::streamoff>(from));
  std::string text(size - from, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::size_t at = text.size();
  for (std::size_t n = 0; at > 0 && n <= lines; ++n) {
    const std::size_t end = text.rfind('\n', at - 1);
    if (end == std::string::npos) return text;
    at = end;
    if (n == 0 && end + 1 == text.size()) continue;
    if (n == lines) return text.substr(end + 1);
  }
  return text;
}

}  // namespace imi::cli
