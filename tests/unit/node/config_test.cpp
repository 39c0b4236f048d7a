// The node's configuration file: what is read, and which line is named where it cannot be.
#include "node/config.h"

#include <doctest/doctest.h>

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

TEST_CASE("a line that is none of a configuration's is named, whatever is in it") {
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
  // A misspelt key is told before the one that is missing for it.
  std::string misspelt = good;
  misspelt.replace(misspelt.find("data ="), 4, "daat");
  CHECK(error_of(misspelt).find("node.daat") != std::string::npos);
}

}  // namespace imi::node
