// Internal to node/net: the parts of Boost.Asio that are used, in one place. The bodies are
// compiled once, in asio.cpp (BOOST_ASIO_SEPARATE_COMPILATION), because they are heavy.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "node/net/net_error.h"

namespace imi::node {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using NetCode = boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

struct HostPort {
  std::string host;
  std::string port;
};
// "host:port" or "[::1]:port".
[[nodiscard]] std::expected<HostPort, NetError> split_address(std::string_view text);

// Opens, binds and listens; the named reason if that fails.
[[nodiscard]] std::expected<Tcp::acceptor, NetError> listen_on(asio::io_context& io,
                                                               const std::string& address,
                                                               std::uint16_t port);

// "127.0.0.1:8645" of an end of a connection, IPv6 in brackets.
[[nodiscard]] std::string address_text(const Tcp::endpoint& end);

}  // namespace imi::node
