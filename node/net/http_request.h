// Internal to node/net: HTTP requests as Beast reads them.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <string>

namespace imi::node {

namespace http = boost::beast::http;

// As Beast's string_body, but it never reserves what a Content-Length merely claims.
struct GrowingBody {
  using value_type = std::string;
  static std::uint64_t size(const value_type& v) { return v.size(); }

  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& ec) {
      constexpr std::uint64_t kSmall = 16u << 10;
      if (length) body_.reserve(static_cast<std::size_t>(std::min(*length, kSmall)));
      ec = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& ec) {
      std::size_t n = 0;
      for (auto it = boost::asio::buffer_sequence_begin(buffers);
           it != boost::asio::buffer_sequence_end(buffers); ++it) {
        const boost::asio::const_buffer piece = *it;
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        n += piece.size();
      }
      ec = {};
      return n;
    }
    void finish(boost::system::error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

using HttpRequest = http::request<GrowingBody>;
using HttpParser = http::request_parser<GrowingBody>;

inline std::string_view text_of(boost::beast::string_view s) { return {s.data(), s.size()}; }

}  // namespace imi::node
