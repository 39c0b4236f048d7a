#include "node/net/rpc_metrics.h"

namespace imi::node {
namespace {

using enum MetricType;

struct RpcMetric {
  MetricSpec spec;
  std::uint64_t RpcStats::* value;
};

constexpr RpcMetric kMetrics[] = {
    {{"imi_rpc_connections_open", kGauge, "Client connections that are open."},
     &RpcStats::connections_open},
    {{"imi_rpc_connections_total", kCounter, "Client connections accepted since the start."},
     &RpcStats::connections_total},
    {{"imi_rpc_connections_refused_total", kCounter,
      "Client connections refused because a limit was reached."},
     &RpcStats::connections_refused},
    {{"imi_rpc_websockets_open", kGauge, "WebSocket connections that are open."},
     &RpcStats::websockets_open},
    {{"imi_rpc_calls_total", kCounter,
      "RPC calls received, each call of a batch counted separately."},
     &RpcStats::calls_total},
    {{"imi_rpc_errors_total", kCounter, "Calls and requests answered with an error."},
     &RpcStats::errors_total},
    {{"imi_rpc_timed_out_total", kCounter, "Connections and calls ended by a deadline."},
     &RpcStats::timed_out},
    {{"imi_rpc_slow_clients_total", kCounter,
      "Connections closed because the client did not read."},
     &RpcStats::slow_clients},
    {{"imi_rpc_pushes_total", kCounter, "Notifications sent to subscribers."},
     &RpcStats::pushes_total},
    {{"imi_rpc_buffered_bytes", kGauge, "Memory held by requests and by answers not yet taken."},
     &RpcStats::buffered_bytes},
    {{"imi_rpc_received_bytes_total", kCounter, "Bytes received from clients."},
     &RpcStats::bytes_in},
    {{"imi_rpc_sent_bytes_total", kCounter, "Bytes sent to clients."}, &RpcStats::bytes_out},
};

constexpr MetricSpec kLatency = {"imi_rpc_request_seconds", kHistogram,
                                 "Time from a whole request (a batch counts once) to its answer."};

}  // namespace

std::vector<MetricSpec> rpc_metric_specs() {
  std::vector<MetricSpec> out;
  for (const RpcMetric& m : kMetrics) out.push_back(m.spec);
  out.push_back(kLatency);
  return out;
}

std::string rpc_metrics(const RpcStats& stats) {
  MetricsText out;
  for (const RpcMetric& m : kMetrics) {
    out.begin(m.spec);
    out.sample(stats.*m.value);
  }
  out.begin(kLatency);
  out.histogram(stats.latency);
  return out.take();
}

}  // namespace imi::node
