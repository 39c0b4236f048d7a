// The node's RPC methods (rpc/methods.h declares them) over the running node and its ledger.
//
// Reads are answered from LedgerDb::reader(), at the last certified head, on the thread that calls
// handle(). Answers of submit that need the ledger are built on a thread of this object, and those
// of `submission` on the server's pool, so that the driver's loop never reads the disk.
// Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "ledger/db/ledger_db.h"
#include "node/evidence.h"
#include "node/handlers/node_access.h"
#include "node/net/metrics_text.h"
#include "node/net/rpc_server.h"

namespace imi::node {

struct HandlerOptions {
  std::string node_name;  // the name in `status`
  Hash256 node_id{};      // the pin of its TLS key: the audience of signed queries
  std::string version;
  const EvidenceStore* evidence = nullptr;  // outlives the object; null: none is shown
  std::size_t blocks_page_bytes = rpc::kMaxBlocksPageBytes;
};

class Handlers {
 public:
  // All references outlive the object.
  Handlers(HandlerOptions options, NodeAccess& node, ledger::LedgerDb& db, const Clock& clock);
  ~Handlers();
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;

  // Answers one call, now or later.
  void handle(RpcRequest request, RpcResponder respond);
  // Whether the node can answer and commit, and if not, why: /readyz.
  [[nodiscard]] Readiness readiness() const;
  // Prometheus text, and what is in it.
  [[nodiscard]] std::string metrics() const;
  [[nodiscard]] static std::vector<MetricSpec> metric_specs();
  // For RpcServer: all of the above.
  [[nodiscard]] RpcCallbacks callbacks();

  // The methods answered here, to be compared with rpc::methods().
  [[nodiscard]] static std::vector<std::string_view> methods();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::node
