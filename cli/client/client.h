// The RPC client: JSON-RPC 2.0 over HTTP/1.1 keep-alive to a list of nodes, with failover.
//
// A call goes to the node that answered last. If that one cannot be reached, does not answer in
// time (a read gives each node but the last its share of the time, at most 3 s), or says that it
// cannot serve now (not-ready, halted, observing, shutting-down, server-busy, storage-failed,
// pool-full, no-certified-head), the next is tried; each node is tried at most once per call (a
// kept connection that turns out closed is replaced once without counting). All calls are safe to
// repeat: submissions are idempotent by id. Other errors are the ledger's answer and are returned
// as such. A caller that judges the answers itself (a proof that does not verify) asks node by
// node: call_node().
//
// Blocking. One Client is used by one thread at a time.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/json.h"

namespace imi::cli {

// One node's RPC address.
struct NodeAddress {
  std::string host;
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // "host:port", IPv6 in brackets
  bool operator==(const NodeAddress&) const = default;
};
inline constexpr std::uint16_t kDefaultRpcPort = 8645;
inline constexpr std::size_t kMaxNodeAddresses = 64;

// "host", "host:port", "[::1]:port", or "http://host:port/". The error is a sentence.
[[nodiscard]] std::expected<NodeAddress, std::string> parse_node_address(std::string_view text);

// Why a text is not an answer, from the error of rpc::parse_response().
[[nodiscard]] std::string not_an_answer(const rpc::RpcError& error);

struct ClientOptions {
  std::vector<NodeAddress> nodes;
  std::chrono::milliseconds connect_timeout{2'000};
  // For a call: of a read over all nodes, of a submission for one node's answer.
  std::chrono::milliseconds call_timeout{30'000};
  std::string bearer_token;
  rpc::JsonLimits response_limits = rpc::kResponseLimits;
  // Asked about ten times per second while waiting: true ends the call (Ctrl-C). Optional.
  std::function<bool()> interrupted;
};

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // The method's result, or its error. If no node could serve it: the last node's own error, or
  // kUnreachable if none answered; data["tried"] says what each one did. kTimeout with
  // data["interrupted"] true if interrupted() said so. A call that waits on the node (timeout_ms)
  // needs a call_timeout above that: `timeout` overrides it for one call.
  [[nodiscard]] std::expected<boost::json::value, rpc::RpcError> call(
      std::string_view method, boost::json::object params,
      std::chrono::milliseconds timeout = std::chrono::milliseconds(0));

  // One call of one node, 0 to nodes() - 1, without failover. Where it gave no JSON-RPC answer:
  // kUnreachable {tried} if no connection was made, kTimeout if none came in time, kBadResponse
  // {address, why} if it was cut off, too large or something else.
  [[nodiscard]] std::expected<boost::json::value, rpc::RpcError> call_node(
      std::size_t node, std::string_view method, boost::json::object params,
      std::chrono::milliseconds timeout);
  [[nodiscard]] const std::vector<NodeAddress>& nodes() const;
  // Makes it the current one, which calls begin with.
  void prefer(std::size_t node);
  // Connects to the first node that takes a connection; kUnreachable if none does.
  [[nodiscard]] std::expected<void, rpc::RpcError> connect();

  // A batch in one request, answers in the order of the calls. 1..rpc::kMaxBatch calls.
  struct BatchCall {
    std::string method;
    boost::json::object params;
  };
  using Outcome = std::expected<boost::json::value, rpc::RpcError>;
  [[nodiscard]] std::expected<std::vector<Outcome>, rpc::RpcError> call_batch(
      const std::vector<BatchCall>& calls,
      std::chrono::milliseconds timeout = std::chrono::milliseconds(0));

  // GET of a path such as "/readyz": status and body from the current node (with failover on
  // connection failures only).
  struct Page {
    int status = 0;
    std::string body;
  };
  [[nodiscard]] std::expected<Page, rpc::RpcError> get(
      std::string_view path, std::chrono::milliseconds timeout = std::chrono::milliseconds(0));

  // The node that answered last, or the first one.
  [[nodiscard]] const NodeAddress& current() const;
  [[nodiscard]] std::size_t current_index() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::cli
