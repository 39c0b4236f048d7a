#include "cli/session.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/codec.h"
#include "cli/interrupt.h"
#include "cli/network/manifest.h"
#include "cli/read/nodes.h"
#include "cli/values.h"
#include "crypto/keystore.h"

namespace imi::cli {
namespace {

constexpr std::size_t kMaxPassphrase = 1024;

std::string environment(const char* name) {
  const char* v = std::getenv(name);
  return v == nullptr ? std::string() : std::string(v);
}

// Reads a line from the terminal without showing it.
std::string prompt(const std::string& text, const std::string& option,
                   const std::string& variable) {
  std::FILE* tty = std::fopen("/dev/tty", "r+");
  if (tty == nullptr || isatty(0) == 0) {
    if (tty != nullptr) std::fclose(tty);
    fail(ExitCode::kLocal, "passphrase-needed",
         "a passphrase is needed and there is no terminal to "
         "ask on",
         fmt::format("{} FILE, or {} in the environment", option, variable));
  }
  termios old{};
  tcgetattr(fileno(tty), &old);
  termios quiet = old;
  quiet.c_lflag &= static_cast<tcflag_t>(~ECHO);
  tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
  std::fputs(printable(text).c_str(), tty);
  std::fflush(tty);
  std::string line;
  for (int c = 0; (c = std::fgetc(tty)) != EOF && c != '\n' && line.size() < kMaxPassphrase;) {
    line.push_back(static_cast<char>(c));
  }
  tcsetattr(fileno(tty), TCSAFLUSH, &old);
  std::fputs("\n", tty);
  std::fclose(tty);
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  return line;
}

std::string passphrase_from_file(const std::string& file) {
  struct stat st{};
  if (::stat(file.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
    fail(ExitCode::kLocal, "file-too-open",
         fmt::format("the passphrase file {} can be read by others", file), "chmod 600 " + file);
  }
  auto text = read_whole(file, kMaxPassphrase);
  if (!text) fail(ExitCode::kLocal, "cannot-read", text.error());
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (text->empty()) fail(ExitCode::kLocal, "empty-passphrase", file + " holds no passphrase");
  return *text;
}

std::int64_t duration_option(const std::string& text, const char* option) {
  const auto v = parse_duration_ms(text);
  if (!v) fail(ExitCode::kUsage, "usage", fmt::format("{}: {}", option, v.error().reason));
  return *v;
}

}  // namespace

Output& Session::out() {
  if (!out_) out_ = std::make_unique<Output>(options.json, options.quiet);
  return *out_;
}

std::filesystem::path Session::dir() const {
  if (!options.dir.empty()) return options.dir;
  if (const std::string home = environment("IMI_HOME"); !home.empty()) return home;
  const std::string home = environment("HOME");
  return std::filesystem::path(home.empty() ? "." : home) / ".imi" / "demo";
}

std::vector<NodeAddress> Session::addresses() const {
  std::string text = options.nodes.empty() ? environment("IMI_NODES") : options.nodes;
  if (text.empty()) {
    if (std::filesystem::exists(manifest_path(dir()))) {
      auto m = load_manifest(dir());
      if (!m) {
        fail(ExitCode::kLocal, "manifest-damaged", m.error(),
             "put the file back, or name the nodes to ask with --node host:port");
      }
      if (auto found = m->addresses(); !found.empty()) return found;
    }
    fail(ExitCode::kUsage, "no-node",
         fmt::format("no node is known: {} holds no network", dir().string()),
         "imi network up, or --node host:port, or --dir FOLDER");
  }
  std::vector<NodeAddress> out;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string one = text.substr(0, comma);
    text.erase(0, comma == std::string::npos ? text.size() : comma + 1);
    if (one.empty()) continue;
    auto a = parse_node_address(one);
    if (!a) fail(ExitCode::kUsage, "bad-address", a.error());
    out.push_back(*a);
  }
  if (out.empty()) fail(ExitCode::kUsage, "bad-address", "--node gives no address");
  return out;
}

std::chrono::milliseconds Session::timeout() const {
  return std::chrono::milliseconds(duration_option(options.timeout, "--timeout"));
}

std::int64_t Session::max_age_ms() const { return duration_option(options.max_age, "--max-age"); }

Client& Session::client() {
  if (!client_) {
    ClientOptions o;
    o.nodes = addresses();
    o.call_timeout = timeout();
    o.interrupted = [] { return interrupted(); };
    client_ = std::make_unique<Client>(std::move(o));
  }
  return *client_;
}

std::expected<json::value, rpc::RpcError> Session::try_call(std::string_view method,
                                                            json::object params,
                                                            std::chrono::milliseconds timeout_) {
  auto result = client().call(method, std::move(params), timeout_);
  if (!result && interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  return result;
}

json::value Session::call(std::string_view method, json::object params,
                          std::chrono::milliseconds timeout_) {
  auto result = try_call(method, std::move(params), timeout_);
  if (!result) throw rejection_of(client().current().text(), result.error()).failure;
  return std::move(*result);
}

std::filesystem::path Session::genesis_path() const {
  return options.genesis.empty() ? dir() / "genesis.imi" : std::filesystem::path(options.genesis);
}

bool Session::has_genesis() const {
  std::error_code ec;
  const bool there = std::filesystem::exists(genesis_path(), ec);
  return !options.genesis.empty() || there || ec;  // one that cannot be looked at is named later
}

const ledger::Genesis& Session::genesis() {
  if (!genesis_) {
    auto bytes = read_whole(genesis_path(), ledger::kMaxGenesisBytes);
    if (!bytes) {
      fail(ExitCode::kLocal, "no-genesis", bytes.error(),
           "--genesis FILE: the genesis file of the network, as its operator gave it to you");
    }
    auto g = ledger::decode_genesis_file(as_bytes(*bytes));
    if (!g) {
      fail(ExitCode::kBadInput, "bad-genesis",
           fmt::format("{}: {}", genesis_path().string(), describe(g.error())));
    }
    genesis_ = std::make_unique<ledger::Genesis>(std::move(*g));
    genesis_id_ = ledger::genesis_id(*genesis_);
  }
  return *genesis_;
}

const chain::GenesisId& Session::genesis_id() {
  (void)genesis();
  return *genesis_id_;
}

std::string Session::passphrase(const std::filesystem::path& path, bool confirm,
                                const PassphraseSource* second) {
  const PassphraseSource usual{options.passphrase_file, "--passphrase-file", "IMI_PASSPHRASE"};
  const PassphraseSource& from = second != nullptr ? *second : usual;
  if (!from.file.empty()) return passphrase_from_file(from.file);
  if (std::string v = environment(from.variable); !v.empty()) return v;
  const auto ask = [&](const std::string& text) {
    return prompt(text, from.option, from.variable);
  };
  std::string first = ask(fmt::format("Passphrase of {}: ", path.string()));
  if (confirm) {
    std::string again = ask("The same again: ");
    const bool same = first == again;
    crypto::wipe(again);
    if (!same) fail(ExitCode::kBadInput, "passphrase-mismatch", "the two passphrases differ");
  }
  if (first.empty()) fail(ExitCode::kBadInput, "empty-passphrase", "no passphrase was given");
  return first;
}

crypto::SecretKey Session::load_key(const std::filesystem::path& path,
                                    const PassphraseSource* second) {
  const auto info = crypto::read_key_info(path);
  if (!info) fail(ExitCode::kLocal, "key", crypto::describe(info.error()));
  std::string phrase = info->sealed ? passphrase(path, false, second) : std::string();
  auto key = crypto::load_key(path, phrase);
  crypto::wipe(phrase);
  if (!key) fail(ExitCode::kLocal, "key", crypto::describe(key.error()));
  return std::move(*key);
}

std::int64_t Session::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool Session::first_complaint(const NodeAddress& node) {
  return complained_.insert(node.text()).second;
}

namespace {
[[noreturn]] void malformed(std::string_view key) {
  fail(ExitCode::kUnreachable, "bad-response",
       fmt::format("the node's answer has no valid '{}'", key),
       "another node with --node, or the same version of imi and imid");
}
const json::value* find(const json::value& object, std::string_view key) {
  const json::object* o = object.if_object();
  return o == nullptr ? nullptr : o->if_contains(key);
}
}  // namespace

const json::value& member(const json::value& object, std::string_view key) {
  const json::value* v = find(object, key);
  if (v == nullptr) malformed(key);
  return *v;
}

std::string text_member(const json::value& object, std::string_view key) {
  const json::value& v = member(object, key);
  if (!v.is_string()) malformed(key);
  return std::string(v.get_string());
}

std::optional<std::uint64_t> number_if(const json::value& object, std::string_view key) {
  const json::value* v = find(object, key);
  if (v == nullptr) return std::nullopt;
  if (v->is_uint64()) return v->get_uint64();
  if (v->is_int64() && v->get_int64() >= 0) return static_cast<std::uint64_t>(v->get_int64());
  return std::nullopt;
}

std::uint64_t number_member(const json::value& object, std::string_view key) {
  const auto n = number_if(object, key);
  if (!n) malformed(key);
  return *n;
}

std::string text_or_empty(const json::value& object, std::string_view key) {
  const json::value* v = find(object, key);
  if (v == nullptr || v->is_null()) return {};
  if (v->is_string()) return std::string(v->get_string());
  return json::serialize(*v);
}

}  // namespace imi::cli
