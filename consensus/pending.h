// The submissions that this member holds and has not seen executed: which of them the primary could
// put into the next block now (C2), and which of them it leaves out (C6).
//
// One entry per submission id, whatever signature it was announced with: the id covers the expiry,
// and a block that decides the id decides every signature of it.
//
// Every member does this for every submission, so adding, moving and removing one cost no search
// in an order: what waits is in the order in which it began to, and each place is remembered.
//
// Threading: none. Deterministic.
#pragma once

#include <list>
#include <map>
#include <optional>

#include "base/hash_index.h"
#include "consensus/input.h"

namespace imi::consensus {

class PendingSubmissions {
 public:
  explicit PendingSubmissions(const Config& config)
      : max_expiry_ms_(config.max_expiry_ms), slack_ms_(config.clock_slack_ms()) {}
  PendingSubmissions(const PendingSubmissions&) = delete;
  PendingSubmissions& operator=(const PendingSubmissions&) = delete;

  // An id that is known already keeps its entry. `in_block`: a block under way holds it.
  void add(const ItemFacts& item, bool in_block);
  void remove(const ContentHash& content);
  void remove(const SubmissionId& id);
  // Forgets what no later block may hold, because the chain's time has reached its expiry (F1).
  void expire(TimeMs block_time);

  // It is in a block under way, or no longer. What comes back starts to wait again.
  void set_in_block(const ContentHash& content, bool in_block);
  void set_in_block(const SubmissionId& id, bool in_block);
  // The primary has it, from now on.
  void set_at_primary(const ContentHash& content);
  // Another primary, or one that may have lost its memory: nothing is known to be there.
  void forget_primary();

  // Time passes. `next_block_time`: what a block proposed now would bear. `tick` never decreases.
  void update(TimeMs next_block_time, Ticks tick);

  // Since when the submission that has waited longest could have been proposed: it is in no block
  // and has satisfied F1 at the next block time ever since, by a margin that covers the difference
  // of two members' clocks.
  [[nodiscard]] std::optional<Ticks> waiting_since() const;
  // Likewise, of those that the primary has; since when it has it, at the earliest.
  struct Waiting {
    Ticks since = 0;
    SubmissionId id;
  };
  [[nodiscard]] std::optional<Waiting> longest_at_primary() const;
  // True while the primary has it, could propose it, and has not.
  [[nodiscard]] bool is_left_out(const SubmissionId& id) const;

  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] bool empty() const { return by_id_.empty(); }

 private:
  enum class Place : std::uint8_t { kInBlock, kTooEarly, kTooLate, kWaiting };
  struct Item;
  using Items = std::list<Item>;
  using Ref = Items::iterator;
  using ByExpiry = std::multimap<TimeMs, Ref>;
  using AtPrimary = std::list<Ref>;
  struct Item {
    SubmissionId id;
    ContentHash content;  // as first announced
    TimeMs expiry;
    bool at_primary = false;
    Place place = Place::kInBlock;
    Ticks since = 0;             // kWaiting: in waiting_, else in others_
    Ticks at_primary_since = 0;  // kWaiting and at_primary: in at_primary_
    ByExpiry::iterator in_by_expiry;
    ByExpiry::iterator in_undue;  // kTooEarly, kTooLate
    AtPrimary::iterator in_at_primary;
  };

  [[nodiscard]] Place place_now(TimeMs expiry) const;
  [[nodiscard]] std::optional<Ref> find(const SubmissionId& id);
  [[nodiscard]] std::optional<Ref> find(const ContentHash& content);
  void put(Ref item, Place place);
  void put_at_primary(Ref item);
  void take_out(Ref item);
  void remove(Ref item);
  void set_in_block(Ref item, bool in_block);
  [[nodiscard]] bool recheck(Ref item);

  std::int64_t max_expiry_ms_;
  std::int64_t slack_ms_;
  TimeMs next_block_time_;
  Ticks tick_ = 0;
  // Tables of digests that others choose, as in the pool: both are bounded by what may be pending.
  HashIndex<SubmissionId, Ref> by_id_;
  HashIndex<ContentHash, Ref> by_content_;
  Items waiting_;         // ascending by `since`: each began to wait at the end
  Items others_;          // in no order
  AtPrimary at_primary_;  // those of waiting_ that the primary has, ascending by at_primary_since
  ByExpiry by_expiry_;    // all
  ByExpiry too_early_;
  ByExpiry too_late_;
};

}  // namespace imi::consensus
