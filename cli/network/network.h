// A network of validators on this machine: made, started, looked at, stopped. What `imi network`
// does.
//
// Every step can be repeated and may have been interrupted anywhere: what is there is kept and
// checked, what is missing is made. Keys are made once and never replaced. One `imi network` at a
// time works in a folder (flock on <dir>/.network.lock).
//
// Throws Failure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/network/manifest.h"
#include "cli/network/process.h"
#include "cli/session.h"

namespace imi::cli {

inline constexpr std::uint32_t kLeastValidators = 4;
inline constexpr std::uint32_t kMostValidators = 31;  // on one machine

struct UpOptions {
  std::optional<std::uint32_t> validators;  // default 4, or what the folder has
  bool fresh = false;                       // remove what is there first
  std::string imid;                         // program; default beside this one, else on the PATH
  std::string chain_name = "imi-demo";
  std::int64_t wait_ms = 60'000;  // for the nodes to serve and commit
  pid_t tie_to = 0;               // kill the nodes when this process is gone
};

// What is known of one node without trusting it.
struct NodeState {
  NodeEntry entry;
  std::optional<Process> process;
  bool answers = false;
  bool ready = false;
  std::string role;    // as its `status` says: validator, silent-validator, observer
  bool votes = false;  // serves, and its key signs: counts for the quorum
  std::uint64_t height = 0;
  std::uint64_t certified = 0;
  std::uint64_t view = 0;
  std::int64_t block_time_ms = 0;  // of the last block it executed
  std::string why;                 // why it does not answer, is not ready or signs nothing
  std::optional<Usage> usage;
};

class Network {
 public:
  // Takes the folder's lock; `make` creates the folder. A damaged network.json is found out here
  // and refused by up() unless everything is made anew; down() works without one.
  Network(Session& session, std::filesystem::path dir, bool make);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void up(const UpOptions& options);
  // How many were running.
  std::size_t down();

 private:
  void remove_all();
  void prepare(const UpOptions& options);
  void choose_ports();
  void write_configs();
  void start_missing(const UpOptions& options);
  void wait_until_committing(const UpOptions& options);

  Session& session_;
  std::filesystem::path dir_;
  int lock_ = -1;
  Manifest manifest_;
  std::string damage_;  // why network.json cannot be used; then the nodes are those with a pid file
};

// Nodes of a folder by their pid files alone, for where network.json cannot say.
[[nodiscard]] std::vector<NodeEntry> nodes_by_pid_files(const std::filesystem::path& dir);

[[nodiscard]] std::filesystem::path node_folder(const std::filesystem::path& dir,
                                                const NodeEntry& node);
// The running process of a node, if there is one.
[[nodiscard]] std::optional<Process> node_process(const std::filesystem::path& dir,
                                                  const NodeEntry& node);
[[nodiscard]] std::vector<NodeState> look_at(const std::filesystem::path& dir, const Manifest& m);

// The last `lines` lines of a text file, at most 1 MiB of it.
[[nodiscard]] std::string tail_of(const std::filesystem::path& file, std::size_t lines);

}  // namespace imi::cli
