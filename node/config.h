// imid's configuration file (TOML). Every wrong value is refused with the file, the key and what to
// do; unknown keys are refused too, because a misspelt limit is a limit not set. A key and its
// value stand on one line; letters other than ASCII stand in "double quotes" or comments.
//
//   [node]
//   name = "validator-0"          # for people and logs
//   data = "data"                 # folder; relative paths are relative to this file
//   genesis = "../genesis.imi"
//   key = "keys/validator.key"    # absent: an observer, signs nothing
//   tls = "keys"                  # folder with tls.key and tls.crt
//   passphrase_file = ""          # of the key; else the environment's IMI_PASSPHRASE
//
//   [peers]
//   listen = "127.0.0.1:7000"     # port 0: any free one, told in <data>/run/ports.json
//   [peers.addresses]             # validators by name, "host:port"; this node may be among them
//   validator-1 = "127.0.0.1:7001"
//   [[peers.observers]]           # who else may connect
//   name = "watch-1"
//   pin = "<64 hexadecimal digits>"
//
//   [rpc]
//   listen = "127.0.0.1:8600"
//   hosts = ["node0.example"]     # DNS names a Host header may have, besides localhost
//   origins = []                  # origins a browser may call from
//   proxies = []                  # reverse proxies that say for whom they speak: addresses, or
//                                 # networks such as "10.0.0.0/8"
//   threads = 2                   # that answer reads, at least two: one is for short reads alone
//   token_file = ""               # a bearer token that every call but health must show
//
//   [log]
//   level = "info"                # debug, info, warning, error
//   file = ""                     # absent: standard error
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
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

// The text is "<file>: <key>: what is wrong; what to do".
using ConfigError = std::string;

[[nodiscard]] std::expected<NodeConfig, ConfigError> parse_config(
    std::string_view text, const std::filesystem::path& file);
[[nodiscard]] std::expected<NodeConfig, ConfigError> load_config(const std::filesystem::path& file);

}  // namespace imi::node
