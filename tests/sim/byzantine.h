// Members that hold their real keys and lie. Each is an honest process whose messages pass through
// this shim, which changes them, withholds them and adds others: two PRE-PREPAREs for one height, a
// chain of blocks for each half of the cluster, votes for whatever anybody proposed, VIEW-CHANGEs
// that hide what was prepared, NEW-VIEWs that leave out what was committed, other heads, forged and
// padded certificates, signatures replayed as another kind, blocks that break a rule each, old and
// damaged frames, submissions that are acknowledged or not and never proposed, a new primary's own
// re-proposals handed back to it as PRE-PREPAREs, NEW-VIEWs withheld until they are stale.
//
// What they cannot do is forge an honest member's signature. All Byzantine members of a run
// collude: they share one ByzantineMind. Everything is drawn from the run's seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "node/wire.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/rng.h"
#include "tests/sim/world.h"

namespace imi::sim {

// How a member excludes submissions that others push to it from its blocks.
enum class Censorship : std::uint8_t {
  kNone,
  kNeverAck,  // it never says that it has them
  kAckOne,    // it says so to one member only
  kAckSome,   // of some
  kAckAll,
  kShield,  // of all, and of as many more that fit no block yet
  kSlow,    // of all, and proposes just before the others' patience ends
};
inline constexpr std::size_t kCensorships = 7;

// Which lies a run has. Each is independent.
struct ByzantineTraits {
  bool equivocate = false;         // two chains of proposals, one for each half
  bool vote_for_all = false;       // PREPARE and COMMIT for every block that anybody proposed
  bool hide_certificates = false;  // stale VIEW-CHANGEs, other ones for other peers
  bool tamper_new_view = false;
  bool wrong_head = false;
  bool replay_kinds = false;        // a PREPARE's signature as a COMMIT, and the reverse
  bool forge_certificates = false;  // padded, and made of nothing
  bool bad_blocks = false;          // time, parent, repeats, gaps
  bool mute = false;                // silent to some
  bool garble = false;
  bool replay_old = false;
  bool censor = false;  // takes submissions, acknowledges them, proposes none of them
  // The next primary is shown another block than all others, who prepare theirs and never hear the
  // liars' COMMIT; it re-proposes what it does not hold, and gets its signatures back as
  // PRE-PREPAREs. Not of draw(): drawn from a stream of its own, so that seeds keep their other
  // lies.
  bool return_proposals = false;
  // Of directed plans only.
  Censorship censorship = Censorship::kNone;
  bool withhold_new_view = false;  // stale_new_view.cpp
  bool feign_wishes = false;       // each STATUS wishes the next view (C4)

  [[nodiscard]] static ByzantineTraits draw(Rng& rng);
};

class ByzantineMind {
 public:
  ByzantineMind(const World& world, ByzantineTraits traits, Rng rng)
      : world_(world), traits_(traits), rng_(rng) {}
  // From now on they tell no lies: honest again, or silent. Liveness is demanded of what follows.
  void rest(bool silent) {
    at_rest_ = true;
    silent_ = silent;
  }
  [[nodiscard]] ByzantineTraits& traits() { return traits_; }
  // The trap of withhold_new_view (stale_new_view.cpp): from now on `victim` alone gets the liars'
  // votes. `left` is called when the victim's VIEW-CHANGE has come.
  void set_trap(MemberId victim, View view, std::function<void()> left);
  void end_trap() { trap_.reset(); }
  [[nodiscard]] std::uint64_t stale_new_views() const { return stale_new_views_; }
  // Pushes that were acknowledged and dropped.
  [[nodiscard]] std::uint64_t censored() const { return censored_; }
  // Re-proposals that went back to their signer.
  [[nodiscard]] std::uint64_t returned() const { return returned_; }

 private:
  friend class ByzantineMember;
  const World& world_;
  ByzantineTraits traits_;
  Rng rng_;
  bool at_rest_ = false;
  bool silent_ = false;
  std::uint64_t censored_ = 0;
  std::uint64_t returned_ = 0;
  struct Trap {
    MemberId victim;
    View view;  // whose NEW-VIEW is withheld
    std::function<void()> left;
    bool victim_left = false;
    std::map<MemberId, consensus::SignedViewChange> view_changes;
    node::SharedBytes new_view;             // the withheld one
    std::map<Height, BlockId> re_proposed;  // by it
    std::map<std::tuple<View, Height, BlockId>, chain::Signatures> commits;
    std::set<Height> sprung;
  };
  std::optional<Trap> trap_;
  std::uint64_t stale_new_views_ = 0;
  std::set<View> trapped_;  // views of return_proposals: no COMMIT
  std::map<std::pair<View, Height>, std::set<BlockId>> known_;
  std::map<BlockId, chain::Block> blocks_;
  std::map<std::pair<View, Height>, chain::Block> bad_;  // proposed to everybody
  std::map<BlockId, BlockId> other_side_;  // the block that the other half was shown instead
};

class ByzantineMember {
 public:
  ByzantineMember(std::shared_ptr<ByzantineMind> mind, MemberId me)
      : mind_(std::move(mind)), me_(me) {}

  struct Outgoing {
    std::uint16_t to = 0;
    node::SharedBytes frame;
    Micros delay = 0;  // before it leaves
  };
  // What really leaves instead of `frame` to `to`.
  [[nodiscard]] std::vector<Outgoing> outgoing(std::uint16_t to, const node::SharedBytes& frame);
  // What arrives; `reply` takes what is sent because of it. False: the honest part must not see it.
  bool incoming(std::uint16_t from, const node::SharedBytes& frame, std::vector<Outgoing>& reply);

 private:
  using Out = std::vector<Outgoing>;
  [[nodiscard]] bool side(std::uint16_t peer, View view) const;
  [[nodiscard]] consensus::SignedMessage signed_as_me(consensus::Payload payload) const;
  void send_all(const consensus::SignedMessage& message, Out& out) const;
  void learn(View view, const chain::Block& block, Out& out);
  void vote(View view, Height height, const BlockId& id, Out& out);
  [[nodiscard]] chain::Block other_block(View view, const chain::Block& block);
  [[nodiscard]] chain::Block bad_block(View view, const chain::Block& block);
  [[nodiscard]] std::optional<consensus::Payload> lie(std::uint16_t to,
                                                      const consensus::SignedMessage& message,
                                                      Out& out);
  [[nodiscard]] consensus::Payload lie_propose(std::uint16_t to, const consensus::PrePrepare& p,
                                               Out& out);
  [[nodiscard]] consensus::Payload lie_view_change(std::uint16_t to,
                                                   const consensus::ViewChange& v);
  [[nodiscard]] consensus::Payload lie_new_view(const consensus::NewView& n);
  void forge(const chain::Block& block, View view, Out& out);
  void return_proposals(MemberId primary, const consensus::NewView& n, Out& out);
  [[nodiscard]] bool censor(std::uint16_t from, const node::SharedBytes& frame, Out& out);
  // False: the push is treated as any other.
  [[nodiscard]] bool keep_out(std::uint16_t from, const node::SharedBytes& frame, Out& out);
  // stale_new_view.cpp. True: `message` to `to` was dealt with.
  bool trap_outgoing(std::uint16_t to, const consensus::SignedMessage& message, Out& out);
  void trap_incoming(const consensus::SignedMessage& message, Out& out);
  void note_view_change(const consensus::SignedMessage& message);
  void withhold();
  void spring(const consensus::SignedMessage& commit, Out& out);
  [[nodiscard]] std::uint64_t dice(std::uint64_t a, std::uint64_t b) const;
  [[nodiscard]] const crypto::SecretKey& key() const { return mind_->world_.validator_key(me_); }
  [[nodiscard]] std::uint16_t peers() const {
    return static_cast<std::uint16_t>(mind_->world_.genesis().validators.members.size());
  }

  std::shared_ptr<ByzantineMind> mind_;
  MemberId me_;
  std::set<std::pair<std::pair<View, Height>, BlockId>> voted_;
  std::deque<node::SharedBytes> seen_;  // for replays
};

}  // namespace imi::sim
