// The RPC server's own metrics.
#pragma once

#include <string>
#include <vector>

#include "node/net/metrics_text.h"
#include "node/net/rpc_server.h"

namespace imi::node {

[[nodiscard]] std::vector<MetricSpec> rpc_metric_specs();
// Prometheus text.
[[nodiscard]] std::string rpc_metrics(const RpcStats& stats);

}  // namespace imi::node
