// imid's configuration file (TOML). Every wrong value is refused with the file, the key and what to
// do; unknown keys are refused too, because a misspelt limit is a limit not set. A key and its
// value are on one line; non-ASCII characters are in "double quotes" or comments.
//
// The keys are described in one table (config_keys), from which the reader, `imid
// --print-config-keys` and the table in docs/OPERATIONS.md follow. A setting that can have no
// effect (a wildcard in rpc.hosts, an address that nothing can be reached at) is refused like a
// wrong one; what needs the genesis to be judged (names of validators) is refused by read_files().
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace imi::node {

struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

struct ObserverConfig {
  std::string name;
  Hash256 pin;
};

struct NodeConfig {
  std::string name;
  std::filesystem::path data;
  std::filesystem::path genesis;
  std::filesystem::path key;  // empty: observer
  std::filesystem::path tls;
  std::filesystem::path passphrase_file;

  ListenAddress peers_listen;
  std::map<std::string, std::string> peer_addresses;
  std::vector<ObserverConfig> observers;

  ListenAddress rpc_listen;
  std::vector<std::string> rpc_hosts;
  std::vector<std::string> rpc_origins;
  std::vector<std::string> rpc_proxies;
  unsigned rpc_threads = 2;
  std::filesystem::path rpc_token_file;

  std::string log_level = "info";
  std::filesystem::path log_file;
};

// One key of the file, as people read about it.
struct ConfigKey {
  std::string_view section;
  std::string_view key;
  std::string_view type;
  std::string_view standard;  // the default; "required" where there is none
  std::string_view meaning;
};
[[nodiscard]] std::vector<ConfigKey> config_keys();
// As a Markdown table.
[[nodiscard]] std::string config_keys_table();

// The text is "<file>: <key>: what is wrong; what to do".
using ConfigError = std::string;

[[nodiscard]] std::expected<NodeConfig, ConfigError> parse_config(
    std::string_view text, const std::filesystem::path& file);
[[nodiscard]] std::expected<NodeConfig, ConfigError> load_config(const std::filesystem::path& file);

}  // namespace imi::node
