#include "node/imid_process.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>

#include "base/hex.h"
#include "crypto/known_keys.h"
#include "ledger/db/leveldb_store.h"
#include "node/driver.h"
#include "node/handlers/handlers.h"
#include "node/imid_files.h"
#include "node/real/descriptors.h"
#include "node/real/peer_network.h"
#include "node/real/threads.h"
#include "node/startup.h"
#include "rpc/json.h"
#include "rpc/ledger_json.h"

namespace imi::node {
namespace {

using rpc::ExitCode;

// Signatures are most of the work: however many come, votes, syncs and answers go before them.
// One thread per core, within reason.
constexpr int kVerifyNice = 5;
unsigned verify_threads() { return std::clamp(std::thread::hardware_concurrency(), 2U, 16U); }
constexpr std::string_view kVersion = "0.1.0";
constexpr int kRefreshTicks = 5;

spdlog::level::level_enum spdlog_level(std::string_view text) {
  if (text == "debug") return spdlog::level::debug;
  if (text == "warning") return spdlog::level::warn;
  if (text == "error") return spdlog::level::err;
  return spdlog::level::info;
}

std::expected<std::shared_ptr<spdlog::logger>, ProcessError> make_logger(const NodeConfig& config) {
  std::shared_ptr<spdlog::logger> out;
  try {
    if (config.log_file.empty()) {
      out = std::make_shared<spdlog::logger>(config.name,
                                             std::make_shared<spdlog::sinks::stderr_sink_mt>());
    } else {
      out = std::make_shared<spdlog::logger>(
          config.name,
          std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.log_file.string()));
    }
  } catch (const spdlog::spdlog_ex& e) {
    return refuse(ExitCode::kLocal, fmt::format("the log cannot be opened: {}", e.what()));
  }
  out->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %n: %v");
  out->set_level(spdlog_level(config.log_level));
  out->flush_on(spdlog::level::info);
  return out;
}

WalHeader wal_header(const NodeFiles& files) {
  WalHeader h;
  h.genesis = files.genesis_id;
  h.key = files.key->public_key();
  return h;
}

DiskSpace disk_space(const std::filesystem::path& folder) {
  struct statvfs found{};
  if (::statvfs(folder.c_str(), &found) != 0) return {};
  return {std::uint64_t{found.f_bavail} * found.f_frsize, (found.f_flag & ST_RDONLY) == 0};
}

ProcessError from_ledger(const ledger::LedgerError& e, const NodeConfig& config) {
  return {ExitCode::kLocal,
          fmt::format("the ledger in {}: {}", ledger_folder(config).string(), ledger::describe(e))};
}

std::expected<std::unique_ptr<ledger::LedgerDb>, ProcessError> open_ledger(
    const NodeConfig& config, const ledger::Genesis& genesis) {
  auto store = ledger::open_leveldb(ledger_folder(config));
  if (!store) {
    return refuse(ExitCode::kLocal,
                  fmt::format("the ledger in {}: {}", ledger_folder(config).string(),
                              ledger::describe(store.error())));
  }
  auto db = ledger::LedgerDb::open(*store, genesis);
  if (!db) return std::unexpected(from_ledger(db.error(), config));
  return std::move(*db);
}

}  // namespace

std::expected<std::string, ProcessError> init_node(const NodeConfig& config) {
  auto files = read_files(config);
  if (!files) return std::unexpected(files.error());
  if (!files->key) {
    return refuse(ExitCode::kUsage, "an observer has no key and needs no init: start it");
  }
  auto lock = lock_data(config);
  if (!lock) return std::unexpected(lock.error());
  auto db = open_ledger(config, files->genesis);
  if (!db) return std::unexpected(db.error());
  PosixFileSystem disk;
  auto made = init_safety(disk, safety_folder(config).string(), wal_header(*files),
                          crypto::system_random(), (*db)->applied().height > chain::Height(0));
  if (!made) return refuse(ExitCode::kLocal, describe(made.error()));
  return fmt::format("{} is ready for its first start on chain {} (genesis {})", config.name,
                     files->genesis.chain_name, to_hex(files->genesis_id));
}

struct NodeProcess::Impl final : DriverEvents {
  explicit Impl(const NodeConfig& c) : config(c) {}

  NodeConfig config;
  std::shared_ptr<spdlog::logger> logger;
  std::optional<DirectoryLock> lock;
  PosixFileSystem disk;
  SystemClock clock;
  ThreadLoop loop;
  SharedSignatureCache signatures;
  std::unique_ptr<Wal> wal;
  PosixFileSystem evidence_disk;  // of `evidence` alone, which any thread asks
  std::unique_ptr<EvidenceStore> evidence;
  std::unique_ptr<ledger::LedgerDb> db;
  std::unique_ptr<LedgerDbPort> ledger_port;
  std::unique_ptr<TransportNetwork> network;
  std::unique_ptr<ThreadWorker> verify;
  std::unique_ptr<ThreadWorker> executor;
  std::unique_ptr<ThreadWorker> log_writer;
  std::unique_ptr<Driver> driver;
  std::unique_ptr<LoopNodeAccess> access;
  std::unique_ptr<Handlers> handlers;
  std::unique_ptr<RpcServer> rpc;
  RpcLimits rpc_limits;
  std::optional<ProcessError> ended;  // on the loop
  int ticks = 0;

  // ---- DriverEvents, on the loop ----
  void on_certified(const chain::CheckpointCertificate& c) override {
    if (rpc != nullptr && rpc->has_subscribers(RpcTopic::kHeads)) {
      rpc->publish(RpcTopic::kHeads, {}, rpc::to_text(rpc::head_json(c.head)));
    }
  }
  void on_submission(const SubmissionReport& f) override {
    if (rpc == nullptr || !rpc->has_subscribers(RpcTopic::kSubmissions)) return;
    const bool committed = f.status == SubmissionStatus::kCommitted;
    boost::json::object o{{"id", to_hex(f.id)}, {"fate", std::string(ledger::name(f.status))}};
    if (committed) {
      o["height"] = f.height.value;
      o["index"] = f.index;
      o["certified"] = f.certified;
    }
    rpc->publish(RpcTopic::kSubmissions, to_hex(f.id), rpc::to_text(o));
  }
  void on_halt(const HaltReport& report) override {
    logger->error("halted ({}): {}", name(report.code), report.sentence);
    if (reads_may_go_on(report.code)) return;
    ended = ProcessError{ExitCode::kLocal, std::string(name(report.code)) + ": " + report.sentence};
    loop.stop();
  }
  void log(LogLevel level, std::string_view line) override {
    switch (level) {
      case LogLevel::kDebug: return logger->debug("{}", line);
      case LogLevel::kInfo: return logger->info("{}", line);
      case LogLevel::kWarning: return logger->warn("{}", line);
      case LogLevel::kError: return logger->error("{}", line);
    }
  }
  NetLog net_log() {
    return [log = logger](NetLogLevel level, std::string_view line) {
      switch (level) {
        case NetLogLevel::kDebug: return log->debug("{}", line);
        case NetLogLevel::kInfo: return log->info("{}", line);
        case NetLogLevel::kWarning: return log->warn("{}", line);
        case NetLogLevel::kError: return log->error("{}", line);
      }
    };
  }

  // Before anything is opened that stays open.
  std::expected<void, ProcessError> share_descriptors(std::size_t peers) {
    DescriptorNeeds needs;
    needs.store = static_cast<std::size_t>(ledger::LevelDbOptions{}.max_open_files);
    // While both sides dial there are two connections with a peer for a moment.
    needs.peers = 2 * peers + PeerLimits{}.max_half_open;
    needs.clients = rpc_limits.max_connections;
    const std::uint64_t limit = raise_descriptor_limit(descriptors_wanted(needs));
    const auto clients = clients_within(limit, needs);
    if (!clients) return refuse(ExitCode::kLocal, clients.error());
    if (*clients < needs.clients) {
      logger->warn("at most {} files may be open: {} RPC connections at a time instead of {}",
                   limit, *clients, needs.clients);
    } else {
      logger->info("at most {} files may be open, {} of them RPC connections", limit, *clients);
    }
    rpc_limits.max_connections = *clients;
    rpc_limits.max_connections_per_address =
        std::min(rpc_limits.max_connections_per_address, *clients / 2);
    return {};
  }

  std::expected<SafetyStart, ProcessError> open_safety_log(const NodeFiles& files) {
    if (!files.key) return SafetyStart{};
    auto safety = open_safety(disk, safety_folder(config).string(), wal_header(files),
                              crypto::system_random());
    if (!safety) return refuse(ExitCode::kLocal, describe(safety.error()));
    return std::move(*safety);
  }

  std::expected<void, ProcessError> open_evidence(const NodeFiles& files) {
    auto opened = EvidenceStore::open(evidence_disk, (config.data / "evidence").string(),
                                      files.genesis_id, files.genesis.validators);
    if (!opened) return refuse(ExitCode::kLocal, describe(opened.error()));
    evidence = std::move(*opened);
    if (evidence->removed() > 0) {
      logger->warn("{} torn or foreign files of evidence were removed", evidence->removed());
    }
    if (evidence->size() > 0) {
      logger->error("{} pairs of messages prove that members equivocated: imi node evidence",
                    evidence->size());
    }
    return {};
  }

  std::vector<PeerInfo> peer_list(const NodeFiles& files) const {
    std::vector<PeerInfo> out;
    for (const chain::Validator& v : files.genesis.validators.members) {
      const auto at = config.peer_addresses.find(v.name);
      out.push_back({v.name, v.tls_key_pin,
                     at == config.peer_addresses.end() ? std::string() : at->second, true});
    }
    for (const ObserverConfig& o : config.observers) out.push_back({o.name, o.pin, {}, false});
    return out;
  }

  std::expected<void, ProcessError> start_driver(NodeFiles& files, std::size_t peers) {
    auto safety = open_safety_log(files);
    if (!safety) return std::unexpected(safety.error());
    wal = std::move(safety->wal);
    if (auto ok = open_evidence(files); !ok) return ok;
    verify = std::make_unique<ThreadWorker>(loop, verify_threads(), "verify", kVerifyNice);
    executor = std::make_unique<ThreadWorker>(loop, 1, "executor");
    log_writer = std::make_unique<ThreadWorker>(loop, 1, "safety-log");
    network = std::make_unique<TransportNetwork>(loop);
    ledger_port = std::make_unique<LedgerDbPort>(*db);

    DriverOptions o;
    o.consensus = consensus_config(files.genesis_id, files.genesis.parameters);
    o.set = files.genesis.validators;
    o.peers = static_cast<std::uint32_t>(peers);
    o.me = files.member;
    if (wal != nullptr) o.key = std::move(files.key);
    o.silent_because = safety->silent_because;
    o.safety = std::move(safety->state);
    o.bodies = std::move(safety->bodies);
    o.parameters = files.genesis.parameters;
    o.events = this;
    const Ports ports{loop,          clock,        *network,  *verify,    *executor,
                      *log_writer,   *ledger_port, wal.get(), signatures, crypto::system_random(),
                      evidence.get()};
    auto started = Driver::start(std::move(o), ports);
    if (!started) return refuse(ExitCode::kLocal, started.error().sentence);
    driver = std::move(*started);
    // A third of a second of work, better done now than under the first load.
    verify->run(Priority::kBulk, [] { crypto::KnownKeys::prepare(); }, [] {});
    return {};
  }

  std::expected<void, ProcessError> start_network(const NodeFiles& files,
                                                  std::vector<PeerInfo> peers) {
    PeerTransportOptions o;
    o.listen_address = config.peers_listen.host;
    o.listen_port = config.peers_listen.port;
    o.identity = *files.tls;
    o.genesis_id = retag_genesis(files.genesis_id);
    o.peers = std::move(peers);
    o.log = net_log();
    network->attach(*driver);
    auto ok = network->start(std::move(o));
    if (!ok) return refuse(ExitCode::kLocal, describe(ok.error()));
    return {};
  }
  static Hash256 retag_genesis(const chain::GenesisId& id) { return chain::retag<Hash256>(id); }

  std::expected<void, ProcessError> start_rpc(const NodeFiles& files) {
    access = std::make_unique<LoopNodeAccess>(
        loop, [this] { return network->rows(); },
        HealthWatch::Options{clock, files.genesis.parameters,
                             [this] { return disk_space(config.data); },
                             [this](LogLevel level, std::string_view line) { log(level, line); }});
    access->attach(*driver);
    handlers = std::make_unique<Handlers>(
        HandlerOptions{config.name, files.tls->pin, std::string(kVersion), evidence.get()}, *access,
        *db, clock);
    RpcServerOptions o;
    o.address = config.rpc_listen.host;
    o.port = config.rpc_listen.port;
    o.allowed_hosts = config.rpc_hosts;
    o.allowed_origins = config.rpc_origins;
    o.bearer_token = files.rpc_token;
    o.proxies = config.rpc_proxies;
    o.handler_threads = config.rpc_threads;
    o.limits = rpc_limits;
    o.log = net_log();
    auto server = RpcServer::start(std::move(o), handlers->callbacks());
    if (!server) return refuse(ExitCode::kLocal, describe(server.error()));
    rpc = std::move(*server);
    return {};
  }

  std::expected<void, ProcessError> write_ports() {
    std::error_code ec;
    std::filesystem::create_directories(config.data / "run", ec);
    const std::string text = fmt::format("{{\"pid\": {}, \"peers\": {}, \"rpc\": {}}}\n",
                                         ::getpid(), network->port(), rpc->port());
    auto ok = replace_file(config.data / "run" / "ports.json", text);
    if (!ok) return refuse(ExitCode::kLocal, describe(ok.error()));
    return {};
  }

  void stop_all() {
    if (rpc != nullptr) rpc->stop();
    if (network != nullptr) network->stop();
    if (driver != nullptr) driver->stop();
    if (access != nullptr) access->detach();
    if (network != nullptr) network->detach();
    for (ThreadWorker* w : {verify.get(), log_writer.get(), executor.get()}) {
      if (w != nullptr) w->stop();
    }
  }
};

NodeProcess::NodeProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeProcess::~NodeProcess() { impl_->stop_all(); }

std::expected<std::unique_ptr<NodeProcess>, ProcessError> NodeProcess::start(
    const NodeConfig& config) {
  auto impl = std::make_unique<Impl>(config);
  auto logger = make_logger(config);
  if (!logger) return std::unexpected(logger.error());
  impl->logger = std::move(*logger);
  auto files = read_files(config);
  if (!files) return std::unexpected(files.error());
  auto lock = lock_data(config);
  if (!lock) return std::unexpected(lock.error());
  impl->lock = std::move(*lock);
  std::vector<PeerInfo> peers = impl->peer_list(*files);
  const std::size_t count = peers.size();
  if (auto ok = impl->share_descriptors(count); !ok) return std::unexpected(ok.error());
  auto db = open_ledger(config, files->genesis);
  if (!db) return std::unexpected(db.error());
  impl->db = std::move(*db);
  impl->logger->info("chain {} (genesis {}), height {}, {} records, rebuilt in {} ms",
                     files->genesis.chain_name, to_hex(files->genesis_id),
                     impl->db->applied().height.value, impl->db->open_report().records,
                     impl->db->open_report().rebuild_ms);
  // From here on the destructor stops what was begun, whatever fails.
  std::unique_ptr<NodeProcess> process(new NodeProcess(std::move(impl)));
  Impl& i = *process->impl_;
  if (auto ok = i.start_driver(*files, count); !ok) return std::unexpected(ok.error());
  if (auto ok = i.start_network(*files, std::move(peers)); !ok) return std::unexpected(ok.error());
  if (auto ok = i.start_rpc(*files); !ok) return std::unexpected(ok.error());
  if (auto ok = i.write_ports(); !ok) return std::unexpected(ok.error());
  i.logger->info("serving: peers on {}:{}, RPC on {}", config.peers_listen.host, i.network->port(),
                 i.rpc->address());
  return process;
}

std::expected<void, ProcessError> NodeProcess::run() {
  Impl& i = *impl_;
  const std::uint32_t tick_ms = consensus::Config{}.tick_ms;
  i.loop.run(std::chrono::milliseconds(tick_ms), [&i] {
    i.driver->tick();
    if (++i.ticks % kRefreshTicks == 0) i.access->refresh();
  });
  i.stop_all();
  if (i.ended) return std::unexpected(*i.ended);
  i.logger->info("stopped at height {}", i.db->applied().height.value);
  return {};
}

void NodeProcess::request_stop() { impl_->loop.stop(); }

}  // namespace imi::node
