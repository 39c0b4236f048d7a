// The node's configuration file: what is read, and which line is named where it cannot be.
#include "node/config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

namespace imi::node {
namespace {

constexpr std::string_view kGood =
    "# 节点的配置 (any letters in comments)\r\n"
    "[node]\t# the node\n"
    "name = \"验证者-0\"\n"
    "data = \"数据/\\\"a\\\\b\\\"\"\n"
    "genesis = 'genesis.imi'\n"
    "key = \"keys/validator.key\"\n"
    "tls = \"keys\"\n"
    "\n"
    "[peers]\n"
    "listen = \"127.0.0.1:0\"\n"
    "[ peers . addresses ]\n"
    "validator-1 = \"127.0.0.1:7001\"\n"
    "[rpc]\n"
    "listen = \"[::1]:8600\"\n"
    "hosts = [ \"a.example\", 'b.example', ]\n"
    "threads = 2\n";

std::string error_of(std::string text) {
  const auto config = parse_config(text, "imid.toml");
  REQUIRE_FALSE(config.has_value());
  return config.error();
}

}  // namespace

TEST_CASE("a configuration with letters of every kind is read as it is written") {
  const auto config = parse_config(kGood, "/etc/imid.toml");
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error()));
  CHECK(config->name == "验证者-0");
  CHECK(config->data == "/etc/数据/\"a\\b\"");
  CHECK(config->rpc_hosts == std::vector<std::string>{"a.example", "b.example"});
}

TEST_CASE("proxies are named by address or network, and others are refused by name") {
  const std::string good(kGood);
  const auto config = parse_config(
      good + "proxies = [\"10.0.0.7\", \"192.168.0.0/16\", \"::1\", \"2001:db8::/32\"]\n",
      "imid.toml");
  REQUIRE(config.has_value());
  CHECK(config->rpc_proxies.size() == 4);
  for (const std::string proxy :
       {"", "*", "proxy.example", "10.0.0", "10.0.0.7:80", "10.0.0.0/33", "10.0.0.0/", "::/129"}) {
    CAPTURE(proxy);
    const std::string error = error_of(good + "proxies = [\"10.0.0.7\", \"" + proxy + "\"]\n");
    CHECK(error.find("rpc.proxies: '" + proxy + "'") != std::string::npos);
  }
}

TEST_CASE("a line that is not valid in a configuration is named, whatever is in it") {
  const std::string good(kGood);
  const auto with = [&](std::string_view line) { return good + std::string(line) + "\n"; };
  for (const std::string_view line : {"[",
                                      "[[",
                                      "[[[m",
                                      "[=x]",
                                      "x",
                                      "= 1",
                                      "x = ",
                                      "x = 5[[[\"",
                                      "x = [ }{`' ' =",
                                      "x = 'a' b",
                                      "x = \"open",
                                      "x = \"\"\"many",
                                      "x = {a = 1}",
                                      "数 = 1",
                                      "x = 'é'",
                                      "\xef\xba\xbf@",
                                      "x = \"\xff\"",
                                      "x = \"\\q\"",
                                      "x = \"a\x01\"",
                                      "x = 0x10"}) {
    CAPTURE(line);
    const std::string error = error_of(with(line));
    CHECK(error.find("imid.toml: line 17") != std::string::npos);
  }
  CHECK(error_of(with("x = \"" + std::string(5000, 'a') + "\"")).find("line 17") !=
        std::string::npos);
  CHECK(error_of(with("threds = 2")).find("threds") != std::string::npos);
  // A misspelt key is reported before the one that is missing because of it.
  std::string misspelt = good;
  misspelt.replace(misspelt.find("data ="), 4, "daat");
  CHECK(error_of(misspelt).find("node.daat") != std::string::npos);
}

namespace {
// kGood with one piece of its text replaced.
std::string replaced(std::string_view old, std::string_view now) {
  std::string text(kGood);
  const std::size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  text.replace(at, old.size(), now);
  return text;
}
std::string quoted(std::string_view value) { return "\"" + std::string(value) + "\""; }
}  // namespace

TEST_CASE("a byte order mark is taken, and UTF-16 is named") {
  CHECK(parse_config("\xef\xbb\xbf" + std::string(kGood), "imid.toml").has_value());
  CHECK(error_of(std::string("\xff\xfe[\0n\0", 6)).find("UTF-16") != std::string::npos);
}

TEST_CASE("a host that no request can name is refused by name") {
  struct Case {
    std::string_view value, word;
  };
  for (const auto& [value, word] :
       std::initializer_list<Case>{{"*", "wildcard"},
                                   {"*.example.org", "wildcard"},
                                   {"ledger.example.org:443", "port"},
                                   {"https://ledger.example.org", "'ledger.example.org'"},
                                   {"ledger.example.org/rpc", "URL"},
                                   {"ledger.example.org.", "dot"},
                                   {"", "empty"},
                                   {" ledger.example.org", "not a host name"},
                                   {"ledger..example", "not a host name"},
                                   {"-a.example", "not a host name"},
                                   {"验证者.example", "xn--"},
                                   {"1.2.3", "not a host name"},
                                   {"10.0.0.5", "always allowed"},
                                   {"10.0.0.5:8600", "always allowed"},
                                   {"[::1]", "always allowed"},
                                   {"::1", "always allowed"},
                                   {"localhost", "always allowed"},
                                   {"A.example", "twice"}}) {
    CAPTURE(value);
    const std::string error = error_of(replaced("'b.example'", quoted(value)));
    CHECK(error.find("imid.toml: rpc.hosts: ") == 0);
    CHECK(error.find(word) != std::string::npos);
  }
}

TEST_CASE("an origin that no browser sends is refused by name") {
  const auto with = [](std::string_view value) {
    return std::string(kGood) + "origins = [" + quoted(value) + "]\n";
  };
  for (const std::string_view good : {"https://portal.example", "http://localhost:3000",
                                      "https://[::1]:8443", "chrome-extension://abcdef"}) {
    CAPTURE(good);
    CHECK(parse_config(with(good), "imid.toml").has_value());
  }
  for (const std::string_view bad :
       {"*", "https://*.example", "null", "", "portal.example", "https://portal.example/",
        "https://portal.example/app", "https://portal.example:443", "http://portal.example:80",
        "https://user@portal.example", "wss://portal.example", "file://x", "https://",
        "https://portal.example:", "https://portal.example:0", "https://portal.example:99999",
        "://portal.example", "https://门户.example", "https://portal.example?x"}) {
    CAPTURE(bad);
    const std::string error = error_of(with(bad));
    CHECK(error.find("imid.toml: rpc.origins: ") == 0);
  }
}

TEST_CASE("an address at which nothing can listen or be reached is refused by name") {
  for (const std::string_view bad : {"localhost:7000", "127.0.0.1", "127.0.0.1:70000", "1.2.3:1",
                                     "http://127.0.0.1:1", ":7000", "::1:7000"}) {
    CAPTURE(bad);
    const std::string error = error_of(replaced("\"127.0.0.1:0\"", quoted(bad)));
    CHECK(error.find("imid.toml: peers.listen: ") == 0);
  }
  for (const std::string_view bad :
       {"node1.example", "node1.example:0", "0.0.0.0:7001", "[::]:7001",
        "https://node1.example:7001", "node_1..example:7001", "*:7001", "256.1.1.1:7001",
        "node1.example:7001/"}) {
    CAPTURE(bad);
    const std::string error = error_of(replaced("\"127.0.0.1:7001\"", quoted(bad)));
    CHECK(error.find("imid.toml: peers.addresses: validator-1: ") == 0);
  }
  CHECK(parse_config(replaced("\"127.0.0.1:7001\"", "\"node_1.svc:7001\""), "imid.toml"));
  CHECK(error_of(replaced("[rpc]\n", "validator-2 = \"127.0.0.1:7001\"\n[rpc]\n"))
            .find("validator-1 and validator-2 have the same address") != std::string::npos);
  CHECK(error_of(replaced("\"127.0.0.1:0\"", "\"0.0.0.0:8600\"")).find("rpc.listen: port 8600") !=
        std::string::npos);
}

TEST_CASE("settings that have no effect together are refused") {
  // An observer: without a key.
  CHECK(error_of(replaced("key = \"keys/validator.key\"\n", "passphrase_file = \"p\"\n"))
            .find("node.passphrase_file: there is no node.key") != std::string::npos);
  std::string alone = replaced("key = \"keys/validator.key\"\n", "");
  const std::string_view address = "validator-1 = \"127.0.0.1:7001\"\n";
  alone.erase(alone.find(address), address.size());
  CHECK(error_of(alone).find("peers.addresses: an observer") != std::string::npos);
  // An empty key is a mistake, not the wish to observe.
  CHECK(error_of(replaced("\"keys/validator.key\"", "\"\"")).find("node.key: is empty") !=
        std::string::npos);
  const std::string observer =
      "[[peers.observers]]\nname = \"w\"\npin = \"" + std::string(63, '0') + "1\"\n";
  CHECK(parse_config(std::string(kGood) + observer, "imid.toml").has_value());
  CHECK(error_of(std::string(kGood) + observer + "address = \"x:1\"\n").find("'address'") !=
        std::string::npos);
  CHECK(error_of(std::string(kGood) + observer + observer).find("w is listed twice") !=
        std::string::npos);
  CHECK(error_of(std::string(kGood) + "[[peers.observers]]\nname = \"w\"\npin = \"" +
                 std::string(64, '0') + "\"\n")
            .find("zeros") != std::string::npos);
}

TEST_CASE("the table in docs/OPERATIONS.md is that of the keys that are read") {
  std::ifstream in(IMI_SOURCE_DIR "/docs/OPERATIONS.md");
  std::stringstream text;
  text << in.rdbuf();
  CHECK_MESSAGE(text.str().find(config_keys_table()) != std::string::npos,
                "put the output of `imid --print-config-keys` into docs/OPERATIONS.md");
}

}  // namespace imi::node
