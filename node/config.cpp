#include "node/config.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/hex.h"

namespace imi::node {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr unsigned kMaxRpcThreads = 64;

// Reads one table; remembers the first thing that is wrong, and which keys it was asked for.
class Section {
 public:
  Section(const toml::table* table, std::string name, std::string& error)
      : table_(table), name_(std::move(name)), error_(error) {}

  void text(std::string_view key, std::string& out, bool required = false) {
    const toml::node* node = find(key);
    if (node == nullptr) {
      if (required) fail(key, "is missing: give it a value");
      return;
    }
    const auto value = node->value_exact<std::string>();
    if (!value) return fail(key, "must be text in quotes");
    if (required && value->empty()) return fail(key, "is empty: give it a value");
    out = *value;
  }

  void path(std::string_view key, std::filesystem::path& out, const std::filesystem::path& base,
            bool required = false) {
    std::string value;
    text(key, value, required);
    if (!value.empty()) out = base / value;  // an absolute value stays itself
  }

  void number(std::string_view key, unsigned& out, unsigned min, unsigned max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < static_cast<std::int64_t>(min) ||
        *value > static_cast<std::int64_t>(max)) {
      return fail(key, fmt::format("must be a whole number from {} to {}", min, max));
    }
    out = static_cast<unsigned>(*value);
  }

  void texts(std::string_view key, std::vector<std::string>& out) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) return fail(key, "must be a list of texts");
    for (const toml::node& item : *list) {
      const auto value = item.value_exact<std::string>();
      if (!value) return fail(key, "must be a list of texts");
      out.push_back(*value);
    }
  }

  void listen(std::string_view key, ListenAddress& out) {
    std::string value;
    text(key, value, true);
    if (value.empty()) return;
    const std::size_t colon = value.rfind(':');
    unsigned long port = 65'536;
    if (colon != std::string::npos && colon > 0 && colon + 1 < value.size() &&
        value.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
        value.size() - colon <= 6) {
      port = std::stoul(value.substr(colon + 1));
    }
    if (port > 65'535) {
      return fail(key,
                  fmt::format("'{}' is not an address and port such as \"127.0.0.1:7000\"", value));
    }
    out.host = value.substr(0, colon);
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']') {
      out.host = out.host.substr(1, out.host.size() - 2);
    }
    out.port = static_cast<std::uint16_t>(port);
  }

  const toml::node* find(std::string_view key) {
    asked_.insert(std::string(key));
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  void fail(std::string_view key, std::string_view what) {
    if (error_.empty()) error_ = fmt::format("{}.{}: {}", name_, key, what);
  }

  // Refuses keys that nobody asked for.
  void finish() {
    if (table_ == nullptr) return;
    for (const auto& [key, value] : *table_) {
      if (!asked_.contains(std::string(key.str()))) {
        fail(key.str(), "is not a key of this section: is it misspelt?");
      }
    }
  }

 private:
  const toml::table* table_;
  std::string name_;
  std::string& error_;
  std::set<std::string> asked_;
};

Section section(const toml::table& root, std::string_view name, bool required, std::string& error) {
  const toml::node* node = root.get(name);
  if (node == nullptr) {
    if (required && error.empty()) error = fmt::format("the section [{}] is missing", name);
    return {nullptr, std::string(name), error};
  }
  if (!node->is_table() && error.empty()) error = fmt::format("[{}] must be a section", name);
  return {node->as_table(), std::string(name), error};
}

void read_peers(Section& peers, NodeConfig& out) {
  peers.listen("listen", out.peers_listen);
  if (const toml::node* node = peers.find("addresses")) {
    const toml::table* table = node->as_table();
    if (table == nullptr)
      return peers.fail("addresses", "must be a section of name = \"host:port\"");
    for (const auto& [name, value] : *table) {
      const auto address = value.value_exact<std::string>();
      if (!address || address->find(':') == std::string::npos) {
        return peers.fail("addresses", fmt::format("{} must be \"host:port\"", name.str()));
      }
      out.peer_addresses.emplace(name.str(), *address);
    }
  }
  if (const toml::node* node = peers.find("observers")) {
    const toml::array* list = node->as_array();
    if (list == nullptr) return peers.fail("observers", "must be [[peers.observers]] sections");
    for (const toml::node& item : *list) {
      const toml::table* t = item.as_table();
      const auto name = t == nullptr ? std::nullopt : (*t)["name"].value_exact<std::string>();
      const auto pin = t == nullptr ? std::nullopt : (*t)["pin"].value_exact<std::string>();
      const auto bytes = fixed_from_hex<Hash256>(pin.value_or(""));
      if (!name || name->empty() || !bytes) {
        return peers.fail("observers", "each needs a name and a pin of 64 hexadecimal digits");
      }
      out.observers.push_back({*name, *bytes});
    }
  }
}

}  // namespace

std::expected<NodeConfig, ConfigError> parse_config(std::string_view text,
                                                    const std::filesystem::path& file) {
  const auto refuse = [&file](const std::string& what) {
    return std::unexpected(fmt::format("{}: {}", file.string(), what));
  };
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return refuse(
        fmt::format("line {}, column {}: {}", at.line, at.column, parsed.error().description()));
  }
  const toml::table& root = parsed.table();
  const std::filesystem::path base = std::filesystem::absolute(file).parent_path();
  NodeConfig out;
  std::string error;
  for (const auto& [key, value] : root) {
    if (key != "node" && key != "peers" && key != "rpc" && key != "log" && error.empty()) {
      error = fmt::format("[{}] is not a section of this file: is it misspelt?", key.str());
    }
  }

  Section node = section(root, "node", true, error);
  node.text("name", out.name, true);
  node.path("data", out.data, base, true);
  node.path("genesis", out.genesis, base, true);
  node.path("key", out.key, base);
  node.path("tls", out.tls, base, true);
  node.path("passphrase_file", out.passphrase_file, base);
  node.finish();

  Section peers = section(root, "peers", true, error);
  read_peers(peers, out);
  peers.finish();

  Section rpc = section(root, "rpc", true, error);
  rpc.listen("listen", out.rpc_listen);
  rpc.texts("hosts", out.rpc_hosts);
  rpc.texts("origins", out.rpc_origins);
  rpc.number("threads", out.rpc_threads, 1, kMaxRpcThreads);
  rpc.path("token_file", out.rpc_token_file, base);
  rpc.finish();

  Section log = section(root, "log", false, error);
  log.text("level", out.log_level);
  log.path("file", out.log_file, base);
  static const std::set<std::string> kLevels{"debug", "info", "warning", "error"};
  if (!kLevels.contains(out.log_level)) {
    log.fail("level", fmt::format("'{}' is none of debug, info, warning, error", out.log_level));
  }
  log.finish();

  if (!error.empty()) return refuse(error);
  return out;
}

std::expected<NodeConfig, ConfigError> load_config(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return std::unexpected(
        fmt::format("{}: cannot be opened: {}; give the path of the node's "
                    "configuration with --config",
                    file.string(), std::strerror(errno)));
  }
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxConfigBytes) {
    return std::unexpected(
        fmt::format("{}: larger than 1 MiB: not a configuration", file.string()));
  }
  return parse_config(text, file);
}

}  // namespace imi::node
