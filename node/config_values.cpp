#include "node/config_values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace imi::node {
namespace {

constexpr std::string_view kLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
constexpr std::string_view kDigits = "0123456789";

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

std::string_view without_brackets(std::string_view host) {
  const bool has = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return has ? host.substr(1, host.size() - 2) : host;
}

// The part of a URL or host text that is the host's name, for advice.
std::string_view host_of(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  if (text.starts_with('[')) return text.substr(0, text.find(']') + 1);
  return text.substr(0, text.find(':'));
}

bool is_localhost(std::string_view host) {
  const std::string name = lower(host);
  return name == "localhost" || name.ends_with(".localhost");
}

std::string not_a_name(std::string_view text) {
  return fmt::format(
      "'{}' is not a host name (letters, digits, hyphens and dots; an international name is "
      "written in its xn-- form)",
      text);
}

}  // namespace

std::optional<HostAndPort> split_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view port = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find_first_of(":[]") != std::string_view::npos) return std::nullopt;
  host = without_brackets(host);
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || ec != std::errc{} || end != port.data() + port.size() || number > 65'535 ||
      port.size() > 5) {
    return std::nullopt;
  }
  return HostAndPort{std::string(host), static_cast<std::uint16_t>(number)};
}

bool is_ip_literal(std::string_view host) {
  const std::string text(host);
  std::uint8_t out[16];
  return ::inet_pton(AF_INET, text.c_str(), out) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), out) == 1;
}

bool is_unspecified(std::string_view host) {
  const std::string text(host);
  std::uint8_t out[16] = {};
  if (::inet_pton(AF_INET, text.c_str(), out) != 1 &&
      ::inet_pton(AF_INET6, text.c_str(), out) != 1) {
    return false;
  }
  return std::ranges::all_of(out, [](std::uint8_t b) { return b == 0; });
}

bool is_dns_name(std::string_view host) {
  constexpr std::size_t kMaxName = 253;
  constexpr std::size_t kMaxLabel = 63;
  if (host.empty() || host.size() > kMaxName) return false;
  for (;;) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-' ||
        label.find_first_not_of(kLetters) != std::string_view::npos) {
      return false;
    }
    // A last label of digits makes it an address that is written wrongly.
    if (dot == std::string_view::npos) {
      return label.find_first_not_of(kDigits) != std::string_view::npos;
    }
    host.remove_prefix(dot + 1);
  }
}

std::string problem_of_listen(std::string_view text) {
  const auto parts = split_host_and_port(text);
  if (!parts) {
    return fmt::format("'{}' is not an address and port such as \"127.0.0.1:7000\"", text);
  }
  if (is_ip_literal(parts->host)) return {};
  return fmt::format(
      "'{}' is not a numeric address: write one of this machine's, such as 127.0.0.1, or 0.0.0.0 "
      "for all",
      parts->host);
}

std::string problem_of_peer(std::string_view text) {
  const auto parts = split_host_and_port(text);
  if (!parts) {
    return fmt::format("'{}' is not a host and port such as \"node1.example:7000\"", text);
  }
  if (parts->port == 0) return fmt::format("'{}': nothing can be reached at port 0", text);
  if (is_unspecified(parts->host)) {
    return fmt::format("'{}' is an address to listen on; write one at which the peer is reached",
                       text);
  }
  return is_ip_literal(parts->host) || is_dns_name(parts->host) ? std::string()
                                                                : not_a_name(parts->host);
}

std::string problem_of_host(std::string_view text) {
  if (text.empty()) return "an empty name matches no request";
  if (text.find('*') != std::string_view::npos) {
    return fmt::format("'{}': a wildcard matches no request; list each name", text);
  }
  if (text.find('/') != std::string_view::npos) {
    return fmt::format("'{}' is a URL and matches no request; write the name alone: '{}'", text,
                       host_of(text));
  }
  const std::string_view host = host_of(text);
  if (is_ip_literal(without_brackets(text)) || is_ip_literal(without_brackets(host)) ||
      is_localhost(host)) {
    return fmt::format(
        "'{}' has no effect: addresses and localhost are always allowed; leave it out", text);
  }
  if (text.find(':') != std::string_view::npos) {
    return fmt::format("'{}' has a port and matches no request; write the name alone: '{}'", text,
                       host);
  }
  if (text.ends_with('.')) {
    return fmt::format("'{}' ends with a dot; write '{}'", text, text.substr(0, text.size() - 1));
  }
  return is_dns_name(text) ? std::string() : not_a_name(text);
}

std::string problem_of_network(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string address(text.substr(0, slash));
  std::uint8_t out[16];
  const bool v4 = ::inet_pton(AF_INET, address.c_str(), out) == 1;
  unsigned bits = 1;
  bool ok = v4 || ::inet_pton(AF_INET6, address.c_str(), out) == 1;
  if (ok && slash != text.size()) {
    const char* end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(text.data() + slash + 1, end, bits);
    ok = ec == std::errc{} && stop == end && bits <= (v4 ? 32U : 128U);
  }
  if (!ok) {
    return fmt::format(
        "'{}' is not an address such as \"10.0.0.7\" or a network such as \"10.0.0.0/8\"", text);
  }
  if (bits == 0) {
    return fmt::format("'{}' is every address: any client could name another as its own", text);
  }
  return {};
}

std::string problem_of_origin(std::string_view text) {
  constexpr std::string_view kForm =
      "write scheme://host or scheme://host:port, such as "
      "\"https://portal.example\"";
  if (text.find('*') != std::string_view::npos) {
    return fmt::format("'{}': a wildcard matches no request; list each origin", text);
  }
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos || mark == 0) {
    return fmt::format("'{}' is not an origin; {}", text, kForm);
  }
  const std::string scheme = lower(text.substr(0, mark));
  if (scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+.-") != std::string::npos ||
      scheme == "ws" || scheme == "wss" || scheme == "file") {
    return fmt::format("'{}': browsers send no origin of the scheme '{}'; {}", text, scheme, kForm);
  }
  const std::string_view rest = text.substr(mark + 3);
  if (rest.find_first_of("/?#@") != std::string_view::npos) {
    return fmt::format("'{}' is more than an origin and matches no request; write '{}://{}'", text,
                       scheme, host_of(text));
  }
  const std::string_view host = host_of(text);
  const std::string_view port = rest.substr(host.size());
  const bool named = is_dns_name(host);
  const bool literal = is_ip_literal(without_brackets(host));
  if (!named && !literal) return not_a_name(host);
  if (port.empty()) return {};
  const auto parts = split_host_and_port(rest);
  if (!parts || parts->port == 0 || port[1] == '0') {
    return fmt::format("'{}' has no proper port; {}", text, kForm);
  }
  if ((scheme == "https" && parts->port == 443) || (scheme == "http" && parts->port == 80)) {
    return fmt::format("'{}': browsers leave out the usual port; write '{}://{}'", text, scheme,
                       host);
  }
  return {};
}

}  // namespace imi::node
