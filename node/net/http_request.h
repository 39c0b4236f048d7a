// Internal to node/net: HTTP requests as Beast reads them, and the decisions about one that need no
// socket.
//
// Beast's parser decides, and what two programs could read differently is refused on top of it
// (RFC 9112, sections 5.2, 6 and 11.2): a proxy in front and this server must never disagree about
// where a request ends.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <expected>
#include <optional>
#include <string>

#include "rpc/errors.h"

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

inline std::string_view text_of(boost::beast::string_view s) { return {s.data(), s.size()}; }

// Refuses, besides what Beast refuses: folded header lines; more than one Content-Length, or one
// that is not a number; Transfer-Encoding together with Content-Length, in HTTP/1.0, or that is not
// `chunked` alone; headers that another program could take for one of these two. Trailers are
// dropped, so that they cannot pass for headers.
class RequestParser final : public http::request_parser<GrowingBody> {
 public:
  // Why put() failed, where the reason is not Beast's own.
  [[nodiscard]] const std::optional<rpc::RpcError>& fault() const { return fault_; }

 private:
  void on_field_impl(http::field name, boost::beast::string_view name_text,
                     boost::beast::string_view value, boost::system::error_code& ec) override;
  void on_header_impl(boost::system::error_code& ec) override;

  std::optional<rpc::RpcError> fault_;
};

// What a request's target names (RFC 9112, section 3.2).
struct RequestTarget {
  std::string_view path;      // "/healthz"; "*" of OPTIONS
  std::string_view resource;  // the path with its query
};
// Refuses what is neither a path, nor the URL of this very Host, nor the "*" of OPTIONS. The views
// are into the request.
[[nodiscard]] std::expected<RequestTarget, rpc::RpcError> read_target(const HttpRequest& request);

enum class Resource : std::uint8_t {
  kRpc,
  kRest,
  kHealth,
  kReadiness,
  kMetrics,
  kInterface,  // the OpenRPC document
  kServer,     // "*"
  kNone,
};
[[nodiscard]] Resource resource_at(std::string_view path);
// As for the Allow header.
[[nodiscard]] std::string_view allowed_methods(Resource r);

// Whether the body is JSON that this server reads: its type, charset and coding.
[[nodiscard]] std::optional<rpc::RpcError> check_media(const HttpRequest& request);

// The subprotocol to agree to (RFC 6455, section 4.2.2): the client's first that this server
// speaks; empty if it asks for none or knows none of them. The error is about a list that is none.
[[nodiscard]] std::expected<std::string, rpc::RpcError> choose_subprotocol(
    const HttpRequest& request);

// All values of a header, joined with ", " as RFC 9110, section 5.3, allows.
[[nodiscard]] std::string joined_values(const HttpRequest& request, std::string_view name);

}  // namespace imi::node
