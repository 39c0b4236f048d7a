#include "cli/network/node_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "cli/network/identity.h"
#include "crypto/keystore.h"
#include "genesis/sample_network.h"

namespace imi::cli {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec)
    fail(ExitCode::kLocal, "cannot-make",
         fmt::format("cannot make {}: {}", folder.string(), ec.message()));
  fs::permissions(folder, fs::perms::owner_all, ec);
}

fs::path key_folder(const fs::path& dir, const NodeEntry& node) { return dir / node.name / "keys"; }

crypto::KeyInfo key_info(const fs::path& file) {
  auto info = crypto::read_key_info(file);
  if (!info) fail(ExitCode::kLocal, "key", crypto::describe(info.error()));
  return std::move(*info);
}

// The public key of a key file, made if it is not there.
crypto::PublicKey ensure_key(const fs::path& file, const char* purpose,
                             const crypto::SecretKey& fresh) {
  if (!fs::exists(file)) {
    const auto saved =
        crypto::save_key(file, fresh, purpose, std::nullopt, crypto::system_random());
    if (!saved) fail(ExitCode::kLocal, "key", crypto::describe(saved.error()));
  }
  return key_info(file).public_key;
}

std::vector<chain::Validator> make_validators(const fs::path& dir, const Manifest& m) {
  std::vector<chain::Validator> out;
  for (const NodeEntry& node : m.nodes) {
    const fs::path keys = key_folder(dir, node);
    make_folder(keys);
    chain::Validator v;
    v.name = node.name;
    v.key = ensure_key(keys / "validator.key", "validator",
                       crypto::SecretKey::generate(crypto::system_random()));
    v.tls_key_pin = ensure_tls_identity(m.imid, keys, node.name);
    out.push_back(std::move(v));
  }
  return out;
}

// A chain that was lost must not be replaced silently: its nodes hold data of it.
void refuse_lost_genesis(const fs::path& dir, const Manifest& m) {
  for (const NodeEntry& node : m.nodes) {
    const fs::path data = dir / node.name / "data";
    std::error_code ec;
    if (!fs::exists(data, ec) || fs::is_empty(data, ec)) continue;
    fail(ExitCode::kLocal, "genesis-lost",
         fmt::format("{} is missing, and {} holds data of a chain", (dir / "genesis.imi").string(),
                     data.string()),
         "put the genesis file back, or --fresh to make a new network (the data will be lost)");
  }
}

void make_genesis(Session& s, const fs::path& dir, const Manifest& m,
                  const std::string& chain_name) {
  refuse_lost_genesis(dir, m);
  genesis::SampleOptions o;
  o.chain_name = chain_name;
  o.time = chain::TimeMs(s.now_ms());
  o.validators = make_validators(dir, m);
  auto network = genesis::make_sample_network(o, crypto::system_random());
  if (!network) fail(ExitCode::kUsage, "bad-genesis", describe(network.error()));
  make_folder(dir / "agencies");
  for (const genesis::AgencyKey& k : network->keys) {
    // A key that an interrupted run left here is the agency's key.
    const auto key = ensure_key(dir / "agencies" / (k.short_name + ".key"), "agency", k.key);
    for (ledger::AgencyRegister& a : network->genesis.agencies) {
      if (a.profile.short_name == k.short_name) a.profile.keys = {key};
    }
  }
  if (auto ok = ledger::validate(network->genesis); !ok) {
    fail(ExitCode::kLocal, "bad-genesis", describe(ok.error()), "--fresh makes everything anew");
  }
  const Bytes bytes = ledger::encode_genesis_file(network->genesis);
  if (auto ok = write_whole(dir / "genesis.imi", as_text(bytes)); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
}

// The genesis that is there must be of these very nodes.
void check_genesis(const fs::path& dir, const Manifest& m) {
  const fs::path file = dir / "genesis.imi";
  auto text = read_whole(file, ledger::kMaxGenesisBytes);
  if (!text) fail(ExitCode::kLocal, "no-genesis", text.error());
  const auto g = ledger::decode_genesis_file(as_bytes(*text));
  if (!g) {
    fail(ExitCode::kLocal, "bad-genesis", fmt::format("{}: {}", file.string(), describe(g.error())),
         "put the right file back, or --fresh to make a new network (its data will be lost)");
  }
  if (g->validators.members.size() != m.nodes.size()) {
    fail(ExitCode::kLocal, "bad-genesis",
         fmt::format("{} has {} validators, network.json has {} nodes", file.string(),
                     g->validators.members.size(), m.nodes.size()));
  }
  for (std::size_t i = 0; i < m.nodes.size(); ++i) {
    const fs::path key = key_folder(dir, m.nodes[i]) / "validator.key";
    if (!fs::exists(key)) {
      fail(ExitCode::kLocal, "key-lost",
           fmt::format("the key of {} is missing: {}", m.nodes[i].name, key.string()),
           "put it back (a new key is not in the genesis), or --fresh");
    }
    if (key_info(key).public_key != g->validators.members[i].key) {
      fail(ExitCode::kLocal, "wrong-key",
           fmt::format("{} is not the key that {} names for {}", key.string(), file.string(),
                       m.nodes[i].name),
           "put the right key back, or --fresh");
    }
  }
}

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

void make_network_files(Session& s, const fs::path& dir, const Manifest& m,
                        const std::string& chain_name) {
  if (!fs::exists(dir / "genesis.imi")) make_genesis(s, dir, m, chain_name);
  check_genesis(dir, m);
}

std::string node_config(const fs::path& dir, const Manifest& m, const NodeEntry& node) {
  (void)dir;
  std::string out =
      "# Written by `imi network up`, which later changes nothing but the ports of this network's "
      "nodes.\n[node]\n";
  out += fmt::format(
      "name = {}\ndata = \"data\"\ngenesis = \"../genesis.imi\"\nkey = \"keys/validator.key\"\ntls "
      "= \"keys\"\n",
      toml_text(node.name));
  out += fmt::format("\n[peers]\nlisten = \"127.0.0.1:{}\"\n\n[peers.addresses]\n", node.peer_port);
  for (const NodeEntry& n : m.nodes) {
    if (n.name != node.name) out += fmt::format("{} = \"127.0.0.1:{}\"\n", n.name, n.peer_port);
  }
  out += fmt::format("\n[rpc]\nlisten = \"127.0.0.1:{}\"\n", node.rpc_port);
  return out;
}

namespace {

std::string_view trimmed_line(std::string_view line) {
  const std::size_t from = line.find_first_not_of(" \t\r");
  return from == std::string_view::npos
             ? std::string_view()
             : line.substr(from, line.find_last_not_of(" \t\r") + 1 - from);
}

// The key of a line "key = ..."; quotes are taken off.
std::string key_of(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  std::string_view key = trimmed_line(line.substr(0, equals));
  if (key.size() > 1 && key.front() == '"' && key.back() == '"')
    key = key.substr(1, key.size() - 2);
  return std::string(key);
}

// A line `key = "host:port"` with another port.
std::string with_port(std::string line, std::uint16_t port) {
  const std::size_t open = line.find('"', line.find('='));
  const std::size_t close = open == std::string::npos ? open : line.find('"', open + 1);
  if (close == std::string::npos) return line;
  const std::size_t colon = line.rfind(':', close);
  if (colon == std::string::npos || colon < open) return line;
  return line.replace(colon + 1, close - colon - 1, std::to_string(port));
}

}  // namespace

std::string with_ports(const std::string& text, const fs::path& dir, const Manifest& m,
                       const NodeEntry& node) {
  std::string out;
  std::string section;
  int listens = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string whole = text.substr(at, end - at);
    at = end;
    const std::string_view line = trimmed_line(whole);
    if (line.starts_with('[')) {
      section = line.substr(0, line.find(']') + 1);
      std::erase(section, ' ');
    }
    std::uint16_t port = 0;
    const std::string key = line.starts_with('#') ? std::string() : key_of(line);
    if (key == "listen" && section == "[peers]") port = node.peer_port;
    if (key == "listen" && section == "[rpc]") port = node.rpc_port;
    listens += port != 0 ? 1 : 0;
    if (section == "[peers.addresses]" && key != node.name) {
      const auto peer = std::ranges::find(m.nodes, key, &NodeEntry::name);
      if (peer != m.nodes.end()) port = peer->peer_port;
    }
    out += port == 0 ? whole : with_port(whole, port);
  }
  return listens == 2 ? out : node_config(dir, m, node);
}

}  // namespace imi::cli
