#include "node/net/http_request.h"

#include <array>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "node/net/http_text.h"
#include "rpc/methods.h"

namespace imi::node {

using boost::beast::string_view;
using boost::system::error_code;
using rpc::Error;
using rpc::make_error;
using rpc::RpcError;

namespace {

RpcError invalid(std::string why) {
  return make_error(Error::kInvalidRequest, {{"why", std::move(why)}});
}

bool is_number(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

// "Content_Length" is a different header to some programs and the same to others.
bool looks_like_framing(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return equal_no_case(dashed, "content-length") || equal_no_case(dashed, "transfer-encoding");
}

// RFC 9112, section 6.3: where the last coding is not `chunked` the body's end is undefined.
std::optional<RpcError> transfer_fault(const std::string& codings) {
  std::string_view rest = codings;
  std::optional<std::string> unknown;
  std::string_view last;
  bool more = true;
  std::size_t chunked = 0;
  while (more) {
    last = next_in_list(rest, more);
    if (equal_no_case(last, "chunked")) {
      ++chunked;
    } else if (!unknown) {
      unknown = last.substr(0, 100);
    }
  }
  if (!equal_no_case(last, "chunked") || chunked != 1) {
    return invalid("Transfer-Encoding has to end with `chunked`, given once");
  }
  if (unknown) return make_error(Error::kUnsupportedTransfer, {{"coding", *unknown}});
  return std::nullopt;
}

std::optional<RpcError> framing_fault(const HttpRequest& request) {
  const auto lengths = request.count(http::field::content_length);
  if (lengths > 1) return invalid("more than one Content-Length");
  if (lengths == 1 && !is_number(text_of(request[http::field::content_length]))) {
    return invalid("Content-Length is not a number");
  }
  if (request.count(http::field::transfer_encoding) == 0) return std::nullopt;
  if (lengths != 0) return invalid("both Content-Length and Transfer-Encoding");
  if (request.version() < 11) return invalid("Transfer-Encoding in HTTP/1.0");
  return transfer_fault(joined_values(request, "Transfer-Encoding"));
}

}  // namespace

void RequestParser::on_field_impl(http::field name, string_view name_text, string_view value,
                                  error_code& ec) {
  const auto refuse = [&](std::string why) {
    fault_ = invalid(std::move(why));
    ec = http::error::bad_field;
  };
  // Both views are into the bytes read, unless the value was put together from folded lines.
  const char* begin = name_text.data() + name_text.size() + 1;
  while (*begin == ' ' || *begin == '\t') ++begin;
  if (value.data() != begin) return refuse("a folded header line");
  if (looks_like_framing(text_of(name_text))) {
    return refuse("the header '" + std::string(text_of(name_text)) + "' is ambiguous");
  }
  if (is_header_done()) return;  // a trailer
  get().insert(name, name_text, value);
}

void RequestParser::on_header_impl(error_code& ec) {
  ec = {};
  fault_ = framing_fault(get());
  if (fault_) ec = http::error::bad_transfer_encoding;
}

std::string joined_values(const HttpRequest& request, std::string_view name) {
  std::string out;
  const auto range = request.equal_range(string_view(name.data(), name.size()));
  for (auto it = range.first; it != range.second; ++it) {
    if (it != range.first) out += ", ";
    out += text_of(it->value());
  }
  return out;
}

// ---- targets
// -------------------------------------------------------------------------------------

std::expected<RequestTarget, RpcError> read_target(const HttpRequest& request) {
  std::string_view target = text_of(request.target());
  if (target == "*" && request.method() == http::verb::options) {
    return RequestTarget{target, target};
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_no_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (!equal_no_case(target.substr(0, end), text_of(request[http::field::host]))) {
      return std::unexpected(invalid("the target is of another host than the Host header"));
    }
    target.remove_prefix(end);
    if (target.empty()) target = "/";
    break;
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) {
    return std::unexpected(invalid("the target is not a path"));
  }
  return RequestTarget{target.substr(0, target.find('?')), target};
}

namespace {

struct ResourceSpec {
  std::string_view path;
  Resource resource;
};
constexpr std::array kResources = {
    ResourceSpec{"/", Resource::kRpc},
    ResourceSpec{"/healthz", Resource::kHealth},
    ResourceSpec{"/readyz", Resource::kReadiness},
    ResourceSpec{"/metrics", Resource::kMetrics},
    ResourceSpec{"/openrpc.json", Resource::kInterface},
    ResourceSpec{"*", Resource::kServer},
};

}  // namespace

Resource resource_at(std::string_view path) {
  for (const ResourceSpec& r : kResources) {
    if (r.path == path) return r.resource;
  }
  return rpc::is_rest_path(path) ? Resource::kRest : Resource::kNone;
}

std::string_view allowed_methods(Resource r) {
  switch (r) {
    case Resource::kRpc: return "POST, OPTIONS";
    case Resource::kServer: return "GET, HEAD, POST, OPTIONS";
    case Resource::kRest:
    case Resource::kHealth:
    case Resource::kReadiness:
    case Resource::kMetrics:
    case Resource::kInterface: return "GET, HEAD, OPTIONS";
    case Resource::kNone: break;
  }
  return "";
}

// ---- bodies and protocols
// ------------------------------------------------------------------------

namespace {

// Types that only a program sends: a page can make a browser POST the simple ones to any site
// without asking. The last two are what older JSON-RPC clients send.
constexpr std::array<std::string_view, 3> kJsonTypes = {"application/json", "application/json-rpc",
                                                        "application/jsonrequest"};
constexpr std::array<std::string_view, 2> kSubprotocols = {"jsonrpc", "jsonrpc-2.0"};

bool is_charset_read(std::string_view params) {
  for (const auto& [name, value] : http::param_list(string_view(params.data(), params.size()))) {
    if (!equal_no_case(text_of(name), "charset")) continue;
    const std::string_view charset = without_quotes(text_of(value));
    if (!equal_no_case(charset, "utf-8") && !equal_no_case(charset, "us-ascii")) return false;
  }
  return true;
}

}  // namespace

std::optional<RpcError> check_media(const HttpRequest& request) {
  const std::string type = joined_values(request, "Content-Type");
  const std::size_t semicolon = std::min(type.find(';'), type.size());
  const std::string_view name = trimmed(std::string_view(type).substr(0, semicolon));
  const bool known = std::any_of(kJsonTypes.begin(), kJsonTypes.end(),
                                 [&](std::string_view t) { return equal_no_case(name, t); });
  if (!known || !is_charset_read(std::string_view(type).substr(semicolon))) {
    return make_error(Error::kUnsupportedMedia, {{"content_type", type.substr(0, 100)}});
  }
  const std::string coding = joined_values(request, "Content-Encoding");
  if (!coding.empty() && !equal_no_case(coding, "identity")) {
    return make_error(Error::kUnsupportedEncoding, {{"coding", coding.substr(0, 100)}});
  }
  return std::nullopt;
}

std::expected<std::string, RpcError> choose_subprotocol(const HttpRequest& request) {
  const std::string offered = joined_values(request, "Sec-WebSocket-Protocol");
  const http::opt_token_list list(offered);
  if (!http::validate_list(list)) {
    return std::unexpected(invalid("Sec-WebSocket-Protocol is not a list of names"));
  }
  for (const auto& name : list) {
    if (std::find(kSubprotocols.begin(), kSubprotocols.end(), text_of(name)) !=
        kSubprotocols.end()) {
      return std::string(text_of(name));
    }
  }
  return std::string();
}

}  // namespace imi::node
