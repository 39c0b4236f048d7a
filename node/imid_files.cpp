#include "node/imid_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "crypto/keystore.h"

namespace imi::node {
namespace {

using rpc::ExitCode;

constexpr std::size_t kMaxSecretFile = 4096;
constexpr std::size_t kNamesShown = 10;

std::expected<std::string, std::string> read_text(const std::filesystem::path& file,
                                                  std::size_t max) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::unexpected(fmt::format("{} cannot be opened", file.string()));
  std::string text(max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max) return std::unexpected(fmt::format("{} is too large", file.string()));
  return text;
}

// Line ends at the end of a secret's file are not part of the secret.
std::expected<std::string, ProcessError> read_secret(const std::filesystem::path& file) {
  std::error_code ec;
  const auto mode = std::filesystem::status(file, ec).permissions();
  using std::filesystem::perms;
  if (!ec && (mode & (perms::group_all | perms::others_all)) != perms::none) {
    return refuse(ExitCode::kLocal, fmt::format("{} can be read by others: chmod 600 {}",
                                                file.string(), file.string()));
  }
  auto text = read_text(file, kMaxSecretFile);
  if (!text) return refuse(ExitCode::kLocal, text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (text->empty()) {
    return refuse(ExitCode::kBadInput,
                  fmt::format("{} is empty: put the secret into it, or remove the setting that "
                              "names it from the configuration",
                              file.string()));
  }
  return std::move(*text);
}

// What a client can send in an Authorization header.
std::expected<void, ProcessError> check_token(const std::string& token,
                                              const std::filesystem::path& file) {
  if (std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; })) return {};
  return refuse(ExitCode::kBadInput,
                fmt::format("rpc.token_file: the token in {} has blanks or characters other than "
                            "ASCII, which no client can send: create another",
                            file.string()));
}

std::string validator_names(const chain::ValidatorSet& set) {
  std::string out;
  for (std::size_t i = 0; i < set.members.size() && i < kNamesShown; ++i) {
    out += (i == 0 ? "" : ", ") + set.members[i].name;
  }
  if (set.members.size() > kNamesShown) out += ", ...";
  return out;
}

// What of the configuration has no effect on this chain, or contradicts it; empty: nothing.
std::string problem_on_chain(const NodeConfig& c, const NodeFiles& files) {
  const auto& members = files.genesis.validators.members;
  const auto named = [&](const std::string& name) {
    return std::ranges::find(members, name, &chain::Validator::name);
  };
  for (const auto& [name, address] : c.peer_addresses) {
    if (named(name) == members.end()) {
      return fmt::format(
          "peers.addresses: '{}' is not a validator of this chain: its validators "
          "are {}",
          name, validator_names(files.genesis.validators));
    }
    const auto own = files.member ? files.genesis.validators.member(*files.member).name : "";
    if (name == own) continue;
    const std::string host = c.peers_listen.host.find(':') == std::string::npos
                                 ? c.peers_listen.host
                                 : "[" + c.peers_listen.host + "]";
    if (address == fmt::format("{}:{}", host, c.peers_listen.port)) {
      return fmt::format(
          "peers.addresses: {} has the address that this node listens on ({}): "
          "write the one of {}",
          name, address, name);
    }
  }
  for (const ObserverConfig& o : c.observers) {
    if (named(o.name) != members.end()) {
      return fmt::format("peers.observers: '{}' is the name of a validator: choose another",
                         o.name);
    }
    if (const auto v = std::ranges::find(members, o.pin, &chain::Validator::tls_key_pin);
        v != members.end()) {
      return fmt::format(
          "peers.observers: {} has the pin of {}, a validator: give the observer a "
          "TLS identity of its own (imid tls)",
          o.name, v->name);
    }
  }
  if (const auto v = named(c.name);
      v != members.end() &&
      (!files.member || &files.genesis.validators.member(*files.member) != &*v)) {
    return fmt::format("node.name: '{}' is another validator's name on this chain: {}", c.name,
                       files.member
                           ? "this one is " + files.genesis.validators.member(*files.member).name
                           : std::string("choose another for an observer"));
  }
  return {};
}

std::expected<void, ProcessError> read_key(const NodeConfig& config, NodeFiles& out) {
  if (config.key.empty()) return {};
  std::optional<std::string> passphrase;
  if (!config.passphrase_file.empty()) {
    auto secret = read_secret(config.passphrase_file);
    if (!secret) return std::unexpected(secret.error());
    passphrase = std::move(*secret);
    const auto info = crypto::read_key_info(config.key);
    if (info && !info->sealed) {
      return refuse(ExitCode::kBadInput,
                    fmt::format("node.passphrase_file: {} is not sealed and needs no passphrase: "
                                "leave passphrase_file out, or put the sealed key there",
                                config.key.string()));
    }
  } else if (const char* env = std::getenv("IMI_PASSPHRASE")) {
    passphrase = env;
  }
  auto key = crypto::load_key(
      config.key, passphrase ? std::optional<std::string_view>(*passphrase) : std::nullopt);
  if (passphrase) crypto::wipe(*passphrase);
  if (!key) return refuse(ExitCode::kLocal, crypto::describe(key.error()));
  const auto& members = out.genesis.validators.members;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].key == key->public_key())
      out.member = chain::MemberId(static_cast<std::uint16_t>(i));
  }
  if (!out.member) {
    return refuse(
        ExitCode::kLocal,
        fmt::format("{} is not the key of a validator in {}: use the right key or genesis, or "
                    "leave `key` out to run an observer",
                    config.key.string(), config.genesis.string()));
  }
  out.key = std::move(*key);
  return {};
}

std::expected<void, ProcessError> read_tls(const NodeConfig& config, NodeFiles& out) {
  auto tls = load_tls_identity(config.tls);
  if (!tls) return refuse(ExitCode::kLocal, describe(tls.error()));
  if (out.member && out.genesis.validators.member(*out.member).tls_key_pin != tls->pin) {
    return refuse(ExitCode::kLocal,
                  fmt::format("the TLS key in {} is not the one that {} pins for {}: the other "
                              "validators would refuse it; restore the right key",
                              config.tls.string(), config.genesis.string(),
                              out.genesis.validators.member(*out.member).name));
  }
  out.tls = std::move(*tls);
  return {};
}

}  // namespace

std::unexpected<ProcessError> refuse(rpc::ExitCode code, std::string sentence) {
  return std::unexpected(ProcessError{code, std::move(sentence)});
}

std::filesystem::path safety_folder(const NodeConfig& config) { return config.data / "safety"; }
std::filesystem::path ledger_folder(const NodeConfig& config) { return config.data / "ledger"; }

std::expected<NodeFiles, ProcessError> read_files(const NodeConfig& config) {
  NodeFiles out;
  const auto text = read_text(config.genesis, ledger::kMaxGenesisBytes);
  if (!text) {
    return refuse(ExitCode::kLocal,
                  text.error() + ": [node] genesis must name the chain's genesis file");
  }
  auto genesis = ledger::decode_genesis_file(as_bytes(*text));
  if (!genesis) {
    return refuse(ExitCode::kBadInput, fmt::format("{}: {}", config.genesis.string(),
                                                   ledger::describe(genesis.error())));
  }
  out.genesis = std::move(*genesis);
  out.genesis_id = ledger::genesis_id(out.genesis);
  if (auto ok = read_key(config, out); !ok) return std::unexpected(ok.error());
  if (auto ok = read_tls(config, out); !ok) return std::unexpected(ok.error());
  if (!config.rpc_token_file.empty()) {
    auto token = read_secret(config.rpc_token_file);
    if (!token) return std::unexpected(token.error());
    if (auto ok = check_token(*token, config.rpc_token_file); !ok) {
      return std::unexpected(ok.error());
    }
    out.rpc_token = std::move(*token);
  }
  if (const std::string why = problem_on_chain(config, out); !why.empty()) {
    return refuse(ExitCode::kBadInput, why);
  }
  return out;
}

std::expected<DirectoryLock, ProcessError> lock_data(const NodeConfig& config) {
  std::error_code ec;
  std::filesystem::create_directories(config.data, ec);
  if (ec) {
    return refuse(ExitCode::kLocal,
                  fmt::format("{} cannot be made: {}", config.data.string(), ec.message()));
  }
  std::filesystem::permissions(config.data, std::filesystem::perms::owner_all, ec);
  auto lock = DirectoryLock::take(config.data);
  if (lock) return std::move(*lock);
  if (lock.error().reason == IoError::Reason::kExists) {
    return refuse(
        ExitCode::kLocal,
        fmt::format("another imid runs on {}: two processes must never share a data folder "
                    "or a key; stop it first",
                    config.data.string()));
  }
  return refuse(ExitCode::kLocal, describe(lock.error()));
}

}  // namespace imi::node
