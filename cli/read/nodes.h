// One question, asked of node after node until one gives an answer that holds. No node is trusted:
// an answer that does not verify, an error or a "there is none" that nothing proves, and no answer
// at all lead to the next node, with a warning that names the node once.
//
// Each node has its share of --timeout, the last one all that is left; a node that was only late is
// asked again, with a longer wait, while there is time.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/session.h"

namespace imi::cli {

// One node, during one attempt.
class NodeCalls {
 public:
  NodeCalls(Client& client, std::size_t node, std::chrono::steady_clock::time_point deadline)
      : client_(client), node_(node), deadline_(deadline) {}
  [[nodiscard]] std::string address() const { return client_.nodes()[node_].text(); }
  [[nodiscard]] std::expected<json::value, rpc::RpcError> call(std::string_view method,
                                                               json::object params);

 private:
  Client& client_;
  std::size_t node_;
  std::chrono::steady_clock::time_point deadline_;
};

// Why a node's answer is not used.
struct Rejection {
  // In the order of what a command ends with where the nodes failed in different ways.
  enum class Kind : std::uint8_t {
    kInvalid,      // does not verify, or lacks the proof it was asked for
    kOld,          // verifies, but its head is older than --max-age, or ahead of this clock
    kBehind,       // valid, but of an older state than one seen before: asked again
    kRefused,      // an error, which no proof goes with
    kNoAnswer,     // cut off, too large, not JSON-RPC
    kLate,         // none in time: asked again
    kUnreachable,  // no connection, or the node says that it cannot serve now
  };
  Kind kind{};
  std::string why;  // after "node X: "
  Failure failure;  // what the command ends with if this is the only node
};

// Of an error that a node answered, or that represents no answer. Ctrl-C is thrown.
[[nodiscard]] Rejection rejection_of(const std::string& address, const rpc::RpcError& error);

// `attempt` asks one node; nothing returned = its answer is taken, and later commands of this
// process begin with this node. Throws Failure if no node's answer was taken: with one node that
// of its rejection, else one that says what each node did.
void ask_nodes(Session& session,
               const std::function<std::optional<Rejection>(NodeCalls&)>& attempt);

}  // namespace imi::cli
