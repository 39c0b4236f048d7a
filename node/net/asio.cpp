#include "node/net/asio.h"

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
#include <charconv>

namespace imi::node {

std::expected<HostPort, NetError> split_address(std::string_view text) {
  const auto bad = [&] {
    return std::unexpected(NetError{NetError::Reason::kBadAddress, std::string(text), ""});
  };
  HostPort out;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return bad();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || ec != std::errc{} || end != port.data() + port.size() || number == 0 ||
      number > 65535) {
    return bad();
  }
  return HostPort{std::string(host), std::string(port)};
}

std::expected<Tcp::acceptor, NetError> listen_on(asio::io_context& io, const std::string& address,
                                                 std::uint16_t port) {
  const std::string subject = address + ":" + std::to_string(port);
  NetCode ec;
  const auto ip = asio::ip::make_address(address, ec);
  if (ec) return std::unexpected(NetError{NetError::Reason::kBadAddress, subject, ec.message()});
  const Tcp::endpoint end(ip, port);
  Tcp::acceptor acceptor(io);
  acceptor.open(end.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(end, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) return acceptor;
  auto reason = NetError::Reason::kListenFailed;
  if (ec == asio::error::address_in_use) reason = NetError::Reason::kPortInUse;
  if (ec == asio::error::access_denied) reason = NetError::Reason::kPermission;
  if (ec == boost::system::errc::address_not_available) reason = NetError::Reason::kBadAddress;
  return std::unexpected(NetError{reason, subject, ec.message()});
}

std::string address_text(const Tcp::endpoint& end) {
  const std::string host = end.address().to_string();
  const std::string port = std::to_string(end.port());
  return end.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

}  // namespace imi::node
