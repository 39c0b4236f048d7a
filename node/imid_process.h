// One running node: everything that imid puts together, in the order in which it can fail.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "node/config.h"
#include "rpc/errors.h"

namespace imi::node {

// Why imid cannot start, or ended: what is printed, and the exit code.
struct ProcessError {
  rpc::ExitCode code = rpc::ExitCode::kLocal;
  std::string sentence;
};

// `imid init`: makes the data folder and marks the first boot of this key (rule B6): from then on a
// missing safety log means that it was lost. Safe to run again only before the first start.
[[nodiscard]] std::expected<std::string, ProcessError> init_node(const NodeConfig& config);

class NodeProcess {
 public:
  // Opens everything and begins to serve; the ports in use are written to <data>/run/ports.json.
  [[nodiscard]] static std::expected<std::unique_ptr<NodeProcess>, ProcessError> start(
      const NodeConfig& config);
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  // Runs until request_stop(), or until the node must end; the error says why.
  [[nodiscard]] std::expected<void, ProcessError> run();
  // From any thread (a signal's).
  void request_stop();

 private:
  struct Impl;
  explicit NodeProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::node
