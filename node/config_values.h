// Internal to configuration: what a value must look like to have any effect. Each check returns an
// empty text, or what is wrong and what to write instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imi::node {

// "host:port" or "[v6]:port"; the host without brackets. Nothing else is checked.
struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] std::optional<HostAndPort> split_host_and_port(std::string_view text);

[[nodiscard]] bool is_ip_literal(std::string_view host);
[[nodiscard]] bool is_unspecified(std::string_view host);  // 0.0.0.0, ::
[[nodiscard]] bool is_dns_name(std::string_view host);

// A listening address: numeric, any port.
[[nodiscard]] std::string problem_of_listen(std::string_view text);
// An address to dial: a name or number, and a port that can be dialled.
[[nodiscard]] std::string problem_of_peer(std::string_view text);
// A name for the Host header's allow list.
[[nodiscard]] std::string problem_of_host(std::string_view text);
// An address ("192.0.2.1") or a network ("2001:db8::/32"). A name would have to be looked up, and
// could change.
[[nodiscard]] std::string problem_of_network(std::string_view text);
// An origin as browsers send it: scheme://host[:port].
[[nodiscard]] std::string problem_of_origin(std::string_view text);

}  // namespace imi::node
