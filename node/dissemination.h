// Internal to the driver: submissions that clients gave to this node go to all validators, once, in
// batches; it is recorded who acknowledged what, so that the primary can be held to it (C6).
//
// One hop: the node that a client talks to pushes, receivers do not push on. What a validator did
// not acknowledge is pushed to it again: to the present primary by every validator that holds it,
// to the others by the node that a client gave it to. What was sent to the primary
// limits.pushes_that_count times over a live connection counts as received, acknowledged or not: a
// complaint about a primary must not depend on its own acknowledgement (C6).
//
// A new connection may be to a new process: what the peer was known to hold is forgotten and sent
// again. A primary is forgiven like this once per view, so that it cannot hide behind broken
// connections.
//
// Frames are made of the bytes the client sent; nothing is encoded again.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "consensus/input.h"
#include "node/core.h"
#include "node/pool.h"
#include "node/ports.h"

namespace imi::node {

class Dissemination {
 public:
  Dissemination(Core& core, Pool& pool) : core_(core), pool_(pool), again_(core.validators) {}

  // A new body in the pool. `local`: to be pushed.
  void added(const Body& body, bool local);
  // A peer pushed this: it holds it.
  void held_by_peer(const chain::ContentHash& content, PeerIndex peer);
  void acknowledge(PeerIndex to, std::uint64_t number, std::vector<std::uint32_t> refused);
  void on_ack(PeerIndex from, std::uint64_t number, const std::vector<std::uint32_t>& refused);

  // The present primary refused these: its state may be newer than what they were admitted under.
  std::function<void(const std::vector<Body>&)> on_refused;

  // End of a turn: pushes what is new and announces it to consensus.
  void flush();
  // Once a tick.
  void repush_due();
  // The view changed: what is the new primary known to hold?
  void on_view(chain::View view, chain::MemberId primary);
  void on_connected(PeerIndex peer);

 private:
  // When, and from where on, to push again to a validator.
  struct Again {
    std::uint64_t at_us = 0;
    std::uint64_t after = 0;
    bool all = false;        // a new connection: whatever its age
    std::uint64_t last = 0;  // the number of the last frame, if more is to follow
  };
  void push(const std::vector<Body>& bodies, std::optional<PeerIndex> only);
  void send_frame(const std::vector<SharedBytes>& submissions,
                  std::vector<chain::ContentHash> contents, std::optional<PeerIndex> only);
  void count_push(const chain::ContentHash& content);
  void push_again(std::uint32_t peer, Again& again);
  [[nodiscard]] bool is_primary(PeerIndex p) const { return p.value == primary_.value; }

  Core& core_;
  Pool& pool_;
  std::vector<Body> to_push_;
  std::vector<consensus::ItemFacts> to_announce_;
  std::vector<chain::ContentHash> at_primary_;
  chain::View view_;
  chain::MemberId primary_;
  struct Sent {
    std::vector<chain::ContentHash> contents;
    std::set<std::uint32_t> waiting_for;
  };
  std::map<std::uint64_t, Sent> sent_;  // by number, oldest first
  std::uint64_t next_number_ = 1;
  std::vector<Again> again_;      // by validator
  bool primary_let_off_ = false;  // in this view
};

}  // namespace imi::node
