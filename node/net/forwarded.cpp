#include "node/net/forwarded.h"

#include <algorithm>
#include <charconv>

#include "node/net/http_text.h"

namespace imi::node {
namespace {

using asio::ip::address;

asio::ip::address_v6 as_v6(const address& a) {
  return a.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, a.to_v4()) : a.to_v6();
}

std::optional<address> read_address(std::string_view text) {
  NetCode ec;
  const address a = asio::ip::make_address(std::string(text), ec);
  if (ec) return std::nullopt;
  return a;
}

bool is_port_or_nothing(std::string_view s) {
  if (s.empty()) return true;
  return s.front() == ':' && s.size() > 1 && s.size() <= 6 &&
         s.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", "2001:db8::1"; others (also
// `unknown` and names with "_") are nullopt.
std::optional<address> read_node(std::string_view text) {
  text = trimmed(without_quotes(trimmed(text)));
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_port_or_nothing(text.substr(close + 1))) {
      return std::nullopt;
    }
    return read_address(text.substr(1, close - 1));
  }
  const std::size_t colon = text.find(':');
  const bool v4 = text.find('.') < colon;
  if (v4 && colon != std::string_view::npos) {
    if (!is_port_or_nothing(text.substr(colon))) return std::nullopt;
    text = text.substr(0, colon);
  }
  return read_address(text);
}

// Splits a list at its commas, with `quotes` at those outside of quotes, beginning at its end: what
// a client wrote before its proxy's own elements, such as a quote that is never closed, changes
// nothing of those.
std::vector<std::string_view> split_from_end(std::string_view text, bool quotes) {
  std::vector<std::string_view> out;
  std::size_t end = text.size();
  bool quoted = false;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (quotes && text[i] == '"') {
      std::size_t slashes = 0;
      while (slashes < i && text[i - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      out.push_back(text.substr(i + 1, end - i - 1));
      end = i;
    }
  }
  out.push_back(text.substr(0, end));
  return out;  // the last first
}

// Splits at separators outside of quotes.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      out.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  out.push_back(text.substr(begin));
  return out;
}

// The `for` of one element of `Forwarded`.
std::optional<address> read_element(std::string_view element) {
  std::optional<address> found;
  for (const std::string_view pair : split(element, ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    if (!equal_no_case(trimmed(pair.substr(0, equals)), "for")) continue;
    if (found) return std::nullopt;  // twice
    found = read_node(pair.substr(equals + 1));
    if (!found) return std::nullopt;
  }
  return found;
}

template <class Read>
address search(const address& peer, const std::vector<std::string_view>& last_first,
               const ProxyList& proxies, Read read) {
  address client = peer;
  for (const std::string_view element : last_first) {
    if (!proxies.contains(client)) break;
    const auto next = read(element);
    if (!next) break;
    client = *next;
  }
  return client;
}

}  // namespace

std::expected<ProxyList, std::string> ProxyList::parse(const std::vector<std::string>& texts) {
  ProxyList out;
  for (const std::string& text : texts) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto a = read_address(std::string_view(text).substr(0, slash));
    if (!a) return std::unexpected(text);
    const unsigned most = a->is_v4() ? 32 : 128;
    unsigned bits = most;
    if (slash != text.size()) {
      const char* end = text.data() + text.size();
      const auto [stop, ec] = std::from_chars(text.data() + slash + 1, end, bits);
      if (ec != std::errc{} || stop != end || bits > most) return std::unexpected(text);
    }
    out.networks_.push_back({as_v6(*a), bits + (128 - most)});
  }
  return out;
}

bool ProxyList::contains(const address& a) const {
  const auto given = as_v6(a).to_bytes();
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& n) {
    const auto own = n.address.to_bytes();
    const std::size_t whole = n.bits / 8;
    if (!std::equal(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(whole), given.begin())) {
      return false;
    }
    const unsigned rest = n.bits % 8;
    return rest == 0 || (own[whole] >> (8 - rest)) == (given[whole] >> (8 - rest));
  });
}

address forwarded_client(const address& peer, std::string_view forwarded,
                         std::string_view x_forwarded_for, const ProxyList& proxies) {
  if (!proxies.contains(peer)) return peer;
  const address standard = search(peer, split_from_end(forwarded, true), proxies, read_element);
  const address usual = search(peer, split_from_end(x_forwarded_for, false), proxies, read_node);
  if (forwarded.empty()) return usual;
  if (x_forwarded_for.empty() || standard == usual) return standard;
  return peer;
}

}  // namespace imi::node
