// imid: the node.
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "base/hex.h"
#include "node/handlers/handlers.h"
#include "node/imid_process.h"
#include "node/net/tls_identity.h"

namespace {

using imi::node::ProcessError;
using imi::rpc::ExitCode;
using imi::rpc::to_int;

constexpr const char* kAbout =
    "imid - a node of an IMI Ledger: orders, executes, stores and proves entries.\n\n"
    "  imid --config imid.toml         run the node (SIGTERM or Ctrl-C stops it cleanly)\n"
    "  imid init --config imid.toml    mark the first boot of a validator's key; once only\n"
    "  imid tls --folder keys --name validator-0\n"
    "                                  make a TLS identity; prints the pin for the genesis\n"
    "  imid --print-config-keys        the table of configuration keys\n"
    "  imid --print-metrics            the table of metrics (/metrics)\n\n"
    "Both tables are in docs/OPERATIONS.md, which describes how to run nodes.";

int fail(const ProcessError& e) {
  std::fprintf(stderr, "imid: %s\n", e.sentence.c_str());
  return to_int(e.code);
}

std::expected<imi::node::NodeConfig, ProcessError> read_config(const std::string& file) {
  auto config = imi::node::load_config(file);
  if (!config) return std::unexpected(ProcessError{ExitCode::kBadInput, config.error()});
  return std::move(*config);
}

int run_node(const std::string& file) {
  // Signals are taken by one thread, so that nothing runs in a handler.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto config = read_config(file);
  if (!config) return fail(config.error());
  auto process = imi::node::NodeProcess::start(*config);
  if (!process) return fail(process.error());
  std::thread waiter([&signals, node = process->get()] {
    int which = 0;
    sigwait(&signals, &which);
    node->request_stop();
  });
  const auto result = (*process)->run();
  pthread_kill(waiter.native_handle(), SIGTERM);  // in case the node ended on its own
  waiter.join();
  return result ? 0 : fail(result.error());
}

int run_init(const std::string& file) {
  auto config = read_config(file);
  if (!config) return fail(config.error());
  const auto done = imi::node::init_node(*config);
  if (!done) return fail(done.error());
  std::printf("%s\n", done->c_str());
  return 0;
}

int run_tls(const std::string& folder, const std::string& name) {
  auto identity = imi::node::generate_tls_identity(name);
  if (identity) {
    auto saved = imi::node::save_tls_identity(*identity, folder);
    if (saved) {
      std::printf("%s\n", imi::to_hex(identity->pin).c_str());
      return 0;
    }
    return fail({ExitCode::kLocal, imi::node::describe(saved.error())});
  }
  return fail({ExitCode::kLocal, imi::node::describe(identity.error())});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kAbout, "imid");
  std::string config;
  std::string folder;
  std::string name;
  bool print_keys = false;
  bool print_metrics = false;
  app.set_version_flag("--version", "imid 0.1.0");
  app.add_option("--config", config, "the node's configuration file");
  app.add_flag("--print-config-keys", print_keys, "print the table of configuration keys");
  app.add_flag("--print-metrics", print_metrics, "print the table of metrics");
  CLI::App* init = app.add_subcommand("init", "mark the first boot of a validator's key");
  init->add_option("--config", config, "the node's configuration file")->required();
  CLI::App* tls = app.add_subcommand("tls", "make a TLS identity");
  tls->add_option("--folder", folder, "an existing folder for tls.key and tls.crt")->required();
  tls->add_option("--name", name, "common name in the certificate, for people")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return e.get_exit_code() == 0 ? app.exit(e) : (app.exit(e), to_int(ExitCode::kUsage));
  }
  if (print_metrics) {
    const auto specs = imi::node::Handlers::metric_specs();
    std::printf("%s", imi::node::metrics_table(specs).c_str());
    return 0;
  }
  if (print_keys) {
    std::printf("%s", imi::node::config_keys_table().c_str());
    return 0;
  }
  if (*init) return run_init(config);
  if (*tls) return run_tls(folder, name);
  if (config.empty())
    return fail({ExitCode::kUsage, "give the configuration: imid --config FILE; see imid --help"});
  return run_node(config);
}
