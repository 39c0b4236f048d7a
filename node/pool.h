// Admitted submissions that wait for a block: bounded, fair between authors, first in first out for
// each author, each id once.
//
// What is in the pool is statelessly valid and its signature is valid; whether its author may do
// what it asks is decided at execution (B4). An item is kQueued (may be proposed) or kTaken (in a
// block under way). Items leave only when they are committed or when the chain's time passes their
// expiry: an admitted item is not evicted for another.
//
// Bodies of blocks under way are kept apart (node/bodies.h), so nothing here bounds or endangers
// what a vote promised.
//
// Threading: none; belongs to the loop. Deterministic: no iteration over an unordered container.
// Rules B3, F1 and F2.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chain/ids.h"
#include "consensus/input.h"
#include "ledger/submission/submission.h"
#include "node/ports.h"

namespace imi::node {

struct PoolLimits {
  std::size_t max_items = 60'000;
  std::size_t max_bytes = std::size_t{48} << 20;  // encoded
  // Of one author; the rest of the pool is always open to others.
  std::size_t max_author_items = 30'000;
  std::size_t max_author_bytes = std::size_t{32} << 20;
};

// What one block may take.
struct BatchLimits {
  std::uint32_t max_items = 0;
  std::uint32_t max_entries = 0;
  std::size_t max_bytes = 0;
};

enum class PoolRefusal : std::uint8_t {
  kFull,        // the pool has no room
  kAuthorFull,  // this author's share is used up
  kConflict,    // another content with the same id is pending
};
[[nodiscard]] std::string_view describe(PoolRefusal r);

// The members known to hold an item, one bit each.
struct MemberMask {
  std::uint64_t bits[2] = {0, 0};
  void set(std::uint32_t m) { bits[(m >> 6) & 1] |= std::uint64_t{1} << (m & 63); }
  void clear(std::uint32_t m) { bits[(m >> 6) & 1] &= ~(std::uint64_t{1} << (m & 63)); }
  [[nodiscard]] bool test(std::uint32_t m) const {
    return ((bits[(m >> 6) & 1] >> (m & 63)) & 1) != 0;
  }
};

// A submission as the node passes it around: parsed, hashed and verified once.
struct Body {
  std::shared_ptr<const ledger::Submission> submission;  // digests are filled
  SharedBytes bytes;                                     // its encoding
  [[nodiscard]] const chain::ContentHash& content() const { return submission->digests->content; }
  [[nodiscard]] const chain::SubmissionId& id() const { return submission->digests->id; }
  [[nodiscard]] chain::TimeMs expiry() const { return submission->header.expiry; }
  [[nodiscard]] std::uint32_t entries() const { return submission->header.count; }
  [[nodiscard]] consensus::ItemFacts facts() const { return {content(), id(), expiry()}; }
};

class Pool {
 public:
  explicit Pool(const PoolLimits& limits) : limits_(limits) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  enum class Added : std::uint8_t { kNew, kKnown };
  // `local`: a client of this node sent it, so this node disseminates it.
  [[nodiscard]] std::expected<Added, PoolRefusal> add(const Body& body, std::uint64_t now_us,
                                                      bool local);

  [[nodiscard]] const Body* find(const chain::ContentHash& content) const;
  [[nodiscard]] const Body* find_by_id(const chain::SubmissionId& id) const;
  [[nodiscard]] std::size_t items() const { return items_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t queued() const { return queued_; }
  [[nodiscard]] std::size_t queued_entries() const { return queued_entries_; }
  [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }
  [[nodiscard]] std::size_t author_items(const ledger::AuthorId& author) const;
  // Of the longest-waiting queued item; nothing if none is queued.
  [[nodiscard]] std::optional<std::uint64_t> oldest_queued_us() const;

  struct Batch {
    std::vector<consensus::ItemFacts> items;
    std::uint32_t entries = 0;
    std::size_t bytes = 0;
    bool full = false;          // something queued was left out for lack of space
    std::size_t looked_at = 0;  // items, taken or not: what the call cost
  };
  // Takes queued items that satisfy F1 at `block_time`: one of each author in turn, each author's
  // in order. An author whose first item has no room is first in the next batch; one whose first
  // item is not due yet waits, and costs nothing until it is. The call looks at no more than what
  // it takes and kMaxPassedOver items besides, however many authors there are.
  static constexpr std::size_t kMaxPassedOver = 4'096;
  [[nodiscard]] Batch take(const BatchLimits& limits, chain::TimeMs block_time,
                           std::int64_t max_expiry_ms, std::uint64_t now_us);
  // Queued again: what take() found expired although it can still commit at `block_time`, because
  // the clock was set back.
  void requeue_unexpired(chain::TimeMs block_time);
  // An item appears in a block under way (another member's): not to be proposed again. Returns its
  // body, if it is here.
  const Body* mark_taken(const chain::ContentHash& content, std::uint64_t now_us);
  // Back to the front of its author's queue.
  void requeue(const chain::ContentHash& content);
  // All that were taken before `before_us` (a block that was abandoned).
  void requeue_taken_before(std::uint64_t before_us);

  // A new view: the proposals of the one before are void, except what was decided (`decided`).
  // What the new view proposes again, consensus returns as repeated.
  void requeue_taken_except(const std::set<chain::ContentHash>& decided);

  // Removes whatever has this id. Returns when it was added, if there was one.
  std::optional<std::uint64_t> remove(const chain::SubmissionId& id);
  // Removes everything whose expiry <= block_time (F1: it can never commit); returns the ids and
  // contents in order of expiry.
  struct Expired {
    chain::SubmissionId id;
    chain::ContentHash content;
  };
  [[nodiscard]] std::vector<Expired> expire(chain::TimeMs block_time);

  // Which members are known to hold an item (C6).
  void mark_held(const chain::ContentHash& content, std::uint32_t member);
  // Items that `member` is known to hold, at most `max`, oldest first.
  [[nodiscard]] std::vector<chain::ContentHash> held_by(std::uint32_t member,
                                                        std::size_t max) const;
  // Forgets what `member` was known to hold: it may have lost its memory. True if that was
  // anything.
  bool forget_held(std::uint32_t member);

  // Items that a member is not known to hold: to be pushed to it again. In order of arrival, at
  // most `max` and `max_bytes` per call, each call going on where the last one ended, so that what
  // is never acknowledged blocks nothing else.
  struct Unheld {
    std::uint32_t member = 0;
    std::uint64_t before_us = 0;  // added before
    bool local_only = false;      // of those that clients gave to this node
    std::uint64_t after = 0;      // the arrival number to go on from; 0: the oldest
    std::size_t max = 0;
    std::size_t max_bytes = 0;
  };
  // `next.after` is where the next call goes on; 0 if nothing is left.
  [[nodiscard]] std::vector<Body> not_held(Unheld& next) const;

  // One more push of it to the present primary: how many there were in this view.
  std::uint8_t count_push(const chain::ContentHash& content);
  void forget_pushes();

 private:
  struct Item;
  using Order = std::map<std::uint64_t, Item*>;                               // by arrival
  using ByExpiry = std::map<std::pair<chain::TimeMs, std::uint64_t>, Item*>;  // and by arrival
  using Items = std::unordered_map<chain::ContentHash, std::unique_ptr<Item>, FixedBytesHash>;
  using ById = std::unordered_map<chain::SubmissionId, Item*, FixedBytesHash>;
  struct Author {
    std::list<Item*> queue;
    std::size_t items = 0;
    std::size_t bytes = 0;
    bool ready = false;  // in ready_: exactly while its queue holds something
    std::list<Author*>::iterator in_ready;
  };
  struct Item {
    Body body;
    std::uint64_t arrival = 0;
    std::uint64_t added_us = 0;
    std::uint64_t taken_us = 0;
    bool queued = true;
    bool expired = false;  // in expired_
    bool undue = false;    // queued, but set aside in undue_ until it comes due
    bool local = false;
    std::uint8_t pushes = 0;  // to the present primary
    MemberMask holders;
    std::map<ledger::AuthorId, Author>::iterator author;
    std::list<Item*>::iterator place;  // in the author's queue, if queued and due
    // Its places in what is below, so that no order is searched when it leaves.
    Order::iterator in_order;
    Order::iterator in_queued_order;  // if queued
    ByExpiry::iterator in_by_expiry;
    ByExpiry::iterator in_undue;  // if undue
  };
  // Counts it in, unless there is no room for it.
  std::optional<PoolRefusal> enter_author(Item& item);
  void enqueue(Item& item, bool front);
  void dequeue(Item& item);
  void erase(ById::iterator it);
  void make_ready(Author& author, bool front);
  void leave(Author& author);
  void set_aside(Item& item);
  void not_expired(Item& item);
  std::size_t wake_due(std::int64_t latest_expiry);

  PoolLimits limits_;
  Items items_;
  ById by_id_;
  std::map<ledger::AuthorId, Author> authors_;
  Order order_;               // all items
  Order queued_order_;        // those queued
  ByExpiry by_expiry_;        // all items
  std::list<Author*> ready_;  // whose turn it is, first the next
  ByExpiry expired_;          // those that take() found expired: neither queued nor in a block
  ByExpiry undue_;            // those set aside, so that they hold up nothing behind them
  std::uint64_t next_arrival_ = 1;
  std::size_t bytes_ = 0;
  std::size_t queued_ = 0;
  std::size_t queued_entries_ = 0;
  std::size_t queued_bytes_ = 0;
};

}  // namespace imi::node
