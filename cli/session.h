// What every command shares: the global options, where the network is, the nodes, the genesis that
// answers are checked against, keys and passphrases. Made once in main; commands hold a reference.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/client/client.h"
#include "cli/output.h"
#include "crypto/suite.h"
#include "ledger/governance/genesis_doc.h"

namespace imi::cli {

// Bound to the root's options.
struct GlobalOptions {
  bool json = false;
  bool quiet = false;
  bool no_verify = false;
  std::string dir;              // --dir
  std::string nodes;            // --node
  std::string genesis;          // --genesis
  std::string passphrase_file;  // --passphrase-file: of the key that the command opens or makes
  std::string timeout = "30s";  // --timeout
  std::string max_age = "60s";  // --max-age: oldest head an answer may stand on
};

class Session {
 public:
  GlobalOptions options;
  // What the command line asked for; set by a command's callback, run by main after parsing.
  std::function<void()> action;

  [[nodiscard]] Output& out();

  // --dir, else IMI_HOME, else ~/.imi/demo.
  [[nodiscard]] std::filesystem::path dir() const;

  // Addresses: --node, else IMI_NODES, else the network's folder.
  [[nodiscard]] std::vector<NodeAddress> addresses() const;
  [[nodiscard]] Client& client();
  [[nodiscard]] std::chrono::milliseconds timeout() const;
  [[nodiscard]] std::int64_t max_age_ms() const;
  // A call; throws Failure.
  [[nodiscard]] json::value call(std::string_view method, json::object params,
                                 std::chrono::milliseconds timeout = std::chrono::milliseconds(0));
  [[nodiscard]] std::expected<json::value, rpc::RpcError> try_call(
      std::string_view method, json::object params,
      std::chrono::milliseconds timeout = std::chrono::milliseconds(0));

  // The genesis file: --genesis, else <dir>/genesis.imi. It is never taken from a node.
  [[nodiscard]] std::filesystem::path genesis_path() const;
  [[nodiscard]] bool has_genesis() const;
  [[nodiscard]] const ledger::Genesis& genesis();
  [[nodiscard]] const chain::GenesisId& genesis_id();

  // A passphrase for `path`: --passphrase-file, else IMI_PASSPHRASE, else asked for on the
  // terminal. The file and the variable are for one key: where a command needs a second one,
  // `second` says where its passphrase comes from, and those two are not tried.
  struct PassphraseSource {
    std::string file;                // given with `option`; may be empty
    const char* option = nullptr;    // "--new-passphrase-file"
    const char* variable = nullptr;  // "IMI_NEW_PASSPHRASE"
  };
  [[nodiscard]] std::string passphrase(const std::filesystem::path& path, bool confirm = false,
                                       const PassphraseSource* second = nullptr);
  // Opens a key file, asking for its passphrase if it is sealed.
  [[nodiscard]] crypto::SecretKey load_key(const std::filesystem::path& path,
                                           const PassphraseSource* second = nullptr);

  [[nodiscard]] std::int64_t now_ms() const;
  // True once per node: what it did wrong is reported then, and not again in this run.
  [[nodiscard]] bool first_complaint(const NodeAddress& node);

 private:
  std::unique_ptr<Output> out_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<ledger::Genesis> genesis_;
  std::optional<chain::GenesisId> genesis_id_;
  std::set<std::string> complained_;  // nodes
};

// A member of a JSON object, or a refusal of the node's answer as malformed.
[[nodiscard]] const json::value& member(const json::value& object, std::string_view key);
[[nodiscard]] std::string text_member(const json::value& object, std::string_view key);
[[nodiscard]] std::uint64_t number_member(const json::value& object, std::string_view key);
// As text for people; empty if it is not there.
[[nodiscard]] std::string text_or_empty(const json::value& object, std::string_view key);
[[nodiscard]] std::optional<std::uint64_t> number_if(const json::value& object,
                                                     std::string_view key);

}  // namespace imi::cli
