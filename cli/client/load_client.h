// The load generator's client: many connections, many calls in flight, one thread. Open loop: calls
// start when the caller says so, whatever has been answered, so that a slow server shows as latency
// and not as fewer calls (no coordinated omission).
//
// One thread calls everything. Latency is measured by the caller: see Done::sent.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/client/client.h"

namespace imi::cli {

struct LoadClientOptions {
  std::vector<NodeAddress> nodes;      // connections are dealt to them in turn
  unsigned connections = 16;           // 1..1024
  unsigned max_pipelined = 32;         // calls in flight per connection
  std::size_t max_waiting = 1u << 20;  // calls queued for a free connection
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{90'000};
  std::string bearer_token;
  // Do not connect at once: nodes that cannot be reached fail the calls that are for them.
  bool may_be_down = false;
};

class LoadClient {
 public:
  using Clock = std::chrono::steady_clock;
  struct Done {
    std::uint64_t tag = 0;     // as given to start()
    Clock::time_point queued;  // when start() was called
    Clock::time_point sent;    // when it was given to the socket; the epoch: it never was
    Clock::time_point answered;
    int http_status = 0;  // 0: no answer
    std::string body;     // the JSON-RPC response, or why there is none
  };
  using OnDone = std::function<void(Done&)>;  // called inside poll()

  // Connects at once to all nodes (not with may_be_down); the error names those that could not be
  // reached.
  [[nodiscard]] static std::expected<LoadClient, rpc::RpcError> connect(LoadClientOptions options,
                                                                        OnDone on_done);
  ~LoadClient();
  LoadClient(LoadClient&&) noexcept;
  LoadClient& operator=(LoadClient&&) noexcept;

  // Queues one POST with `body` (a JSON-RPC request text, see rpc::request_text). False if
  // max_waiting are queued already. A connection that breaks fails its calls and is replaced.
  bool start(std::uint64_t tag, std::string body);
  // The same, to the node of that index alone. It fails if that node cannot be reached.
  bool start_at(std::size_t node, std::uint64_t tag, std::string body);

  // Moves bytes for at most `wait` (returns early when something was answered). Calls on_done.
  void poll(std::chrono::microseconds wait);

  [[nodiscard]] std::size_t under_way() const;  // queued or sent, not answered

 private:
  class Impl;
  explicit LoadClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::cli
