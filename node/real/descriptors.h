// How many files and connections this process may have open at a time, shared out before anything
// is served.
//
// A node that finds no descriptor for its safety log or its store has to stop, and clients
// must not be able to cause that: the store, the peers and the node's own files come first, and the
// RPC's clients get what is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace imi::node {

struct DescriptorNeeds {
  std::size_t store = 0;    // files that the ledger keeps open
  std::size_t peers = 0;    // connections with peers, handshakes under way included
  std::size_t clients = 0;  // RPC connections wanted
};

// Standard streams, logs, locks, the safety log and its next file, what the store opens besides its
// tables, listeners, what the I/O threads wait on, connections about to be refused.
inline constexpr std::size_t kOwnDescriptors = 48;
// A node that could serve fewer RPC clients than this does not start.
inline constexpr std::size_t kFewestClients = 16;

[[nodiscard]] std::uint64_t descriptors_wanted(const DescriptorNeeds& needs);

// The RPC connections that fit under `limit`, at most needs.clients; or a sentence that says what
// is missing and what to do.
[[nodiscard]] std::expected<std::size_t, std::string> clients_within(std::uint64_t limit,
                                                                     const DescriptorNeeds& needs);

// Raises the process's soft limit (RLIMIT_NOFILE) towards `wanted` as far as the hard one allows,
// never lowers it; what is in force then.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

}  // namespace imi::node
