#include "node/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <ranges>
#include <regex>
#include <set>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/hex.h"
#include "base/text.h"

namespace imi::node {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr unsigned kMaxRpcThreads = 64;

// The first of each. A key that nobody knows is told first: most often it is the misspelt name of
// the one that is then missing.
struct Problems {
  std::string unknown;
  std::string other;
  [[nodiscard]] const std::string& first() const { return unknown.empty() ? other : unknown; }
};

// Reads one table; remembers the first thing that is wrong, and which keys it was asked for.
class Section {
 public:
  Section(const toml::table* table, std::string name, Problems& problems)
      : table_(table), name_(std::move(name)), problems_(problems) {}

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
    if (problems_.other.empty()) problems_.other = fmt::format("{}.{}: {}", name_, key, what);
  }

  // Refuses keys that nobody asked for.
  void finish() {
    if (table_ == nullptr) return;
    for (const auto& [key, value] : *table_) {
      if (!asked_.contains(std::string(key.str())) && problems_.unknown.empty()) {
        problems_.unknown = fmt::format("{}.{}: is not a key of this section: is it misspelt?",
                                        name_, std::string_view(key.str()));
      }
    }
  }

 private:
  const toml::table* table_;
  std::string name_;
  Problems& problems_;
  std::set<std::string> asked_;
};

Section section(const toml::table& root, std::string_view name, bool required, Problems& problems) {
  std::string& error = problems.other;
  const toml::node* node = root.get(name);
  if (node == nullptr) {
    if (required && error.empty()) error = fmt::format("the section [{}] is missing", name);
    return {nullptr, std::string(name), problems};
  }
  if (!node->is_table() && error.empty()) error = fmt::format("[{}] must be a section", name);
  return {node->as_table(), std::string(name), problems};
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

// The code point of a letter of well-formed UTF-8 at `at`, which is moved past it.
char32_t next_letter(std::string_view s, std::size_t& at) {
  const auto first = static_cast<unsigned char>(s[at++]);
  const std::size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  char32_t letter = more == 0 ? first : first & (0x3fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    letter = letter << 6 | (static_cast<unsigned char>(s[at++]) & 0x3fu);
  }
  return letter;
}

// The line in ASCII: other letters are escaped in "strings", left out of comments, refused
// elsewhere.
std::expected<std::string, std::string> ascii_line(std::string_view line) {
  std::string out;
  char quote = 0;  // of the string we are in
  bool comment = false;
  for (std::size_t at = 0; at < line.size();) {
    const char32_t letter = next_letter(line, at);
    if (letter >= 0x80) {
      if (comment) continue;
      if (quote != '"')
        return std::unexpected("letters other than ASCII stand in \"double quotes\"");
      out += fmt::format("\\U{:08X}", static_cast<std::uint32_t>(letter));
      continue;
    }
    const char c = static_cast<char>(letter);
    out += c;
    if (comment) continue;
    if (quote == '"' && c == '\\' && at < line.size() && line[at] > 0) {
      out += line[at++];
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      comment = true;
    }
  }
  return out;
}

constexpr std::size_t kMaxLine = 1000;

// What a line may be: nothing, [table], key = value; a comment behind it.
const std::regex& form() {
  static const std::string key = R"re((?:[A-Za-z0-9_-]+|"[A-Za-z0-9_. -]+"))re";
  static const std::string keys = key + R"re((?: *\. *)re" + key + ")*";
  static const std::string value =
      R"re((?:"(?:[^"\\]|\\["\\tnr]|\\U[0-9A-F]{8})*"|'[^']*'|-?[0-9]{1,18}|true|false))re";
  static const std::regex r("(?: *| *\\[ *" + keys + " *\\] *| *\\[\\[ *" + keys + " *\\]\\] *| *" +
                            keys + " *= *(?:" + value + "|\\[ *(?:" + value + "(?: *, *" + value +
                            ")* *,? *)?\\]) *)(?:#.*)?");
  return r;
}

// The text that toml++ is given. It meets much that is no TOML with assertions (undefined behaviour
// where those are off): so every line is ASCII and of the plain form that this file needs.
std::expected<std::string, ConfigError> ascii_text(std::string_view text) {
  std::string out;
  int number = 0;
  for (const auto part : std::views::split(without_byte_order_mark(text), '\n')) {
    std::string line(part.begin(), part.end());
    const auto refuse = [&](std::string_view why) {
      return std::unexpected(fmt::format("line {}: {}", number, why));
    };
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    std::ranges::replace(line, '\t', ' ');
    if (!is_plain_text(line)) return refuse("not UTF-8 text, or a control character");
    auto ascii = ascii_line(line);
    if (!ascii) return refuse(ascii.error());
    if (ascii->size() > kMaxLine) return refuse("longer than 1,000 characters");
    if (!std::regex_match(*ascii, form())) {
      return refuse("neither a [table], nor key = value on one line, nor a comment");
    }
    out.append(*ascii).push_back('\n');
  }
  return out;
}

}  // namespace

std::expected<NodeConfig, ConfigError> parse_config(std::string_view text,
                                                    const std::filesystem::path& file) {
  const auto refuse = [&file](const std::string& what) {
    return std::unexpected(fmt::format("{}: {}", file.string(), what));
  };
  const auto ascii = ascii_text(text);
  if (!ascii) return refuse(ascii.error());
  const toml::parse_result parsed = toml::parse(*ascii);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return refuse(
        fmt::format("line {}, column {}: {}", at.line, at.column, parsed.error().description()));
  }
  const toml::table& root = parsed.table();
  const std::filesystem::path base = std::filesystem::absolute(file).parent_path();
  NodeConfig out;
  Problems problems;
  for (const auto& [key, value] : root) {
    if (key != "node" && key != "peers" && key != "rpc" && key != "log" &&
        problems.unknown.empty()) {
      problems.unknown =
          fmt::format("[{}] is not a section of this file: is it misspelt?", key.str());
    }
  }

  Section node = section(root, "node", true, problems);
  node.text("name", out.name, true);
  node.path("data", out.data, base, true);
  node.path("genesis", out.genesis, base, true);
  node.path("key", out.key, base);
  node.path("tls", out.tls, base, true);
  node.path("passphrase_file", out.passphrase_file, base);
  node.finish();

  Section peers = section(root, "peers", true, problems);
  read_peers(peers, out);
  peers.finish();

  Section rpc = section(root, "rpc", true, problems);
  rpc.listen("listen", out.rpc_listen);
  rpc.texts("hosts", out.rpc_hosts);
  rpc.texts("origins", out.rpc_origins);
  rpc.number("threads", out.rpc_threads, 1, kMaxRpcThreads);
  rpc.path("token_file", out.rpc_token_file, base);
  rpc.finish();

  Section log = section(root, "log", false, problems);
  log.text("level", out.log_level);
  log.path("file", out.log_file, base);
  static const std::set<std::string> kLevels{"debug", "info", "warning", "error"};
  if (!kLevels.contains(out.log_level)) {
    log.fail("level", fmt::format("'{}' is none of debug, info, warning, error", out.log_level));
  }
  log.finish();

  if (!problems.first().empty()) return refuse(problems.first());
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
