// The modules' refusals as RPC errors: the only place that maps them to the error table.
#pragma once

#include "ledger/db/ledger_db.h"
#include "ledger/proof/queries.h"
#include "ledger/submission/admission.h"
#include "node/submission_report.h"
#include "rpc/errors.h"

namespace imi::node {

[[nodiscard]] rpc::RpcError to_rpc(const ledger::AdmissionError& e);
[[nodiscard]] rpc::RpcError to_rpc(const ledger::EarlyRefusal& e);
[[nodiscard]] rpc::RpcError to_rpc(PoolRefusal e);
[[nodiscard]] rpc::RpcError to_rpc(const NodeRefusal& e);
[[nodiscard]] rpc::RpcError to_rpc(const SubmitError& e);
[[nodiscard]] rpc::RpcError to_rpc(const ledger::QueryError& e);
[[nodiscard]] rpc::RpcError to_rpc(const ledger::LedgerError& e);
[[nodiscard]] rpc::RpcError to_rpc(const ledger::StoreError& e);

}  // namespace imi::node
