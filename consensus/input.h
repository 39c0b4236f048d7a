// Everything a Replica learns. There is no other way in: no clock, no socket, no disk.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "consensus/verify.h"

namespace imi::consensus {

// What consensus must know of a submission: opaque bytes otherwise.
struct ItemFacts {
  ContentHash content;
  SubmissionId id;
  TimeMs expiry;
  bool operator==(const ItemFacts&) const = default;
};

// `Config::tick_ms` passed. `now` is the wall clock (C1); it may jump, and only proposal times
// depend on it.
struct Tick {
  TimeMs now;
};

struct Receive {
  VerifiedMessage message;
};

// A batch for the next block, offered while proposal_slots() > 0. Items that cannot go into that
// block (repeated, expired, too far in the future, beyond max_block_items) come back in
// Effects::returned with their reason; the rest is proposed. `full`: the batch is as large as a
// block may be by the node's own limits (C6). An offer without a slot comes back whole.
// The bodies of all items are held and statelessly valid.
struct Propose {
  std::vector<ItemFacts> items;
  bool full = false;
  TimeMs now;
};

// Answer to NeedBodies: every body of the block is held and statelessly valid (B4). `items` are in
// block order. `full` as in Propose.
struct BodiesReady {
  Height height;
  BlockId id;
  std::vector<ItemFacts> items;
  bool full = false;
};

// Answer to NeedBodies: a body is held and not valid, so the block must not be voted for. (A body
// that is missing is not invalid: keep fetching.)
struct BodiesInvalid {
  Height height;
  BlockId id;
};

// Valid submissions that the node holds and has not seen executed. While one could be proposed and
// is in no block the progress timer runs (C2), so announce what is forwarded to all members, the
// primary among them. Bodies of blocks need not be announced. A second signature of an id that is
// known changes nothing.
struct PendingAdded {
  std::vector<ItemFacts> items;
};
// The present primary has them: it acknowledged them, they came from it, or they were sent to it so
// often over a live connection that only its own silence can be the reason. From then on the member
// complains if they are left out (C6). Repeat after every view change, for the new primary. Unknown
// hashes are ignored.
struct PendingAtPrimary {
  View view;  // whose primary
  std::vector<ContentHash> items;
};
// What the present primary had may be gone: its process was restarted.
struct PrimaryForgot {
  View view;  // whose primary
};
// Dropped by the node. (Not needed for what was executed, and what expired: Replica forgets both by
// the blocks themselves.)
struct PendingRemoved {
  std::vector<ContentHash> items;
};

// The block of Effects::execute at head.height is durable: block, diff, commit certificate and
// applied height in one synced batch (B5). In height order.
struct Executed {
  LedgerHead head;
  std::vector<SubmissionId> ids{};  // of all items of the block, in any order
};

// An answer to FetchBlocks, or what an observer follows the chain by. The bodies of all its blocks
// are held. Parts at or below what is decided already are skipped; a gap is refused silently
// (fetch again).
struct Synced {
  VerifiedBlocks blocks;
};

using Input = std::variant<Tick, Receive, Propose, BodiesReady, BodiesInvalid, PendingAdded,
                           PendingAtPrimary, PrimaryForgot, PendingRemoved, Executed, Synced>;

}  // namespace imi::consensus
