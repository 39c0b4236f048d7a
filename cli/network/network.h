// A network of validators on this machine: made, started, looked at, stopped. What `imi network`
// does.
//
// Every step can be repeated and may have been interrupted anywhere: what is there is kept and
// checked, what is missing is made. Keys are made once and never replaced. Of a configuration that
// is there only the ports are ever changed, and an up() that fails to start a node puts them back.
// One `imi network` at a time works in a folder (flock on <dir>/.network.lock).
//
// Throws Failure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
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
  bool ready = false;   // it can answer and commit
  bool reads = false;   // it answers reads
  std::string role;     // as its `status` says: validator, silent-validator, observer
  bool awaits = false;  // silent only until its peers have reported what they saw it sign
  bool votes = false;   // ready, and its key signs: counts for the quorum
  std::string halted;   // why it halted, its process gone or not: "disk full", or a code
  std::uint64_t height = 0;
  std::uint64_t certified = 0;
  std::uint64_t view = 0;
  std::int64_t block_time_ms = 0;              // of the last block it executed
  std::string why;                             // why it does not answer or is not ready
  std::string clock_problem;                   // as the node sees it
  std::optional<std::int64_t> clock_ahead_ms;  // its clock minus this machine's
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
  void prepare(const UpOptions& options, const std::string& program);
  void choose_ports();
  void write_configs();
  void write_file(const std::filesystem::path& file, const std::string& text);
  void stop_halted();
  void start_missing(const UpOptions& options);
  void start(const NodeEntry& node);
  void undo();
  void wait_until_committing(const UpOptions& options);

  Session& session_;
  std::filesystem::path dir_;
  int lock_ = -1;
  Manifest manifest_;
  std::string damage_;  // why network.json cannot be used; then the nodes are those of the folder

  // What up() has changed so far, to be undone where it fails.
  std::map<std::filesystem::path, std::string> before_;  // files that were there, as they were
  std::vector<NodeEntry> stopped_;                       // nodes that ran
  std::vector<std::pair<NodeEntry, Process>> started_;
};

// Nodes of a folder by their own folders alone, for where network.json cannot say.
[[nodiscard]] std::vector<NodeEntry> nodes_in_folder(const std::filesystem::path& dir);

[[nodiscard]] std::filesystem::path node_folder(const std::filesystem::path& dir,
                                                const NodeEntry& node);
// Files of a node's folder: its process as `imi network up` started it, and its log.
[[nodiscard]] std::filesystem::path pid_file(const std::filesystem::path& dir,
                                             const NodeEntry& node);
[[nodiscard]] std::filesystem::path log_file(const std::filesystem::path& dir,
                                             const NodeEntry& node);
// The running process of a node, if there is one: the one that holds the lock of its data folder,
// or that `imi network up` started and that does not hold it yet. The pid file alone proves
// nothing, and may be missing.
[[nodiscard]] std::optional<Process> node_process(const std::filesystem::path& dir,
                                                  const NodeEntry& node);
[[nodiscard]] std::vector<NodeState> look_at(const std::filesystem::path& dir, const Manifest& m);

// The last `lines` lines of a text file, at most 1 MiB of it.
[[nodiscard]] std::string tail_of(const std::filesystem::path& file, std::size_t lines);

}  // namespace imi::cli
