// The node's own limits and periods, in one place. None of them is part of the chain's rules:
// members may differ. What the chain fixes is in consensus/config.h and ledger/core/parameters.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "node/pool.h"

namespace imi::node {

struct NodeLimits {
  PoolLimits pool;

  // Proposals (never beyond the chain's parameters).
  std::uint32_t block_items = 2'048;
  std::uint32_t block_entries = 8'192;
  std::size_t block_bytes = std::size_t{4} << 20;
  // A primary whose blocks take long makes them smaller, down to 1/full_from of these; so a block
  // of that size may be all that a primary can do, and leaves nothing out on purpose (C6).
  std::uint32_t full_from = 8;
  // While blocks are under way, another is proposed only for this much, or for an item that waited
  // longer than this and than blocks take at present: a batch costs as many votes and syncs as one
  // item does, so a busy machine is not given more blocks but larger ones.
  std::uint32_t eager_entries = 1'024;
  std::size_t eager_bytes = std::size_t{512} << 10;
  std::uint64_t batch_wait_us = 20'000;
  std::uint64_t max_batch_wait_us = 250'000;
  // Blocks decided and not executed beyond which nothing more is proposed.
  std::uint64_t max_execution_backlog = 4;

  // Dissemination of bodies.
  std::size_t push_items = 256;                     // in one frame
  std::size_t push_bytes = std::size_t{256} << 10;  // in one frame, unless one body is larger
  std::uint64_t repush_us = 1'000'000;         // to a primary that did not acknowledge; at most T/3
  std::uint64_t repush_others_us = 4'000'000;  // what clients gave this node, to other validators
  std::size_t repush_items = 512;              // at a time
  // Sent this often to the primary over a live connection, a submission counts as received (C6).
  std::uint8_t pushes_that_count = 3;
  std::size_t max_unacknowledged = 1'024;  // frames remembered, per peer

  // Missing bodies.
  std::uint64_t fetch_grace_us = 20'000;       // bodies usually arrive unasked
  std::uint64_t fetch_grace_max_us = 250'000;  // or have arrived and are being verified
  std::uint64_t fetch_retry_us = 60'000;  // then the next holder is asked; twice as long, twice
  std::size_t fetch_items = 512;          // in one request; fewer where answers are late
  std::uint64_t fetch_patience_max_us = 30'000'000;  // for one peer's answer

  // Verification. Up to so many consensus messages, none longer, are verified on the loop itself.
  std::size_t inline_messages = 16;
  std::size_t inline_message_bytes = std::size_t{4} << 10;
  std::size_t verify_chunk = 32;   // submissions in one piece of work
  std::size_t verify_pieces = 32;  // handed to the workers at a time; the rest waits in turn
  // Submissions under way, by whom they come from. Clients are turned away beyond the first number,
  // so that what a proposed block waits for never queues behind seconds of work that has not been
  // accepted yet; in it one peer counts for no more than its even share, so its flood turns away
  // no client within the others' shares. The pushes of one peer are dropped beyond its own number.
  std::size_t max_verifying_for_clients = 2'048;
  std::size_t max_verifying_of_validator = 4'096;
  std::size_t max_verifying_of_observer = 1'024;
  std::size_t max_verifying_messages = 4'096;

  // Catch-up.
  std::uint64_t sync_blocks = 32;                 // heights in one request
  std::size_t sync_bytes = std::size_t{8} << 20;  // of bodies in one answer
  // An answer that takes longer than this is no longer waited for, but used when it comes: then
  // another peer is asked, for half as much, and waited for twice as long, within these bounds.
  std::uint64_t sync_timeout_us = 2'000'000;
  std::uint64_t sync_timeout_max_us = 120'000'000;
  std::size_t sync_bytes_min = std::size_t{64} << 10;
  std::uint64_t sync_backlog = 64;                 // decided and not executed
  std::uint64_t serve_per_peer = 2;                // requests of one peer served at a time
  std::size_t serve_bytes = std::size_t{2} << 20;  // of bodies at hand, for one request of a peer
  std::uint64_t peer_penalty_us = 10'000'000;      // a peer that lied is not asked for this long

  // Clients.
  std::size_t max_waiting_clients = 65'536;
  std::uint64_t recent_blocks = 64;  // whose submissions are remembered by id
  std::size_t max_recent = 262'144;
};

}  // namespace imi::node
