#include "node/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <span>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/hex.h"
#include "node/config_text.h"
#include "node/config_values.h"

namespace imi::node {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr unsigned kMaxRpcThreads = 64;
constexpr std::string_view kRequired = "required";

// One value of the file while it is read. The first problem stands.
class Field {
 public:
  Field(const toml::node& node, const std::filesystem::path& base) : node_(node), base_(base) {}

  std::string text() {
    const auto value = node_.value_exact<std::string>();
    if (!value) fail("must be text in quotes");
    return value.value_or("");
  }
  std::string needed_text() {
    std::string value = text();
    if (value.empty()) fail("is empty: give it a value");
    return value;
  }
  // Relative to the file's folder; an absolute value stays itself.
  std::filesystem::path needed_path() { return base_ / needed_text(); }
  std::filesystem::path path() {
    const std::string value = text();
    return value.empty() ? std::filesystem::path() : base_ / value;
  }
  unsigned number(unsigned min, unsigned max) {
    const auto value = node_.value_exact<std::int64_t>();
    if (value && *value >= std::int64_t{min} && *value <= std::int64_t{max}) {
      return static_cast<unsigned>(*value);
    }
    fail(fmt::format("must be a whole number from {} to {}", min, max));
    return min;
  }
  ListenAddress listen() {
    const std::string value = needed_text();
    if (const std::string why = problem_of_listen(value); !why.empty()) fail(why);
    const auto parts = split_host_and_port(value);
    return parts ? ListenAddress{parts->host, parts->port} : ListenAddress{};
  }
  // Texts that pass `check`, each once, compared without case.
  std::vector<std::string> texts(std::string (*check)(std::string_view)) {
    std::vector<std::string> out;
    std::set<std::string> seen;
    const toml::array* list = node_.as_array();
    if (list == nullptr) fail("must be a list of texts");
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const auto value = (*list)[i].value_exact<std::string>();
      if (!value) {
        fail("must be a list of texts");
        break;
      }
      if (const std::string why = check(*value); !why.empty()) fail(why);
      if (!seen.insert(folded(*value)).second) fail(fmt::format("'{}' is listed twice", *value));
      out.push_back(*value);
    }
    return out;
  }
  std::map<std::string, std::string> addresses();
  std::vector<ObserverConfig> observers();

  void fail(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  static std::string folded(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return text;
  }

  const toml::node& node_;
  const std::filesystem::path& base_;
  std::string problem_;
};

std::map<std::string, std::string> Field::addresses() {
  std::map<std::string, std::string> out;
  std::map<std::string, std::string> who;
  const toml::table* table = node_.as_table();
  if (table == nullptr) {
    fail("must be a section of name = \"host:port\"");
    return out;
  }
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    const auto address = value.value_exact<std::string>();
    if (!address) {
      fail(fmt::format("{} must be \"host:port\"", name));
      break;
    }
    if (const std::string why = problem_of_peer(*address); !why.empty()) {
      fail(fmt::format("{}: {}", name, why));
    }
    const auto [other, is_new] = who.emplace(folded(*address), name);
    if (!is_new) {
      fail(fmt::format("{} and {} have the same address {}: one of them cannot be reached there",
                       other->second, name, *address));
    }
    out.emplace(name, *address);
  }
  return out;
}

std::vector<ObserverConfig> Field::observers() {
  std::vector<ObserverConfig> out;
  const toml::array* list = node_.as_array();
  if (list == nullptr) {
    fail("must be [[peers.observers]] sections");
    return out;
  }
  for (const toml::node& item : *list) {
    const toml::table* t = item.as_table();
    const auto name = t == nullptr ? std::nullopt : (*t)["name"].value_exact<std::string>();
    const auto pin = t == nullptr ? std::nullopt : (*t)["pin"].value_exact<std::string>();
    const auto bytes = fixed_from_hex<Hash256>(pin.value_or(""));
    if (!name || name->empty() || !bytes) {
      fail("each needs a name and a pin of 64 hexadecimal digits");
      break;
    }
    for (const auto& [key, value] : *t) {
      if (key != "name" && key != "pin") {
        fail(fmt::format("{}: '{}' is not a key of an observer (name, pin)", *name,
                         std::string_view(key.str())));
      }
    }
    if (*bytes == Hash256{}) fail(fmt::format("{}: no key has a pin of zeros", *name));
    for (const ObserverConfig& o : out) {
      if (o.name == *name) fail(fmt::format("{} is listed twice", *name));
      if (o.pin == *bytes) fail(fmt::format("{} and {} have the same pin", o.name, *name));
    }
    out.push_back({*name, *bytes});
  }
  return out;
}

// A key: its description, and how it is read.
struct KeyReader {
  ConfigKey doc;
  void (*read)(Field&, NodeConfig&);
};

void read_log_level(Field& f, NodeConfig& c) {
  static const std::set<std::string> kLevels{"debug", "info", "warning", "error"};
  c.log_level = f.text();
  if (!kLevels.contains(c.log_level)) {
    f.fail(fmt::format("'{}' is not one of debug, info, warning, error", c.log_level));
  }
}

// The description from which the reader, `imid --print-config-keys` and docs/OPERATIONS.md follow.
constexpr KeyReader kKeys[] = {
    {{"node", "name", "text", kRequired,
      "for people, logs, and the audience of signed queries; a validator's own name in the "
      "genesis"},
     [](Field& f, NodeConfig& c) { c.name = f.needed_text(); }},
    {{"node", "data", "folder", kRequired,
      "ledger, safety log and evidence; one process at a time holds it"},
     [](Field& f, NodeConfig& c) { c.data = f.needed_path(); }},
    {{"node", "genesis", "file", kRequired, "the chain's genesis document"},
     [](Field& f, NodeConfig& c) { c.genesis = f.needed_path(); }},
    {{"node", "key", "file", "none: an observer",
      "the validator's signing key, mode 0600; an observer has none and signs nothing"},
     [](Field& f, NodeConfig& c) { c.key = f.needed_path(); }},
    {{"node", "tls", "folder", kRequired, "holds `tls.key` and `tls.crt`"},
     [](Field& f, NodeConfig& c) { c.tls = f.needed_path(); }},
    {{"node", "passphrase_file", "file", "none",
      "the passphrase of a sealed `node.key`, mode 0600; otherwise the environment variable "
      "IMI_PASSPHRASE"},
     [](Field& f, NodeConfig& c) { c.passphrase_file = f.path(); }},
    {{"peers", "listen", "address:port", kRequired,
      "where other nodes connect; numeric; port 0 takes any free one, written to "
      "`data/run/ports.json`"},
     [](Field& f, NodeConfig& c) { c.peers_listen = f.listen(); }},
    {{"peers", "addresses", "name = \"host:port\" entries", "none",
      "where the validators of the genesis are dialled, by name; this node may be among them; an "
      "observer needs at least one"},
     [](Field& f, NodeConfig& c) { c.peer_addresses = f.addresses(); }},
    {{"peers", "observers", "sections with name, pin", "none",
      "who else may connect: a name for the log, and the pin that `imid tls` printed"},
     [](Field& f, NodeConfig& c) { c.observers = f.observers(); }},
    {{"rpc", "listen", "address:port", kRequired,
      "where clients connect; numeric; port 0 takes any free one"},
     [](Field& f, NodeConfig& c) { c.rpc_listen = f.listen(); }},
    {{"rpc", "hosts", "list of DNS names", "none",
      "names besides localhost that a request's Host header may have; numeric addresses are always "
      "allowed"},
     [](Field& f, NodeConfig& c) { c.rpc_hosts = f.texts(problem_of_host); }},
    {{"rpc", "origins", "list of origins", "none",
      "web origins, such as `https://portal.example`, whose pages may call this node"},
     [](Field& f, NodeConfig& c) { c.rpc_origins = f.texts(problem_of_origin); }},
    {{"rpc", "proxies", "list of addresses or networks", "none",
      "reverse proxies, such as `10.0.0.7` or `10.0.0.0/8`, whose `Forwarded` and "
      "`X-Forwarded-For` "
      "headers name the client"},
     [](Field& f, NodeConfig& c) { c.rpc_proxies = f.texts(problem_of_network); }},
    {{"rpc", "threads", "2 to 64", "2", "threads that answer reads; one serves only short reads"},
     [](Field& f, NodeConfig& c) { c.rpc_threads = f.number(2, kMaxRpcThreads); }},
    {{"rpc", "token_file", "file", "none",
      "a bearer token, mode 0600, that every request but `/healthz` and `/readyz` must carry"},
     [](Field& f, NodeConfig& c) { c.rpc_token_file = f.path(); }},
    {{"log", "level", "debug, info, warning, error", "info",
      "the least severe messages that are logged"},
     read_log_level},
    {{"log", "file", "file", "none: standard error", "where the log is appended"},
     [](Field& f, NodeConfig& c) { c.log_file = f.path(); }},
};

bool is_section(std::string_view name) {
  return std::ranges::any_of(kKeys, [&](const KeyReader& k) { return k.doc.section == name; });
}
bool is_key(std::string_view section, std::string_view key) {
  return std::ranges::any_of(
      kKeys, [&](const KeyReader& k) { return k.doc.section == section && k.doc.key == key; });
}

// An unknown key is reported before a missing one: most often it is its misspelling.
std::string unknown_in(const toml::table& root) {
  for (const auto& [section, value] : root) {
    if (!is_section(section.str())) {
      return fmt::format("[{}] is not a section of this file: is it misspelt?", section.str());
    }
    const toml::table* table = value.as_table();
    if (table == nullptr) return fmt::format("[{}] must be a section", section.str());
    for (const auto& [key, unused] : *table) {
      if (!is_key(section.str(), key.str())) {
        return fmt::format("{}.{}: is not a key of this section: is it misspelt?", section.str(),
                           key.str());
      }
    }
  }
  return {};
}

std::string read_key(const KeyReader& k, const toml::table& root, const std::filesystem::path& base,
                     NodeConfig& out) {
  const toml::table* table = root.get_as<toml::table>(k.doc.section);
  const toml::node* node = table == nullptr ? nullptr : table->get(k.doc.key);
  if (node == nullptr) {
    if (k.doc.standard != kRequired) return {};
    if (table == nullptr) return fmt::format("the section [{}] is missing", k.doc.section);
    return fmt::format("{}.{}: is missing: give it a value", k.doc.section, k.doc.key);
  }
  Field field(*node, base);
  k.read(field, out);
  if (field.problem().empty()) return {};
  return fmt::format("{}.{}: {}", k.doc.section, k.doc.key, field.problem());
}

// Settings that contradict each other.
std::string problem_of_whole(const NodeConfig& c) {
  const ListenAddress& a = c.peers_listen;
  const ListenAddress& b = c.rpc_listen;
  if (a.port != 0 && a.port == b.port &&
      (a.host == b.host || is_unspecified(a.host) || is_unspecified(b.host))) {
    return fmt::format("rpc.listen: port {} is that of peers.listen: choose another", b.port);
  }
  if (c.key.empty() && !c.passphrase_file.empty()) {
    return "node.passphrase_file: there is no node.key for it to open: set node.key, or leave "
           "passphrase_file out";
  }
  if (c.key.empty() && c.peer_addresses.empty()) {
    return "peers.addresses: an observer (a node without node.key) dials the validators: give the "
           "address of at least one";
  }
  return {};
}

}  // namespace

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> out;
  for (const KeyReader& k : kKeys) out.push_back(k.doc);
  return out;
}

std::string config_keys_table() {
  std::string out = "| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const ConfigKey& k : config_keys()) {
    out += fmt::format("| `{}.{}` | {} | {} | {} |\n", k.section, k.key, k.type, k.standard,
                       k.meaning);
  }
  return out;
}

std::expected<NodeConfig, ConfigError> parse_config(std::string_view text,
                                                    const std::filesystem::path& file) {
  const auto refuse = [&file](const std::string& what) {
    return std::unexpected(fmt::format("{}: {}", file.string(), what));
  };
  const auto plain = plain_toml(text);
  if (!plain) return refuse(plain.error());
  const toml::parse_result parsed = toml::parse(*plain);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return refuse(
        fmt::format("line {}, column {}: {}", at.line, at.column, parsed.error().description()));
  }
  const toml::table& root = parsed.table();
  if (const std::string why = unknown_in(root); !why.empty()) return refuse(why);
  const std::filesystem::path base = std::filesystem::absolute(file).parent_path();
  NodeConfig out;
  for (const KeyReader& k : kKeys) {
    if (const std::string why = read_key(k, root, base, out); !why.empty()) return refuse(why);
  }
  if (const std::string why = problem_of_whole(out); !why.empty()) return refuse(why);
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
