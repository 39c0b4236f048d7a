#include "node/imid_files.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "crypto/keystore.h"

namespace imi::node {
namespace {

using rpc::ExitCode;

constexpr std::size_t kMaxSecretFile = 4096;

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

// Secrets in files end where the line ends.
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
  return std::move(*text);
}

std::expected<void, ProcessError> read_key(const NodeConfig& config, NodeFiles& out) {
  if (config.key.empty()) return {};
  std::optional<std::string> passphrase;
  if (!config.passphrase_file.empty()) {
    auto secret = read_secret(config.passphrase_file);
    if (!secret) return std::unexpected(secret.error());
    passphrase = std::move(*secret);
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
        fmt::format("{} is the key of no validator in {}: take the right key or genesis, or "
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
    out.rpc_token = std::move(*token);
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
