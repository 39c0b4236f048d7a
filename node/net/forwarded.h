// Internal to node/net: on behalf of which client a reverse proxy connects.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/net/asio.h"

namespace imi::node {

// The proxies that are trusted to name the client: addresses ("10.0.0.7", "::1") or networks
// ("10.0.0.0/8").
class ProxyList {
 public:
  // The error is the first text that is neither.
  [[nodiscard]] static std::expected<ProxyList, std::string> parse(
      const std::vector<std::string>& texts);
  [[nodiscard]] bool contains(const asio::ip::address& a) const;

 private:
  struct Network {
    asio::ip::address_v6 address;  // IPv4 as ::ffff:a.b.c.d
    unsigned bits = 128;
  };
  std::vector<Network> networks_;
};

// The client, where `peer` is the other end of the connection: `peer` itself unless it is a proxy
// of the list; then the last address that is not one, in `Forwarded` (RFC 7239) or X-Forwarded-For,
// read from the right, because a client can write what it likes to the left of what its proxy adds.
// An address that is hidden or unreadable ends the search at the proxy that reported it. Where both
// headers are present and disagree, at least one is the client's own: then it is the proxy.
[[nodiscard]] asio::ip::address forwarded_client(const asio::ip::address& peer,
                                                 std::string_view forwarded,
                                                 std::string_view x_forwarded_for,
                                                 const ProxyList& proxies);

}  // namespace imi::node
