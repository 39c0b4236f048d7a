#include "node/real/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace imi::node {

namespace {
std::uint64_t kept(const DescriptorNeeds& n) { return n.store + n.peers + kOwnDescriptors; }
}  // namespace

std::uint64_t descriptors_wanted(const DescriptorNeeds& needs) {
  return kept(needs) + needs.clients;
}

std::expected<std::size_t, std::string> clients_within(std::uint64_t limit,
                                                       const DescriptorNeeds& needs) {
  const std::uint64_t least = kept(needs) + std::min(kFewestClients, needs.clients);
  if (limit < least) {
    return std::unexpected(
        "only " + std::to_string(limit) + " files may be open at a time, and this node needs " +
        std::to_string(least) + " (" + std::to_string(needs.store) + " for the ledger, " +
        std::to_string(needs.peers) + " for peers) or it would stop when clients have taken the " +
        "rest: raise the hard limit of open files (`ulimit -Hn`; LimitNOFILE= of a systemd unit)");
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(needs.clients, limit - kept(needs)));
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return 0;
  if (now.rlim_cur >= wanted) return now.rlim_cur;
  rlimit raised = now;
  raised.rlim_cur = std::min<rlim_t>(wanted, now.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : now.rlim_cur;
}

}  // namespace imi::node
