// Internal to the driver: the bodies of blocks under way, from the proposal until the block is
// executed here and certified (B2, B4). Missing ones are fetched from peers that hold the block.
//
// A body that arrives in any way (client, push, fetch) is offered here; a block whose bodies are
// all held is answered BodiesReady, one with an invalid body or beyond the chain's limits
// BodiesInvalid.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "consensus/effects.h"
#include "consensus/safety_state.h"
#include "node/core.h"
#include "node/pace.h"
#include "node/pool.h"
#include "node/ports.h"
#include "node/wal.h"

namespace imi::node {

struct RecoveredBodies {
  std::vector<Body> logged;    // in our safety log
  std::vector<Body> executed;  // in the ledger, of blocks not yet certified
};

class Bodies {
 public:
  Bodies(Core& core, Pool& pool) : core_(core), pool_(pool) {}

  // What a restart found: at hand until `until` is certified and executed.
  void restore(RecoveredBodies recovered, chain::Height until);

  void need(const consensus::NeedBodies& request);
  // The block is voted for, or about to be executed: its bodies are kept and fetched as by need(),
  // without an answer to the replica.
  void keep(chain::Height height, const chain::BlockId& id,
            const std::shared_ptr<const chain::Block>& block);
  // True if nothing of the block is missing. The block is tracked.
  [[nodiscard]] bool complete(chain::Height height, const chain::BlockId& id) const;
  // What the blocks list for which `which` is true.
  using Which = std::function<bool(chain::Height height, const chain::BlockId& id)>;
  [[nodiscard]] std::set<chain::ContentHash> contents_of(const Which& which) const;
  // Nothing if one is missing.
  [[nodiscard]] std::optional<LedgerPort::Bodies> all_of(const chain::Block& block) const;

  // A valid body arrived.
  void offer(const Body& body);
  // A content that can never be valid.
  void refuse(const chain::ContentHash& content);
  [[nodiscard]] const Body* find(const chain::ContentHash& content) const;

  // Everything at or below is executed here and certified.
  void release(chain::Height height);

  // For the safety log: those of `contents` that its present file does not have yet; marked as
  // logged.
  [[nodiscard]] std::vector<WalBody> to_log(const std::vector<chain::ContentHash>& contents);
  // For a new file of the log: the bodies of blocks that `state` voted for; marked as logged, and
  // nothing else is.
  [[nodiscard]] std::vector<WalBody> to_log(const consensus::SafetyState& state);

  // Asks for what is missing and due. Once a tick.
  void fetch_due();
  // A peer answered, or can answer no more.
  void answered(PeerIndex peer);
  void disconnected(PeerIndex peer) { asked_.erase(peer.value); }
  // Called when a body that was missing came.
  std::function<void()> on_arrival;

  [[nodiscard]] std::size_t missing() const { return wanted_.size(); }

  // True if a block with these sums may hold no further submission (C6).
  [[nodiscard]] bool is_full(std::size_t items, std::uint64_t entries, std::uint64_t bytes) const;

 private:
  using Key = std::pair<chain::Height, chain::BlockId>;
  struct Kept {
    Body body;
    std::size_t uses = 0;  // blocks that list it
    bool logged = false;
  };
  struct BlockState {
    std::shared_ptr<const chain::Block> block;
    std::vector<chain::ContentHash> distinct;  // its items, ascending, each once
    std::vector<chain::MemberId> holders;
    std::set<chain::ContentHash> missing;
    bool answer = false;  // the replica waits
    bool invalid = false;
    bool asked_ledger = false;
    std::uint64_t next_fetch_us = 0;
    std::uint64_t give_up_us = 0;       // on what is still being verified
    std::uint64_t received_before = 0;  // submissions, when the block came
    std::uint32_t attempts = 0;
  };
  BlockState& track(chain::Height height, const chain::BlockId& id,
                    const std::shared_ptr<const chain::Block>& block);
  void settle(const Key& key, BlockState& state);
  void drop(BlockState& state);
  [[nodiscard]] bool arrivals_under_way(const BlockState& state) const;
  // One request to one peer under way at a time, so that a slow link is not filled with the same
  // bodies from all peers; how long and how much is learnt (Pace).
  struct Asked {
    Pace pace;
    std::optional<std::uint64_t> since_us;  // not answered
  };
  // False if no peer can be asked now.
  bool fetch(const Key& key, BlockState& state);
  [[nodiscard]] Asked* free_to_ask(PeerIndex peer);
  void load_from_ledger(chain::Height height);
  void log_one(const chain::ContentHash& content, std::vector<WalBody>& out);

  Core& core_;
  Pool& pool_;
  std::map<Key, BlockState> blocks_;
  std::unordered_map<chain::ContentHash, Kept, FixedBytesHash> kept_;
  std::map<chain::ContentHash, std::set<Key>> wanted_;  // missing -> blocks that list it
  std::map<std::uint32_t, Asked> asked_;                // by peer
  std::map<chain::ContentHash, Body> recovered_;
  std::set<chain::ContentHash> recovered_logged_;
  chain::Height recovered_until_;
};

}  // namespace imi::node
