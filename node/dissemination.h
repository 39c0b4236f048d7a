// Internal to the driver: submissions that clients gave to this node go to all validators, once, in
// batches; who acknowledged what is known, so that the primary can be held to it (C6).
//
// One hop: the node that a client talks to pushes, receivers do not push on. What the present
// primary did not acknowledge within limits.repush_us is pushed to it again, by every validator
// that holds it. Frames are made of the bytes the client sent; nothing is encoded anew.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "node/core.h"
#include "node/pool.h"

namespace imi::node {

class Dissemination {
 public:
  Dissemination(Core& core, Pool& pool) : core_(core), pool_(pool) {}

  // A new body in the pool. `local`: to be pushed.
  void added(const Body& body, bool local);
  // A peer pushed this: it holds it.
  void held_by_peer(const chain::ContentHash& content, PeerIndex peer);
  void acknowledge(PeerIndex to, std::uint64_t number, std::vector<std::uint32_t> refused);
  void on_ack(PeerIndex from, std::uint64_t number, const std::vector<std::uint32_t>& refused);

  // End of a turn: pushes what is new and announces it to consensus.
  void flush();
  // Once a tick.
  void repush_due();
  // The view changed: what is the new primary known to hold?
  void on_view(chain::View view, chain::MemberId primary);

 private:
  void push(const std::vector<Body>& bodies, std::optional<PeerIndex> only);
  void send_frame(const std::vector<SharedBytes>& submissions,
                  std::vector<chain::ContentHash> contents, std::optional<PeerIndex> only);
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
  std::uint64_t next_repush_us_ = 0;
};

}  // namespace imi::node
