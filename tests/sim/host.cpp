#include "tests/sim/host.h"

#include <utility>

#include "base/check.h"

namespace imi::sim {
namespace {

const std::string kLogDirectory = "safety";
constexpr std::size_t kSmallVerifying = 128;
constexpr std::uint32_t kPartOfMillion = 1'000'000;

ledger::LedgerDbOptions small_ledger() {
  ledger::LedgerDbOptions o;
  o.scan_threads = 1;
  o.bucket_bits = 6;
  o.tree_cache_leaves = 20'000;
  o.record_cache_bytes = std::size_t{1} << 20;
  return o;
}

}  // namespace

// The ledger's door, watched: what is executed and certified, and when it is durable.
class Host::WatchedLedger final : public node::LedgerPort {
 public:
  WatchedLedger(Host& host, ledger::LedgerDb& db) : host_(host), db_(db), inner_(db) {}

  std::expected<chain::LedgerHead, ledger::LedgerError> commit_block(const chain::Block& block,
                                                                     const Bodies& bodies,
                                                                     ByteView proof,
                                                                     Repeats& repeats) override {
    auto head = inner_.commit_block(block, bodies, proof, repeats);
    if (head && host_.wrong_from_ && head->height >= *host_.wrong_from_) {
      head->state_root.bytes[0] ^= 1;
      ++host_.counters_.wrong_heads;
    }
    if (head && !host_.dying_) {
      std::optional<consensus::CommitCertificate> commit;
      if (const auto stored = decode<node::StoredProof>(proof)) {
        if (const auto* c = std::get_if<consensus::CommitCertificate>(&*stored)) commit = *c;
      }
      host_.trace("executes height, items", block.header.height.value, block.items.size(),
                  brief(head->block));
      host_.around_.oracle.on_executed(host_.me_, block, *head, commit);
      host_.around_.oracle.on_durable_applied(host_.me_, block.header.height);
    }
    return head;
  }
  std::expected<void, ledger::LedgerError> set_certified(
      const chain::CheckpointCertificate& certificate) override {
    auto done = inner_.set_certified(certificate);
    if (done && !host_.dying_) {
      host_.trace("certified", certificate.head.height.value);
      host_.around_.oracle.on_certified(host_.me_, certificate, db_.certified().height);
    }
    return done;
  }
  chain::LedgerHead applied() const override { return inner_.applied(); }
  std::shared_ptr<const chain::CheckpointCertificate> certificate() const override {
    return inner_.certificate();
  }
  std::expected<ledger::StoredBlock, ledger::LedgerError> block(
      chain::Height height) const override {
    return inner_.block(height);
  }
  std::expected<std::optional<chain::CheckpointCertificate>, ledger::LedgerError> certificate_at(
      chain::Height height) const override {
    return inner_.certificate_at(height);
  }
  std::expected<ledger::LedgerDb::Precheck, ledger::LedgerError> precheck(
      const ledger::Submission& submission) const override {
    return inner_.precheck(submission);
  }

 private:
  Host& host_;
  ledger::LedgerDb& db_;
  node::LedgerDbPort inner_;
};

// One run of the program. Members are destroyed last to first: the driver goes before its ports.
struct Host::Process {
  Process(Host& h, LifeId l)
      : life(l),
        loop(h.around_.queue, l, h.speed_),
        verify(h.around_.queue, l, h.speed_, Rng::stream(h.seed_, "verify", l)),
        executor(h.around_.queue, l, h.speed_.execute_min, h.speed_.execute_max,
                 Rng::stream(h.seed_, "execute", l)),
        log_writer(h.around_.queue, l, h.speed_.sync_min, h.speed_.sync_max,
                   Rng::stream(h.seed_, "sync", l)),
        random(Rng::stream(h.seed_, "random", l).next()) {}
  LifeId life;
  SimLoop loop;
  ParallelWorker verify;
  SerialWorker executor;
  SerialWorker log_writer;
  crypto::SeededRandom random;
  std::unique_ptr<ledger::LedgerDb> db;
  std::unique_ptr<WatchedLedger> ledger;
  node::SafetyStart safety;
  std::unique_ptr<node::Driver> driver;
};

Host::Host(const Surroundings& around, MemberId me, std::uint64_t seed,
           std::shared_ptr<ByzantineMember> byzantine)
    : around_(around),
      me_(me),
      seed_(Rng::stream(seed, "host", me.value).next()),
      byzantine_(std::move(byzantine)),
      clock_(around.queue, around.world.genesis().time),
      disk_(Rng::stream(seed, "disk", me.value)),
      store_(std::make_shared<SimStore>(Rng::stream(seed, "store", me.value))),
      wal_watch_(around.oracle, me),
      rng_(Rng::stream(seed, "machine", me.value)) {
  disk_.set_watcher([this](const std::string& path, ByteView all, std::size_t) {
    wal_watch_.on_synced(path, all);
  });
}

Host::~Host() { retire(); }

LifeId Host::life() const { return process_ ? process_->life : kWorld; }

void Host::trace(const char* what, std::uint64_t a, std::uint64_t b, std::uint64_t digest,
                 std::uint16_t peer) {
  around_.trace.add(
      {around_.queue.now(), around_.queue.events_run(), index(), peer, what, a, b, digest});
}

void Host::boot() {
  IMI_CHECK(!process_);
  disk_.revive();
  store_->revive();
  fault_injected_ = false;
  halted_.reset();
  ++counters_.boots;
  const World& world = around_.world;
  process_ = std::make_unique<Process>(*this, around_.queue.new_life());
  Process& p = *process_;

  auto db = ledger::LedgerDb::open(store_, world.genesis(), small_ledger());
  if (!db) {
    around_.oracle.report("start", "member " + std::to_string(index()) +
                                       " cannot open its ledger: " + describe(db.error()));
    return;
  }
  p.db = std::move(*db);
  p.ledger = std::make_unique<WatchedLedger>(*this, *p.db);
  const crypto::SecretKey& key = world.validator_key(me_);
  const node::WalHeader header{node::kWalFormat, world.id(), key.public_key()};
  if (!initialised_) {
    const auto init = node::init_safety(disk_, kLogDirectory, header, p.random, false);
    IMI_CHECK(init.has_value());
    initialised_ = true;
  }
  around_.oracle.on_start(me_, p.db->applied().height, p.db->certified().height);
  auto safety = node::open_safety(disk_, kLogDirectory, header, p.random);
  if (!safety) {
    around_.oracle.report("start", "member " + std::to_string(index()) +
                                       " cannot open its safety log: " + describe(safety.error()));
    return;
  }
  p.safety = std::move(*safety);
  if (p.safety.found.cut_bytes != 0) ++counters_.torn_tails;
  if (!p.safety.wal) ++counters_.silent_boots;
  if (!p.safety.state.heights.empty()) ++counters_.restarts_with_votes;
  trace("boots: applied, view", p.db->applied().height.value, p.safety.state.view.value);

  node::DriverOptions o;
  o.consensus = node::consensus_config(world.id(), world.genesis().parameters, kTickMs);
  o.set = world.genesis().validators;
  o.peers = static_cast<std::uint32_t>(o.set.members.size()) + 1;
  o.me = me_;
  if (p.safety.wal) {
    o.key = key.clone();
  } else {
    o.silent_because = p.safety.silent_because;
  }
  o.safety = p.safety.state;
  o.bodies = p.safety.bodies;
  o.parameters = world.genesis().parameters;
  o.events = this;
  if (around_.small_limits) {
    o.limits.max_verifying_for_clients = kSmallVerifying;
    o.limits.max_verifying_of_validator = 2 * kSmallVerifying;
    o.limits.max_verifying_of_observer = kSmallVerifying;
  }
  status_ = {};
  status_.view = p.safety.state.view;
  status_.stable = std::max(p.db->certified().height, p.safety.state.stable_height());
  const node::Ports ports{p.loop,
                          clock_,
                          *this,
                          p.verify,
                          p.executor,
                          p.log_writer,
                          *p.ledger,
                          p.safety.wal.get(),
                          around_.signatures,
                          p.random};
  auto driver = node::Driver::start(std::move(o), ports);
  if (!driver) {
    around_.oracle.report("start", "member " + std::to_string(index()) +
                                       " does not start: " + driver.error().sentence);
    return;
  }
  p.driver = std::move(*driver);
  around_.network.set_up(index(), true);
  schedule_tick();
}

void Host::schedule_tick() {
  around_.queue.schedule(process_->life, Micros{kTickMs} * 1000, [this] {
    if (process_->driver) process_->driver->tick();
    schedule_tick();
  });
}

void Host::die(bool power_cut) {
  if (!process_) return;
  trace(power_cut ? "loses power" : "is killed");
  around_.network.set_up(index(), false);
  dying_ = true;
  // The pieces of work under way get some of their writes out, or none.
  if (process_->log_writer.busy() && rng_.chance_ppm(kPartOfMillion / 2)) {
    disk_.die_after(rng_.below(6));
    process_->log_writer.die();
    ++counters_.died_in_work;
  }
  if (process_->executor.busy() && rng_.chance_ppm(kPartOfMillion / 2)) {
    store_->die_after(rng_.below(3));
    process_->executor.die();
    ++counters_.died_in_work;
  }
  collect_counters();
  around_.queue.end_life(process_->life);
  process_.reset();
  dying_ = false;
  last_watched_.reset();
  if (power_cut) {
    disk_.power_cut();
    counters_.lost_batches += store_->power_cut();
  }
}

void Host::collect_counters() {
  if (!process_ || !process_->driver) return;
  const node::DriverCounters& c = process_->driver->counters();
  counters_.blocks_synced += c.blocks_synced;
  counters_.evidence += c.evidence;
  counters_.view_changes += c.view_changes;
}

void Host::retire() {
  if (!process_) return;
  collect_counters();
  dying_ = true;
  around_.queue.end_life(process_->life);
  process_.reset();
  dying_ = false;
}

Host::Backup Host::backup() const {
  return {disk_.image(), store_->rows(), around_.oracle.statements_of(me_)};
}

bool Host::signed_since(const Backup& backup) const {
  return around_.oracle.statements_of(me_) != backup.statements;
}

void Host::restore(const Backup& backup) {
  IMI_CHECK(!process_);
  disk_.restore(backup.disk);
  wal_watch_.forget();
  store_->replace(backup.rows);
  trace("gets an old disk back");
  if (!signed_since(backup)) return;
  lost_state_ = true;
  around_.oracle.on_state_lost(me_);
}

void Host::restore_unnoticed(const Backup& backup) {
  restore(backup);
  if (lost_state_) around_.oracle.on_state_lost_unnoticed(me_);
}

void Host::wipe() {
  IMI_CHECK(!process_);
  disk_.wipe();
  wal_watch_.forget();
  store_->replace({});
  initialised_ = false;
  trace("loses its disk");
  if (around_.oracle.statements_of(me_) == 0) return;
  lost_state_ = true;
  around_.oracle.on_state_lost(me_);
}

void Host::inject(DiskFault fault, bool on_sync) {
  fault_injected_ = true;
  disk_.fail_next(fault, on_sync);
  trace("gets a disk fault", static_cast<std::uint64_t>(fault), on_sync ? 1 : 0);
}

void Host::inject_store(ledger::StoreError::Reason reason) {
  fault_injected_ = true;
  store_->fail_next(reason);
  trace("gets a store fault", static_cast<std::uint64_t>(reason));
}

void Host::mend_disk() {
  disk_.fail_next(DiskFault::kNone, false);
  store_->fail_next(std::nullopt);
}

void Host::on_frame(std::uint16_t from, const Network::Frame& frame) {
  if (!process_ || !process_->driver) return;
  trace("hears bytes", frame->size(), frame->empty() ? 0 : (*frame)[0], 0, from);
  if (byzantine_) {
    std::vector<ByzantineMember::Outgoing> replies;
    const bool pass = byzantine_->incoming(from, frame, replies);
    for (const auto& r : replies) send_lie(r);
    if (!pass) return;
  }
  process_->driver->on_message(node::PeerIndex(from), frame);
}

void Host::on_peer(std::uint16_t peer, bool connected) {
  if (!process_ || !process_->driver) return;
  process_->driver->on_peer(node::PeerIndex(peer), connected);
}

void Host::submit(const std::shared_ptr<const Bytes>& bytes, node::WaitFor wait,
                  std::uint32_t timeout_ms, std::function<void(node::SubmitResult)> done) {
  if (!process_ || !process_->driver) return;
  process_->driver->submit(bytes, wait, timeout_ms,
                           [this, done = std::move(done)](node::SubmitResult result) {
                             if (!dying_) done(std::move(result));
                           });
}

node::NodeStatus Host::status() const {
  if (!process_ || !process_->driver) return {};
  return process_->driver->status();
}

node::DriverCounters Host::driver_counters() const {
  return process_ && process_->driver ? process_->driver->counters() : node::DriverCounters{};
}

bool Host::halted_on_mismatch() const {
  return halted_ && halted_->code == node::HaltCode::kHeadMismatch;
}

chain::LedgerHead Host::applied() const {
  return process_ && process_->db ? process_->db->applied() : chain::LedgerHead{};
}

chain::LedgerHead Host::certified() const {
  return process_ && process_->db ? process_->db->certified() : chain::LedgerHead{};
}

std::optional<ledger::LedgerDb::Applied> Host::find(const SubmissionId& id) const {
  if (!process_ || !process_->db) return std::nullopt;
  const auto found = process_->db->find_submission(id);
  return found ? *found : std::nullopt;
}

std::optional<Oracle::Status> Host::take_status() {
  if (!status_changed_) return std::nullopt;
  status_changed_ = false;
  return status_;
}

bool Host::send(node::PeerIndex to, node::Urgency, node::SharedBytes frame) {
  if (dying_) return false;
  const auto peer = static_cast<std::uint16_t>(to.value);
  if (!around_.connected(index(), peer)) return false;
  if (!byzantine_) {
    put_on_network(peer, frame);
    return true;
  }
  for (const auto& out : byzantine_->outgoing(peer, frame)) send_lie(out);
  return true;
}

void Host::send_lie(const ByzantineMember::Outgoing& out) {
  if (out.delay == 0) return put_on_network(out.to, out.frame);
  around_.queue.schedule(life(), out.delay, [this, out] { put_on_network(out.to, out.frame); });
}

void Host::put_on_network(std::uint16_t to, const node::SharedBytes& frame) {
  if (frame != last_watched_) {
    last_watched_ = frame;
    watch(frame);
  }
  around_.network.send(index(), to, frame);
}

// Every message is shown to the oracle at the instant it leaves, before anything can happen to it.
void Host::watch(const node::SharedBytes& frame) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const std::uint8_t b : *frame) h = (h ^ b) * 0x100000001b3U;
  if (frame->empty() || (*frame)[0] != static_cast<std::uint8_t>(node::FrameKind::kConsensus)) {
    trace("sends frame of kind", frame->empty() ? 0 : (*frame)[0], frame->size(), h);
    return;
  }
  const auto message = consensus::decode_message(ByteView(*frame).subspan(1));
  if (!message) {
    if (!byzantine_) around_.oracle.report("wire", "an honest member sent what does not decode");
    return;
  }
  struct Numbers {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
  } n;
  const char* what = name(message->kind()).data();
  if (const auto* p = std::get_if<consensus::PrePrepare>(&message->payload)) {
    n = {p->view.value, p->header.height.value};
  } else if (const auto* v = std::get_if<consensus::Prepare>(&message->payload)) {
    n = {v->view.value, v->height.value};
  } else if (const auto* c = std::get_if<consensus::Commit>(&message->payload)) {
    n = {c->view.value, c->height.value};
  } else if (const auto* k = std::get_if<consensus::Checkpoint>(&message->payload)) {
    n = {k->head.height.value, k->head.log_size};
  } else if (const auto* vc = std::get_if<consensus::ViewChange>(&message->payload)) {
    n = {vc->view.value, vc->certificates.size()};
  } else if (const auto* nv = std::get_if<consensus::NewView>(&message->payload)) {
    n = {nv->view.value, nv->proposals.size()};
  } else if (const auto* s = std::get_if<consensus::Status>(&message->payload)) {
    n = {s->view.value, s->executed.value};
  }
  trace(what, n.a, n.b, h, message->sender == me_ ? kNoNode : message->sender.value);
  around_.oracle.on_message(me_, *message);
}

bool Host::is_connected(node::PeerIndex peer) const {
  return around_.connected(index(), static_cast<std::uint16_t>(peer.value));
}

void Host::disconnect(node::PeerIndex peer) {
  trace("disconnects", 0, 0, 0, static_cast<std::uint16_t>(peer.value));
  around_.disconnect(index(), static_cast<std::uint16_t>(peer.value));
}

void Host::on_effects(const consensus::Effects& e) {
  if (e.view) {
    status_.view = e.view->view;
    status_.changing = e.view->changing;
    if (e.view->changing) around_.leaves_view(index(), e.view->view);
    status_changed_ = true;
    if (e.view->cause == consensus::ViewChangeCause::kComplaint) ++counters_.complaints;
    trace(e.view->changing ? "leaves for view, backoff" : "enters view, backoff",
          e.view->view.value, e.view->backoff);
  }
  for (const consensus::Committed& c : e.committed) {
    status_.decided = std::max(status_.decided, c.height);
    status_changed_ = true;
    trace("decides height in view", c.height.value, c.view.value, brief(c.id));
  }
  if (e.stable) {
    status_.stable = std::max(status_.stable, e.stable->head.height);
    status_changed_ = true;
  }
  if (e.signing_stop && lost_state_) ++counters_.memory_missed;
  if (e.signing_stop && !byzantine_ && !lost_state_) {
    around_.oracle.report(
        "B6", "honest member " + std::to_string(index()) + ", whose safety log is whole, took " +
                  "its own signature for a stranger's and signs nothing any more");
  }
}

void Host::on_halt(const node::HaltReport& report) {
  halted_ = report;
  trace("halts", static_cast<std::uint64_t>(report.code));
  using node::HaltCode;
  const bool disk = report.code == HaltCode::kSafetyLogFailed ||
                    report.code == HaltCode::kSafetyLogFull ||
                    report.code == HaltCode::kLedgerFailed || report.code == HaltCode::kLedgerFull;
  if (disk && fault_injected_) {
    ++counters_.disk_halts;
    return;
  }
  if (wrong_from_ && report.code == HaltCode::kHeadMismatch) ++counters_.mismatch_halts;
  if (!byzantine_) {
    around_.oracle.report(
        "halt", "honest member " + std::to_string(index()) + " halted: " + report.sentence);
  }
}

}  // namespace imi::sim
