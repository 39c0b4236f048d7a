// Internal to imid: the files a node starts from, read and checked against each other.
#pragma once

#include "chain/validator_set.h"
#include "crypto/suite.h"
#include "ledger/governance/genesis_doc.h"
#include "node/imid_process.h"
#include "node/net/tls_identity.h"
#include "node/real/posix_files.h"
#include "node/wal.h"

namespace imi::node {

struct NodeFiles {
  ledger::Genesis genesis;
  chain::GenesisId genesis_id;
  std::optional<crypto::SecretKey> key;   // absent: an observer
  std::optional<chain::MemberId> member;  // whose key it is
  std::optional<TlsIdentity> tls;
  std::string rpc_token;
};

// Every refusal names the file and says what to do. A key that belongs to no validator of the
// genesis, and a TLS identity that is not the one the genesis pins, are refused.
[[nodiscard]] std::expected<NodeFiles, ProcessError> read_files(const NodeConfig& config);

[[nodiscard]] std::expected<DirectoryLock, ProcessError> lock_data(const NodeConfig& config);

[[nodiscard]] std::filesystem::path safety_folder(const NodeConfig& config);
[[nodiscard]] std::filesystem::path ledger_folder(const NodeConfig& config);

[[nodiscard]] std::unexpected<ProcessError> refuse(rpc::ExitCode code, std::string sentence);

}  // namespace imi::node
