// Test support: a whole cluster in one thread, reproducible from a seed, with an oracle for the
// invariants of docs/PROTOCOL.md. The big simulator drives the real node; this one drives Replica
// alone and is fast.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/consensus/members.h"

namespace imi::consensus::test {

// SplitMix64: small, and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool chance(std::uint32_t percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

struct ClusterOptions {
  std::size_t n = 4;
  std::uint64_t seed = 1;
  std::uint32_t drop_percent = 0;
  std::uint32_t duplicate_percent = 0;
  std::uint32_t min_delay_ticks = 1;
  std::uint32_t max_delay_ticks = 3;
  std::uint32_t executor_delay_ticks = 1;
  std::uint32_t bodies_delay_ticks = 1;
  std::size_t batch = 4;
  Config config;  // genesis is set by Members
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);

  Members members;
  // May be changed at any time. True: the message is lost.
  std::function<bool(MemberId from, MemberId to, const SignedMessage&)> lose;
  // Replaces what a member executes (D3).
  std::function<LedgerHead(MemberId, LedgerHead)> alter_head;
  std::uint32_t drop_percent = 0;
  std::int64_t clock_ahead_ms = 0;  // of all members' clocks; may be changed at any time

  void run(std::uint64_t ticks);
  // Runs until the condition holds; false if it does not within `ticks`.
  bool run_until(const std::function<bool()>& condition, std::uint64_t ticks);
  void submit(std::uint64_t count);  // to the pools of all live members
  void crash(std::size_t i);         // memory is lost; what was persisted stays
  void restart(std::size_t i);
  // What a member has on disk: for backups that are restored.
  struct Disk {
    SafetyState durable;
    std::vector<Bytes> log;
    std::vector<Block> blocks;  // by height - 1
    std::vector<std::optional<CommitCertificate>> commits;
    std::vector<LedgerHead> heads;  // from genesis
    std::optional<CheckpointCertificate> stable;
  };
  [[nodiscard]] Disk disk(std::size_t i) const { return nodes_[i].disk; }
  void replace_disk(std::size_t i, Disk disk);  // of a member that is down
  [[nodiscard]] Disk empty_disk() const { return {{}, {}, {}, {}, {members.genesis_head()}, {}}; }
  // Signed messages of its own that left a member since it was started.
  [[nodiscard]] std::uint64_t signed_since_start(std::size_t i) const {
    return nodes_[i].signed_since_start;
  }
  void isolate(const std::set<std::size_t>& group);  // only messages within the group or without
  void heal();
  // Puts a message on the wire as if `from`'s host had sent it.
  void inject(MemberId from, MemberId to, SignedMessage message);

  [[nodiscard]] bool alive(std::size_t i) const { return nodes_[i].replica != nullptr; }
  [[nodiscard]] Replica& at(std::size_t i) { return *nodes_[i].replica; }
  [[nodiscard]] std::uint64_t executed(std::size_t i) const {
    return nodes_[i].disk.heads.size() - 1;
  }
  [[nodiscard]] std::uint64_t lowest_executed() const;
  [[nodiscard]] std::uint64_t lowest_stable() const;
  [[nodiscard]] View highest_view() const;
  [[nodiscard]] std::size_t submissions_left(std::size_t i) const { return nodes_[i].pool.size(); }
  [[nodiscard]] const SafetyState& durable(std::size_t i) const { return nodes_[i].disk.durable; }
  [[nodiscard]] std::int64_t now_ms() const {
    return 1'000'000 + clock_ahead_ms + std::int64_t(tick_) * 10;
  }
  [[nodiscard]] const LedgerHead& head(std::size_t i, std::uint64_t h) const {
    return nodes_[i].disk.heads[h];
  }

  // The violations that the oracle saw; empty if none.
  std::vector<std::string> violations;
  std::map<std::string, std::uint64_t> counters;
  std::vector<Evidence> evidence;
  std::map<std::size_t, HaltReason> halts;
  std::map<std::size_t, std::uint8_t> signing_stops;
  // Members that the oracle does not expect to be honest.
  std::set<std::size_t> faulty;
  Hash256 trace;  // hash of everything that was sent, in order: same seed, same trace

 private:
  struct Event {
    std::uint64_t at;
    std::uint64_t order;
    std::size_t node;
    std::uint64_t life;  // of the node when it was scheduled; ~0 for messages
    std::function<void()> run;
    bool operator<(const Event& o) const {  // std::priority_queue: the smallest on top
      return std::tie(at, order) > std::tie(o.at, o.order);
    }
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    Disk disk;
    std::uint64_t signed_since_start = 0;
    std::map<ContentHash, ItemFacts> pool;
    std::set<ContentHash> proposed;
    std::set<SubmissionId> applied;
    std::uint64_t life = 0;
    std::uint64_t executor_free = 0;
    std::optional<std::uint64_t> fetching_until;
  };

  void step(std::size_t i, const Input& input);
  void apply(std::size_t i, Effects effects);
  void deliver(std::size_t to, MemberId from, const Bytes& bytes);
  void execute(std::size_t i, const Execute& e);
  void fetch(std::size_t i, const FetchBlocks& f);
  void answer_bodies(std::size_t i, const NeedBodies& need);
  void offer(std::size_t i);
  void tell_primary(std::size_t i);
  void transmit(std::size_t i, const Send& send);
  void schedule(std::uint64_t after, std::size_t node, bool bound_to_life,
                std::function<void()> run);
  void check_sent(std::size_t i, const SignedMessage& m);
  void check_executed(std::size_t i, const Block& block, const LedgerHead& head);
  void violate(std::string what) { violations.push_back(std::move(what)); }

  ClusterOptions options_;
  Dice dice_;
  BoundedSignatureCache cache_{1u << 20};
  std::unique_ptr<Verifier> verifier_;
  std::vector<Node> nodes_;
  std::priority_queue<Event> events_;
  std::uint64_t tick_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t next_item_ = 0;
  std::map<ContentHash, ItemFacts> items_;
  std::set<std::size_t> isolated_;
  // Oracle memory, across restarts.
  std::map<std::tuple<MessageKind, MemberId, View, Height>, BlockId> signed_;  // I1
  std::map<std::pair<MemberId, Height>, Hash256> heads_signed_;                // I2
  std::map<std::tuple<MessageKind, MemberId, View>, Bytes> views_signed_;      // I3
  std::map<Height, std::pair<View, BlockId>> decided_;  // I7, I8: as first decided
  std::map<Height, LedgerHead> heads_;                  // I12
  std::map<BlockId, TimeMs> times_;                     // I15
};

}  // namespace imi::consensus::test
